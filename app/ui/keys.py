"""Keyboard shortcuts and commands as data: one list feeds the key handler, the palette and the shortcut list.

A key is written as ``b``, ``?``, ``mod+k`` (Ctrl or Cmd) or a sequence such as ``g d``. Single keys do nothing while
typing in a field. No binding here may send an order by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SEQUENCE_MS = 1200
ESCAPES = ("drag", "arming", "rest")
"""What Escape ends, in this order: what the hand holds, what sends with one gesture, what is open or chosen."""


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
        self._escapes: dict[str, list[Callable[[], bool]]] = {what: [] for what in ESCAPES}
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

    def on_escape(self, handler: Callable[[], bool], what: str = "rest") -> Callable[[], None]:
        """Ask ``handler()`` when Escape is pressed, in the order of ESCAPES, of each the newest first, until one answers True (it backed out of
        something); returns how to stop."""
        handlers = self._escapes[what]
        handlers.append(handler)
        return lambda: handlers.remove(handler)

    def is_sequence(self, at_ms: float) -> bool:
        """Whether a key pressed at this time may end a sequence such as ``g d``."""
        return bool(self._prefix) and at_ms - self._prefix_at < _SEQUENCE_MS

    def press(self, event: Any, typing: bool) -> bool:
        """Handle one keydown event; True when it was ours (its default is then prevented). ``typing``: it goes into a field."""
        name = self._name(event)
        if name == "Escape":
            return self._escape(event)
        if not name or (typing and not name.startswith("mod+")):
            return False
        if self.is_sequence(event.timeStamp):
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
        if any(handler() for what in ESCAPES for handler in self._escapes[what][::-1]):
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
