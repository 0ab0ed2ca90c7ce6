"""What an Alpaca account holds, as last asked for: cash and netted positions, shorts below zero."""

from __future__ import annotations

from decimal import Decimal

from .orders import Held
from .rules import CENT, Account, base
from .setup import Picture


class Holdings:
    """``executions`` counts what has changed them. ``account`` is None before the first answer."""

    def __init__(self) -> None:
        self.account: Account | None = None
        self.positions: dict[str, Held] = {}
        self.executions = 0
        self._known = 0

    @property
    def stale(self) -> bool:
        """Whether an execution was reported since what was last told was asked for."""
        return self._known != self.executions

    def take(self, picture: Picture) -> None:
        """An answer."""
        self.account, self.positions, self._known = picture.account, picture.positions, picture.executions

    def total(self) -> dict[str, Decimal] | None:
        """Cash by currency and positions by what they are in; None while they are being asked for."""
        if self.account is None or self.stale:
            return None
        return {self.account.currency: self.account.cash, **{base(native): held.qty for native, held in self.positions.items()}}

    def differ(self, asset: str, ours: Decimal, theirs: Decimal) -> bool:
        """Whether two amounts are not the same: cash is told in cents."""
        if self.account is not None and asset == self.account.currency:
            return abs(ours - theirs) >= CENT
        return ours != theirs

    def entry_price(self, asset: str) -> Decimal | None:
        """What a position was bought (or sold short) for on average."""
        held = next((held for native, held in self.positions.items() if base(native) == asset), None)
        return held.entry if held is not None and held.entry > 0 else None
