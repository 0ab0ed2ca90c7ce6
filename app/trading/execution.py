"""Paper execution in one instrument: resting orders, waiting stops, and what market data does to them.

Applies the rules of docs/fill-rules.md (row ids F1... in comments) with `matching`, `queue` and `liquidity`, and appends
events to the list it is given. Reads the market state, never changes it; keeps nothing that a restart may not lose.
"""

from __future__ import annotations

from bisect import insort
from decimal import Decimal

from app.model import events
from app.model.events import Event
from app.model.instrument import Instrument
from app.model.market import BookDelta, Seen, Trade
from app.model.orders import Fill, Liquidity, OrderIntent, Side, TimeInForce

from . import matching
from .contracts import of_contract
from .liquidity import Consumed
from .marks import MarketLike
from .money import fee, mul, plain
from .settings import PaperSettings
from .working import Working

_VIEW_LEVELS = 50


class PaperAccount:
    """What all instruments of the paper venue share: positions in size units, settings, the time of this operation."""

    __slots__ = ("arrivals", "market_now_ns", "positions", "settings", "ts")

    def __init__(self, settings: PaperSettings) -> None:
        self.settings = settings
        self.positions: dict[str, int] = {}
        self.ts = 0
        self.market_now_ns = 0
        self.arrivals = 0

    def arrival(self) -> int:
        """The next place in time."""
        self.arrivals += 1
        return self.arrivals


def ended(intent: OrderIntent) -> str:
    """Why an order expired, in words."""
    return "its time is over" if intent.tif is TimeInForce.GTD else "the UTC day of this day order is over"


class Execution:
    """All working orders in one instrument."""

    def __init__(self, instrument: Instrument, market: MarketLike, account: PaperAccount) -> None:
        self.instrument = instrument
        self.orders: dict[str, Working] = {}
        self.consumed = Consumed()
        self._market = market
        self._account = account
        self._resting: dict[Side, list[Working]] = {Side.BUY: [], Side.SELL: []}
        self._stops: list[Working] = []
        self._held: list[Working] = []
        self._trade_ts = 0
        self._seen = Seen()
        self._book_ts = 0

    @property
    def is_idle(self) -> bool:
        """True when market data cannot matter to it."""
        return not self.orders and not self.consumed

    @property
    def is_trusted(self) -> bool:
        """True when the displayed book is complete, in sequence, not crossed and not stale."""
        symbol = self.instrument.symbol
        return self._market.book(symbol).is_trusted and not self._market.is_stale(symbol, self._account.market_now_ns)

    def arrive(self, order: Working, out: list[Event]) -> None:
        """A new order reaches the venue."""
        self._start()
        if order.waits_for_stop:
            self._accept(order, out)
            self._wait(order, out)
        elif (refusal := self._refusal(order, order.price)) is not None:
            out.append(events.OrderRejected(self._account.ts, order.client_order_id, *refusal))
        else:
            self._accept(order, out)
            self._execute(order, out)

    def restore(self, order: Working, out: list[Event]) -> None:
        """An order that was working before a restart: to the back of its queue (F26)."""
        self._start()
        self.orders[order.client_order_id] = order
        if order.waits_for_stop:
            self._stops.append(order)
        elif order.is_immediate and (order.stop is None or order.fills):
            self._cancel(order, "what an immediate order had left when the desk stopped is cancelled", out)
        elif order.is_immediate:
            self._held.append(order)
        else:
            self._rest(order)

    def cancel(self, order: Working, out: list[Event]) -> None:
        """The trader's cancel reaches the venue."""
        self._cancel(order, "cancelled by the trader", out)

    def expire(self, order: Working, out: list[Event]) -> None:
        """A day order's day is over (F12), or the moment that a GTD order names has come (F32)."""
        self._forget(order)
        out.append(events.OrderExpired(self._account.ts, order.client_order_id, ended(order.intent)))

    def amend(self, order: Working, qty: int | None, price: int | None, stop: int | None, out: list[Event]) -> None:
        """The trader's amendment reaches the venue (F23, F24)."""
        qty = order.qty if qty is None else qty
        price = order.price if price is None else price
        refusal = None
        if qty <= order.filled:
            reason = f"{plain(self.instrument.size(order.filled))} is filled already"
            refusal = ("qty_below_filled", reason)
        elif stop is not None and not order.waits_for_stop:
            refusal = ("already_triggered", "the stop has been triggered, or the order has none")
        keeps_place = price == order.price and qty <= order.qty
        rests = not order.waits_for_stop and order not in self._held
        if refusal is None and rests and not keeps_place:
            refusal = self._refusal(order, price)
        if refusal is not None:
            out.append(events.OrderChangeRefused(self._account.ts, order.client_order_id, "amend", *refusal))
            return
        order.qty, order.price = qty, price
        if order.display is not None:
            order.slice_left = min(order.slice_left or order.display, order.remaining)
        order.stop = order.stop if stop is None else stop
        out.append(self.amended(order))
        if order.waits_for_stop:
            self._stops.remove(order)
            self._wait(order, out)
        elif rests and not keeps_place:
            self._resting[order.side] = [other for other in self._resting[order.side] if other is not order]
            self._execute(order, out)

    def amended(self, order: Working) -> events.OrderAmended:
        """The order's values as the venue has them."""
        price = self.instrument.price(order.price) if order.price is not None else None
        stop = self.instrument.price(order.stop) if order.stop is not None else None
        qty = self.instrument.size(order.qty)
        return events.OrderAmended(self._account.ts, order.client_order_id, qty, price, stop)

    def on_trade(self, trade: Trade, out: list[Event]) -> None:
        """A public trade: fills resting orders at or through its price, triggers stops (F14, F15, F17, F9)."""
        if not self._is_news(trade):
            return
        if self.is_trusted:
            left = trade.size
            for side in (Side.BUY, Side.SELL):
                left = self._traded(side, trade, left, out)
        for order in [*self._stops]:
            if matching.triggered(order.side, order.stop, trade.price):
                self._stops.remove(order)
                self._trigger(order, trade.price, out)

    def on_delta(self, delta: BookDelta) -> None:
        """Displayed sizes changed: what we took of those levels is history (F13)."""
        self._book_ts = delta.ts
        if self.consumed:
            book = self._market.book(self.instrument.symbol)
            for side, levels in ((Side.BUY, delta.bids), (Side.SELL, delta.asks)):
                for price, _ in levels:
                    self.consumed.resized(side, price, book.size_at(side, price))

    def on_break(self, restart: bool) -> None:
        """A gap, a fresh snapshot, or a restart of the stream: queue places are unknown (F20, F21)."""
        for resting in self._resting.values():
            for order in resting:
                order.place.forget()
        if restart:
            self.consumed.forget()
            self._trade_ts = 0
            self._seen = Seen()

    def after_batch(self, out: list[Event]) -> None:
        """The book is up to date: places move, what waited for it executes, what it crosses fills (F16, F18, F19, F11)."""
        if not self.orders:
            return
        if not self.is_trusted:
            self.on_break(restart=False)
            return
        held, self._held = self._held, []
        for order in held:
            self._execute(order, out)
        for side in (Side.BUY, Side.SELL):
            for order in self._resting[side]:
                self._see(order)
            self._crossed(side, out)

    def capacity(self, order: Working) -> int:
        """Size units it may fill now: a reduce-only order never more than the position it reduces (F22)."""
        if not order.intent.reduce_only:
            return order.remaining
        held = self._account.positions.get(self.instrument.symbol, 0)
        return min(order.remaining, max(held if order.side is Side.SELL else -held, 0))

    def _start(self) -> None:
        # While idle nothing was followed: begin after the last trade known.
        if self.is_idle:
            last = self._market.last(self.instrument.symbol)
            self._trade_ts = last.ts if last is not None else 0
            self._seen = Seen()
            for trade in self._market.trades(self.instrument.symbol):
                self._seen.add(trade.trade_id)

    def _refusal(self, order: Working, price: int | None) -> tuple[str, str] | None:
        best = self._best_opposite(order.side)
        if not self.is_trusted and (best is None or order.is_immediate or matching.reaches(order.side, price, best)):
            reason = self._market.book(self.instrument.symbol).reason or "its data is stale"
            return "no_trusted_book", f"the order book of {self.instrument.symbol} cannot be trusted now: {reason}"
        if order.intent.post_only and best is not None and matching.reaches(order.side, price, best):
            return "post_only_would_take", f"it would trade at once with the book at {plain(self.instrument.price(best))}"
        if order.intent.reduce_only and self.capacity(order) == 0:
            return "reduce_only_no_position", f"there is no position in {self.instrument.symbol} that it would reduce"
        return None

    def _best_opposite(self, side: Side) -> int | None:
        symbol = self.instrument.symbol
        book = self._market.book(symbol)
        if book.is_trusted:
            level = book.best_ask() if side is Side.BUY else book.best_bid()
            return level[0] if level is not None else None
        quote = self._market.quote(symbol)
        if quote is None:
            return None
        return (quote.ask if side is Side.BUY else quote.bid) or None

    def _accept(self, order: Working, out: list[Event]) -> None:
        self.orders[order.client_order_id] = order
        out.append(events.OrderAccepted(self._account.ts, order.client_order_id, f"paper-{order.client_order_id}"))

    def _wait(self, order: Working, out: list[Event]) -> None:
        last = self._market.last(self.instrument.symbol)
        if last is not None and matching.triggered(order.side, order.stop, last.price):
            self._trigger(order, last.price, out)
        else:
            self._stops.append(order)

    def _trigger(self, order: Working, price: int, out: list[Event]) -> None:
        order.triggered = True
        out.append(events.OrderTriggered(self._account.ts, order.client_order_id, self.instrument.price(price)))
        self._execute(order, out)

    def _execute(self, order: Working, out: list[Event]) -> None:
        if not self.is_trusted:
            if order.is_immediate:
                self._held.append(order)
            else:
                self._rest(order)
            return
        book = self._market.book(self.instrument.symbol)
        against = matching.opposite(order.side)
        want = self.capacity(order)
        if want == 0:
            self._cancel(order, "reduce-only: there is no position left to reduce", out)
            return
        taken = matching.walk(self.consumed.levels(book, against), order.side, order.price, want)
        found = sum(size for _, size in taken)
        if order.intent.tif is TimeInForce.FOK and found < order.remaining:
            shown = f"{plain(self.instrument.size(found))} of {plain(self.instrument.size(order.remaining))}"
            self._cancel(order, f"fill or kill: only {shown} could be filled at once", out)
            return
        for price, size in taken:
            self.consumed.take(against, price, book.size_at(against, price), size)
            self._fill(order, price, size, Liquidity.TAKER, out)
        if order.remaining and order.is_immediate:
            rest = plain(self.instrument.size(order.remaining))
            self._cancel(order, f"{rest} was left after everything displayed within its price", out)
        elif order.remaining:
            self._rest(order)
        self._sweep(out)

    def _rest(self, order: Working) -> None:
        order.place.forget()
        if self.is_trusted:
            self._see(order)
        insort(self._resting[order.side], order, key=lambda other: other.priority)

    def _see(self, order: Working) -> None:
        place = order.place
        displayed = self._displayed(order)
        if displayed is None:
            place.forget()
        elif place.ahead is None:
            place.see(displayed)
        else:
            place.resized(displayed, self._book_ts)

    def _displayed(self, order: Working) -> int | None:
        # An empty level shows 0 only where the book is in view: deeper, the venue may have sizes that it does not send.
        book = self._market.book(self.instrument.symbol)
        size = book.size_at(order.side, order.price)
        if size > 0:
            return size
        best = book.best_bid() if order.side is Side.BUY else book.best_ask()
        if best is None or not matching.better(order.side, best[0], order.price):
            return 0
        deepest = book.levels(order.side, _VIEW_LEVELS)[-1][0]
        return 0 if matching.better(order.side, order.price, deepest) else None

    def _is_news(self, trade: Trade) -> bool:
        # Duplicates count once (F17); a trade older than one seen before happened before it, perhaps before us.
        if not self._seen.add(trade.trade_id):
            return False
        if trade.ts and trade.ts < self._trade_ts:
            return False
        self._trade_ts = max(self._trade_ts, trade.ts)
        return True

    def _traded(self, side: Side, trade: Trade, left: int, out: list[Event]) -> int:
        hits = trade.buyer_maker if side is Side.BUY else not trade.buyer_maker
        own = 0
        for order in [*self._resting[side]]:
            if matching.better(side, order.price, trade.price):
                size = min(self.capacity(order), left)
            elif order.price == trade.price and hits:
                passed = order.place.traded(left, trade.ts)
                size = min(self.capacity(order), max(passed - own, 0))
                if order.display is not None:
                    size = min(size, order.slice_left)
                own += size
            else:
                break
            if size > 0:
                self._fill(order, order.price, size, Liquidity.MAKER, out)
                if order.price != trade.price:
                    left -= size
                self._show_next(order)
        self._sweep(out)
        return left - own

    def _show_next(self, order: Working) -> None:
        """The displayed part of an iceberg is gone: the next one queues behind everybody (F33)."""
        if order.display is None or order.slice_left > 0 or not order.remaining:
            return
        order.slice_left = min(order.display, order.remaining)
        order.arrival = self._account.arrival()
        resting = self._resting[order.side]
        if order in resting:
            resting.remove(order)
            self._rest(order)

    def _crossed(self, side: Side, out: list[Event]) -> None:
        book = self._market.book(self.instrument.symbol)
        against = matching.opposite(side)
        for order in [*self._resting[side]]:
            best = book.best_ask() if side is Side.BUY else book.best_bid()
            if best is None or not matching.reaches(side, order.price, best[0]):
                break
            levels = self.consumed.levels(book, against)
            for price, size in matching.walk(levels, side, order.price, self.capacity(order)):
                self.consumed.take(against, price, book.size_at(against, price), size)
                self._fill(order, order.price, size, Liquidity.MAKER, out)
            self._show_next(order)
        self._sweep(out)

    def _fill(self, order: Working, price: int, size: int, liquidity: Liquidity, out: list[Event]) -> None:
        instrument, fees = self.instrument, self._account.settings.fees_of(self.instrument.venue)
        order.filled += size
        order.fills += 1
        order.slice_left = max(order.slice_left - size, 0)
        at, qty, multiplier = instrument.price(price), instrument.size(size), order.intent.multiplier
        bps: Decimal = fees.maker_bps if liquidity is Liquidity.MAKER else fees.taker_bps
        positions = self._account.positions
        positions[instrument.symbol] = positions.get(instrument.symbol, 0) + order.side.sign * size
        fill = Fill(
            fill_id=f"{order.client_order_id}-{order.fills}",
            client_order_id=order.client_order_id,
            symbol=instrument.symbol,
            side=order.side,
            qty=qty,
            price=at,
            fee=fee(mul(qty, of_contract(at, multiplier)), bps),
            fee_currency=instrument.quote,
            liquidity=liquidity,
            ts=self._account.ts,
            multiplier=multiplier,
        )
        out.append(events.OrderFilled(self._account.ts, fill))
        if order.remaining == 0:
            self._forget(order)

    def _sweep(self, out: list[Event]) -> None:
        for order in [order for resting in self._resting.values() for order in resting if order.intent.reduce_only]:
            if self.capacity(order) == 0:
                self._cancel(order, "reduce-only: there is no position left to reduce", out)

    def _cancel(self, order: Working, reason: str, out: list[Event]) -> None:
        self._forget(order)
        out.append(events.OrderCancelled(self._account.ts, order.client_order_id, reason))

    def _forget(self, order: Working) -> None:
        self.orders.pop(order.client_order_id, None)
        for orders in (self._resting[order.side], self._stops, self._held):
            if order in orders:
                orders.remove(order)
