"""What the other accounts of a desk have, as the risk of one account is told of it: it counts in limits of the whole desk."""

from __future__ import annotations

from decimal import Decimal

from ..money import ZERO
from .book import Totals


class Others:
    """Amounts in the currency of the account that asks; this one: there are no others."""

    def totals(self) -> Totals:
        """What they have at risk."""
        return Totals()

    def passed(self, now_ns: int) -> int:
        """How many orders they let through within the last second."""
        return 0

    def day_pnl(self) -> Decimal:
        """What they have won and lost since 00:00 UTC."""
        return ZERO
