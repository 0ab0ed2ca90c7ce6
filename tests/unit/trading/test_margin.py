"""Margin: what leverage lets an account carry, what is free of it, the refusal in numbers, and the margin call."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from decimal import Decimal

import pytest

from app.model.events import BalanceAdjusted
from app.model.orders import OrderStatus
from app.trading.contracts import journalled
from app.trading.errors import Denied
from app.trading.margin import Margins
from app.trading.risk.watch import Watch
from app.trading.settings import PaperSettings
from app.trading.valuation import DayStart, Valuation, equity, valuation
from tests.unit.trading.kit import ACCOUNT, NO_FEES, TOY, Rig, fields
from tests.unit.trading.reckoned import margin_used

D = Decimal
TEN_BPS = PaperSettings(maker_fee_bps=D(10), taker_fee_bps=D(10))


def desk(settings: PaperSettings = NO_FEES, **limits: str) -> Rig:
    """10,000 of cash and a book at 99 and 100, 1,000 deep."""
    rig = Rig(settings, cash="10000")
    rig.book({"99": 1000}, {"100": 1000})
    limit(rig, **limits)
    return rig


def limit(rig: Rig, **limits: str) -> None:
    for name, value in limits.items():
        scope = "instrument:TOY" if name == "toy" else "account"
        rig.take(rig.engine.risk.limit(scope, "leverage" if name == "toy" else name, value, rig.time.now_ns()))


def value(rig: Rig) -> Valuation:
    engine = rig.engine
    args = engine.portfolio, engine.day_open(rig.time.now_ns()), engine.risk.margins.bound, rig.view, engine.currency, DayStart(), rig.time.now_ns()
    return valuation(*args, engine.risk.leverage_of)


def look(rig: Rig, watch: Watch) -> None:
    now = value(rig)
    rig.take(watch.look(rig.engine, now.equity, now.day_pnl, rig.time.now_ns()))


@pytest.mark.parametrize("seed", range(12))
def test_the_free_margin_is_kept_whatever_changes(seed):
    rng = random.Random(seed)
    euro, pair = replace(TOY, symbol="EURO", quote="EUR"), replace(TOY, symbol="EURUSDT", base="EUR")
    rig = Rig(TEN_BPS, (TOY, replace(TOY, symbol="TWO", multiplier=D("2.5")), euro, pair), cash="20000")
    names, symbols = [*rig.instruments], ["TOY", "TWO", "EURO"]

    def quotes(symbol: str) -> None:
        bid = rng.randint(9_000, 11_000) if symbol != "EURUSDT" else rng.randint(100, 140)
        rig.book({D(bid) / 100: rng.randint(1, 50)}, {D(bid + rng.randint(1, 5)) / 100: rng.randint(1, 50)}, symbol)

    def order() -> None:
        price = str(D(rng.randint(8_900, 11_100)) / 100)
        kind = rng.choice(["market", "limit", "limit", "limit_if_touched"])
        stop = {"stop": price} if kind == "limit_if_touched" else {}
        reduce_only = rng.random() < 0.2
        args = rng.choice(["buy", "sell"]), kind, str(rng.randint(1, 30)), None if kind == "market" else price
        rig.submit(*args, symbol=rng.choice(symbols), reduce_only=reduce_only, **stop)

    def change() -> None:
        working = rng.choice([*rig.engine.working.values()] or [None])
        if working is not None:
            rng.choice([lambda: rig.cancel(working), lambda: rig.amend(working, price=str(D(rng.randint(8_900, 11_100)) / 100))])()

    def leverage() -> None:
        limit(rig, **{rng.choice(["leverage", "toy"]): str(rng.randint(1, 5))})

    def transfer() -> None:
        rig.take(rig.engine.book_cash({"kind": "transfer", "amount": str(rng.randint(-50, 500)), "currency": rng.choice(["USDT", "EUR", "XAU"])}))

    def adjust() -> None:
        symbol = rng.choice(symbols)
        item = rig.instruments[symbol]
        priced = (symbol, D(rng.randint(-3, 3)), symbol, D(100), item.quote, "test")
        rig.take([BalanceAdjusted(rig.time.now_ns(), ACCOUNT, *priced, multiplier=journalled(item))])

    def fees() -> None:
        rig.view.settings = PaperSettings(maker_fee_bps=D(1), taker_fee_bps=D(rng.randint(0, 30)))

    def know() -> None:
        rig.view.instruments = dict(rig.view.instruments)

    def asked() -> None:
        for each in rig.engine.submit(fields("buy", "limit", "1", "95", symbol=rng.choice(symbols)), f"asked-{rng.random()}"):
            compare()
            rng.choice([rig.engine.abandon, lambda _cid: None])(each.intent.client_order_id)

    def kill() -> None:
        asked = rig.engine.kill(True)
        compare()
        rig.take(asked)

    def compare() -> Decimal:
        rates = rig.view.rates("USDT")
        bound = margin_used(rig.engine, rates)
        anew = equity(rig.engine.portfolio, rig.view.mark, rates) - bound
        assert abs(rig.engine.risk.margins.free(rates) - anew) <= D("1e-18")
        assert abs(rig.engine.risk.margins.bound(rates) - bound) <= D("1e-18")
        return bound

    doings = [lambda: quotes(rng.choice(names))] * 4 + [order] * 4 + [change, change, leverage, transfer, adjust, fees, know, asked, rig.restart]
    doings += [kill, lambda: rig.take(rig.engine.risk.set_state("desk", "normal", 1))]
    moved = 0
    for _ in range(150):
        with contextlib.suppress(Denied):
            rng.choice(doings)()
        moved += bool(compare())
    assert moved > 20


def test_a_check_reckons_only_what_has_changed(monkeypatch):
    rig = Rig(NO_FEES, tuple(replace(TOY, symbol=f"T{number}") for number in range(30)), cash="1000000")
    for number in range(30):
        rig.book({"99": 1000}, {"100": 1000}, f"T{number}")
        rig.submit("buy", "market", "1", symbol=f"T{number}")
    reckoned, worth, reckon, hold = [], [], Margins._reckon, Margins._hold
    monkeypatch.setattr(Margins, "_reckon", lambda self, symbol, ids: (reckoned.append(symbol), reckon(self, symbol, ids)))
    monkeypatch.setattr(Margins, "_hold", lambda self, symbol, *rest: (worth.append(symbol), hold(self, symbol, *rest)))
    rig.submit("buy", "limit", "1", "98", symbol="T3")
    rig.submit("buy", "limit", "1", "98", symbol="T4")
    rig.book({"99": 2000}, {"100": 2000}, "T7")
    rig.book({"98": 1000}, {"99": 1000}, "T8")
    rig.submit("buy", "limit", "1", "98", symbol="T5")
    assert set(reckoned) == {"T29", "T3", "T4"}
    assert set(worth) == {"T29", "T3", "T4", "T8"}, "other sizes at the same prices change nothing"


def test_a_cash_account_carries_its_equity_and_no_more():
    rig = desk()
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "limit", "100.5", "100")
    assert caught.value.code == "buying_power"
    rig.submit("buy", "limit", "100", "100")
    assert value(rig).margin_free == value(rig).buying_power


def test_leverage_divides_what_is_bound_and_the_refusal_has_the_numbers():
    rig = desk(leverage="4")
    assert value(rig).buying_power == 40_000
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "limit", "401", "100")
    denied = caught.value
    assert denied.code == "risk_margin" and denied.field == "qty" and denied.remedy == "Use at most 400 TOY."
    assert denied.numbers == {"scope": "account", "limit": "10000", "used": "10025", "unit": "money"}
    assert rig.submit("buy", "limit", "400", "100").status is OrderStatus.FILLED
    now = value(rig)  # the middle is 99.5: 200 are lost, 39,800 / 4 are bound
    assert (now.equity, now.margin_used, now.margin_free) == (9_800, 9_950, 0)
    assert rig.engine.portfolio.cash["USDT"] == -30_000


def test_the_fee_is_bound_whole():
    rig = desk(TEN_BPS, leverage="4")
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "limit", "400", "100")
    assert caught.value.numbers["used"] == "10040" and caught.value.remedy == "Use at most 398.406 TOY."
    rig.submit("buy", "limit", "398.406", "100")


def test_working_orders_bind_their_margin():
    rig = desk(leverage="2")
    rig.submit("buy", "limit", "100", "90")
    assert value(rig).margin_used == 4_500 and value(rig).buying_power == 11_000
    with pytest.raises(Denied):
        rig.submit("buy", "limit", "123", "90")


def test_an_instrument_may_have_less_than_the_account_never_more():
    rig = desk(leverage="4", toy="2")
    assert rig.engine.risk.leverage_of("TOY") == 2 and rig.engine.risk.leverage_of("OTHER") == 4
    limit(rig, toy="50")
    assert rig.engine.risk.leverage_of("TOY") == 4


def test_closing_needs_no_margin():
    rig = desk(leverage="4")
    rig.submit("buy", "limit", "400", "100")
    assert rig.submit("sell", "market", "400").status is OrderStatus.FILLED


def test_a_margin_call_makes_the_account_reduce_only_and_lifts_by_itself():
    rig = desk(leverage="4", maintenance="5")
    watch = Watch()
    rig.submit("buy", "limit", "390", "100")
    waiting = rig.submit("buy", "limit", "1", "80")
    look(rig, watch)
    assert "account" not in rig.engine.risk.states and round(rig.engine.risk.used["account", "leverage"], 2) == D("3.96")
    rig.book({"92": 1000}, {"92.10": 1000})
    look(rig, watch)
    state = rig.engine.risk.states["account"]
    assert (state.state, state.rule) == ("reduce_only", "maintenance") and waiting.status is OrderStatus.CANCELLED
    assert state.reason == "margin call: leverage of 5.2 times equity is beyond the limit of 5 times equity"
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "limit", "1", "80")
    assert caught.value.code in ("risk_margin", "risk_reduce_only")
    rig.submit("sell", "market", "300", reduce_only=True)
    look(rig, watch)
    assert "account" not in rig.engine.risk.states


def test_positions_without_equity_are_a_margin_call_whatever_the_limit():
    rig = desk(leverage="10", maintenance="100")
    rig.submit("buy", "limit", "900", "100")
    rig.book({"80": 1000}, {"80.10": 1000})
    look(rig, Watch())
    assert value(rig).equity < 0 and rig.engine.risk.states["account"].rule == "maintenance"


def test_without_the_limit_there_is_no_call_and_removing_it_lifts_one():
    rig = desk(leverage="4", maintenance="3")
    rig.submit("buy", "limit", "390", "100")
    watch = Watch()
    look(rig, watch)
    assert rig.engine.risk.states["account"].rule == "maintenance"
    limit(rig, maintenance="")
    look(rig, watch)
    assert "account" not in rig.engine.risk.states


@pytest.mark.parametrize("value_", ["0", "0.5", "126", "x"])
def test_a_leverage_that_makes_no_sense_is_refused(value_):
    with pytest.raises(Denied) as caught:
        desk(leverage=value_)
    assert caught.value.code == "bad_value" and caught.value.remedy


def test_trading_hours_may_be_the_session_of_the_instrument():
    rig = desk()
    rig.take(rig.engine.risk.limit("instrument:TOY", "hours", "session", 1))
    now = rig.time.now_ns()
    rig.view.session_of = lambda symbol, ns: (now + 10, now + 20)
    with pytest.raises(Denied) as caught:
        rig.submit("buy", "market", "1")
    assert caught.value.code == "risk_hours" and "session of TOY is closed" in caught.value.reason
    rig.view.session_of = lambda symbol, ns: (now - 10, now + 10**15)
    assert rig.submit("buy", "market", "1").status is OrderStatus.FILLED
