"""What stands where rows will be: the first action with a working button, or that the vault has to be opened first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dom import el, listen


class EmptyState:
    """``root`` says ``text`` and offers ``action``; while the vault is locked it says where the rows are instead."""

    def __init__(self, ctx: Any, kept: str, text: str, label: str, action: Callable[[], None], *, primary: bool = False) -> None:
        button = el("button", {"type": "button", "class": "btn btn-primary" if primary else "btn"}, label)
        listen(button, "click", lambda _event: action())
        self._open = el("div", {"class": "empty"}, el("p", None, text), button)
        self._locked = el(
            "div",
            {"class": "empty", "hidden": True},
            el("p", None, f"The vault is locked. {kept} in it, encrypted, and stand here once it is unlocked."),
            el("a", {"href": "#/vault"}, "Unlock the vault"),
        )
        self.root = el("div", None, self._open, self._locked)
        ctx.store.subscribe("vault", self._vault)
        if ctx.store.vault is not None:
            self._vault(ctx.store.vault)

    def _vault(self, message: dict) -> None:
        locked = message["state"] == "locked"
        self._open.hidden = locked
        self._locked.hidden = not locked
