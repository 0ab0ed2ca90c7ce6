"""Trading on a price ladder: a press on a price fills the ticket or, when armed, sends a limit order at once.

The ladder holds still under the pointer, so that no price moves beneath a finger; the price of a press is the one it began on. Arming says
what a press will do and ends by itself: after a minute without use, with another instrument or view, out of sight, with Escape, and when
the desk takes no orders. Loaded when it is first opened.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from js import ResizeObserver, crypto, document, performance
from pyodide.ffi import create_proxy

from .. import answers
from .. import ticket_rules as rules
from ..arming import Arming
from ..dom import el, listen, need_style, set_text
from ..link import Refused
from ..order_words import RESTING, decimals, outcome, plural, value
from ..rungs import STEPS, Ladder
from .frame import OncePerFrame
from .ladder_row import CELLS, ROW_PX, LadderRow

_LEAST, _MOST = 5, 61
_MEASURE = "kontor:order-to-ack"


class LadderView:
    """Shown instead of the book; ``root`` is its panel's content."""

    def __init__(self, ctx: Any) -> None:
        need_style("ladder.css")
        self._ctx, self._store = ctx, ctx.store
        self._rules: rules.Rules | None = None
        self._ladder: Ladder | None = None
        self._book: dict | None = None
        self._rows: list[LadderRow] = []
        self._fits = 21
        self._over = self._visible = False
        self._pressed: tuple[int, str, Decimal] | None = None
        self._current = (0, "price")
        self._order: str | None = None
        self._draw_soon = OncePerFrame(self._draw)
        self._build()
        store = ctx.store
        store.on_tick("book", self._take)
        store.subscribe("focus", lambda _focus: self._focus())
        store.subscribe("orders", self._orders)
        self._arming = Arming(ctx, self._armed)
        self._focus()

    def shown(self) -> None:
        """The ladder takes the book's place."""
        self._visible = True
        self._draw()

    def hidden(self) -> None:
        """The book is back."""
        self._visible = False
        self.disarm("The ladder was closed.")

    def _build(self) -> None:
        self._qty = el("input", {"id": "ladder-qty", "class": "num", "inputmode": "decimal", "autocomplete": "off", "data-testid": "ladder-qty"})
        self._step = el("select", {"id": "ladder-step", "data-testid": "ladder-step"})
        self._post = el("input", {"type": "checkbox", "id": "ladder-post", "data-testid": "ladder-post"})
        self._arm = el("button", {"type": "button", "class": "btn", "aria-pressed": "false", "data-testid": "ladder-arm"}, "Arm one-click")
        centre = el("button", {"type": "button", "class": "btn btn-quiet", "data-testid": "ladder-centre"}, "Centre")
        tools = el(
            "div",
            {"class": "ladder-tools"},
            el("label", {"for": "ladder-qty"}, "Quantity"),
            self._qty,
            el("label", {"for": "ladder-step"}, "Step"),
            self._step,
            el("label", {"class": "ladder-check"}, self._post, "Post only"),
            centre,
            self._arm,
        )
        heads = [el("span", {"role": "columnheader"}, text) for text in ("Mine", "Bid", "Price", "Ask", "Mine")]
        self._grid = el("div", {"class": "ladder-grid", "role": "grid", "aria-label": "Price ladder: bids buy, asks sell, Mine cancels"})
        self._body = el("div", {"role": "rowgroup"})
        self._grid.append(el("div", {"class": "ladder-head", "role": "row"}, *heads), self._body)
        self._said = el("p", {"class": "ladder-said", "role": "status", "data-testid": "ladder-said"})
        self.root = el("div", {"class": "ladder", "data-armed": "false", "data-testid": "ladder", "hidden": True}, tools, self._grid, self._said)
        listen(centre, "click", lambda _event: self._centre())
        listen(self._arm, "click", lambda _event: self.disarm("Disarmed.") or self._arm_now())
        listen(self._step, "change", lambda _event: self._choose_step())
        listen(self._qty, "input", lambda _event: self.disarm("Disarmed: another quantity."))
        listen(self._post, "change", lambda _event: self.disarm("Disarmed: another kind of order."))
        listen(self._grid, "pointerenter", lambda _event: self._hover(True))
        listen(self._grid, "pointerleave", lambda _event: self._hover(False))
        listen(self._body, "pointerdown", self._press)
        listen(self._body, "click", self._click)
        listen(self._body, "keydown", self._keydown)
        listen(self._body, "focusin", self._focusin)
        ResizeObserver.new(create_proxy(self._resized)).observe(self._grid)

    # What it shows.

    def _focus(self) -> None:
        row = self._store.instrument
        if row is None or (self._rules is not None and self._rules.symbol == row["symbol"]):
            return
        self.disarm("Disarmed: another instrument.")
        self._rules = rules.Rules.from_row(row)
        self._ladder = Ladder(self._rules.tick, self._fits)
        self._book = self._order = None
        self._qty.value = ""
        self._qty.placeholder = self._rules.base
        self._step.replaceChildren(*[el("option", {"value": str(step)}, rules.plain(self._rules.tick * step)) for step in STEPS])
        self._draw()

    def _take(self, book: dict) -> None:
        if self._rules is None or book["symbol"] != self._rules.symbol:
            return
        fresh = self._book is None
        self._book = book
        if fresh and self._ladder is not None and (book["bids"] or book["asks"]):
            self._ladder.choose_step(self._levels("bids"), self._levels("asks"))
            self._step.value = str(self._ladder.step)
        self._draw_soon()

    def _orders(self, message: dict) -> None:
        self._follow()
        self._draw_soon(message)

    def _follow(self) -> None:
        """Say what becomes of the last order of this ladder."""
        if self._order is not None and (row := self._store.orders.get(self._order)) is not None:
            self._say(*outcome(row, self._rules.base, decimals(rules.plain(self._rules.tick))) if self._rules else outcome(row, ""))
            if row["status"] not in RESTING | {"new", "pending"}:
                self._order = None

    def _levels(self, side: str) -> list[tuple[Decimal, Decimal]]:
        return [(value(row[0]), value(row[1])) for row in (self._book or {}).get(side, ())]

    def _own(self) -> list[tuple[str, str, Decimal, Decimal]]:
        symbol = self._rules.symbol if self._rules else None
        rows = (row for row in self._store.orders.values() if row["symbol"] == symbol and row["status"] in RESTING and row["price"])
        return [(row["client_order_id"], row["side"], value(row["price"]), value(row["remaining"]) or Decimal(0)) for row in rows]

    def _draw(self) -> None:
        ladder = self._ladder
        if not self._visible or ladder is None:
            return
        while len(self._rows) < self._fits:
            self._rows.append(LadderRow(len(self._rows)))
            self._body.append(self._rows[-1].root)
        while len(self._rows) > self._fits:
            self._rows.pop().root.remove()
        bids, asks = self._levels("bids"), self._levels("asks")
        bid, ask = (side[0][0] if side else None for side in (bids, asks))
        held = self._over or self._body.contains(document.activeElement)
        if ladder.top is None or not (held or ladder.is_central(bid, ask)):
            ladder.centre(bid, ask)
        away = held and not ladder.is_visible(bid, ask)
        self.root.dataset.away = "true" if away else "false"
        rungs = ladder.rungs(bids, asks, self._own())
        deepest = max((size for rung in rungs for size in (rung.bid, rung.ask)), default=Decimal(0)) or Decimal(1)
        for index, row in enumerate(self._rows):
            row.draw(rungs[index] if rungs else None, ladder.text_of(index) if rungs else "", deepest)
        self.root.dataset.state = (self._book or {}).get("state", "syncing")

    def _centre(self) -> None:
        if self._ladder is not None:
            self._ladder.top = None
            self._draw()

    def _choose_step(self) -> None:
        if self._ladder is not None:
            self._ladder.use_step(int(self._step.value))
            self._draw()

    def _hover(self, over: bool) -> None:
        self._over = over
        if not over:
            self._draw()

    def _resized(self, entries: Any, _observer: Any) -> None:
        height = entries[0].contentRect.height
        fits = max(_LEAST, min(_MOST, int(height // ROW_PX) - 1)) if height else self._fits
        if fits != self._fits:
            self._fits = fits
            if self._ladder is not None:
                self._ladder.count = fits
            self._draw_soon()

    # Arming.

    def _draft(self, side: str, price: Decimal) -> rules.Draft:
        return rules.Draft(self._rules.symbol, side, "limit", "gtc", self._qty.value, rules.plain(price), post_only=self._post.checked)

    def _problem(self, side: str, price: Decimal) -> rules.Problem | None:
        bid, ask = (levels[0][0] if levels else None for levels in (self._levels("bids"), self._levels("asks")))
        return next(iter(rules.check(self._draft(side, price), self._rules, bid=bid, ask=ask)), None)

    def _arm_now(self) -> None:
        if self._rules is None or self._ladder is None or self._ladder.top is None:
            self._say("danger", "Not armed: there is no book to press on yet.")
            return
        price = self._ladder.price_of(self._fits // 2)
        problem = next((p for p in rules.check(self._draft("buy", price), self._rules) if p.field == "qty"), None)
        if problem is not None:
            self._qty.setAttribute("aria-invalid", "true")
            self._qty.focus()
            self._say("danger", problem.text)
            return
        self._qty.removeAttribute("aria-invalid")
        if problem := self._arming.arm():
            self._say("danger", problem)

    def disarm(self, why: str) -> bool:
        """No press sends anything any more; True when it was armed."""
        return self._arming.disarm(why)

    def _armed(self, why: str) -> None:
        armed = "true" if self._arming.armed else "false"
        self.root.dataset.armed = armed
        self._arm.setAttribute("aria-pressed", armed)
        set_text(self._arm, "Armed: disarm" if self._arming.armed else "Arm one-click")
        if why:
            self._say("flat", why)
            return
        kind = "post-only limit orders" if self._post.checked else "limit orders"
        size = f"{self._qty.value.strip()} {self._rules.base}"
        self._say("amber", f"Armed: a press on Bid buys, on Ask sells {size} at that price, as {kind} good till cancelled.")

    # Pressing.

    def _cell_of(self, event: Any) -> tuple[int, str] | None:
        cell = event.target.closest("[data-cell]")
        return (int(cell.parentElement.dataset.index), cell.dataset.cell) if cell else None

    def _press(self, event: Any) -> None:
        found = self._cell_of(event)
        ready = found is not None and self._ladder is not None and self._ladder.top is not None
        self._pressed = (*found, self._ladder.price_of(found[0])) if ready else None

    def _click(self, event: Any) -> None:
        found, pressed, self._pressed = self._cell_of(event), self._pressed, None
        if found is None or event.detail > 1 or self._ladder is None or self._ladder.top is None:
            return
        if event.detail and (pressed is None or pressed[:2] != found):
            return  # it began elsewhere
        index, cell = found
        price = pressed[2] if pressed else self._ladder.price_of(index)
        if cell in ("buys", "sells"):
            self._cancel(index, cell)
        elif not self._arming.armed or cell == "price":
            side = {"bid": "buy", "ask": "sell"}.get(cell)
            wish = {"price": rules.plain(price), "type": "limit", "focus": True, "qty": self._qty.value.strip()}
            self._store.publish("ticket", wish | ({"side": side} if side else {}))
            self._store.publish("pane", "trade")
        else:
            self._fire("buy" if cell == "bid" else "sell", price, event.timeStamp)

    def _fire(self, side: str, price: Decimal, pressed_ms: float) -> None:
        problem = self._problem(side, price)
        if problem is not None:
            self._say("danger", f"Not sent. {problem.text}")
            return
        self._arming.wind()
        draft = self._draft(side, price)
        self._say("flat", f"Sending: {rules.button_text(draft, self._rules)}.")
        self._ctx.errors.run("Ladder", self._send(draft, str(crypto.randomUUID()), pressed_ms), self._refused)

    async def _send(self, draft: rules.Draft, token: str, pressed: float) -> None:
        result = await self._ctx.link.ask("order.submit", **rules.order_fields(draft), token=token, clicked_ms=performance.timeOrigin + pressed)
        performance.measure(_MEASURE, start=pressed, end=result["received_ms"])
        self._order = result["client_order_id"]
        self._follow()

    def _cancel(self, index: int, cell: str) -> None:
        rung = self._rows[index].rung
        orders = [order_id for order_id, _left in getattr(rung, cell)] if rung is not None else []
        if orders:
            self._order = None
            self._say("flat", f"Asked to cancel {plural(len(orders), 'order')} at {self._ladder.text_of(index)}.")
            for order_id in orders:
                self._ctx.errors.run("Ladder", self._ctx.link.ask("order.cancel", client_order_id=order_id), self._refused)

    def _refused(self, error: Refused) -> None:
        self._say(*answers.not_done(error, "Not done"))

    def _say(self, tone: str, text: str) -> None:
        self._said.dataset.tone = tone
        set_text(self._said, text)

    # The keyboard: arrows walk, Enter and Space press.

    def _focusin(self, event: Any) -> None:
        found = self._cell_of(event)
        if found is not None and found != self._current:
            if self._current[0] < len(self._rows):
                self._rows[self._current[0]].cells[self._current[1]].tabIndex = -1
            self._rows[found[0]].cells[found[1]].tabIndex = 0
            self._current = found

    def _keydown(self, event: Any) -> None:
        found = self._cell_of(event)
        down = {"ArrowUp": -1, "ArrowDown": 1, "PageUp": -5, "PageDown": 5}.get(event.key, 0)
        right = {"ArrowLeft": -1, "ArrowRight": 1}.get(event.key, 0)
        if found is None or not (down or right):
            return
        event.preventDefault()
        index = max(0, min(len(self._rows) - 1, found[0] + down))
        cell = CELLS[max(0, min(len(CELLS) - 1, CELLS.index(found[1]) + right))]
        self._rows[index].cells[cell].focus()
