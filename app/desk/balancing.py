"""Whether the journal of a real account says what its venue holds, and taking the venue's word where it does not.

Cash is compared by ledger and positions by what they are in, so that what stands for an instrument may be below zero: a short. A
difference counts once it was seen twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.model.events import Event
from app.trading.contracts import multiplier_in
from app.trading.marks import DeskView
from app.trading.synthetic import adjustment

from .errors import Refusal
from .surroundings import Surroundings

ZERO = Decimal(0)
Pair = tuple[Decimal, Decimal]


class Balancing:
    """``real`` is the account: its execution says what the venue holds, its engine what the journal says. ``differences`` are (ours,
    theirs) by asset."""

    def __init__(self, real: Any, around: Surroundings, view: DeskView) -> None:
        self.differences: dict[str, Pair] = {}
        self._real, self._around, self._view = real, around, view
        self._seen: dict[str, Pair] = {}
        self._settling = False

    def forget(self) -> None:
        """Another journal is open."""
        self._seen, self.differences = {}, {}

    def second(self) -> None:
        """Compare; what lasts is asked about, since a report may have been lost."""
        real = self._real
        engine, execution = real.trade.engine, real.execution
        if engine is None or not engine.opened or not execution.is_ready or real.trade.writer.queued:
            return
        if not engine.balanced:
            self.open()
            return
        if (found := self.compare()) is None:
            return
        lasting = {asset: pair for asset, pair in found.items() if self._seen.get(asset) == pair}
        if lasting != self.differences and lasting:
            real.ask_about_everything()
            execution.look_again()
        self.differences, self._seen = lasting, found
        real.changed()

    def compare(self) -> dict[str, Pair] | None:
        """(ours, theirs) of every asset in which they differ; None while what the venue holds is being asked for."""
        held = self._real.execution.holdings()
        if held is None:
            return None
        engine = self._real.trade.engine
        ours = dict(engine.portfolio.cash)
        for symbol, position in engine.portfolio.positions.items():
            if (item := self._view.instruments.get(symbol)) is not None:
                ours[item.base] = ours.get(item.base, ZERO) + position.qty
        pairs = {asset: (ours.get(asset, ZERO), held.get(asset, ZERO)) for asset in {*ours, *held}}
        differ = getattr(self._real.execution, "differ", lambda _asset, mine, theirs: mine != theirs)
        return {asset: pair for asset, pair in sorted(pairs.items()) if differ(asset, *pair)}

    def open(self) -> None:
        """A new journal begins with what the venue holds."""
        found = self.compare()
        if found is not None and not self._settling and not any(self._adjustment(asset, *pair, "") is None for asset, pair in found.items()):
            self._settling = True
            self._around.scheduler.create_task(self._opening())

    async def _opening(self) -> None:
        try:
            await self._adjust("held at the venue when the journal was opened")
        except Exception as error:  # the journal does not take it now, and says so itself: the next second tries again
            if not isinstance(error, Refusal):
                raise
        finally:
            self._settling = False
            self._real.changed()

    async def settle(self) -> None:
        """Take the venue's balances as they are. Raises Refusal."""
        if not self._real.execution.is_ready or self.compare() is None:
            raise Refusal("not_ready", "the venue has not been reconciled", "wait until it has")
        await self._adjust("the venue's word, taken by the trader")
        self.forget()

    async def _adjust(self, reason: str) -> None:
        real = self._real

        def decide() -> list[Event]:
            compared = self.compare()
            if compared is None:
                raise Refusal("not_ready", "what the venue holds is being asked for", "try again in a moment")
            found = [self._adjustment(asset, *pair, reason) for asset, pair in compared.items()]
            if not found and not real.trade.engine.balanced:
                found = [adjustment(real.trade.engine, self._around.clock.now_ns(), self._view.settings.currency, ZERO, ZERO, reason)]
            return [event for event in found if event is not None]

        await real.trade.writer.command(decide)

    def _adjustment(self, asset: str, ours: Decimal, theirs: Decimal, reason: str) -> Event | None:
        """The event that makes ours theirs; None while the price of a holding is not known. What was not here before came at the
        venue's own entry price, where it says one."""
        currency, now, engine = self._view.settings.currency, self._around.clock.now_ns(), self._real.trade.engine
        for symbol, item in self._view.instruments.items():
            if item.base == asset and item.quote == currency:
                price = (None if ours else self._real.execution.entry_price(asset)) or self._real.mark(symbol)
                multiplier = multiplier_in(engine.portfolio, item)
                return None if price is None else adjustment(engine, now, asset, ours, theirs, reason, (symbol, price, currency), multiplier)
        return adjustment(engine, now, asset, ours, theirs, reason)
