"""What may be asked of an engine: commands check against the desk's view and only propose events.

None of them changes the state: the desk journals, applies and carries out what they return, in this order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from app.model import events
from app.model.events import Event
from app.model.orders import OrderIntent, OrderStatus, OrderType, Side, TimeInForce, client_order_id

from . import changes, checks, contingent, contracts, notes, spot, terms, ticket
from .errors import Denied
from .marks import DeskView
from .money import ZERO, mul, plain
from .order import Order
from .risk.gate import NOT_ASKED, ORIGIN

KILL_ORIGIN = "kill"
MAX_TOKEN = 100
_TOKENS_KEPT = 10_000


class Commands:
    """The commanding half of `Engine`, which holds the state."""

    def open_account(self, currency: str, cash: Decimal) -> list[Event]:
        """Open the account with its starting cash."""
        if self.opened:
            raise Denied("account_exists", None, "The account is open already.", "Use it.")
        return [events.AccountOpened(self._clock.now_ns(), self.account, currency, cash)]

    def submit(self, fields: dict, token: str) -> list[Event]:
        """The intent for a ticket, or [] when ``token`` was used before (see `order_for`). Denied when refused."""
        if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
            raise Denied("bad_token", "token", "The submission has no usable token.", f"Send a text of 1 to {MAX_TOKEN} characters.")
        if token in self._tokens:
            return []
        how, fields = ticket.routing_of(fields)
        if how is not None:
            from .routing import sending  # only ever wanted by an order that names no venue

            self._check_open()
            return sending.submit(self, fields, how, token, ORIGIN)
        orders = self._draft(fields)
        checks.check_power(self, orders[0])
        verdict = self.risk.check(orders)
        self.propose(orders)
        self.remember(token, orders[0].client_order_id)
        return self.submissions(orders, verdict)

    def book_cash(self, fields: dict) -> list[Event]:
        """Book cash that no fill moves: a transfer, dividend, interest, financing or fee."""
        from .booking import book

        self._check_open()
        return [*book(self, fields)]

    def book_split(self, fields: dict) -> list[Event]:
        """Book a split; every order in the instrument has to have ended before."""
        from .splits import book

        self._check_open()
        return [book(self, fields)]

    def routing_rule(self, name: object, value: object) -> list[Event]:
        """Set a rule of the router; None or empty text removes it."""
        from .routing import rules

        return [events.RoutingRuleSet(self._clock.now_ns(), *rules.read(name, value))]

    def abandon(self, client_order_id: str) -> None:
        """The intent could not be made durable: free its token and the buying power it held."""
        dropped = self._proposed.pop(client_order_id, None)
        if dropped is not None:
            self.risk.dropped(dropped)
        freed = dropped.intent.route if dropped is not None and dropped.intent.route else client_order_id
        for token, cid in [*self._tokens.items()]:
            if cid == freed:
                del self._tokens[token]

    def withdraw(self, order: Order) -> None:
        """Abandon this very order: where that was done before, another may have its id by now, and stays."""
        if self._proposed.get(order.client_order_id) is order:
            self.abandon(order.client_order_id)

    def cancel(self, client_order_id: str) -> list[Event]:
        """Ask for a cancel of a working order, or of every working leg of a routed one; asking again is allowed. What this desk holds ends at once."""
        routed = self.routed.by_id.get(client_order_id) if isinstance(client_order_id, str) else None
        if routed is not None and routed.is_working:
            return self._cancels([leg for leg in routed.legs if leg.is_working], "cancelled by the trader")
        return self._cancels([self._working_order(client_order_id)], "cancelled by the trader")

    def cancel_all(self, symbol: str | None = None) -> list[Event]:
        """Ask for a cancel of every working order, or of every one in a symbol."""
        return self._cancels([order for order in self.working.values() if symbol is None or order.symbol == symbol], "cancelled by the trader")

    def cancel_many(self, client_order_ids: list[str]) -> list[Event]:
        """Ask for a cancel of those of these orders that work and whose cancel is not under way."""
        found = (self.working.get(cid) for cid in dict.fromkeys(client_order_ids))
        return self._cancels([order for order in found if order is not None and order.cancel_requested_ns is None], "cancelled by the trader")

    def cancel_where(self, wanted: Callable[[Order], bool], reason: str) -> list[Event]:
        """Ask for a cancel of the working orders for which ``wanted`` is true; the reason stays with them."""
        return self._cancels([order for order in self.working.values() if wanted(order)], reason, reason)

    def kill(self, flatten: bool, by: str = "the trader") -> list[Event]:
        """Halt the whole desk, cancel every working order and, with ``flatten``, close every position at market."""
        now = self._clock.now_ns()
        positions = self.portfolio.positions.items() if flatten else ()
        closing = [(position, qty) for symbol, position in positions if symbol in self._view().instruments and (qty := self.closable(symbol))]
        reason = f"kill switch pressed by {by}; orders cancelled: {len(self.working)}, positions closed: {len(closing)}"
        found: list[Event] = [self.risk.halting(now, "kill_switch", reason)]
        found += self._cancels([*self.working.values()], why := "cancelled by the kill switch", why)
        for position, qty in closing:
            symbol, side = position.symbol, Side.SELL if position.qty > 0 else Side.BUY
            ((cid, sequence),) = self.new_ids(1, KILL_ORIGIN)
            asked = (cid, self.account, KILL_ORIGIN, sequence, symbol, side, OrderType.MARKET, TimeInForce.IOC, qty)
            intent = OrderIntent(*asked, reduce_only=True, multiplier=position.multiplier)
            self._proposed[cid] = Order.of(intent, now)
            found.append(events.OrderSubmitted(now, intent, self.decision(symbol, NOT_ASKED["kill_switch"])))
        return found

    def followups(self) -> list[Event]:
        """What held and linked orders are due now; see `contingent`."""
        return contingent.due(self, self._clock.now_ns()) if self.linked else []

    def check_release(self, order: Order, qty: Decimal) -> str:
        """What risk says of a held order that is to be sent now; Denied when it forbids it."""
        return self.risk.check_release(order, qty)

    def amend(
        self, client_order_id: str, qty: str | None = None, price: str | None = None, stop: str | None = None, trail: str | None = None
    ) -> list[Event]:
        """Ask for a new total quantity, new prices, or a new trailing distance in its own unit (text); None leaves a value as it is."""
        order = self._working_order(client_order_id)
        if order.status in (OrderStatus.NEW, OrderStatus.PENDING, OrderStatus.UNKNOWN):
            reason = f"The order is {order.status.value}: its venue has not confirmed it."
            raise Denied("not_confirmed", None, reason, "Wait for its answer, or cancel it.")
        if order.amend_requested_ns is not None:
            raise Denied("amend_pending", None, "The venue has not answered the last amendment.", "Wait for its answer, or cancel the order.")
        if qty is not None and (order.intent.parent is not None or order.intent.group is not None):
            reason = "Its quantity follows the order it is linked to."
            raise Denied("linked_qty", "qty", reason, "Change its prices, or cancel it and send another.")
        new = ticket.read_amendment(order, qty, price, stop, trail, self._view(), self.best_seen(order.client_order_id))
        checks.check_amendment(self, order, new)
        self.risk.check_amendment(order, new.qty, new.price)
        values = [
            value if asked is not None else None
            for asked, value in ((qty, new.qty), (price, new.price), (stop, new.stop), (trail, new.more.trail or new.more.trail_percent))
        ]
        now, cid = self._clock.now_ns(), order.client_order_id
        found: list[Event] = [events.OrderAmendRequested(now, cid, *values)]
        if order.status is OrderStatus.HELD:
            before, moved = (order.qty, order.price, order.stop), [*values[:2], new.stop if trail is not None else values[2]]
            found.append(events.OrderAmended(now, cid, *(to if to is not None else old for to, old in zip(moved, before, strict=True)), values[3]))
        return found

    def recover(self, now_ns: int) -> list[Event]:
        """After a restart: orders without an answer become unknown and are asked about; lost cancels are asked again."""
        found: list[Event] = []
        for order in self.working.values():
            cid = order.client_order_id
            if (evidence := changes.evidence(order, now_ns)) is not None:
                found.append(events.OrderUnknown(now_ns, cid, evidence))
            if order.cancel_requested_ns is not None:
                found.append(events.OrderCancelRequested(now_ns, cid))
        return found

    def submissions(self, orders: list[Order], verdict: str) -> list[Event]:
        """An order that was let through and those that come with it, to be journalled with what was known."""
        first, *others = orders
        symbol = first.intent.symbol
        found: list[Event] = [events.OrderSubmitted(first.created_ns, first.intent, self.decision(symbol, verdict))]
        along = self.decision(symbol, f"let through with {first.client_order_id}") if others else None
        return [*found, *(events.OrderSubmitted(order.created_ns, order.intent, along) for order in others)]

    def decision(self, symbol: str, verdict: str) -> events.Decision | None:
        """What is known now that an order in an instrument has been let through: prices, and what risk said."""
        mark = self.view.mark(symbol) if self.view is not None else None
        if mark is None:
            return None
        quote = self.view.market.quote(symbol)
        return events.Decision(mark.bid, mark.ask, mark.last, None if quote is None else quote.ts, verdict)

    def note(self, about: object, tags: object, text: object) -> list[Event]:
        """Tags and a note on an order, a fill or a day; nothing where that is what is noted already."""
        return notes.written(self, about, tags, text, self._clock.now_ns())

    def closing(self, symbol: str) -> dict:
        """Ticket fields that close a position: reduce-only, at market."""
        return self._against(symbol, 1, reduce_only=True)

    def reversing(self, symbol: str) -> dict:
        """Ticket fields that turn a position round: twice its quantity, at market."""
        return self._against(symbol, 2, reduce_only=False)

    def read_ticket(self, fields: dict) -> ticket.Ticket:
        """The ticket in ``fields``, checked against instrument, market and (reduce-only) position."""
        read = ticket.read(fields, self._view())
        checks.check_reduces(self, read)
        return contracts.counted(self, read)

    def claims(self) -> list[Order]:
        """Working orders and intents still on their way into the journal."""
        return [*self.working.values(), *self._proposed.values()]

    def claim(self, client_order_id: str) -> Order | None:
        """One of the `claims`."""
        return self.working.get(client_order_id) or self._proposed.get(client_order_id)

    def _check_open(self) -> None:
        if not self.opened:
            raise Denied("no_account", None, "There is no open account.", "Open one first.")

    def _draft(self, fields: dict) -> list[Order]:
        self._check_open()
        read = self.read_ticket(fields)
        ids = self._free_ids(ORIGIN)
        cid, sequence = next(ids)
        first = read.intent(cid, self.account, ORIGIN, sequence)
        now = self._clock.now_ns()
        return [Order.of(intent, now) for intent in (first, *terms.companions(read, first, lambda: next(ids)))]

    def new_ids(self, count: int, origin: str = ORIGIN) -> list[tuple[str, int]]:
        """Client order ids nobody has, with their sequences."""
        return [*itertools.islice(self._free_ids(origin), count)]

    def _free_ids(self, origin: str) -> Iterator[tuple[str, int]]:
        taken = (order.intent.sequence + 1 for order in self._proposed.values() if order.intent.origin == origin)
        sequence = max(self.next_sequence(origin), *taken, 1)
        for number in itertools.count(sequence):
            cid = client_order_id(self.account, origin, number)
            if cid not in self.orders and cid not in self.routed.by_id and cid not in self._orphans:
                yield cid, number

    def propose(self, orders: list[Order]) -> None:
        """These orders are on their way into the journal: they count in buying power and exposure from now on."""
        for order in orders:
            self._proposed[order.client_order_id] = order
            self.risk.proposed(order)

    def remember(self, token: str, client_order_id: str) -> None:
        """A submit token stands for this order: the same press never makes another."""
        self._tokens[token] = client_order_id
        if len(self._tokens) > _TOKENS_KEPT:
            self._tokens.popitem(last=False)

    def _cancels(self, orders: list[Order], reason: str, kept: str | None = None) -> list[Event]:
        now, found = self._clock.now_ns(), []
        for order in orders:
            found.append(events.OrderCancelRequested(now, order.client_order_id, kept))
            if order.status is OrderStatus.HELD:
                found.append(events.OrderCancelled(now, order.client_order_id, reason))
        return found

    def closable(self, symbol: str, owing: Mapping[str, Decimal] | None = None) -> Decimal:
        """What an order can close of a position: of a spot account's no more than it holds, nothing of what cannot be sold alone; ``owing`` as in
        `spot.left`."""
        held = self.portfolio.qty(symbol)
        most = spot.sellable(self.portfolio, self.view, symbol, owing) if held > 0 else None
        if most is None:
            return held.copy_abs()
        return ZERO if spot.dust(self.portfolio, self.view, symbol, owing) else min(held, most)

    def _against(self, symbol: str, times: int, reduce_only: bool) -> dict:
        held = self.portfolio.qty(symbol) if isinstance(symbol, str) else Decimal(0)
        if not held:
            raise Denied("no_position", "symbol", f"There is no position in {symbol!s:.40}.", "Choose an open position.")
        qty = self.closable(symbol)
        if not qty:
            reason = f"What is left of {symbol!s:.40}, {plain(held)}: {spot.dust(self.portfolio, self.view, symbol)}."
            raise Denied("dust", "symbol", reason, "Sell it together with more, or convert it at the venue.")
        return {
            "symbol": symbol,
            "side": (Side.SELL if held > 0 else Side.BUY).value,
            "type": OrderType.MARKET.value,
            "tif": TimeInForce.IOC.value,
            "qty": plain(mul(qty, Decimal(times))),
            "price": None,
            "stop": None,
            "post_only": False,
            "reduce_only": reduce_only,
        }

    def _view(self) -> DeskView:
        if self.view is None:
            raise Denied("no_market", "symbol", "No market is connected.", "Wait for the market data to start.")
        return self.view

    def _working_order(self, client_order_id: str) -> Order:
        order = self.find(client_order_id) if isinstance(client_order_id, str) else None
        if order is None:
            raise Denied("unknown_order", "client_order_id", "There is no such order.", "Choose one from the blotter.")
        if not order.is_working:
            raise Denied("not_working", "client_order_id", f"The order is {order.status.value} already.", "There is nothing left to change.")
        if not isinstance(order, Order):
            raise Denied("routed_order", "client_order_id", "A routed order is changed leg by leg.", "Amend a leg, or cancel all of it.")
        return order
