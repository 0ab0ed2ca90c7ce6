"""Listings by their symbols: exchange, currency and decimals follow from how a symbol is written.

Symbols are written as Yahoo does, because that covers every exchange: `AAPL`, `SAP.DE`, `7203.T`, `^GSPC`, `CL=F`, `EURUSD=X`, `BTC-USD`. Each
source's package turns them into its own way of writing, or says that it does not cover them.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from app.model.instrument import Instrument
from app.model.units import to_units

from .futures import CONTRACTS, Contract

# suffix: exchange, currency, decimals of a price, and by how much the exchange's own unit is smaller (pence)
EXCHANGES = {
    "": ("XNYS", "USD", 2, 1),
    "TO": ("XTSE", "CAD", 2, 1),
    "L": ("XLON", "GBP", 4, 100),
    "DE": ("XETR", "EUR", 3, 1),
    "PA": ("XPAR", "EUR", 3, 1),
    "AS": ("XAMS", "EUR", 3, 1),
    "MI": ("XMIL", "EUR", 3, 1),
    "MC": ("XMAD", "EUR", 3, 1),
    "SW": ("XSWX", "CHF", 3, 1),
    "ST": ("XSTO", "SEK", 3, 1),
    "T": ("XTKS", "JPY", 1, 1),
    "HK": ("XHKG", "HKD", 3, 1),
    "KS": ("XKRX", "KRW", 0, 1),
    "AX": ("XASX", "AUD", 3, 1),
}
_SHARE = re.compile(r"([A-Z0-9]{1,8}(?:-[A-Z]{1,2})?)(?:\.([A-Z]{1,2}))?")
_PAIR = re.compile(r"([A-Z0-9]{2,8})-([A-Z]{3})")
_CURRENCIES = re.compile(r"([A-Z]{3})([A-Z]{3})=X")
_FUTURE = re.compile(r"([A-Z0-9]{1,4})=F")
_INDEX = re.compile(r"\^[A-Z0-9.]{1,12}")
_DEAR = frozenset({"BTC", "ETH", "BNB", "SOL", "BCH", "LTC", "XMR"})
_MONEY = frozenset({"USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD"})
_MORE = 2
"""Prices are kept with so many decimals more than a tick has: sources round averages and old prices less than exchanges do."""


class BadListing(ValueError):
    """A symbol that is not written as one; the message says how."""


class Listing(NamedTuple):
    """One listing. ``kind`` = share, index, future, currency, crypto; ``part`` is the exchange's own unit (100: pence); prices have ``decimals``."""

    symbol: str
    root: str
    suffix: str
    kind: str
    exchange: str
    currency: str
    decimals: int
    part: int = 1

    def exact(self, price: Decimal, hint: int | None = None) -> Decimal:
        """A source's price in the listing's currency. Sources send binary fractions (182.3099975); ``hint`` says how many decimals are meant, no
        fewer than the tick of a contract has."""
        if hint is not None and self.contract is not None:
            hint = max(hint, self.decimals)
        places = self.decimals + _MORE if hint is None else min(hint + (2 if self.part > 1 else 0), self.decimals + _MORE)
        return (price / self.part).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)

    @property
    def contract(self) -> Contract | None:
        """What one contract of a future is; None where it is not known, and of everything else."""
        return CONTRACTS.get(self.root) if self.kind == "future" else None

    @property
    def unit(self) -> str:
        """What a source calls the unit of its prices: the currency, or cents where the exchange quotes those."""
        return (self.contract.unit if self.contract is not None else "") or self.currency

    @property
    def may_be_negative(self) -> bool:
        """Whether a price of zero or less can be true: a future's was, in April 2020."""
        return self.kind == "future"

    def instrument(self, venue: str, label: str = "") -> Instrument:
        """The instrument of the desk: whole shares or contracts, ticks of its decimals; a future's multiplier is 0 where its contract is not known."""
        contract, scale = self.contract, self.decimals + _MORE
        fraction = 6 if self.kind in ("crypto", "currency") else 0
        return Instrument(
            self.symbol + label,
            venue,
            self.symbol,
            self.root if self.kind in ("crypto", "currency") else self.symbol,
            self.currency,
            scale,
            fraction,
            tick=10**_MORE if contract is None else to_units(contract.tick, scale),
            min_size=1,
            exchange=self.exchange,
            multiplier=contract.multiplier if contract is not None else Decimal(self.kind != "future"),
        )


def listing(symbol: str) -> Listing:
    """The listing that a symbol names. Raises BadListing."""
    text = symbol.strip().upper()
    if (found := _PAIR.fullmatch(text)) and found[2] in _MONEY:
        return Listing(text, found[1], "", "crypto", "", found[2], 2 if found[1] in _DEAR else 5)
    if found := _CURRENCIES.fullmatch(text):
        return Listing(text, found[1], "", "currency", "", found[2], 3 if found[2] == "JPY" else 5)
    if found := _FUTURE.fullmatch(text):
        contract = CONTRACTS.get(found[1])
        return Listing(text, found[1], "", "future", "CMES", "USD", 2 if contract is None else contract.decimals)
    if _INDEX.fullmatch(text):
        return Listing(text, text[1:], "", "index", "XNYS", "USD", 2)
    found = _SHARE.fullmatch(text)
    if not found:
        raise BadListing(f"{symbol[:20]!r} is no symbol; write AAPL, BRK-B, SAP.DE, BTC-USD, EURUSD=X, CL=F or ^GSPC")
    suffix = found[2] or ""
    if suffix not in EXCHANGES:
        raise BadListing(f"{symbol[:20]!r}: no exchange is known as .{suffix}; known are {', '.join(f'.{name}' for name in EXCHANGES if name)}")
    exchange, currency, decimals, part = EXCHANGES[suffix]
    return Listing(text, found[1], suffix, "share", exchange, currency, decimals, part)
