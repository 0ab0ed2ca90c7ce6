"""The terminal's controls: filter, level, search, buttons, the command field. Elements only; what they do is the view's."""

from __future__ import annotations

from typing import Any

from ..dom import el
from .lines import LEVELS, WORDS

_QUIET = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


class Bar:
    """``head`` stands above the lines, ``form`` below; buttons carry ``data-do``."""

    def __init__(self) -> None:
        self.grip = el(
            "div",
            {"class": "terminal-grip", "role": "separator", "tabindex": "0", "aria-orientation": "horizontal", "aria-label": "Height of the terminal"},
        )
        self.count = el("span", {"class": "hint", "data-testid": "terminal-count"}, "")
        self.problem = el("p", {"class": "field-error", "id": "terminal-problem", "role": "alert"})
        self.filter = _text("filter", "Filter lines", "Filter: words, area:oauth, >200", **{"aria-describedby": "terminal-problem"})
        options = (el("option", {"value": level}, "every level" if level == "debug" else f"{WORDS[level].lower()} and worse") for level in LEVELS)
        self.level = el("select", {"aria-label": "Least level", "data-testid": "terminal-level"}, *options)
        self.level.value = "info"
        self.find = _text("find", "Find in the lines", "Find")
        self.found = el("span", {"class": "hint terminal-found", "role": "status"}, "")
        self.finder = el("span", {"class": "terminal-finder"}, self.find, _button("back", "↑", "Find above"), _button("next", "↓", "Find below"), self.found)
        self.twin = _button("twin", "As a list")
        self.command = _text("command", "Command", "help lists the commands", id="terminal-command")
        self.form = el("form", {"class": "terminal-prompt"}, el("span", {"aria-hidden": "true"}, "›"), self.command)
        self.head = el(
            "div",
            {"class": "terminal-head"},
            el("h2", None, "Debug terminal"), self.count, el("span", {"class": "grow"}), self.filter, self.level, self.finder, self.twin,
            _button("copy", "Copy"), _button("export", "Export"), _button("clear", "Clear"), _button("close", "×", "Close the terminal"),
        )  # fmt: skip


def _button(do: str, text: str, label: str | None = None) -> Any:
    return el("button", {"type": "button", "class": "btn btn-quiet", "data-do": do, "aria-label": label}, text)


def _text(name: str, label: str, placeholder: str, **more: str) -> Any:
    fixed = {"type": "text", "aria-label": label, "placeholder": placeholder, "data-testid": f"terminal-{name}"}
    return el("input", {**fixed, **_QUIET, **more})
