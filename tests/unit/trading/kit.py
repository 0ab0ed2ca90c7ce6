"""A small desk for tests: real market state, engine, journal and paper venue on a clock moved by hand."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

from app.market.state import MarketState
from app.model.events import Event, SplitBooked
from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Gap, Quote, Restart, Trade
from app.model.orders import Fill
from app.trading.dated import with_rates
from app.trading.effects import HoldPosition, QueryOrder, SendAmend, SendCancel, SendOrder
from app.trading.engine import Engine
from app.trading.holding import Holder
from app.trading.journal import Entry, decode, encode, number
from app.trading.marks import DeskView
from app.trading.order import Order
from app.trading.paper import PaperVenue
from app.trading.settings import PaperSettings
from app.trading.splits import in_order
from tests.unit.manual import ManualTime

TOY = Instrument("TOY", "test", "TOY", "TOY", "USDT", price_scale=2, size_scale=3)
ACCOUNT = "paper-test"
NO_FEES = PaperSettings(maker_fee_bps=Decimal(0), taker_fee_bps=Decimal(0))


def fields(side: str, type: str, qty: str, price: str | None = None, stop: str | None = None, **more) -> dict:
    """Ticket fields with the usual defaults."""
    ticket = {"symbol": "TOY", "side": side, "type": type, "tif": "gtc", "qty": qty, "price": price, "stop": stop}
    return {**ticket, "post_only": False, "reduce_only": False, **more}


def held_of(engine: Engine, symbol: str = "TOY") -> Decimal:
    """A position reckoned anew: the sum of its fills, each times the splits after it."""
    total = Fraction(0)
    for item in in_order(engine.fills, engine.splits):
        if isinstance(item, SplitBooked):
            total = total * item.new / item.old if item.symbol == symbol else total
        elif item.symbol == symbol:
            total += Fraction(item.qty) * item.side.sign
    found = Decimal(total.numerator) / Decimal(total.denominator)
    assert Fraction(found) == total, "a position without an end"
    return found


class Rig:
    """Everything in one process; ``records`` is the journal as the vault would keep it. Prices and sizes as numbers."""

    def __init__(
        self,
        settings: PaperSettings = NO_FEES,
        instruments: tuple[Instrument, ...] = (TOY,),
        cash: str = "100000",
        account: str = ACCOUNT,
        beside: Rig | None = None,
    ) -> None:
        """``beside``: another account of the same desk, whose clock and market this one has."""
        self.time = ManualTime() if beside is None else beside.time
        self.account = account
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.settings = settings
        self.records: list[bytes] = []
        self.effects: list = []
        self._tokens = 0
        self._trades = 0
        self._depth = 0
        self.market = MarketState(instruments) if beside is None else beside.market
        self.view = DeskView(self.instruments, self.market, self.time.now_ns, settings)
        self.venue = self._venue()
        self.holder = Holder(self.time, self.take, lambda decide: self.take(decide()))
        self.market.on_events(self.on_market)
        self.engine = Engine(account, self.time, self.view)
        self.holder.open(self.engine)
        self.take(self.engine.open_account("USDT", Decimal(cash)))

    def _venue(self) -> PaperVenue:
        return PaperVenue(self.instruments, self.market, self.time, self.time, random.Random(7), self.settings, self.take)

    def take(self, events: list[Event]) -> None:
        """Journal, apply, carry out."""
        self._depth += 1
        self._take(events)
        self._depth -= 1
        if not self._depth:
            self.follow()

    def follow(self) -> None:
        """What held and linked orders are due."""
        while due := self.engine.followups():
            self.take(due)

    def on_market(self, batch: list) -> None:
        self.venue.on_market(batch)
        self.holder.on_market(batch)

    def _take(self, events: list[Event]) -> None:
        if not events:
            return
        entries = number(with_rates(self.engine, events), self.engine.last_seq + 1)
        self.records.append(encode(entries))
        effects = []
        for entry in entries:
            self.check(entry.event)
            effects += self.engine.apply_entry(entry)
        for effect in effects:
            self.effects.append(effect)
            match effect:
                case SendOrder(intent):
                    self.venue.submit(intent)
                case SendCancel(cid):
                    self.venue.cancel(cid)
                case SendAmend(cid, qty, price, stop, trail):
                    self.venue.amend(cid, qty, price, stop, trail)
                case QueryOrder(cid):
                    self.venue.query(cid)
                case HoldPosition(symbol, qty):
                    self.venue.hold(symbol, qty)

    def check(self, event: Event) -> None:
        """Called with every event before it is applied."""

    def entries(self) -> list[Entry]:
        """The journal read back."""
        return [entry for record in self.records for entry in decode(record)]

    def restart(self) -> None:
        """A crash: memory is gone, the journal stays. The market goes on."""
        self.venue.close()
        self.engine = Engine.replay(self.account, self.time, self.entries(), self.view)
        self.venue = self._venue()
        held = {symbol: position.qty for symbol, position in self.engine.portfolio.positions.items()}
        self.venue.adopt(list(self.engine.working.values()), held)
        self.take(self.engine.recover(self.time.now_ns()))
        self.holder.open(self.engine)

    def submit(self, side: str, type: str, qty: str, price: str | None = None, stop: str | None = None, **more) -> Order:
        """Submit a ticket; the order after everything that happens at once."""
        self._tokens += 1
        token = f"token-{self._tokens}"
        self.take(self.engine.submit(fields(side, type, qty, price, stop, **more), token))
        return self.engine.orders[self.engine.order_for(token)]

    def cancel(self, order: Order) -> None:
        self.take(self.engine.cancel(order.client_order_id))

    def amend(self, order: Order, qty: str | None = None, price: str | None = None, stop: str | None = None, trail: str | None = None) -> None:
        self.take(self.engine.amend(order.client_order_id, qty, price, stop, trail))

    def units(self, levels: dict, symbol: str = "TOY") -> tuple:
        """{price: size} as units."""
        instrument = self.instruments[symbol]
        return tuple(
            (instrument.price_units(Decimal(str(price))), instrument.size_units(Decimal(str(size)))) for price, size in levels.items()
        )

    def book(self, bids: dict, asks: dict, symbol: str = "TOY") -> None:
        """A fresh snapshot."""
        now = self.time.now_ns()
        self.market.apply([BookSnapshot(symbol, now, now, self.units(bids, symbol), self.units(asks, symbol))])

    def delta(self, bids: dict | None = None, asks: dict | None = None, ts: int | None = None, symbol: str = "TOY") -> None:
        """Displayed sizes change."""
        now = self.time.now_ns()
        ts = now if ts is None else ts
        self.market.apply([BookDelta(symbol, ts, now, self.units(bids or {}, symbol), self.units(asks or {}, symbol))])

    def trade_event(self, price, size, aggressor: str, ts: int | None = None, trade_id: str | None = None, symbol: str = "TOY") -> Trade:
        """A trade; ``aggressor`` is buy or sell."""
        self._trades += 1
        now = self.time.now_ns()
        ((price_units, size_units),) = self.units({price: size}, symbol)
        number = str(self._trades) if trade_id is None else trade_id
        return Trade(symbol, now if ts is None else ts, now, price_units, size_units, aggressor == "sell", number)

    def trade(self, price, size, aggressor: str, **more) -> None:
        self.market.apply([self.trade_event(price, size, aggressor, **more)])

    def quote(self, bid, ask, symbol: str = "TOY") -> None:
        """The venue's own top of book."""
        now = self.time.now_ns()
        ((bid_units, _), (ask_units, _)) = self.units({bid: 1, ask: 1}, symbol)
        self.market.apply([Quote(symbol, now, now, bid_units, 1000, ask_units, 1000)])

    def gap(self, symbol: str = "TOY") -> None:
        self.market.apply([Gap(symbol, self.time.now_ns(), "test gap")])

    def new_stream(self, symbol: str = "TOY") -> None:
        """The replay starts over."""
        self.market.apply([Restart(symbol, self.time.now_ns(), "loop")])

    def fills(self, order: Order) -> list[tuple[str, str, str]]:
        """(qty, price, liquidity) of an order's fills."""
        found = [fill for fill in self.engine.fills if fill.client_order_id == order.client_order_id]
        return [(_text(fill.qty), _text(fill.price), fill.liquidity.value) for fill in found]

    def position(self, symbol: str = "TOY") -> Decimal:
        return self.engine.portfolio.qty(symbol)

    def last_fill(self) -> Fill:
        return self.engine.fills[-1]


def _text(value: Decimal) -> str:
    return format(value.normalize(), "f")
