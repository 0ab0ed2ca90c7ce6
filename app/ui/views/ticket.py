"""The order ticket: what to do, what it costs, and one button that says exactly that.

Owns the typed values and the press. Checks while typing (ticket_rules), asks the desk for the cost, sends at most one
order a press, and shows what became of it in place. Nothing typed is ever thrown away by an error.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from js import Date, crypto, performance

from .. import answers
from .. import ticket_exits as exits
from .. import ticket_rules as rules
from ..dom import listen
from ..format import plain, sentence
from ..link import Refused
from ..order_words import WORKING, decimals, outcome, value
from ..own_lines import bracket
from .ticket_cost import Cost
from .ticket_form import FIELDS, NUMBERS, TicketForm
from .ticket_routes import TicketRoutes

_HOLD_MS = 400.0
_PATIENCE_S = 3.0
_CLOCKS_APART_MS = 200
"""So much the worker's clock may be behind the page's; less than a press is held."""
_MEASURE = "kontor:order-to-ack"
_MARKED = "Not sent; nothing was traded. See the marked field."


def _problem(error: Refused) -> rules.Problem:
    """What the desk objects to, in the ticket's own words for its fields."""
    field = "until" if error.field == "expires_ns" else error.field or ""
    return rules.Problem(field, sentence(error.reason), sentence(error.remedy))


class TicketView:
    """Owns its panel; follows the instrument in focus and keeps what was typed for each."""

    title = "Ticket"

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._symbol: str | None = None
        self._rules: rules.Rules | None = None
        self._kept: dict[str, rules.Draft] = {}
        self._touched: set[str] = set()
        self._refused: rules.Problem | None = None
        self._refused_draft: rules.Draft | None = None
        self._sending = False
        self._shown_order: str | None = None
        self._going = exits.Going()
        self._unanswered: tuple[dict, int, tuple[str, str]] | None = None
        """Fields and time (ns) of a press without an answer, and what is said of it."""
        self.form = TicketForm(self._percent, self._bracket)
        self._routes = TicketRoutes(ctx, self.form, self._changed)
        self._cost = Cost(ctx, self._preview_refused)
        self.form.place_cost(self._cost.root)
        self.root = self.form.root
        self._listen()
        store = ctx.store
        store.subscribe("focus", lambda _focus: self._focus())
        store.subscribe("instruments", lambda _rows: self._listed())
        store.subscribe("ticket", self._fill)
        store.subscribe("order_state", lambda _message: self._availability())
        store.subscribe("hello", lambda message: self.form.offer(message["capabilities"]))
        store.subscribe("orders", lambda _message: self._follow_order())
        store.subscribe("account", lambda _message: self._account_changed())
        store.subscribe("routing", lambda _state: self._cost.again())
        store.subscribe("risk", lambda _state: self._cost.again())
        store.on_tick("quotes", lambda _rows: self._quotes())
        if store.hello is not None:
            self.form.offer(store.hello["capabilities"])
        self._focus()
        self._availability()

    def _listen(self) -> None:
        form = self.form
        listen(form.root, "submit", self._submit)
        listen(form.root, "input", self._input)
        listen(form.root, "focusout", self._left)
        listen(form.root, "keydown", self._keydown)
        listen(form.button, "click", self._second_click)
        listen(form.sides, "click", self._pick_side)
        listen(form.strip, "click", self._pick_price)

    @property
    def _base(self) -> str:
        return self._rules.base if self._rules else ""

    def _focus(self) -> None:
        instrument = self._store.instrument
        if instrument is None or instrument["symbol"] == self._symbol:
            return
        if self._symbol is not None:
            self._kept[self._symbol] = self._draft()
        self._symbol = instrument["symbol"]
        self._rules = rules.Rules.from_row(instrument)
        self._touched.clear()
        self._refused = None
        side = self.form.draft("").side
        draft = self._kept.get(self._symbol, rules.Draft(self._symbol, side=side))
        self.form.set_instrument(instrument)
        self.form.set_draft(draft)
        self._routes.offer(self._symbol)
        self._quotes()
        self._changed()

    def _listed(self) -> None:
        self._focus()
        if self._accepting:
            self._routes.ask()

    def _draft(self) -> rules.Draft:
        return self.form.draft(self._symbol or "")

    def _touch(self) -> tuple[Decimal | None, Decimal | None]:
        """Best bid and ask as shown."""
        quote = self._store.quotes.get(self._symbol or "")
        return (value(quote[1]), value(quote[2])) if quote else (None, None)

    def _problems(self, draft: rules.Draft) -> list[rules.Problem]:
        if self._rules is None:
            return [rules.Problem("qty", "No instrument is chosen.", "Pick one in the watchlist.")]
        bid, ask = self._touch()
        return rules.check(draft, self._rules, bid=bid, ask=ask)

    def _changed(self) -> None:
        """Something typed or chosen: button, errors, cost."""
        draft = self._draft()
        problems = self._problems(draft)
        if self._refused is not None and draft != self._refused_draft:
            self._refused = None
        self.form.fit(draft)
        self.form.say_button(draft, self._rules, self._sending)
        self._show_problems(problems)
        if draft != self._store.draft:
            self._store.draft = draft
            self._store.publish("draft", draft)
        self._share_words()
        if not self._accepting:
            self._cost.clear("The cost stands here once orders are taken.")
        elif problems:
            self._cost.clear("The cost stands here once the order is complete.")
        else:
            self._cost.ask(rules.order_fields(draft), rules.button_text(draft, self._rules))

    def _show_problems(self, problems: list[rules.Problem]) -> None:
        shown = [problem for problem in problems if problem.field in self._touched]
        if self._refused is not None:
            shown.insert(0, self._refused)
        self.form.show_problems(shown)

    def _input(self, event: Any) -> None:
        field = event.target.getAttribute("name")
        if field in FIELDS and field not in NUMBERS:
            self._touched.add(field)
        elif field in FIELDS and event.target.value.strip():
            self._touched.add(field)
        self._changed()

    def _left(self, event: Any) -> None:
        field = event.target.getAttribute("name")
        if field in FIELDS and event.target.value.strip() and field not in self._touched:
            self._touched.add(field)
            self._changed()

    def _keydown(self, event: Any) -> None:
        if event.key == "Enter" and event.repeat:
            event.preventDefault()
            return
        field = event.target.getAttribute("name")
        step = {"ArrowUp": 1, "ArrowDown": -1}.get(event.key)
        if step is None or field not in ("price", "stop", "take_profit", "stop_loss") or self._rules is None:
            return
        event.preventDefault()
        if event.shiftKey:
            step *= 10
        number = value(event.target.value)
        if number is None:
            bid, ask = self._touch()
            number = (bid if self._draft().side == "buy" else ask) or Decimal(0)
        else:
            number += step * self._rules.tick
        if number > 0:
            event.target.value = rules.plain(number)
            self._touched.add(field)
            self._changed()

    def _pick_side(self, event: Any) -> None:
        button = event.target.closest("button")
        if button:
            self.form.set_side(button.getAttribute("data-side"))
            self._changed()

    def _pick_price(self, event: Any) -> None:
        button = event.target.closest("button")
        if button and (price := value(button.textContent)) is not None:
            self._fill({"price": rules.plain(price), "type": "limit", "focus": True})

    def _fill(self, wish: dict) -> None:
        """Fill from elsewhere: a level of the book, a key, an empty state's button."""
        if wish.get("side"):
            self.form.set_side(wish["side"])
        kind = wish.get("type")
        if kind and not (kind == "limit" and self._draft().has_limit):  # a price for an iceberg does not make it show all of itself
            self.form.set("type", kind)
        for name in ("qty", "price", "stop", "take_profit", "stop_loss"):
            if wish.get(name):
                self.form.set(name, plain(str(wish[name])))
                self._touched.add(name)
        self._changed()
        if wish.get("focus"):
            draft = self._draft()
            self.form.focus("price" if draft.has_limit and draft.qty and not draft.price else "qty")

    def _bracket(self) -> None:
        """A first place for both exits, to be dragged from on the chart."""
        draft, (bid, ask) = self._draft(), self._touch()
        entry = (value(draft.price) if draft.has_limit else None) or (value(draft.stop) if draft.has_stop else None)
        entry = entry or (ask if draft.side == "buy" else bid)
        if entry is None or entry <= 0 or self._rules is None:
            self.form.say("amber", "No exits yet: the price of the entry is not known.")
            return
        wish: dict = {"symbol": self._symbol}
        self._store.publish("view", wish)
        self._fill(bracket(draft, entry, self._rules.tick, wish.get("view")))

    def _quotes(self) -> None:
        quote = self._store.quotes.get(self._symbol or "")
        if quote is not None:
            self.form.show_quote(quote)
            self._cost.again()

    def _account_changed(self) -> None:
        self._share_words()
        self._cost.again()  # what it would cost and whether the account carries it, also while no price moves

    def _share_words(self) -> None:
        position = self._position()
        self.form.say_share("position" if position and self._reduces(position) else "buying power")

    def _position(self) -> dict | None:
        rows = (self._store.account or {}).get("positions", ())
        return next((row for row in rows if row["symbol"] == self._symbol), None)

    def _reduces(self, position: dict) -> bool:
        qty = value(position["qty"]) or Decimal(0)
        short = qty < 0 or position.get("side") == "short"
        return (self._draft().side == "buy") == short

    def _percent(self, percent: int) -> None:
        """A quick size: a share of the position when this side reduces it, else of the buying power."""
        if self._rules is None:
            return
        position = self._position()
        if position is not None and self._reduces(position):
            qty = rules.share_of(abs(value(position["qty"]) or Decimal(0)), percent, self._rules.lot)
        else:
            bid, ask = self._touch()
            draft = self._draft()
            price = value(draft.price) if draft.has_limit else None
            price = price or (ask if draft.side == "buy" else bid)
            power = value((self._store.account or {}).get("buying_power"))
            if price is None or power is None:
                self.form.say("amber", "No size yet: the price or the buying power is not known.")
                return
            qty = rules.affordable(power, price * self._rules.multiplier, percent, self._rules.lot)
        self._touched.add("qty")
        self.form.set("qty", rules.plain(qty) if qty else "0")
        self._changed()

    @property
    def _accepting(self) -> bool:
        return self._store.order_state is not None and self._store.order_state["accepting"]

    def _availability(self) -> None:
        state = self._store.order_state
        self.form.real = bool(state and state.get("real"))
        if state is None:
            self.form.block("The desk is starting; orders follow in a moment.", None)
        elif not state["accepting"]:
            # What an account did is not left on the page of a locked desk.
            self._shown_order = None
            self.form.say(*(self._unanswered[2] if self._unanswered else ("flat", "")))
            self.form.block(state["reason"], state.get("see", "#/vault"))
        else:
            self.form.block(None, None)
            self._routes.ask()
            self._look_for_unanswered()
        if self._symbol is not None:
            self._changed()

    def _second_click(self, event: Any) -> None:
        if event.detail > 1:
            event.preventDefault()

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if self._sending or not self._accepting:
            return
        draft = self._draft()
        problems = self._problems(draft)
        if problems:
            self._touched.update(problem.field for problem in problems)
            self._refused = None
            self._shown_order = None
            self._show_problems(problems)
            self.form.say("danger", _MARKED)
            self.form.focus(problems[0].field)
            return
        self._sending = True
        self._shown_order = self._unanswered = None
        self._ctx.errors.run("Ticket", self._send(draft, str(crypto.randomUUID()), event.timeStamp))
        self.form.hold(True)
        self.form.say_button(draft, self._rules, sending=True)
        self.form.say("flat", f"Sending: {rules.button_text(draft, self._rules)}.")

    async def _send(self, draft: rules.Draft, token: str, pressed: float) -> None:
        pressed_ns = (int(Date.now()) - _CLOCKS_APART_MS) * 1_000_000
        patience = asyncio.get_running_loop().call_later(_PATIENCE_S, self._still_waiting)
        try:
            result = await self._ctx.link.ask("order.submit", **rules.order_fields(draft), token=token, clicked_ms=performance.timeOrigin + pressed)
            performance.measure(_MEASURE, start=pressed, end=result["received_ms"])
            self._shown_order = self._routes.followed(result)
            self._going.sent(self._shown_order, draft)
            if self._shown_order is None:
                self._let_go(draft)  # the router has shared it out
            self._follow_order()
        except Refused as error:
            self._refuse(error, draft, pressed_ns)
        finally:
            patience.cancel()
            rest = _HOLD_MS - (performance.now() - pressed)
            asyncio.get_running_loop().call_later(max(0.0, rest) / 1000, self._release)

    def _still_waiting(self) -> None:
        self.form.say("amber", "No answer from the desk yet. It is not sent again; Orders shows what became of it.")

    def _release(self) -> None:
        self._sending = False
        self.form.hold(False)
        self._changed()

    def _refuse(self, error: Refused, draft: rules.Draft, pressed_ns: int) -> None:
        if error.code == answers.ENDED:
            self._unanswered = (rules.order_fields(draft), pressed_ns, answers.not_done(error, ""))
            self.form.say(*self._unanswered[2])
            return
        problem = _problem(error)
        if problem.field in FIELDS and self._draft() == draft:
            self._refused, self._refused_draft = problem, draft
            self.form.show_problems([problem])
            self.form.focus(problem.field)
            self.form.say("danger", _MARKED)
        else:
            self.form.say("danger", f"Not sent; nothing was traded. {problem.text}")

    def _preview_refused(self, error: Refused, fields: dict) -> bool:
        """The desk will not price the order: name the field if these are still its values; True when shown there."""
        draft, problem = self._draft(), _problem(error)
        if problem.field not in FIELDS or self._problems(draft) or rules.order_fields(draft) != fields:
            return False
        self._refused, self._refused_draft = problem, draft
        self.form.show_problems([self._refused])
        return True

    def _look_for_unanswered(self) -> None:
        """What became of a press without an answer: an order is in the journal before it is sent, so the journal knows."""
        if self._unanswered is None:
            return
        (fields, since_ns, _said), self._unanswered = self._unanswered, None
        row = answers.found_press([*self._store.orders.values(), *self._store.routed.values()], fields, since_ns)
        if row is None:
            self.form.say("amber", self._routes.not_found(fields))
        else:
            self._shown_order = row["client_order_id"]
            self._follow_order()

    def _follow_order(self) -> None:
        row = self._store.orders.get(self._shown_order or "") or self._store.routed.get(self._shown_order or "")
        if row is None:
            return
        instrument = self._store.instruments.get(row["symbol"])
        tone, text = outcome(row, instrument["base"], decimals(instrument["tick"])) if instrument else outcome(row, row["symbol"])
        self.form.say(tone, text)
        if (sent := self._going.answered(row)) is not None:
            self._let_go(sent)
        if row["status"] not in WORKING:
            self._shown_order = None

    def _let_go(self, sent: rules.Draft) -> None:
        """The exits went with their order: they leave the ticket, or what is kept of it while another instrument shows."""
        if sent.symbol != self._symbol:
            if sent.symbol in self._kept:
                self._kept[sent.symbol] = exits.without(self._kept[sent.symbol], sent)
            return
        left = exits.without(draft := self._draft(), sent)
        if left != draft:
            for name in exits.NAMES:
                self.form.set(name, getattr(left, name))
                self._touched.discard(name)
            self._changed()
