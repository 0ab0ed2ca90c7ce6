"""Risk between the trading side and the page: limits, states, the kill switch, and the look once a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.model.events import Event
from app.trading.flows import worth
from app.trading.risk.limits import HALTED
from app.trading.risk.view import report, states
from app.trading.risk.watch import Watch, cancels
from app.trading.valuation import Valuation

from . import deskwide

NOTHING = {"states": [], "halted": False}


class RiskSide:
    """``on_change`` is called when a state or limit has changed."""

    def __init__(self, trade: Any, clock: Any, send: Callable[[dict], None]) -> None:
        self._trade, self._clock, self._send = trade, clock, send
        self._watch = Watch()
        self.on_change: Callable[[], None] = lambda: None
        self.seen: Valuation | None = None
        """What the account was worth at the last look."""

    def open(self) -> None:
        """Another account, or none, is open."""
        self._watch, self.seen = Watch(), None
        self.changed()

    def moved(self, flows: list[Event]) -> None:
        """Something came into the account or left it: that is no profit and no loss."""
        engine, view, value = self._trade.engine, self._trade.view, self._trade.value()
        if value is not None:
            self._watch.moved(worth(flows, view, view.rates(engine.currency)), value.equity)

    def changed(self) -> None:
        """A state or a limit changed: tell the page."""
        self._send({"t": "risk", **self.summary()})
        self.on_change()

    def summary(self) -> dict:
        """The ``risk`` message: scopes that are not normal."""
        engine = self._trade.engine
        if engine is None:
            return NOTHING
        rows = states(engine)
        return {"states": rows, "halted": any(row["scope"] == "desk" and row["state"] == HALTED for row in rows)}

    def halted(self) -> str:
        """Why no order at all is taken, in words; empty while some are."""
        engine = self._trade.engine
        for scope in ("desk", "account") if engine is not None else ():
            state = engine.risk.states.get(scope)
            if state is not None and state.state == HALTED:
                return f"the {scope} is halted ({state.reason})"
        return ""

    def second(self) -> Valuation | None:
        """Compare the account with its limits; gives what it is worth."""
        value = self.seen = self._trade.value()
        if value is not None:
            engine = self._trade.engine
            found = self._watch.look(engine, value.equity, value.day_pnl, self._clock.now_ns())
            self._trade.writer.report(found)
        return value

    def state(self) -> dict:
        """Everything the risk page shows."""
        return report(self._trade.open_engine())

    async def set_limit(self, scope: Any, name: Any, value: Any) -> dict:
        """Change a limit; it counts from the next order and the next second on."""
        engine = self._trade.open_engine()
        await self._trade.writer.command(lambda: engine.risk.limit(scope, name, value, self._clock.now_ns()))
        return self.state()

    async def set_state(self, scope: Any, state: Any) -> dict:
        """Make a scope reduce-only or halted, with the cancels that go with it, or lift it."""
        engine = self._trade.open_engine()
        before = engine.risk.states.get(scope) if isinstance(scope, str) else None

        def decide() -> list:
            found = engine.risk.set_state(scope, state, self._clock.now_ns())
            return found if state == "normal" else [*found, *cancels(engine, scope, state)]

        await self._trade.writer.command(decide)
        if before is not None and before.rule == "drawdown" and state == "normal":
            self._watch.restart()
        return self.state()

    async def kill(self, flatten: bool) -> dict:
        """Halt the desk, cancel everything, close every position if asked to."""
        engine = self._trade.open_engine()
        done = await self._trade.writer.command(lambda: engine.kill(flatten))
        kinds = [type(event).__name__ for event in done]
        return {"cancelled": kinds.count("OrderCancelRequested"), "closing": kinds.count("OrderSubmitted")}


def _state(desk: Any, _request: dict) -> dict:
    return deskwide.risk_state(desk.accounts)


async def _limit(desk: Any, request: dict) -> dict:
    return await deskwide.set_limit(desk.accounts, *(request.get(name) for name in ("scope", "name", "value", "everywhere")))


async def _set(desk: Any, request: dict) -> dict:
    return await desk.accounts.set_state(request.get("scope"), request.get("state"))


async def _kill(desk: Any, request: dict) -> dict:
    return await desk.accounts.kill(request.get("flatten") is True)


RISK_REQUESTS = {"risk.state": _state, "risk.limit": _limit, "risk.set": _set, "risk.kill": _kill}
