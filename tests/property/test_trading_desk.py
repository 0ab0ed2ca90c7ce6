"""A desk under arbitrary markets, orders and crashes: what must hold after every step, whatever happens."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.model.events import Event, OrderFilled
from app.model.market import BookDelta
from app.model.orders import Liquidity, OrderType, Side, TimeInForce
from app.trading import splits
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.matching import opposite
from app.trading.settings import PaperSettings
from app.trading.valuation import equity
from tests.unit.trading.kit import ACCOUNT, TOY, Rig, fields, held_of
from tests.unit.trading.reckoned import margin_used
from tests.unit.trading.snapshots import through_snapshot

PRICES = st.integers(9_990, 10_010)
SIZES = st.integers(0, 9_000)
FEES = PaperSettings(maker_fee_bps=Decimal("1.7"), taker_fee_bps=Decimal("4.3"))


def text(units: int, scale: int) -> str:
    return format(Decimal(units).scaleb(-scale), "f")


class WatchedRig(Rig):
    """Checks every event against the book of the moment it is reported in."""

    def __init__(self, settings: PaperSettings, multiplier: str = "1") -> None:
        self.taken: dict[tuple[Side, int], tuple[int, int]] = {}
        super().__init__(settings, (replace(TOY, multiplier=Decimal(multiplier)),))

    def check(self, event: Event) -> None:
        if not isinstance(event, OrderFilled):
            return
        fill = event.fill
        order = self.engine.orders[fill.client_order_id]
        book = self.market.book("TOY")
        assert book.is_trusted
        price, size = TOY.price_units(fill.price), TOY.size_units(fill.qty)
        assert size > 0 and fill.qty <= order.remaining
        if fill.liquidity is Liquidity.MAKER:
            assert fill.price == order.price and order.intent.tif in (TimeInForce.GTC, TimeInForce.DAY)
        else:
            side = opposite(fill.side)
            best = book.best_ask() if side is Side.SELL else book.best_bid()
            assert best is not None and (price - best[0]) * fill.side.sign >= 0
            assert order.price is None or (order.price - fill.price) * fill.side.sign >= 0
            displayed = book.size_at(side, price)
            before, used = self.taken.get((side, price), (displayed, 0))
            used = used + size if before == displayed else size
            assert used <= displayed
            self.taken[side, price] = (displayed, used)
            assert not order.intent.post_only
        if order.intent.reduce_only:
            held = self.engine.portfolio.qty("TOY")
            assert held * fill.side.sign < 0 and abs(held) >= fill.qty


class Desk(RuleBasedStateMachine):
    @initialize(latency=st.sampled_from(["0", "30"]), multiplier=st.sampled_from(["1", "1", "50", "0.1"]))
    def start(self, latency, multiplier):
        self.rig = WatchedRig(FEES.changed({"latency_ms": latency, "jitter_ms": "0" if latency == "0" else "20"}), multiplier)
        self.tokens = 0
        self.snapshot()

    def snapshot(self):
        self.rig.taken.clear()
        bids = {text(9_999 - step, 2): 2 + step for step in range(5)}
        asks = {text(10_001 + step, 2): 3 + step for step in range(5)}
        self.rig.book(bids, asks)

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        kind=st.sampled_from([kind.value for kind in OrderType]),
        tif=st.sampled_from([tif.value for tif in TimeInForce]),
        qty=st.integers(1, 9_000),
        price=PRICES,
        stop=PRICES,
        post_only=st.booleans(),
        reduce_only=st.booleans(),
    )
    def submit(self, side, kind, tif, qty, price, stop, post_only, reduce_only):
        self.tokens += 1
        order_type = OrderType(kind)
        ticket = fields(
            side,
            kind,
            text(qty, 3),
            text(price, 2) if order_type.has_limit else None,
            text(stop, 2) if order_type.has_stop else None,
            tif=tif,
            post_only=post_only and kind == "limit",
            reduce_only=reduce_only,
        )
        try:
            self.rig.take(self.rig.engine.submit(ticket, str(self.tokens)))
        except Denied as denied:
            assert denied.reason and denied.remedy

    @rule(side=st.sampled_from(["bids", "asks"]), price=PRICES, size=SIZES)
    def level(self, side, price, size):
        # Ignored by the book when it has a gap; a crossing level makes it crossed.
        levels = ((price, size),)
        now = self.rig.time.now_ns()
        self.rig.market.apply([BookDelta("TOY", now, now, levels if side == "bids" else (), levels if side == "asks" else ())])

    @rule(price=PRICES, size=st.integers(1, 20), aggressor=st.sampled_from(["buy", "sell"]))
    def trade(self, price, size, aggressor):
        self.rig.trade(text(price, 2), size, aggressor)

    @rule()
    def gap(self):
        self.rig.gap()

    @rule()
    def fresh_snapshot(self):
        self.snapshot()

    @rule()
    def new_stream(self):
        self.rig.new_stream()
        self.snapshot()

    @rule(seconds=st.sampled_from([0.01, 0.04, 5, 11, 40_000]))
    def wait(self, seconds):
        self.rig.time.advance(seconds)

    @precondition(lambda self: self.rig.engine.working)
    @rule(data=st.data())
    def cancel(self, data):
        cid = data.draw(st.sampled_from(sorted(self.rig.engine.working)))
        self.rig.take(self.rig.engine.cancel(cid))

    @precondition(lambda self: self.rig.engine.working)
    @rule(data=st.data(), qty=st.integers(1, 9_000), price=PRICES)
    def amend(self, data, qty, price):
        cid = data.draw(st.sampled_from(sorted(self.rig.engine.working)))
        order = self.rig.engine.orders[cid]
        try:
            new_price = text(price, 2) if order.price is not None else None
            self.rig.take(self.rig.engine.amend(cid, qty=text(qty, 3), price=new_price))
        except Denied as denied:
            assert denied.remedy

    @rule(ratio=st.sampled_from([(2, 1), (1, 2), (3, 1), (1, 3), (3, 2)]))
    def split(self, ratio):
        rig, (new, old) = self.rig, ratio
        asked = {"symbol": "TOY", "new": str(new), "old": str(old), "note": ""}
        try:
            reason = splits.reason_of(splits.read(rig.engine, asked))
            rig.take(rig.engine.cancel_where(lambda order: order.symbol == "TOY", reason))
            rig.time.advance(1)
            rig.take(rig.engine.book_split(asked))
        except Denied as denied:
            assert denied.remedy and denied.code in {"no_position", "split_fraction", "orders_working"}

    @rule()
    def crash(self):
        self.rig.taken.clear()
        self.rig.restart()

    @invariant()
    def cash_is_conserved(self):
        expected = Decimal(100_000)
        for fill in self.rig.engine.fills:
            expected -= fill.qty * fill.price * self.rig.instruments["TOY"].multiplier * fill.side.sign + fill.fee
        portfolio = self.rig.engine.portfolio
        assert portfolio.cash == {"USDT": expected}
        for position in portfolio.positions.values():
            assert expected == 100_000 + position.realised - position.cost - portfolio.fees.get("USDT", 0)

    @invariant()
    def position_is_the_sum_of_fills_times_the_splits_after_them(self):
        fills = self.rig.engine.fills
        assert self.rig.position() == held_of(self.rig.engine)
        assert self.rig.position() == TOY.size(self.rig.venue._account.positions.get("TOY", 0)), "reduce-only orders reduce what is held"
        assert len({fill.fill_id for fill in fills}) == len(fills)
        for cid, order in self.rig.engine.orders.items():
            assert order.filled == sum(fill.qty for fill in fills if fill.client_order_id == cid) <= order.qty

    @invariant()
    def immediate_orders_do_not_rest(self):
        for order in self.rig.engine.orders.values():
            intent = order.intent
            if order.accepted_ns is None:
                continue
            if intent.tif in (TimeInForce.IOC, TimeInForce.FOK) or intent.type is OrderType.MARKET:
                assert not order.is_working
            if intent.tif is TimeInForce.FOK:
                assert order.filled in (0, order.qty)

    @invariant()
    def the_margin_kept_is_the_margin_reckoned_anew(self):
        engine = self.rig.engine
        rates = engine.view.rates(engine.currency)
        bound = margin_used(engine, rates)
        anew = equity(engine.portfolio, engine.view.mark, rates) - bound
        assert abs(engine.risk.margins.free(rates) - anew) <= Decimal("1e-18")
        assert abs(engine.risk.margins.bound(rates) - bound) <= Decimal("1e-18")

    @invariant()
    def nothing_is_an_anomaly(self):
        assert self.rig.engine.anomalies == []

    def teardown(self):
        if not hasattr(self, "rig"):
            return
        entries = self.rig.entries()
        live = state_hash(self.rig.engine)
        assert state_hash(Engine.replay(ACCOUNT, self.rig.time, entries)) == live
        assert state_hash(Engine.replay(ACCOUNT, self.rig.time, [*entries, *entries[::2]])) == live
        assert state_hash(through_snapshot(ACCOUNT, self.rig.time, entries, len(entries) // 3, len(entries) * 2 // 3)) == live


Desk.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
TestDesk = Desk.TestCase
