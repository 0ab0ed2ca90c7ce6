"""Cancelling the chosen orders, or all that a filter shows: asks first, saying exactly what it will do; then says what came of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..answers import not_done
from ..blotter import MOST_AT_ONCE, cancel_lines, cancel_outcome, cancel_question, cancellable
from ..dom import clear, el, listen, set_text
from ..format import plural
from ..link import Refused


class BulkCancel:
    """``button`` stands among the tools, ``root`` holds question and outcome. ``rows()`` gives (the orders meant, "chosen" or "shown")."""

    def __init__(self, ctx: Any, rows: Callable[[], tuple[list[dict], str]], done: Callable[[], None]) -> None:
        self._ctx, self._rows, self._done = ctx, rows, done
        self._asked: list[str] = []
        self._wholes: list[str] = []
        self._elsewhere: dict[str, list[str]] = {}
        self._sending = False
        self.button = el("button", {"type": "button", "class": "btn btn-quiet btn-danger", "hidden": True, "data-testid": "bulk-cancel"}, "Cancel chosen")
        self.root = el("div", {"class": "bulk", "hidden": True})
        self._yes = el("button", {"type": "button", "class": "btn btn-danger", "data-testid": "bulk-confirm"}, "Cancel")
        self._no = el("button", {"type": "button", "class": "btn", "data-testid": "bulk-keep"}, "Keep them")
        listen(self.button, "click", lambda _event: self.ask())
        listen(self._yes, "click", lambda _event: self._send())
        listen(self._no, "click", lambda _event: self.close())

    def show(self) -> None:
        """Say on the button what it would cancel now."""
        rows, what = self._rows()
        count = len(cancellable(rows)) if what else 0
        self.button.hidden = not count
        if count:
            set_text(self.button, f"Cancel {count} {what}")

    def ask(self) -> None:
        """Ask before anything is done."""
        rows, _what = self._rows()
        working = cancellable(rows)[:MOST_AT_ONCE]
        if not working or self._sending:
            return
        self._asked = [row["client_order_id"] for row in working if not row.get("account")]
        self._elsewhere = {}
        for row in working:
            if row.get("account"):
                self._elsewhere.setdefault(row["account"], []).append(row["client_order_id"])
        self._wholes = list(dict.fromkeys(row["whole"] for row in working if row.get("whole")))
        set_text(self._yes, f"Cancel {plural(len(working), 'order')}")
        text = el("p", {"id": "bulk-question"}, cancel_question(working, len(rows) - len(cancellable(rows))))
        group = el("div", {"class": "question", "role": "group", "aria-labelledby": "bulk-question", "data-testid": "bulk-question"}, text, self._yes, self._no)
        self._put(group)
        self._yes.disabled = False
        self._yes.focus()

    def close(self) -> bool:
        """Put question or outcome away; False when there was none."""
        if self.root.hidden or self._sending:
            return False
        self.root.hidden = True
        clear(self.root)
        self._done()
        return True

    def _put(self, *nodes: Any) -> None:
        clear(self.root)
        self.root.append(*[node for node in nodes if node is not None])
        self.root.hidden = False

    def _send(self) -> None:
        if self._sending or not (self._asked or self._elsewhere):
            return
        self._sending = True
        self._yes.disabled = True
        count = len(self._asked) + sum(map(len, self._elsewhere.values()))
        self._put(el("p", {"role": "status"}, f"Cancelling {plural(count, 'order')} …"))
        self._ctx.errors.run("Orders", self._cancel(), self._refused)

    async def _cancel(self) -> None:
        try:
            rows = (await self._ctx.link.ask("order.cancel_many", client_order_ids=self._asked, routed=self._wholes, elsewhere=self._elsewhere))["rows"]
        finally:
            self._sending, self._asked, self._elsewhere = False, [], {}
        store = self._ctx.store
        self._tell(*cancel_outcome(rows), cancel_lines(rows, {**store.orders, **store.elsewhere}))

    def _refused(self, error: Refused) -> None:
        self._tell(*not_done(error, "No order was cancelled by this"), [])

    def _tell(self, tone: str, text: str, lines: list[str]) -> None:
        away = el("button", {"type": "button", "class": "btn"}, "Close")
        listen(away, "click", lambda _event: self.close())
        said = el("p", {"role": "status", "data-tone": tone, "data-testid": "bulk-outcome"}, text)
        self._put(said, el("ul", {"class": "bulk-lines"}, *[el("li", None, line) for line in lines]) if lines else None, away)
        away.focus()
