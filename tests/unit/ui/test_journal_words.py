"""Words of the journal and reconciliation pages; every kind of event has a name and can be told."""

from decimal import Decimal

from app.model import events
from app.model.orders import Fill, Liquidity, OrderIntent, OrderType, Side, TimeInForce
from app.trading.retelling import GROUPS, said, shown, typed
from app.ui import journal_words as words
from app.ui import reconciliation_words as recon

ONE = Decimal(1)
INTENT = OrderIntent("kt-1", "a", "desk", 1, "BTCUSDT", Side.BUY, OrderType.STOP_LIMIT, TimeInForce.GTC, ONE, ONE, ONE, True, True)
SEEN = events.Decision(ONE, Decimal(2), None, 5, "let through by 3 limits")
EVERY = [
    events.AccountOpened(1, "a", "USDT", ONE),
    events.OrderSubmitted(1, INTENT, SEEN),
    events.OrderSent(1, "kt-1"),
    events.OrderAccepted(1, "kt-1", "7"),
    events.OrderRejected(1, "kt-1", "code", "why"),
    events.OrderTriggered(1, "kt-1", ONE),
    events.OrderFilled(1, Fill("f", "kt-1", "BTCUSDT", Side.SELL, ONE, ONE, ONE, "USDT", Liquidity.MAKER, 1)),
    events.OrderCancelRequested(1, "kt-1"),
    events.OrderCancelled(1, "kt-1", "why"),
    events.OrderExpired(1, "kt-1", "why"),
    events.OrderAmendRequested(1, "kt-1", ONE, None, None),
    events.OrderAmended(1, "kt-1", ONE, None, ONE, ONE),
    events.OrderChangeRefused(1, "kt-1", "cancel", "code", "why"),
    events.OrderUnknown(1, "kt-1", "why"),
    events.OrderReleased(1, "kt-1", ONE, SEEN),
    events.OrderDenied(1, "kt-1", "code", "why"),
    events.OrderAdopted(1, INTENT, "7"),
    events.BalanceAdjusted(1, "a", "BTC", ONE, "BTCUSDT", ONE, "USDT", "why"),
    events.RiskStateSet(1, "desk", "reduce_only", "trader", "why"),
    events.RiskLimitSet(1, "desk", "position", None),
    events.NoteSet(1, "day:2026-11-27", "a b", "two\nlines"),
    events.Reconciled(1, "binance", "start", 12, 3, 1, 0, 0, ""),
    events.OrderRouted(1, "kt-9", "a", "desk", 2, "BTC-USD", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, ONE, ONE, "split", "{}"),
    events.RoutingRuleSet(1, "max_share", "0.5"),
    events.CashBooked(1, "a", "dividend", "USD", ONE, "AAPL", "two\nlines"),
    events.SplitBooked(1, "a", "AAPL", 4, 1, "two\nlines"),
    events.RateKnown(1, "a", "fill:f", "EUR", "USDT", Decimal("1.08"), "EURUSD BTCUSDT", True),
]


def test_every_kind_of_event_is_told_in_one_line_and_has_a_name_and_a_group():
    assert {type(event).__name__ for event in EVERY} == events.KINDS.keys() == words.NAMES.keys() == {name for group in GROUPS.values() for name in group}
    for event in EVERY:
        assert said(event) and "\n" not in said(event)
        assert events.from_json(events.to_json(event)) == event
    assert {value for value, _ in words.KINDS} == {"", *GROUPS}
    assert said(EVERY[1]) == "Decided: buy 1 BTCUSDT stop limit 1, stop 1, GTC, post-only, reduce-only (bid 1, ask 2; let through by 3 limits)"
    assert (said(EVERY[10]), said(EVERY[11])) == ("Amendment asked for: quantity 1", "Amended: quantity 1, stop 1, distance 1")
    assert said(EVERY[25]) == "Split of AAPL: 4 for 1, two lines"
    assert said(EVERY[26]) == "1 EUR was 1.08 USDT (by EURUSD BTCUSDT, USD and USDT taken as equal)"
    assert said(events.OrderCancelRequested(1, "kt-1", "why")) == "Cancel asked for: why"
    assert said(EVERY[20]) == "Note on day: #a #b two lines" and said(events.NoteSet(1, "day:2026-11-27", "", "")) == "Note removed"
    assert said(EVERY[21]) == "Reconciled with binance (start) in 12 ms: 3 questions, 1 order changed; journal and venue agree"
    assert said(EVERY[22]) == "Routed (split): buy 1 BTC-USD limit 1, GTC; its legs follow"
    assert said(EVERY[23]) == "Routing rule max_share set to 0.5" and said(events.RoutingRuleSet(1, "max_share", None)) == "Routing rule max_share removed"
    assert said(EVERY[24]) == "Dividend of AAPL: +1 USD, two lines"


def test_numbers_are_told_as_they_are_read_and_found_as_they_are_typed():
    fill = Fill("f", "kt-1", "BTCUSDT", Side.SELL, Decimal("1250.5"), Decimal("61853.10"), Decimal("-0.25"), "USDT", Liquidity.MAKER, 1)
    told = said(events.OrderFilled(1, fill))
    assert told == "Sold 1,250.5 BTCUSDT at 61,853.1, maker, fee \u22120.25 USDT"
    assert "1250.5" in typed(told) and "61853.1" in typed(told) and "-0.25" in typed(told)
    assert said(events.CashBooked(1, "a", "fee", "USD", Decimal("-1234567.125"), "", "")) == "Fee: \u22121,234,567.125 USD"
    assert (shown(Decimal("-0.00")), shown(Decimal("1E+3")), shown(Decimal("0.00000001"))) == ("0", "1,000", "0.00000001")


def test_what_is_said_of_the_state_of_the_journal():
    state = {"account": "a", "events": 1200, "records": 900, "kept": True, "missing": 0, "snapshot": None, "verified": None}
    assert "1,200 events of a, 900 records in the vault." in words.length(state)
    assert "older part is checked in a moment" in words.verified(state, 0)[0]
    good = {**state, "verified": {"at_ns": 0, "records": 900, "damaged": 0, "ms": 12.4}}
    assert words.verified(good, 5_000)[1] == "good" and "5 s ago" in words.verified(good, 5_000)[0]
    bad = {**state, "verified": {"at_ns": 0, "records": 898, "damaged": 2, "ms": 12.4}}
    assert words.verified(bad, 0)[1] == "danger" and "2 of 900" in words.verified(bad, 0)[0]
    assert "memory" in words.length({**state, "kept": False}) and words.snapshot({**state, "kept": False}) == ""
    restored = {"seq": 1000, "behind": 200, "restored": True, "replayed": 150}
    assert words.snapshot({**state, "snapshot": restored}).endswith("This start read 150 records.")


def test_what_is_said_of_agreement():
    found = {"real": False, "differences": [], "state": "ready", "detail": "", "venue": "paper"}
    assert recon.state(found)[1] == "good" and recon.state({**found, "differences": [1]})[1] == "danger"
    real = {**found, "real": True, "venue": "binance", "state": "reconciling", "detail": "asking"}
    assert recon.state(real) == ("Binance is reconciling: asking. No order leaves meanwhile.", "stale")
    assert recon.state({**real, "state": "ready", "detail": "", "differences": [1, 2]}) == ("Binance is reconciled. 2 things differ.", "stale")


def test_how_often_journal_and_venue_are_compared_is_told():
    found = {"checked": dict.fromkeys(("orders", "positions", "balances", "fills"), 1), "compared_ns": 1, "history": []}
    assert ", every ten seconds: 1 working order, 1 position" in recon.checked({**found, "real": False})
    assert ", once a second: " in recon.checked({**found, "real": True})


def test_notes_of_a_fill_are_its_own_then_its_orders():
    rows = [{"about": "order:o", "tags": ["a", "b"], "text": "why"}, {"about": "fill:f", "tags": ["b", "c"], "text": "late"}]
    assert words.noted(words.by_subject({"rows": rows}), {"fill_id": "f", "client_order_id": "o"}) == "#b #c #a late why"
    assert words.noted(words.by_subject(None), {"fill_id": "f", "client_order_id": "o"}) == ""
