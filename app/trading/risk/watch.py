"""What is watched between orders: the loss of the day, drawdown, margin, and exposure that the market moved past its limit.

`look` compares the account with the limits and returns the events that are due: a state to set with the cancels that go with it, or a
state to lift because what set it is over. The highest equity is remembered in memory only: after a reload drawdown counts from
there, but a state that it set stays, because states are journalled.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from app.model import events
from app.model.events import Event

from ..money import ZERO, add, ratio
from .book import WHOLE
from .gate import shown, words
from .limits import HALTED, NORMAL, RULES

if TYPE_CHECKING:
    from ..engine import Engine
    from ..order import Order

_CALM = Decimal("0.95")
_RUIN = Decimal(1_000_000)


class Watch:
    """One engine's continuous rules."""

    def __init__(self) -> None:
        self.peak: Decimal | None = None

    def look(self, engine: Engine, equity: Decimal, day_pnl: Decimal, now_ns: int) -> list[Event]:
        """The events that are due; ``equity`` and ``day_pnl`` in the account currency."""
        risk = engine.risk
        self.peak = equity if self.peak is None else max(self.peak, equity)
        risk.book.refresh_all()
        found: list[Event] = []
        risk.used["account", "leverage"] = leverage(engine, equity)
        for (scope, name), used in self.usage(engine, equity, day_pnl).items():
            risk.used[scope, name] = used
            limit = risk.limit_of(scope, name)
            state = risk.states.get(scope)
            if limit is not None and used > limit:
                if state is None or (RULES[name].sets == HALTED and state.state != HALTED):
                    found += _set(engine, scope, name, used, limit, now_ns)
            elif state is not None and state.rule == name and RULES[name].sets != HALTED and (limit is None or used <= limit * _threshold(name)):
                found.append(events.RiskStateSet(now_ns, scope, NORMAL, name, f"{RULES[name].title.lower()} is within its limit again"))
        return found

    def restart(self) -> None:
        """A drawdown was lifted: the highest equity counts from here on."""
        self.peak = None

    def moved(self, amount: Decimal, equity: Decimal) -> None:
        """An amount came or went that nothing was won or lost with; ``equity`` is after it. The drawdown, a share, stays as it was."""
        before = equity - amount
        if self.peak is not None:
            self.peak = ratio(self.peak * equity, before) if before > 0 and equity > 0 else None

    def usage(self, engine: Engine, equity: Decimal, day_pnl: Decimal) -> dict[tuple[str, str], Decimal]:
        """What is used of every limit that is watched, by (scope, name)."""
        book = engine.risk.book
        found = {("account", "daily_loss"): max(-day_pnl, ZERO), ("account", "drawdown"): self._drawdown(equity)}
        found["desk", "daily_loss"] = max(-add(day_pnl, engine.risk.others.day_pnl()), ZERO)
        for scope, owner in [("desk", WHOLE), ("account", WHOLE), *((f"strategy:{name}", name) for name in owners(engine))]:
            total = book.totals_in(scope, owner)
            found[scope, "gross_exposure"] = total.gross
            found[scope, "net_exposure"] = total.net
        state = engine.risk.states.get("account")
        if engine.risk.limit_of("account", "maintenance") is not None or (state is not None and state.rule == "maintenance"):
            found["account", "maintenance"] = leverage(engine, equity)
        for (owner, symbol), cell in book.cells.items():
            if owner == WHOLE and (cell.gross or f"instrument:{symbol}" in engine.risk.states):
                found[f"instrument:{symbol}", "position"] = cell.gross
        return found

    def _drawdown(self, equity: Decimal) -> Decimal:
        return max(self.peak - equity, ZERO) * 100 / self.peak if self.peak and self.peak > 0 else ZERO


def leverage(engine: Engine, equity: Decimal) -> Decimal:
    """What the positions are worth for each unit of equity; so much that every limit is broken where there are some and no equity."""
    worth = sum((cell.pos.copy_abs() * cell.price for (owner, _), cell in engine.risk.book.cells.items() if owner == WHOLE and cell.price), ZERO)
    if not worth:
        return ZERO
    return min(ratio(worth, equity), _RUIN) if equity > 0 else _RUIN


def owners(engine: Engine) -> list[str]:
    """The origins that have traded or have orders."""
    return sorted({owner for owner, _ in engine.risk.book.cells if owner != WHOLE})


def in_scope(order: Order, scope: str) -> bool:
    """True when a state of the scope concerns the order."""
    kind, _, name = scope.partition(":")
    return kind in ("desk", "account") or name == (order.symbol if kind == "instrument" else order.intent.origin)


def cancels(engine: Engine, scope: str, state: str) -> list[Event]:
    """The cancels that go with a state: all orders of a halted scope, those that would open something of a reduce-only one."""
    return engine.cancel_where(
        lambda order: in_scope(order, scope) and (state == HALTED or not order.intent.reduce_only),
        f"cancelled because {words(scope)} is {'halted' if state == HALTED else 'reduce-only'}",
    )


def _threshold(name: str) -> Decimal:
    return Decimal(1) if name == "daily_loss" else _CALM


def _set(engine: Engine, scope: str, name: str, used: Decimal, limit: Decimal, now_ns: int) -> list[Event]:
    rule = RULES[name]
    unit = {"percent": "%", "times": "times equity"}.get(rule.unit, engine.currency)
    what = "margin call: leverage" if name == "maintenance" else rule.title.lower()
    reason = f"{what} of {shown(used)} {unit} is beyond the limit of {shown(limit)} {unit}"
    return [events.RiskStateSet(now_ns, scope, rule.sets, name, reason), *cancels(engine, scope, rule.sets)]
