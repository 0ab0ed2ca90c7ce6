"""Paper trading over the shipped recordings of real markets: seeded orders, crashes, and books that stay right."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from app.model.events import Event, OrderFilled
from app.model.market import Rejected
from app.model.orders import Liquidity, OrderStatus, Side
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.settings import PaperSettings
from app.trading.valuation import DayStart, valuation
from tests.unit.trading.kit import ACCOUNT, Rig
from tests.unit.venues import recorded

EVENTS = 12_000


class RecordedRig(Rig):
    """Every fill is checked against the book of its moment."""

    def __init__(self, instruments: tuple, start_ns: int) -> None:
        super().__init__(PaperSettings(), instruments)
        self.time.clock.set_wall(start_ns)

    def check(self, event: Event) -> None:
        if not isinstance(event, OrderFilled):
            return
        fill = event.fill
        instrument, book = self.instruments[fill.symbol], self.market.book(fill.symbol)
        assert book.is_trusted
        if fill.liquidity is Liquidity.TAKER:
            shown = book.size_at(Side.SELL if fill.side is Side.BUY else Side.BUY, instrument.price_units(fill.price))
            assert instrument.size_units(fill.qty) <= shown
        else:
            assert fill.price == self.engine.orders[fill.client_order_id].price


def order_for(rig: RecordedRig, rng: random.Random) -> None:
    instrument = rng.choice(list(rig.instruments.values()))
    quote = rig.market.quote(instrument.symbol)
    if quote is None or not quote.bid or not quote.ask:
        return
    side = rng.choice(["buy", "sell"])
    kind = rng.choice(["market", "limit", "limit", "limit"])
    near = quote.bid if side == "buy" else quote.ask
    price = near + rng.randint(-2, 2) * instrument.tick
    worth = max(instrument.price(price), instrument.tick_size)
    notional = Decimal(rng.randint(6, 60)) / (1000 if instrument.quote in ("BTC", "XBT", "ETH") else 1)
    lots = max(int(notional / worth / instrument.lot_size), instrument.min_size // instrument.lot, 1)
    qty = format(lots * instrument.lot_size, "f")
    limit = format(instrument.price(price), "f") if kind == "limit" else None
    try:
        rig.submit(side, kind, qty, limit, symbol=instrument.symbol, tif=rng.choice(["gtc", "gtc", "day", "ioc"]))
    except Denied as denied:
        assert denied.code in {"no_conversion", "below_min_size", "below_min_notional", "absurd_price"}


@pytest.mark.parametrize("name", sorted(recorded.sessions()))
def test_paper_trading_over_a_recording(name):
    rng = random.Random(5)
    info = recorded.sessions()[name]
    stream = [event for event in recorded.events(name)[:EVENTS] if not isinstance(event, Rejected)]
    rig = RecordedRig(info.instruments, stream[0].recv)
    step = max(len(stream) // 250, 1)
    for number, event in enumerate(stream):
        rig.time.advance(max(event.recv - rig.time.now_ns(), 0) / 1e9)
        rig.market.apply([event])
        if number % step == step - 1:
            order_for(rig, rng)
        if number == len(stream) // 2:
            rig.restart()
    engine = rig.engine
    assert engine.anomalies == [] and len(engine.fills) > 10
    assert all(order.status not in (OrderStatus.PENDING, OrderStatus.UNKNOWN) for order in engine.orders.values())
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries())) == state_hash(engine)
    now = rig.time.now_ns()
    value = valuation(engine.portfolio, engine.day_open(now), engine.risk.margins.bound, rig.view, "USDT", DayStart(), now)
    assert value.equity > 0 and value.unmarked == ()
