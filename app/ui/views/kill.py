"""The kill switch: one dialog behind one key, or at once while it is armed on the risk page.

Says what it will do before it does it, counted from what stands on the page. Halting is kept over a reload; only a hand lifts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import document

from .. import risk_words
from ..dom import el, listen, set_text
from ..order_words import WORKING


class KillSwitch:
    """``armed()`` says whether the key acts at once."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self.armed: Callable[[], bool] = lambda: False
        self._flatten = el("input", {"type": "checkbox", "data-testid": "kill-flatten"})
        self._press = el("button", {"type": "button", "class": "btn btn-stop", "data-testid": "kill-confirm"}, "Halt the desk")
        back = el("button", {"type": "button", "class": "btn", "data-do": "back"}, "Leave everything as it is")
        self._dialog = el(
            "dialog",
            {"class": "explain", "aria-labelledby": "kill-title"},
            el(
                "div",
                {"class": "dialog-body"},
                el("h2", {"id": "kill-title"}, "Kill switch"),
                el("p", None, "Every working order is cancelled and the desk takes no new ones, also after a reload, until you lift it on the risk page."),
                el("label", {"class": "tool-check"}, self._flatten, "Close all positions at market as well"),
                el("div", {"class": "dialog-foot"}, self._press, back),
            ),
        )
        document.body.append(self._dialog)
        listen(self._dialog, "click", self._click)
        listen(self._flatten, "change", lambda _event: self._say())

    def open(self) -> None:
        """Ask; or act, while armed."""
        if self.armed():
            self.act(False)
            return
        self._flatten.checked = False
        self._say()
        if not self._dialog.open:
            self._dialog.showModal()
        self._press.focus()

    def text(self, flatten: bool) -> str:
        """What it will do now."""
        store = self._ctx.store
        working = sum(row["status"] in WORKING for row in store.orders.values())
        positions = len((store.account or {}).get("positions", ()))
        return risk_words.kill_text(working, positions, flatten)

    def act(self, flatten: bool) -> None:
        """Do it."""
        self._ctx.errors.run("Kill switch", self._kill(flatten))

    def _say(self) -> None:
        set_text(self._press, self.text(bool(self._flatten.checked)))

    def _click(self, event: Any) -> None:
        if event.target == self._dialog or event.target.closest('[data-do="back"]'):
            self._dialog.close()
        elif event.target.closest('[data-testid="kill-confirm"]'):
            self._dialog.close()
            self.act(bool(self._flatten.checked))

    async def _kill(self, flatten: bool) -> None:
        await self._ctx.link.ask("risk.kill", flatten=flatten)
