"""The check of one order against every limit and state that concerns it, before it is journalled.

Reads the present market through the engine's view and changes no state; it remembers what the order used of each limit. It looks at
one instrument only: its cost depends neither on the number of orders and positions nor on the length of the history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from app.model.instrument import Instrument
from app.model.orders import OrderType, Side
from app.model.units import places

from ..errors import Denied
from ..marks import Mark
from ..money import ZERO, add, convert, plain, ratio
from ..order import Order
from .book import WHOLE, Cell, Totals
from .limits import HALTED, RULES, SECOND_NS, SESSION, within_hours

ORIGIN = "desk"
NOT_ASKED = {
    "reduce_only": "no limit asked: reduce-only, and nothing that concerns it is halted",
    "kill_switch": "no limit asked: the kill switch closes the position",
}
"""What is journalled of orders that no limit holds up."""


class ScopeState(NamedTuple):
    """Why a scope is not normal; ``rule`` is a rule's name, ``kill_switch`` or ``trader``."""

    state: str
    rule: str
    reason: str
    since_ns: int


class RiskDenied(Denied):
    """A refusal by a limit: ``numbers`` are ``scope``, ``limit``, ``used`` and ``unit`` as text."""

    def __init__(self, code: str, field: str | None, reason: str, remedy: str, numbers: dict) -> None:
        super().__init__(f"risk_{code}", field, reason, remedy)
        self.numbers = numbers

    def to_wire(self) -> dict:
        """The ``error`` of a reply to the page, with the numbers."""
        return {**super().to_wire(), "numbers": self.numbers}


class Gate:
    """The checking half of `RiskDesk`, which holds limits and states."""

    def check(self, orders: list[Order]) -> str:
        """What was asked of the first of these orders, in words; Denied when a limit or a state forbids it, or the exposure of all of them together."""
        self._told(self._check_new, orders)
        return self._verdict(orders[0])

    def _verdict(self, order: Order) -> str:
        """The limits that the last check asked, which of them came nearest, and the states it met."""
        nearest = None
        for asked in self._asked:
            _name, _scope, limit, used = asked
            if used and limit and (nearest is None or used * nearest[2] > nearest[3] * limit):
                nearest = asked
        count = len(self._asked)
        parts = [f"let through by {count} limit{'' if count == 1 else 's'}"]
        if nearest is not None:
            name, scope, limit, used = nearest
            parts.append(f"nearest: {RULES[name].title} of {words(scope)} {shown(used)} of {shown(limit)}")
        if self.states:
            parts += [f"{words(scope)} {self.states[scope].state}" for scope in scopes_of(order.intent.origin, order.symbol) if scope in self.states]
        return "; ".join(parts)

    def check_whole(self, orders: list[Order], elsewhere: Sequence[Order] = ()) -> None:
        """Denied when the legs of one intent are worth more together than one order may be; each leg is checked by itself besides.

        Its legs in other accounts, ``elsewhere``, count for limits of the whole desk.
        """
        self._told(lambda legs: self._check_whole(legs, elsewhere), orders)

    def objection(self, orders: list[Order], whole: bool = False, elsewhere: Sequence[Order] = ()) -> Denied | None:
        """What `check`, or `check_whole`, would say of these orders now; nothing is kept of it."""
        used = dict(self.used)
        try:
            if whole:
                self._check_whole(orders, elsewhere)
            else:
                self._check_new(orders)
        except Denied as denied:
            return denied
        finally:
            self.used = used
        return None

    def check_release(self, order: Order, qty: Decimal) -> str:
        """`check` of a held order that is to be sent: it was checked when it came, since then limits may have been set."""
        if not order.intent.reduce_only:
            self._check(order, qty, order.price, new=False)
            return self._verdict(order)
        for scope in scopes_of(order.intent.origin, order.symbol):
            if (state := self.states.get(scope)) is not None and state.state == HALTED:
                raise self._in_state(scope, state)
        return NOT_ASKED["reduce_only"]

    def check_amendment(self, order: Order, qty: Decimal, price: Decimal | None) -> None:
        """Denied when the amended order would break a limit; nothing is asked of one that only gets smaller."""
        if qty > order.qty or (price is not None and price != order.price):
            self._check(order, qty, price, new=False)

    def _told(self, check: Callable[[list[Order]], None], orders: list[Order]) -> None:
        try:
            check(orders)
        except Denied as denied:
            self.denials.append((orders[0].created_ns, denied.code, str(denied)))
            raise

    def _check_whole(self, orders: list[Order], elsewhere: Sequence[Order]) -> None:
        engine, first = self._engine, orders[0]
        here, desk = self._together(orders), self._together([*orders, *elsewhere])
        lot = engine.view.instruments[first.symbol].lot_size
        for row in self._limits(first.intent.origin, first.symbol).get("order_notional", ()):
            if not row[0].startswith("instrument:"):
                worth, qty = desk if row[0] == "desk" else here
                self._most({"order_notional": [row]}, "order_notional", worth, "qty", engine.currency, qty, lot)

    def _together(self, orders: list[Order]) -> tuple[Decimal, Decimal]:
        """Worth and quantity."""
        worth = qty = ZERO
        for order in orders:
            cell = self.book.refresh(order.symbol)
            worth = add(worth, _worth(order, order.qty, order.price, self._engine.view.mark(order.symbol), cell))
            qty = add(qty, order.qty)
        return worth, qty

    def _check_new(self, orders: list[Order]) -> None:
        first = orders[0]
        others = sum((order.qty for order in orders[1:] if not order.intent.reduce_only), ZERO)
        self._check(first, first.qty, first.price, new=True, others=others)

    def _check(self, order: Order, qty: Decimal, price: Decimal | None, new: bool, others: Decimal = ZERO) -> None:
        engine, intent = self._engine, order.intent
        symbol, side = intent.symbol, intent.side
        instrument, now = engine.view.instruments[symbol], order.created_ns if new else engine.now_ns()
        self._asked = asked = []
        cell = self.book.refresh(symbol)
        counted = ZERO if new else order.remaining
        reducing = intent.reduce_only or _reduces(cell, side, qty - order.filled, counted)
        for scope in scopes_of(intent.origin, symbol):
            state = self.states.get(scope)
            if state is not None and (state.state == HALTED or not reducing):
                raise self._in_state(scope, state)
        limits = self._limits(intent.origin, symbol)
        mark = engine.view.mark(symbol)
        worth = _worth(order, qty, price, mark, cell)
        for scope, _limit in limits.get("restricted", ()):
            if not reducing:
                reason = f"{symbol} is restricted: only orders that reduce a position are taken."
                numbers = {"scope": scope, "limit": "1", "used": "1", "unit": "flag"}
                raise RiskDenied("restricted", "symbol", reason, "Lift the restriction on the risk page.", numbers)
            asked.append(("restricted", scope, ZERO, None))
        if not _waits(order, now):
            self._check_hours(limits, symbol, now)
        self._most(limits, "order_qty", qty, "qty", instrument.base, qty, instrument.lot_size)
        self._most(limits, "order_notional", worth, "qty", engine.currency, qty, instrument.lot_size)
        if "quote_age" in limits and not reducing:
            self._check_age(limits["quote_age"], symbol)
        if "collar" in limits:
            self._check_collar(limits["collar"], order, price, mark, instrument)
        if new:
            self._check_rate(limits, intent.origin, now)
            self._check_same(limits, order, now)
        if not reducing:
            self._check_exposure(limits, order, cell, qty, others, counted)

    def _check_hours(self, limits: dict, symbol: str, now: int) -> None:
        for scope, limit in limits.get("hours", ()):
            self._asked.append(("hours", scope, ZERO, None))
            if limit == SESSION:
                try:
                    opens, closes = self._engine.view.session_of(symbol, now)
                except LookupError as error:
                    reason, remedy = f"The sessions of {symbol} are not known for this time: {error}.", "Take the limit off on the risk page."
                    raise RiskDenied("hours", None, reason, remedy, self._numbers(scope, "hours", limit, None)) from error
                if not opens <= now < closes:
                    reason = f"The session of {symbol} is closed."
                    raise RiskDenied("hours", None, reason, "Wait for its open, or send it at the open.", self._numbers(scope, "hours", limit, None))
            elif not within_hours(limit, now):
                reason = f"Orders of {words(scope)} are taken {limit} UTC only."
                raise RiskDenied("hours", None, reason, "Wait, or change the hours on the risk page.", self._numbers(scope, "hours", limit, None))

    def _ask(self, name: str, scope: str, limit: Decimal, used: Decimal) -> None:
        self.used[scope, name] = used
        self._asked.append((name, scope, limit, used))

    def _most(self, limits: dict, name: str, used: Decimal, field: str, unit: str, qty: Decimal, lot: Decimal) -> None:
        for scope, limit in limits.get(name, ()):
            self.used[scope, name] = used
            self._asked.append((name, scope, limit, used))
            if used > limit:
                reason = f"{RULES[name].title} would be {shown(used)} {unit}, the limit of {words(scope)} is {shown(limit)} {unit}."
                raise RiskDenied(name, field, reason, _at_most(ratio(qty * limit, used), lot), self._numbers(scope, name, limit, used))

    def _check_age(self, limits: list, symbol: str) -> None:
        view = self._engine.view
        now = view.now_ns()
        heard = view.market.age_ns(symbol, now)
        age = Decimal(now if heard is None else heard) / SECOND_NS
        for scope, limit in limits:
            self._ask("quote_age", scope, limit, age)
            if age > limit:
                reason = f"The prices of {symbol} are {age:.1f} s old, the limit of {words(scope)} is {shown(limit)} s."
                raise RiskDenied("quote_age", "symbol", reason, "Wait for fresh prices.", self._numbers(scope, "quote_age", limit, age))

    def _check_collar(self, limits: list, order: Order, price: Decimal | None, mark: Mark, instrument: Instrument) -> None:
        intent = order.intent
        best = mark.ask if intent.side is Side.BUY else mark.bid
        against = best if intent.stop is None else order.stop
        at = price
        if intent.type is OrderType.MARKET:
            at = self._deepest(intent.side, order.qty, instrument)
        if at is None or not against:
            return
        beyond = max(ratio((at - against) * intent.side.sign * 100, against), ZERO)
        for scope, limit in limits:
            self._ask("collar", scope, limit, beyond)
            if beyond > limit:
                what = "best price of the other side" if intent.stop is None else "stop"
                reason = f"It could trade at {plain(at)}, {beyond:.2f} % beyond the {what} {plain(against)}; the limit of {words(scope)} is {shown(limit)} %."
                field = "price" if price is not None else "qty"
                raise RiskDenied("collar", field, reason, "Use a price nearer to the market.", self._numbers(scope, "collar", limit, beyond))

    def _deepest(self, side: Side, qty: Decimal, instrument: Instrument) -> Decimal | None:
        left, found = instrument.size_units(qty), None
        for price, size in self._engine.view.market.book(instrument.symbol).levels(Side.SELL if side is Side.BUY else Side.BUY, 50):
            found = price
            left -= size
            if left <= 0:
                break
        return instrument.price(found) if found is not None else None

    def _check_rate(self, limits: dict, origin: str, now: int) -> None:
        for scope, limit in limits.get("order_rate", ()):
            elsewhere = self.others.passed(now) if scope == "desk" else 0
            used = Decimal(recent(self._passed.get(scope), now) + elsewhere + 1)
            self._ask("order_rate", scope, limit, used)
            if used > limit:
                reason = f"It would be order {used} within a second, the limit of {words(scope)} is {shown(limit)}."
                raise RiskDenied("order_rate", None, reason, "Wait a moment.", self._numbers(scope, "order_rate", limit, used))

    def _check_same(self, limits: dict, order: Order, now: int) -> None:
        if "duplicates" not in limits:
            return
        used = Decimal(recent(self._same.get(same_key(order)), now) + 1)
        for scope, limit in limits["duplicates"]:
            self._ask("duplicates", scope, limit, used)
            if used > limit:
                reason = f"It would be order {used} of the same within a second, the limit of {words(scope)} is {shown(limit)}."
                raise RiskDenied("duplicates", None, reason, "Wait a second if it is meant.", self._numbers(scope, "duplicates", limit, used))

    def _check_exposure(self, limits: dict, order: Order, whole: Cell, qty: Decimal, others: Decimal, counted: Decimal) -> None:
        intent, engine = order.intent, self._engine
        more, lot = qty + others - order.filled - counted, engine.view.instruments[intent.symbol].lot_size
        cells, totals = {}, {}
        for name in ("position", "gross_exposure", "net_exposure"):
            for scope, limit in limits.get(name, ()):
                owner = intent.origin if scope.startswith("strategy:") else WHOLE
                if owner not in cells:
                    cell = whole if owner == WHOLE else self.book.refresh(intent.symbol, owner)
                    buys, sells = (add(cell.buys, more), cell.sells) if intent.side is Side.BUY else (cell.buys, add(cell.sells, more))
                    cells[owner] = (cell, *cell.worth(buys, sells))
                cell, gross, long, short = cells[owner]
                if name != "position":
                    key = owner if scope != "desk" else scope
                    if key not in totals:
                        totals[key] = self.book.totals_in(scope, owner)
                    total = totals[key]
                if name == "position":
                    before, used, grown = cell.gross, gross, _side(cell, intent.side)
                elif name == "gross_exposure":
                    before, used, grown = total.gross, total.gross - cell.gross + gross, total.gross - cell.gross + _side(cell, intent.side)
                else:
                    before, grown = total.net, _side(total, intent.side)
                    used = max(abs(total.long - cell.long + long), abs(total.short - cell.short + short))
                if used > limit and used > before:
                    reason = (
                        f"{RULES[name].title} of {words(scope)} would be {shown(used)} {engine.currency} if everything filled, "
                        f"the limit is {shown(limit)} {engine.currency}."
                    )
                    room = ratio(max(limit, before) - grown, cell.price) + order.filled + counted
                    remedy = _at_most(room * qty / (qty + others), lot, order.filled)
                    raise RiskDenied(name, "qty", reason, remedy, self._numbers(scope, name, limit, used))
                self.used[scope, name] = used
                self._asked.append((name, scope, limit, used))

    def _in_state(self, scope: str, state: ScopeState) -> RiskDenied:
        numbers = {"scope": scope, "limit": state.state, "used": state.rule, "unit": "state"}
        if state.state == HALTED:
            reason = f"{start(scope)} is halted ({state.reason}): no order is taken."
            return RiskDenied("halted", None, reason, "Lift it on the risk page.", numbers)
        reason = f"{start(scope)} is reduce-only ({state.reason}): only orders that reduce a position are taken."
        return RiskDenied("reduce_only", None, reason, "Close positions, or see the risk page.", numbers)

    def _numbers(self, scope: str, name: str, limit: Decimal | str, used: Decimal | None) -> dict:
        text = limit if isinstance(limit, str) else plain(limit)
        return {"scope": scope, "limit": text, "used": None if used is None else plain(round(used, 8)), "unit": RULES[name].unit}


def _waits(order: Order, now: int) -> bool:
    """True when an order is not to trade before its session opens or closes: hours are asked for when this desk sends it then."""
    release = order.intent.release_ns
    return order.intent.tif.is_session and (release is None or now < release)


def _reduces(cell: Cell, side: Side, need: Decimal, counted: Decimal) -> bool:
    """True when it closes what is held, and what already works on that side leaves enough of it."""
    busy, held = (cell.sells, cell.pos) if side is Side.SELL else (cell.buys, cell.pos.copy_negate())
    return need > 0 and need + busy - counted <= held


def _side(part: Cell | Totals, side: Side) -> Decimal:
    """What an order of this side adds to: the worth of the long side, or that of the short one turned around."""
    return part.long if side is Side.BUY else part.short.copy_negate()


def _at_most(qty: Decimal, lot: Decimal, filled: Decimal = ZERO) -> str:
    """The remedy that names the largest quantity, down to the lot; where that is none, or filled already, only the limit helps."""
    most = (qty / lot).to_integral_value(ROUND_FLOOR) * lot
    return f"Use at most {plain(most)}, or change the limit on the risk page." if most > filled else "Change the limit on the risk page."


def _worth(order: Order, qty: Decimal, price: Decimal | None, mark: Mark, cell: Cell) -> Decimal:
    """What a quantity of an order is worth in the account currency at its limit, its stop or the mark."""
    wanted = price or order.intent.stop or mark.price
    at = max(wanted, mark.price) if order.intent.side is Side.SELL else wanted
    rate = cell.price / mark.price if mark.price and cell.price else order.intent.multiplier or Decimal(1)
    return convert(convert(qty, at), rate)


def words(scope: str) -> str:
    """A scope in a sentence."""
    kind, _, name = scope.partition(":")
    return f"the {kind}" if not name else name if kind == "instrument" else f"strategy {name}"


def start(scope: str) -> str:
    text = words(scope)
    return text[:1].upper() + text[1:]


def shown(value: Decimal) -> str:
    """A number with separators and no more decimals than it takes to read it."""
    return f"{value:,.{places(value)}f}".rstrip("0").rstrip(".")


def scopes_of(origin: str, symbol: str) -> tuple[str, ...]:
    return ("desk", "account", f"strategy:{origin}", f"instrument:{symbol}")


def same_key(order: Order) -> tuple:
    intent = order.intent
    return (intent.symbol, intent.side, intent.type, intent.tif, intent.qty, intent.price, intent.stop, intent.trail)


def recent(times: deque[int] | None, now: int) -> int:
    if times is None:
        return 0
    while times and not now - SECOND_NS < times[0] <= now:
        times.popleft()
    return len(times)
