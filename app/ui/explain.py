"""The dialog behind every word of state: what it means, what was not lost, what to do, with working buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from js import document

from .dom import el, fill, listen


class Explain:
    """One dialog for the page, filled anew each time."""

    def __init__(self) -> None:
        self._actions: list[Callable[[], None]] = []
        self._body = el("div", {"class": "dialog-body"})
        self._dialog = el("dialog", {"class": "explain", "aria-labelledby": "explain-title"}, self._body)
        document.body.append(self._dialog)
        listen(self._dialog, "click", self._click)

    def open(
        self,
        title: str,
        paragraphs: Iterable[str],
        actions: Iterable[tuple[str, Callable[[], None]]] = (),
        facts: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Show the dialog; ``actions`` are (label, function) buttons that close it, ``facts`` (name, value) lines."""
        chosen = list(actions)
        self._actions = [run for _label, run in chosen]
        rows = [node for name, value in facts for node in (el("dt", None, name), el("dd", None, value))]
        buttons = [
            el("button", {"type": "button", "class": "btn", "data-action": str(index)}, label)
            for index, (label, _run) in enumerate(chosen)
        ]
        self._body.replaceChildren()
        fill(
            self._body,
            None,
            el("h2", {"id": "explain-title"}, title),
            *(el("p", None, text) for text in paragraphs if text),
            el("dl", {"class": "facts"}, *rows) if rows else None,
            el(
                "div",
                {"class": "dialog-foot"},
                *buttons,
                el("button", {"type": "button", "class": "btn btn-primary", "data-action": "close", "autofocus": True}, "Close"),
            ),
        )
        if not self._dialog.open:
            self._dialog.showModal()

    def _click(self, event: Any) -> None:
        if event.target == self._dialog:
            self._dialog.close()
            return
        button = event.target.closest("[data-action]")
        if not button:
            return
        name = button.getAttribute("data-action")
        self._dialog.close()
        if name != "close":
            self._actions[int(name)]()
