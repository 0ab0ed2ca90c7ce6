"""Cash that no fill moves: booked exactly, in the ledger, in the day's P&L or not, refused with a reason."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.model.events import from_json, to_json
from app.model.instrument import Instrument
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied
from app.trading.money import plain
from app.trading.statement import as_csv, ledger, table
from app.trading.valuation import DayStart, valuation
from tests.unit.trading.kit import ACCOUNT, Rig, fields

D = Decimal


def book(rig: Rig, kind: str, amount: str, currency: str = "USDT", **more: str) -> None:
    rig.take(rig.engine.book_cash({"kind": kind, "amount": amount, "currency": currency, **more}))


def value(rig: Rig):
    engine, now = rig.engine, rig.time.now_ns()
    return valuation(engine.portfolio, engine.day_open(now), engine.risk.margins.bound, rig.view, engine.currency, DayStart(), now)


def test_income_counts_in_the_day_and_a_transfer_does_not():
    rig = Rig(cash="1000")
    book(rig, "dividend", "12.5", symbol="TOY")
    book(rig, "financing", "-2.25")
    book(rig, "transfer", "500")
    now = value(rig)
    assert (now.equity, now.day_pnl, now.income) == (D("1510.25"), D("10.25"), D("10.25"))
    book(rig, "transfer", "-1510.25")
    assert value(rig).equity == 0 and value(rig).day_pnl == D("10.25")


def test_the_ledger_has_every_entry_in_its_place_and_ends_with_the_cash():
    rig = Rig(cash="1000")
    rig.book({"99": 5}, {"100": 5})
    book(rig, "interest", "1")
    rig.submit("buy", "market", "2")
    book(rig, "fee", "-0.5", note="=1+1")
    rig.submit("sell", "market", "1")
    book(rig, "dividend", "3", "EUR")
    rows = [*ledger(rig.engine.opening, rig.engine.fills, rig.engine.bookings)]
    assert [row.kind for row in rows] == ["deposit", "interest", "buy", "fee", "sell", "dividend"]
    assert {row.currency: row.balance for row in rows} == rig.engine.portfolio.cash == {"USDT": D("899.5"), "EUR": D(3)}
    text = as_csv(table("ledger", rig.engine.opening, rig.engine.fills, 0, 2**63, bookings=rig.engine.bookings))
    assert "'=1+1" in text, "a note is no formula"


def test_a_replay_is_the_same_and_an_event_survives_its_text():
    rig = Rig()
    book(rig, "dividend", "12.50", symbol="TOY", note="Q3")
    cold = Engine.replay(ACCOUNT, rig.time, rig.entries(), rig.view)
    assert state_hash(cold) == state_hash(rig.engine)
    (_, event) = rig.engine.bookings[0]
    assert from_json(to_json(event)) == event and event.amount == D("12.50") and event.note == "Q3"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "gift"}, "kind"),
        ({"amount": "x"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": None}, "amount"),
        ({"amount": "1e9"}, "amount"),
        ({"amount": "1,5"}, "amount"),
        ({"amount": "1,00"}, "amount"),
        ({"amount": "10000000000000"}, "amount"),
        ({"currency": "U$"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"symbol": "NOPE"}, "symbol"),
        ({"note": "x" * 101}, "note"),
        ({"kind": "transfer", "amount": "-100000.01"}, "amount"),
        ({"kind": "transfer", "amount": "-1", "currency": "EUR"}, "amount"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(fields, field):
    rig = Rig()
    with pytest.raises(Denied) as caught:
        rig.engine.book_cash({"kind": "dividend", "amount": "1", "currency": "USDT", **fields})
    assert caught.value.field == field and caught.value.remedy
    assert not rig.engine.bookings


def test_what_positions_and_orders_bind_cannot_be_taken_out():
    rig = Rig(cash="1000")
    rig.book({"99.5": 50}, {"100.5": 50})
    rig.take(rig.engine.risk.limit("account", "leverage", "2", 1))
    rig.submit("sell", "market", "8")
    assert rig.engine.portfolio.cash == {"USDT": 1796}, "the ledger has what the sale brought"
    rig.submit("buy", "limit", "9", "50")
    with pytest.raises(Denied) as caught:
        book(rig, "transfer", "-571.01")
    assert caught.value.field == "amount" and "571 of the equity free" in caught.value.reason and "Use at most 571," in caught.value.remedy
    book(rig, "transfer", "-571")
    assert value(rig).equity == 425
    book(rig, "transfer", "25", "XAU")
    book(rig, "transfer", "-25", "XAU")
    assert rig.engine.portfolio.cash["XAU"] == 0, "what cannot be converted counts in no margin"


def test_cash_of_another_account_is_not_taken():
    rig = Rig()
    (event,) = rig.engine.book_cash({"kind": "dividend", "amount": "1", "currency": "USDT"})
    other = Engine("other", rig.time, rig.view)
    other.apply(event)
    assert other.anomalies[0].code == "foreign_account" and not other.portfolio.cash


def test_a_roll_takes_the_jump_of_the_price_out_again():
    es = Instrument("ES=F", "test", "ES=F", "ES=F", "USDT", price_scale=2, size_scale=0, tick=25, multiplier=D(50))
    rig = Rig(instruments=(es,), cash="10000000")
    for prices, sign in ((("5100.00", "5150.00"), 1), (("5150.00", "5120.50"), -1)):
        old, new = prices
        rig.book({"5000.00": 9}, {"5000.25": 9}, "ES=F")
        side = "buy" if sign > 0 else "sell"
        rig.take(rig.engine.submit(fields(side, "market", "2", symbol="ES=F", tif="ioc"), f"open {sign}"))
        held = rig.engine.portfolio.qty("ES=F")
        assert abs(held) == 2
        rig.book({old: 9}, {str(D(old) + D("0.50")): 9}, "ES=F")
        before = value(rig).equity
        rig.book({new: 9}, {str(D(new) + D("0.50")): 9}, "ES=F")
        assert value(rig).equity - before == (D(new) - D(old)) * held * 50, "the jump"
        rig.take(rig.engine.book_cash({"kind": "roll", "symbol": "ES=F", "old": old, "new": new, "note": "December to March"}))
        assert value(rig).equity == before, "is neither profit nor loss"
        _count, event = rig.engine.bookings[-1]
        assert (event.what, event.currency, event.symbol) == ("roll", "USDT", "ES=F")
        assert event.note == f"{plain(held)} at {plain(D(old))} of the old month, at {plain(D(new))} of the new one; December to March"
        assert from_json(to_json(event)) == event
        rig.take(rig.engine.submit(fields("sell" if sign > 0 else "buy", "market", "2", symbol="ES=F", tif="ioc"), f"close {sign}"))
        assert rig.engine.portfolio.qty("ES=F") == 0
    assert state_hash(Engine.replay(ACCOUNT, rig.time, rig.entries(), rig.view)) == state_hash(rig.engine)


@pytest.mark.parametrize(
    ("given", "field"),
    [({"symbol": "ES=F", "old": "1", "new": "2"}, "symbol"), ({"old": "x", "new": "2"}, "old"), ({"old": "1"}, "new"), ({"old": "2", "new": "2.0"}, "new")],
)
def test_a_roll_that_cannot_be_booked_names_what_is_wrong(given, field):
    rig = Rig(cash="1000")
    rig.book({"99": 5}, {"100": 5})
    rig.submit("buy", "market", "1")
    with pytest.raises(Denied) as denied:
        rig.engine.book_cash({"kind": "roll", "symbol": "TOY", **given})
    assert denied.value.field == field and denied.value.remedy
