"""The same thing at three venues, for tests of the router: books in whole numbers, fees by venue."""

from __future__ import annotations

from decimal import Decimal

from app.model.instrument import Instrument
from app.trading.routing import sending
from app.trading.settings import Fees, PaperSettings
from tests.unit.trading.kit import Rig, fields

D = Decimal
A = Instrument("BTC-USD.A", "a", "BTC-USD", "BTC", "USD", price_scale=2, size_scale=3)
B = Instrument("BTC/USD.B", "b", "BTC/USD", "BTC", "USD", price_scale=1, size_scale=4, lot=10)
C = Instrument("XBTUSD.C", "c", "XBTUSD", "XBT", "USD", price_scale=2, size_scale=3, min_size=100)
THREE = (A, B, C)


def settings(**fees: tuple[str, str]) -> PaperSettings:
    """Paper settings with (maker, taker) basis points by venue; a venue without pays nothing."""
    pairs = {venue: Fees(D(maker), D(taker)) for venue, (maker, taker) in fees.items()}
    return PaperSettings(maker_fee_bps=D(0), taker_fee_bps=D(0), currency="USD", venue_fees=pairs)


class Venues(Rig):
    """A desk with three listings of one thing."""

    def __init__(self, cash: str = "1000000", instruments: tuple[Instrument, ...] = THREE, **fees: tuple[str, str]) -> None:
        self.tickets = 0
        super().__init__(settings(**fees), instruments, cash)

    def rule(self, **found: str) -> None:
        """Rules of the router; a venue's with its name: a="never"."""
        for name, value in found.items():
            self.take(self.engine.routing_rule(f"venue:{name}" if len(name) == 1 else name, value))

    def ticket(self, side: str, qty: str, type: str = "market", price: str | None = None, how: str = "split", **more) -> dict:
        return {**fields(side, type, qty, price, **more), "symbol": more.get("symbol", A.symbol), "route": how}

    def plan(self, side: str, qty: str, type: str = "market", price: str | None = None, how: str = "split", **more):
        """The plan of a ticket."""
        ticket = self.ticket(side, qty, type, price, how, **more)
        return sending.plan(self.engine, {name: value for name, value in ticket.items() if name != "route"}, how)

    def send(self, side: str, qty: str, type: str = "market", price: str | None = None, how: str = "split", **more):
        """Submit a routed ticket; the routed order after everything that happens at once."""
        self.tickets += 1
        token = f"routed-{self.tickets}"
        self.take(self.engine.submit(self.ticket(side, qty, type, price, how, **more), token))
        return self.engine.routed.by_id[self.engine.order_for(token)]


def shares(plan) -> dict[str, str]:
    """Symbol to quantity of a plan's legs."""
    return {leg.symbol: format(leg.qty.normalize(), "f") for leg in plan.legs}


def verdicts(plan) -> dict[str, str]:
    """Symbol to code."""
    return {row.symbol: row.code for row in plan.verdicts}
