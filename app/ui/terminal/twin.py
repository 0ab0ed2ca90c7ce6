"""The terminal's lines as a plain list: read aloud as they come, selectable, without xterm. The accessible twin."""

from __future__ import annotations

from typing import Any

from js import document

from ..dom import el
from .lines import WORDS, Line, clock

_SHOWN = 500


class Twin:
    """The newest lines; follows its end unless the reader has scrolled up."""

    def __init__(self) -> None:
        self._list = el("ol", {"class": "twin-lines"})
        self._earlier = el("p", {"class": "hint", "hidden": True}, f"Only the newest {_SHOWN} lines stand here; copy and export have all of them.")
        self.root = el(
            "div",
            {"class": "twin", "role": "log", "aria-label": "Lines of the terminal", "tabindex": "0", "data-testid": "terminal-list", "hidden": True},
            self._earlier,
            self._list,
        )

    def replace(self, lines: list[Line]) -> None:
        """Show these, and the end of them."""
        self._list.replaceChildren()
        self._earlier.hidden = True
        self.add(lines, follow=True)

    def add(self, lines: list[Line], follow: bool = False) -> None:
        """Append lines, in one change of the page."""
        root = self.root
        follow = follow or root.scrollTop + root.clientHeight >= root.scrollHeight - 24
        part = document.createDocumentFragment()
        for line in lines[-_SHOWN:]:
            part.append(_item(line))
        self._list.append(part)
        extra = self._list.childElementCount - _SHOWN
        if extra > 0 or len(lines) > _SHOWN:
            self._earlier.hidden = False
        for _ in range(extra):
            self._list.firstElementChild.remove()
        if follow:
            root.scrollTop = root.scrollHeight


def _item(line: Line) -> Any:
    return el(
        "li",
        {"class": f"twin-line level-{line.level}", "data-id": line.id or None},
        el("span", {"class": "twin-time"}, clock(line.at_ms)),
        el("span", {"class": "twin-level"}, WORDS[line.level]),
        el("span", {"class": "twin-area"}, line.area),
        el("span", {"class": "twin-text"}, line.text),
        el("span", {"class": "twin-tail"}, line.tail) if line.tail else None,
    )
