"""Limits and states of every scope as the journal tells them, and what the trader may change about them.

Remembers besides, for `gate` and the risk page, when orders were let through, what they used of each limit, and the last refusals.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

from app.model import events
from app.model.events import Event
from app.model.orders import Fill, Side

from ..contracts import multiplier_in, of_contract
from ..effects import Effect, Notify
from ..errors import Denied
from ..inkind import booked_as
from ..margin import Margins
from ..money import ZERO, convert, plain
from ..order import Order
from .book import Book
from .gate import Gate, RiskDenied, ScopeState, recent, same_key, scopes_of, start, words
from .limits import HALTED, NORMAL, RULES, SECOND_NS, STATES, read_limit, read_scope
from .others import Others

if TYPE_CHECKING:
    from ..engine import Engine

_KEPT_DENIALS = 50
_RATES_NS = 60 * SECOND_NS


class RiskDesk(Gate):
    """One engine's risk. ``used`` is what the last order, or the last look, used of a limit by (scope, name)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.states: dict[str, ScopeState] = {}
        self.limits: dict[tuple[str, str], str] = {}
        self.book = Book(self._price)
        self.margins = Margins(engine)
        self.used: dict[tuple[str, str], Decimal] = {}
        self._asked: list[tuple[str, str, Decimal, Decimal | None]] = []
        self.denials: deque[tuple[int, str, str]] = deque(maxlen=_KEPT_DENIALS)
        self._rates: dict[str, tuple[int, Decimal]] = {}
        self.others = Others()
        self._passed: dict[str, deque[int]] = {}
        self._same: dict[tuple, deque[int]] = {}
        self._leverages: dict[str, Decimal] = {}
        self._effective: dict[tuple[str, str], dict[str, list[tuple[str, Decimal | str]]]] = {}

    def join(self, others: Others) -> None:
        """Other accounts of the same desk: what they have counts in limits of the whole desk."""
        self.others, self.book.elsewhere = others, others.totals

    def passed(self, scope: str, now_ns: int) -> int:
        """How many new orders of a scope were let through within the last second."""
        return recent(self._passed.get(scope), now_ns)

    # What the journal says.

    def apply(self, event: events.RiskStateSet | events.RiskLimitSet) -> list[Effect]:
        """Take a state or a limit from the journal."""
        if isinstance(event, events.RiskLimitSet):
            if event.value is None:
                self.limits.pop((event.scope, event.name), None)
            else:
                self.limits[event.scope, event.name] = event.value
            self._effective.clear()
            self._leverages.clear()
            self.margins.forget()
            return []
        if event.state == NORMAL:
            self.states.pop(event.scope, None)
            return [Notify("info", f"{start(event.scope)}: normal again, {event.reason}", "risk_lifted")]
        self.states[event.scope] = ScopeState(event.state, event.rule, event.reason, event.ts)
        word = "halted" if event.state == HALTED else "reduce-only"
        return [Notify("warn" if event.rule == "trader" else "error", f"{start(event.scope)} is {word}: {event.reason}", f"risk_{event.rule}")]

    def submitted(self, order: Order) -> None:
        """An intent is in the journal."""
        self.changed(order)

    def changed(self, order: Order) -> None:
        """An order's quantity, price or status changed."""
        self.margins.order_changed(order)
        self.book.working(order, order.at_most if order.is_working else ZERO)

    def filled(self, order: Order, fill: Fill) -> None:
        """A fill changed a position."""
        qty = booked_as(fill).qty
        self.book.traded(order.intent.origin, fill.symbol, qty if fill.side is Side.BUY else qty.copy_negate())

    def adjusted(self, symbol: str, amount: Decimal) -> None:
        """A position is the venue's from now on."""
        self.margins.position_changed(symbol)
        self.book.traded("venue", symbol, amount)

    def split(self, symbol: str, new: int, old: int) -> None:
        """An instrument's units have changed."""
        self.margins.position_changed(symbol)
        self.book.split(symbol, new, old)

    def proposed(self, order: Order) -> None:
        """An intent is on its way into the journal."""
        self.margins.order_changed(order)
        self.book.working(order, order.remaining)
        now = order.created_ns
        for scope in _whole(order.intent.origin):
            self._passed.setdefault(scope, deque()).append(now)
        key = same_key(order)
        self._same.setdefault(key, deque()).append(now)
        if len(self._same) > 512:
            self._same = {key: times for key, times in self._same.items() if times and times[-1] > now - SECOND_NS}

    def dropped(self, order: Order) -> None:
        """An intent could not be made durable, or was a question only: it is no order, and counts in no rate."""
        self.margins.order_changed(order)
        self.book.working(order, ZERO)
        counted = [self._passed.get(scope, ()) for scope in _whole(order.intent.origin)]
        if order.created_ns in counted[-1]:
            for times in (*counted, self._same.get(same_key(order), deque())):
                if order.created_ns in times:
                    times.remove(order.created_ns)

    # What the trader may do.

    def limit(self, scope: object, name: object, value: object, now_ns: int) -> list[Event]:
        """Set a limit; None takes the default again, empty text means none."""
        return [events.RiskLimitSet(now_ns, *read_limit(scope, name, value))]

    def halting(self, now_ns: int, rule: str, reason: str) -> Event:
        """The whole desk is halted."""
        return events.RiskStateSet(now_ns, "desk", HALTED, rule, reason)

    def set_state(self, scope: object, state: object, now_ns: int) -> list[Event]:
        """The trader makes a scope reduce-only or halted, or lifts it."""
        scope = read_scope(scope)
        if state not in STATES:
            raise Denied("bad_state", "state", f"There is no state {state!r:.40}.", f"Use one of {', '.join(STATES)}.")
        if state == NORMAL:
            if scope not in self.states:
                raise Denied("not_set", "scope", f"{start(scope)} is normal already.", "There is nothing to lift.")
            self._check_lift(scope)
            return [events.RiskStateSet(now_ns, scope, NORMAL, "trader", "lifted by the trader")]
        return [events.RiskStateSet(now_ns, scope, state, "trader", "set by the trader")]

    def _check_lift(self, scope: str) -> None:
        state = self.states[scope]
        rule = RULES.get(state.rule)
        if rule is None or rule.name == "drawdown":
            return
        limit, used = self.limit_of(scope, rule.name), self.used.get((scope, rule.name))
        if limit is not None and used is not None and used > limit:
            reason = f"{rule.title} of {words(scope)} is still {plain(used)}, its limit is {plain(limit)}: it would be set again at once."
            raise RiskDenied("still_breached", "scope", reason, "Raise the limit first.", self._numbers(scope, rule.name, limit, used))

    def text_of(self, scope: str, name: str) -> str:
        """A limit as text, by its own scope, else by the default of its kind; empty where there is none."""
        found = self.limits.get((scope, name))
        if found is None and ":" in scope:
            kind = scope.partition(":")[0]
            found = self.limits.get((f"{kind}:*", name))
            return RULES[name].defaults.get(f"{kind}:*", "") if found is None else found
        return RULES[name].defaults.get(scope, "") if found is None else found

    def limit_of(self, scope: str, name: str) -> Decimal | None:
        """A limit as a number, None where there is none."""
        text = self.text_of(scope, name)
        return Decimal(text) if text else None

    def leverage_of(self, symbol: str) -> Decimal:
        """What orders and positions in an instrument may be worth for each unit of margin: the account's leverage, or the instrument's where it is lower."""
        found = self._leverages.get(symbol)
        if found is None:
            limits = (self.limit_of(scope, "leverage") for scope in ("account", f"instrument:{symbol}"))
            found = self._leverages[symbol] = min((limit for limit in limits if limit is not None), default=Decimal(1))
        return found

    def _limits(self, origin: str, symbol: str) -> dict[str, list[tuple[str, Decimal | str]]]:
        found = self._effective.get((origin, symbol))
        if found is None:
            found = {}
            scopes = [(scope, scope.partition(":")[0]) for scope in scopes_of(origin, symbol)]
            given = {name for _scope, name in self.limits}
            for name, rule in RULES.items():
                if not rule.defaults and name not in given:
                    continue
                rows = []
                for scope, kind in scopes:
                    text = self.text_of(scope, name) if kind in rule.kinds else ""
                    if text and not (rule.unit == "flag" and text == "0"):
                        rows.append((scope, text if rule.unit == "hours" else Decimal(text)))
                if rows:
                    found[name] = rows
            self._effective[origin, symbol] = found
        return found

    def _price(self, symbol: str) -> Decimal | None:
        view = self._engine.view
        mark = view.mark(symbol) if view is not None else None
        if mark is None:
            return None
        instrument = view.instruments[symbol]
        quote, price = instrument.quote, of_contract(mark.price, multiplier_in(self._engine.portfolio, instrument))
        return price if quote == self._engine.currency else convert(price, self._rate(quote, view))

    def _rate(self, currency: str, view) -> Decimal:
        """A conversion rate at most a minute old: finding one costs more than a whole check."""
        known = self._rates.get(currency)
        now = view.now_ns()
        if known is None or not 0 <= now - known[0] < _RATES_NS:
            rate = view.rates(self._engine.currency).rate(currency)
            known = self._rates[currency] = (now, rate.value if rate is not None else ZERO)
        return known[1]


def _whole(origin: str) -> tuple[str, str, str]:
    return ("desk", "account", f"strategy:{origin}")
