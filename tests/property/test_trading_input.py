"""Whatever comes in: tickets are taken or denied with a remedy, events never stop the engine, records never half-read."""

from __future__ import annotations

from decimal import Decimal
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.model import events
from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce
from app.trading import snapshot
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.errors import Denied, JournalError
from app.trading.journal import decode, encode, number
from app.trading.preview import preview
from app.trading.ticket import FIELDS
from tests.unit.manual import ManualTime
from tests.unit.trading.kit import ACCOUNT, Rig, fields
from tests.unit.trading.snapshots import through_snapshot

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(["1e400", "NaN", "-1", "0", "0.001", "1", "99.95", "999999999999999999999999999999", "1_000", "١", " 1", "TOY", "buy"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal(text) for text in ("0", "-0", "-1", "1E+400", "1E-400", "1E+25", "3.3333333333", "1", "99.5")]),
)
IDS = st.sampled_from(["kt-a", "kt-b"])
SYMBOLS = st.sampled_from(["TOY", "OTHER"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(st.sampled_from([*sorted(FIELDS), "more"]), JUNK, max_size=4), kind=st.sampled_from(["market", "limit", "stop"]))
def test_any_ticket_is_taken_or_denied(changes, kind):
    rig = Rig()
    rig.book({"99.90": 5}, {"100.10": 5})
    price = "99.50" if kind == "limit" else None
    stop = "101" if kind == "stop" else None
    ticket = {**fields("buy", kind, "1", price, stop), **changes}
    for command in (lambda: preview(rig.engine, ticket).to_wire(), lambda: rig.take(rig.engine.submit(ticket, "t"))):
        try:
            command()
        except Denied as denied:
            assert denied.reason and denied.remedy and len(str(denied)) < 400
    assert not rig.engine.anomalies


def intents() -> st.SearchStrategy:
    return st.builds(
        OrderIntent,
        client_order_id=IDS,
        account=st.sampled_from([ACCOUNT, ACCOUNT, "other"]),
        origin=st.just("desk"),
        sequence=st.integers(-1, 10**6),
        symbol=SYMBOLS,
        side=st.sampled_from(Side),
        type=st.sampled_from(OrderType),
        tif=st.sampled_from(TimeInForce),
        qty=NUMBERS,
        price=st.none() | NUMBERS,
        stop=st.none() | NUMBERS,
    )


def fills() -> st.SearchStrategy:
    return st.builds(
        Fill,
        fill_id=st.sampled_from(["f1", "f2", "f3", "f4"]),
        client_order_id=IDS,
        symbol=SYMBOLS,
        side=st.sampled_from(Side),
        qty=NUMBERS,
        price=NUMBERS,
        fee=NUMBERS,
        fee_currency=st.sampled_from(["USDT", "BTC"]),
        liquidity=st.sampled_from(Liquidity),
        ts=st.integers(0, 2**62),
    )


TIMES = st.integers(0, 2**62)
WORDS = st.text(max_size=8)
EVENTS = st.one_of(
    st.builds(events.AccountOpened, ts=TIMES, account=st.sampled_from([ACCOUNT, "other"]), currency=st.just("USDT"), cash=NUMBERS),
    st.builds(events.OrderSubmitted, ts=TIMES, intent=intents()),
    st.builds(events.OrderFilled, ts=TIMES, fill=fills()),
    st.builds(events.OrderSent, ts=TIMES, client_order_id=IDS),
    st.builds(events.OrderAccepted, ts=TIMES, client_order_id=IDS, venue_order_id=WORDS),
    st.builds(events.OrderRejected, ts=TIMES, client_order_id=IDS, code=WORDS, reason=WORDS),
    st.builds(events.OrderTriggered, ts=TIMES, client_order_id=IDS, trigger_price=NUMBERS),
    st.builds(events.OrderCancelRequested, ts=TIMES, client_order_id=IDS),
    st.builds(events.OrderCancelled, ts=TIMES, client_order_id=IDS, reason=WORDS),
    st.builds(events.OrderExpired, ts=TIMES, client_order_id=IDS, reason=WORDS),
    st.builds(events.OrderAmendRequested, ts=TIMES, client_order_id=IDS, qty=st.none() | NUMBERS, price=st.none(), stop=st.none()),
    st.builds(events.OrderAmended, ts=TIMES, client_order_id=IDS, qty=NUMBERS, price=st.none() | NUMBERS, stop=st.none() | NUMBERS),
    st.builds(events.OrderChangeRefused, ts=TIMES, client_order_id=IDS, change=st.sampled_from(["cancel", "amend"]), code=WORDS, reason=WORDS),
    st.builds(events.OrderUnknown, ts=TIMES, client_order_id=IDS, evidence=WORDS),
    st.builds(events.OrderAdopted, ts=TIMES, intent=intents(), venue_order_id=WORDS),
    st.builds(events.RiskStateSet, ts=TIMES, scope=st.just("desk"), state=st.sampled_from(["normal", "halted"]), rule=WORDS, reason=WORDS),
    st.builds(events.NoteSet, ts=TIMES, about=st.sampled_from(["order:a", "day:2026-01-01"]), tags=WORDS, text=WORDS),
    st.builds(
        events.BalanceAdjusted,
        **{"ts": TIMES, "account": st.sampled_from([ACCOUNT, "other"]), "asset": st.just("BTC"), "amount": NUMBERS, "symbol": st.none() | SYMBOLS},
        **{"price": NUMBERS, "currency": st.just("USDT"), "reason": WORDS, "adjustment_id": st.none() | st.just("ks-1")},
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=st.lists(EVENTS, max_size=25))
def test_any_events_are_survived_and_replay_alike(stream):
    live = Engine(ACCOUNT, ManualTime())
    entries = number(stream, 1)
    for entry in entries:
        live.apply_entry(entry)
    live.recover(1)
    assert all(order.is_working == (cid in live.working) for cid, order in live.orders.items())
    for position in live.portfolio.positions.values():
        signed = [fill.qty * fill.side.sign for fill in live.fills if fill.symbol == position.symbol]
        signed += [event.amount for _at, event in live.adjusted if event.symbol == position.symbol]
        assert abs(position.qty - sum(signed, Decimal(0))) <= abs(position.qty) * Decimal("1e-20")
    if entries:
        assert state_hash(Engine.replay(ACCOUNT, ManualTime(), decode(encode(entries)))) == state_hash(live)
        assert state_hash(Engine.replay(ACCOUNT, ManualTime(), entries * 2)) == state_hash(live)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=st.lists(EVENTS, min_size=1, max_size=25), data=st.data())
def test_a_snapshot_at_any_moment_and_the_rest_are_the_whole(stream, data):
    entries = number(stream, 1)
    late = data.draw(st.integers(0, len(entries)))
    early = data.draw(st.integers(0, late))
    with mock.patch.object(snapshot, "PART", data.draw(st.integers(1, 3))):
        again = through_snapshot(ACCOUNT, ManualTime(), entries, early, late)
    whole = Engine.replay(ACCOUNT, ManualTime(), entries)
    assert state_hash(again) == state_hash(whole) and [*again.orders] == [*whole.orders]
    assert [*again.working] == [*whole.working] and again.risk.book.totals("").gross == whole.risk.book.totals("").gross
    assert all(again.knows_fill(fill.fill_id) for fill in whole.fills) and again.next_sequence() == whole.next_sequence()


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 400), junk=st.binary(max_size=12))
def test_damaged_records_are_refused_or_equal(cut, junk):
    entries = number([events.OrderSent(1, "kt-a"), events.OrderAccepted(2, "kt-a", "v")], 3)
    record = encode(entries)
    damaged = record[:cut] + junk + record[cut + len(junk) :]
    try:
        found = decode(damaged)
    except JournalError:
        return
    assert [entry.seq for entry in found] == list(range(found[0].seq, found[0].seq + len(found)))
