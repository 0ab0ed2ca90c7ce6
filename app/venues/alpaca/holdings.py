"""What an Alpaca account holds, as last asked for: cash and netted positions, shorts below zero."""

from __future__ import annotations

from decimal import Decimal

from .orders import Held
from .rules import CENT, Account
from .setup import Picture


class Holdings:
    """``stale``: an execution has changed what was last told. ``account`` is None before the first answer."""

    def __init__(self) -> None:
        self.account: Account | None = None
        self.positions: dict[str, Held] = {}
        self.stale = False

    def take(self, picture: Picture) -> None:
        """A fresh answer."""
        self.account, self.positions, self.stale = picture.account, picture.positions, False

    def total(self) -> dict[str, Decimal] | None:
        """Cash by currency and positions by Alpaca's symbol; None while they are being asked for."""
        if self.account is None or self.stale:
            return None
        return {self.account.currency: self.account.cash, **{native: held.qty for native, held in self.positions.items()}}

    def differ(self, asset: str, ours: Decimal, theirs: Decimal) -> bool:
        """Whether two amounts are not the same: cash is told in cents."""
        if self.account is not None and asset == self.account.currency:
            return abs(ours - theirs) >= CENT
        return ours != theirs

    def entry_price(self, asset: str) -> Decimal | None:
        """What a position was bought (or sold short) for on average."""
        held = self.positions.get(asset)
        return held.entry if held is not None and held.entry > 0 else None
