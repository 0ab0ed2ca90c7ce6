"""What amounts in other currencies were worth at their time: noted when known, told by every statement, never guessed."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.model.events import AccountOpened, CashBooked, OrderFilled, RateKnown, SplitBooked
from app.model.instrument import Instrument
from app.model.orders import Fill, Liquidity, Side
from app.trading.canonical import state_hash
from app.trading.dated import LATE_NS, Dated, with_rates
from app.trading.engine import Engine
from app.trading.inspection import main
from app.trading.journal import encode
from app.trading.statement import STATEMENTS, as_csv, table
from tests.unit.trading.kit import ACCOUNT, TOY, Rig

D = Decimal
SAP = replace(TOY, symbol="SAP/EUR", base="SAP", quote="EUR")
EURO = Instrument("EUR/USDT", "test", "EUR/USDT", "EUR", "USDT", price_scale=4, size_scale=3)


def euro_rig() -> Rig:
    """An account in USDT that trades a share in EUR."""
    rig = Rig(instruments=(SAP, EURO))
    rate(rig, "1.0999", "1.1001")
    return rig


def rate(rig: Rig, bid: str, ask: str) -> None:
    rig.book({bid: 500}, {ask: 500}, "EUR/USDT")


def price(rig: Rig, bid: str, ask: str) -> None:
    rig.book({bid: 500}, {ask: 500}, "SAP/EUR")


def rates(rig: Rig) -> list[RateKnown]:
    return [entry.event for entry in rig.entries() if isinstance(entry.event, RateKnown)]


def dated(rig: Rig) -> Dated:
    return Dated(rig.engine.currency, ACCOUNT, (entry.event for entry in rig.entries()))


def rows(rig: Rig, what: str, known: Dated | None = None) -> list[dict[str, str]]:
    engine = rig.engine
    made = table(what, engine.opening, engine.fills, 0, 2**63, engine.notes, engine.bookings, engine.splits, known or dated(rig))
    return list(csv.DictReader(io.StringIO(as_csv(made))))


def test_every_amount_has_its_worth_by_hand():
    rig = euro_rig()
    price(rig, "99.90", "100")
    rig.submit("buy", "market", "10", symbol="SAP/EUR")  # 1000 EUR at 1.10: 1100 USDT
    rate(rig, "1.1999", "1.2001")
    price(rig, "109.90", "110")
    rig.submit("buy", "market", "10", symbol="SAP/EUR")  # 1100 EUR at 1.20: 1320 USDT
    rate(rig, "0.9999", "1.0001")
    rig.take(rig.engine.book_cash({"kind": "dividend", "amount": "50", "currency": "EUR", "symbol": "SAP/EUR"}))
    price(rig, "120", "120.10")
    rig.submit("sell", "market", "15", symbol="SAP/EUR")  # 1800 EUR at 1.00
    assert [(row["account_currency"], row["rate"], row["account_notional"], row["account_fee"]) for row in rows(rig, "fills")] == [
        ("USDT", "1.1", "1100", "0"),
        ("USDT", "1.2", "1320", "0"),
        ("USDT", "1", "1800", "0"),
    ]
    first, second = rows(rig, "lots")
    assert (first["realised"], first["open_rate"], first["close_rate"]) == ("200", "1.1", "1")
    assert (first["account_cost"], first["account_proceeds"], first["account_realised"], first["account_net"]) == ("1100", "1200", "100", "100")
    assert (second["realised"], second["account_cost"], second["account_proceeds"], second["account_realised"]) == ("50", "660", "600", "-60")
    (left,) = rows(rig, "open")
    assert (left["cost"], left["rate"], left["account_cost"]) == ("550", "1.2", "660")
    assert [(row["kind"], row["amount"], row["rate"], row["account_amount"]) for row in rows(rig, "ledger")] == [
        ("deposit", "100000", "1", "100000"),
        ("buy", "-1000", "1.1", "-1100"),
        ("buy", "-1100", "1.2", "-1320"),
        ("dividend", "50", "1", "50"),
        ("sell", "1800", "1", "1800"),
    ]
    known = dated(rig)
    rows(rig, "ledger", known)
    assert known.said() == ""


def test_a_short_lot_brings_at_the_rate_of_its_opening_and_costs_at_that_of_its_end():
    opened = Fill("f1", "o1", "SAP/EUR", Side.SELL, D(2), D(100), D(2), "EUR", Liquidity.TAKER, 1)
    closed = Fill("f2", "o2", "SAP/EUR", Side.BUY, D(2), D(90), D(1), "EUR", Liquidity.TAKER, 2)
    known = Dated("USDT", "a", [_rate("fill:f1", "EUR", "1.5"), _rate("fill:f2", "EUR", "1.25")])
    head, row = table("lots", AccountOpened(0, "a", "USDT", D(0)), [opened, closed], 0, 9, dated=known)
    found = dict(zip(head, row, strict=True))
    assert (found["side"], found["realised"]) == ("short", "20")
    # brought 200 x 1.5, cost 180 x 1.25; fees 2 x 1.5 and 1 x 1.25
    assert [found[f"account_{name}"] for name in ("proceeds", "cost", "realised", "fees", "net")] == ["300", "225", "75", "4.25", "70.75"]


def test_a_lot_keeps_its_worth_through_a_split():
    rig = euro_rig()
    price(rig, "89.90", "90")
    rig.submit("buy", "market", "10", symbol="SAP/EUR")
    rig.take([SplitBooked(rig.time.now_ns(), ACCOUNT, "SAP/EUR", 3, 1, "")])
    price(rig, "40", "40.10")
    rig.submit("sell", "market", "30", symbol="SAP/EUR")
    (lot,) = rows(rig, "lots")
    assert (lot["quantity"], lot["open_price"], lot["account_cost"], lot["account_proceeds"], lot["account_realised"]) == ("30", "30", "990", "1320", "330")


def test_what_is_not_known_stays_empty_and_is_counted():
    rig = Rig(instruments=(SAP, EURO))
    price(rig, "99.90", "100")
    engine = rig.engine
    fill = Fill("f1", "o1", "SAP/EUR", Side.BUY, D(1), D(100), D("0.1"), "EUR", Liquidity.TAKER, rig.time.now_ns())
    assert with_rates(engine, [OrderFilled(fill.ts, fill)]) == [OrderFilled(fill.ts, fill)], "no quote of EUR was ever seen"
    rate(rig, "1.0999", "1.1001")
    assert [type(event).__name__ for event in with_rates(engine, [OrderFilled(fill.ts, fill)])] == ["OrderFilled", "RateKnown"]
    assert rig.view.rates("USDT").rate("EUR") is not None
    rig.new_stream("EUR/USDT")
    assert rig.view.rates("USDT").rate("EUR") is not None, "the valuation carries a rate on"
    assert len(with_rates(engine, [OrderFilled(fill.ts, fill)])) == 1, "a statement does not"
    rig.take([OrderFilled(fill.ts, fill)])
    rate(rig, "1.1999", "1.2001")
    known = dated(rig)
    (row,) = rows(rig, "fills", known)
    assert (row["rate"], row["account_notional"], row["account_fee"], row["notional"]) == ("", "", "", "100")
    assert known.said() == "1 row has no rate of its time: amounts in USDT are left empty there, not guessed."
    rows(rig, "ledger", known)
    assert known.said().startswith("3 rows have")
    assert [row["account_amount"] for row in rows(rig, "ledger")] == ["100000", "", ""], "a later rate fills nothing in"


def test_a_stale_quote_a_late_fill_and_a_fill_known_before_make_no_rate():
    rig = euro_rig()
    now = rig.time.now_ns()

    def noted(ts: int, number: str = "f1") -> int:
        fill = Fill(number, "o1", "SAP/EUR", Side.BUY, D(1), D(100), D(0), "EUR", Liquidity.TAKER, ts)
        return len(with_rates(rig.engine, [OrderFilled(now, fill), OrderFilled(now, fill)])) - 2

    assert noted(now) == 1, "once, though it came twice"
    assert noted(now - LATE_NS) == 1 and noted(now - LATE_NS - 1) == 0, "the rate of then is not that of now"
    price(rig, "99.90", "100")
    order = rig.submit("buy", "market", "1", symbol="SAP/EUR")
    assert noted(now, rig.last_fill().fill_id) == 0 and order.filled == 1
    rig.time.advance(3_600)
    assert noted(rig.time.now_ns(), "f9") == 0, "the quote is an hour old"


def test_a_fee_in_a_third_currency_has_a_rate_of_its_own():
    coin = Instrument("BNB/EUR", "test", "BNB/EUR", "BNB", "EUR", price_scale=2, size_scale=3)
    rig = Rig(instruments=(SAP, EURO, coin))
    rate(rig, "1.0999", "1.1001")
    rig.book({"499.50": 1}, {"500.50": 1}, "BNB/EUR")
    fill = Fill("f1", "o1", "SAP/EUR", Side.BUY, D(2), D(100), D("0.01"), "BNB", Liquidity.TAKER, rig.time.now_ns(), "EUR")
    rig.take([OrderFilled(fill.ts, fill)])
    assert [(item.about, item.currency, item.into, item.rate, item.via, item.assumed) for item in rates(rig)] == [
        ("fill:f1", "EUR", "USDT", D("1.1"), "EUR/USDT", False),
        ("fill:f1", "BNB", "USDT", D(550), "BNB/EUR EUR/USDT", False),
    ]
    (row,) = rows(rig, "fills")
    assert (row["account_notional"], row["account_fee"]) == ("220", "5.5")


def test_an_assumed_rate_says_so():
    rig = Rig(instruments=(replace(TOY, quote="USD"),))
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.submit("buy", "market", "1")
    (known,) = rates(rig)
    assert (known.currency, known.rate, known.via, known.assumed) == ("USD", D(1), "", True)


def test_the_own_currency_needs_no_rate_and_a_replay_is_the_same(tmp_path, capsys):
    rig = Rig()
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.submit("buy", "market", "2")
    assert rates(rig) == []
    rig = euro_rig()
    price(rig, "99.90", "100.10")
    rig.submit("buy", "market", "2", symbol="SAP/EUR")
    rig.submit("sell", "market", "1", symbol="SAP/EUR")
    assert len(rates(rig)) == 2
    blind = Engine.replay(ACCOUNT, rig.time, rig.entries())
    assert state_hash(blind) == state_hash(rig.engine), "without any market"
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\n".join(rig.records) + b"\n")
    for what in STATEMENTS:
        assert main([str(path), "--statement", what]) == 0
        told = capsys.readouterr()
        assert list(csv.DictReader(io.StringIO(told.out))) == rows(rig, what) and not told.err
    path.write_bytes(b"\n".join(encode([entry]) for entry in rig.entries() if not isinstance(entry.event, RateKnown)) + b"\n")
    assert main([str(path), "--statement", "ledger"]) == 0
    assert capsys.readouterr().err == "2 rows have no rate of their time: amounts in USDT are left empty there, not guessed.\n"


def test_a_rate_of_another_account_currency_or_below_zero_counts_for_nothing():
    odd = [_rate("fill:f1", "EUR", "1", account="b"), _rate("fill:f1", "EUR", "1", into="GBP"), _rate("fill:f1", "EUR", "-1"), _rate("fill:f1", "EUR", "2")]
    assert Dated("USDT", "a", [*odd, _rate("fill:f1", "EUR", "3")]).rate("fill:f1", "EUR") == 2, "the first that is right"


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(9_000, 13_000)), max_size=10))
def test_rows_add_up_within_themselves(trades):
    rig = euro_rig()
    price(rig, "99.90", "100.10")
    for side, qty, middle in trades:
        rate(rig, f"{(middle - 1) / 10_000:.4f}", f"{(middle + 1) / 10_000:.4f}")
        rig.submit(side, "market", str(qty), symbol="SAP/EUR")
    for row in rows(rig, "lots"):
        worth = {name: D(row[f"account_{name}"]) for name in ("cost", "proceeds", "realised", "fees", "net")}
        assert worth["proceeds"] - worth["cost"] == worth["realised"] and worth["realised"] - worth["fees"] == worth["net"]
        opened, closed = D(row["open_rate"]), D(row["close_rate"])
        first, last = D(row["quantity"]) * D(row["open_price"]) * opened, D(row["quantity"]) * D(row["close_price"]) * closed
        made = last - first if row["side"] == "long" else first - last
        assert abs(made - worth["realised"]) <= D("1e-8")


def test_cash_is_dated_by_its_own_moment():
    booked = CashBooked(5, ACCOUNT, "dividend", "EUR", D(10), None, "")
    rig = euro_rig()
    rig.take([booked])
    (known,) = rates(rig)
    assert (known.about, known.rate) == ("cash:5", D("1.1"))
    assert rows(rig, "ledger")[-1]["account_amount"] == "11"


def _rate(about: str, currency: str, value: str, account: str = "a", into: str = "USDT") -> RateKnown:
    return RateKnown(1, account, about, currency, into, D(value), "X", False)
