"""Keyboard shortcuts and commands as data: one list feeds the key handler, the palette and the shortcut list.

A key is written as ``b``, ``?``, ``mod+k`` (Ctrl or Cmd) or a sequence such as ``g d``. Single keys do nothing while
typing in a field. No binding here may send an order by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SEQUENCE_MS = 1200


class Command:
    """Something the trader can do by name, and by key when it has one."""

    __slots__ = ("group", "keys", "run", "title")

    def __init__(self, title: str, run: Callable[[], None], keys: str, group: str) -> None:
        self.title = title
        self.run = run
        self.keys = keys
        self.group = group


class Keys:
    """All commands of the page, and what Escape backs out of."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self._by_key: dict[str, Command] = {}
        self._escapes: list[Callable[[], bool]] = []
        self._prefix = ""
        self._prefix_at = 0.0

    def bind(self, keys: str, title: str, run: Callable[[], None], group: str = "Desk") -> Command:
        """Add a command; ``keys`` may be empty for one that only the palette offers."""
        command = Command(title, run, keys, group)
        self.commands.append(command)
        if keys:
            if keys in self._by_key:
                raise ValueError(f"the key {keys} is taken by {self._by_key[keys].title}")
            self._by_key[keys] = command
        return command

    def on_escape(self, handler: Callable[[], bool]) -> Callable[[], None]:
        """Ask ``handler()`` when Escape is pressed, newest first, until one answers True (it backed out of something); returns how to stop."""
        self._escapes.append(handler)
        return lambda: self._escapes.remove(handler)

    def press(self, event: Any, typing: bool) -> bool:
        """Handle one keydown event; True when it was ours (its default is then prevented). ``typing``: it goes into a field."""
        name = self._name(event)
        if name == "Escape":
            return self._escape(event)
        if not name or (typing and not name.startswith("mod+")):
            return False
        if self._prefix and event.timeStamp - self._prefix_at < _SEQUENCE_MS:
            name = f"{self._prefix} {name}"
        self._prefix = ""
        command = self._by_key.get(name)
        if command is not None:
            event.preventDefault()
            command.run()
            return True
        if any(keys.startswith(name + " ") for keys in self._by_key):
            self._prefix, self._prefix_at = name, event.timeStamp
        return False

    def _escape(self, event: Any) -> bool:
        for handler in self._escapes[::-1]:
            if handler():
                event.preventDefault()
                return True
        return False

    def _name(self, event: Any) -> str:
        key = event.key or ""
        if event.altKey or key in ("Control", "Meta", "Shift", "Alt"):
            return ""
        if event.ctrlKey or event.metaKey:
            return ("mod+shift+" if event.shiftKey else "mod+") + key.lower()
        return key.lower() if len(key) == 1 else key
