"""Filters of the blotter, choosing rows, and the words around cancelling many."""

from hypothesis import given
from hypothesis import strategies as st

from app.ui.blotter import Filter, cancel_lines, cancel_outcome, cancel_question, cancellable, choices, expanded
from app.ui.selection import Selection
from app.ui.views.rows import Column, amount, csv

SECOND = 1_000_000_000


def order(number: int = 1, **more) -> dict:
    row = {"client_order_id": f"o{number}", "symbol": "BTCUSDT", "side": "buy", "type": "limit", "status": "accepted", "origin": "desk"}
    return {**row, "qty": "0.5", "price": "61800", "stop": None, "created_ns": 1_000 * SECOND, "held": False, **more}


def test_a_filter_lets_pass_what_has_all_it_asks_for():
    row, now = order(), 2_000 * SECOND
    assert Filter().passes(row, now)
    for name, value in (("symbol", "BTCUSDT"), ("side", "buy"), ("type", "limit"), ("origin", "desk"), ("status", "accepted"), ("status", "working")):
        assert Filter(**{name: value}).passes(row, now), name
    for name, value in (("symbol", "ETHUSDT"), ("side", "sell"), ("type", "stop"), ("origin", "kill"), ("status", "filled"), ("status", "done")):
        assert not Filter(**{name: value}).passes(row, now), name
    assert not Filter(symbol="BTCUSDT", side="sell").passes(row, now)
    assert Filter(status="done").passes(order(status="filled"), now)


def test_cancelling_a_routed_order_is_about_its_legs_each_once():
    orders = {f"o{number}": order(number) for number in (1, 2, 3)}
    whole = order(9, legs=["o1", "o2", "gone"])
    assert [row["client_order_id"] for row in expanded([order(2), whole, order(3)], orders)] == ["o2", "o1", "o3"]
    assert expanded([order(8)], orders) == []


def test_a_filter_by_time_counts_back_from_now():
    assert Filter(time="1h").passes(order(), (1_000 + 3_600) * SECOND)
    assert not Filter(time="1h").passes(order(), (1_000 + 3_601) * SECOND)
    assert Filter(time="15m").passes({**order(), "ts": 5_000 * SECOND}, 5_100 * SECOND, "ts")


def test_a_filter_comes_back_as_it_was_kept_and_nonsense_is_left_out():
    kept = Filter(symbol="BTCUSDT", status="working", time="24h")
    assert Filter.from_kept(kept.to_kept()) == kept and kept.count == 3
    assert Filter().to_kept() is None and Filter().count == 0
    for nonsense in (None, [], "x", {"symbol": 3, "time": "9y", "other": "x"}):
        assert Filter.from_kept(nonsense) == Filter()


def test_the_fields_offer_what_is_there_and_what_is_chosen():
    rows = [order(), order(2, symbol="ETHUSDT", origin="grid", status="filled")]
    assert choices("symbol", rows, "XRPUSDT") == [("BTCUSDT", "BTCUSDT"), ("ETHUSDT", "ETHUSDT"), ("XRPUSDT", "XRPUSDT")]
    assert choices("status", rows, "working") == [("working", "Working"), ("done", "Done"), ("filled", "Filled"), ("accepted", "Working")]
    assert choices("origin", rows, "") == [("grid", "grid"), ("desk", "This desk")]
    assert [key for key, _ in choices("time", [], "")] == ["15m", "1h", "24h", "7d"]


def test_the_question_says_exactly_what_will_be_cancelled():
    rows = [order(), order(2, symbol="ETHUSDT", status="held", held=True), order(3, status="unknown"), order(4, status="partially_filled")]
    text = cancel_question(rows, 2)
    assert text.startswith("Cancel 4 working orders: 3 in BTCUSDT, 1 in ETHUSDT.")
    for part in ("1 held by this desk ends at once", "1 unknown: the venue is asked", "1 partly filled: what is filled stays", "2 of the chosen are over"):
        assert part in text
    assert "Buy 0.5 BTCUSDT, limit 61,800" in text
    many = cancel_question([order(n, symbol=f"S{n}") for n in range(30)], 0)
    assert many.startswith("Cancel 30 working orders") and "and 25 more instruments" in many and "limit" not in many
    assert cancellable([order(), order(2, status="filled")]) == [order()]


def test_the_outcome_never_calls_silence_a_success():
    found = ("cancelled", "cancelled", "unresolved", "filled")
    rows = [{"client_order_id": f"o{n}", "outcome": outcome, "reason": "because"} for n, outcome in enumerate(found)]
    tone, text = cancel_outcome(rows)
    assert tone == "amber" and text == "2 cancelled, 1 filled before the cancel arrived, 1 unresolved: no answer yet, the desk goes on asking."
    assert cancel_outcome(rows[:2]) == ("good", "2 cancelled.")
    assert cancel_outcome([*rows, {"client_order_id": "x", "outcome": "refused", "reason": ""}])[0] == "danger"
    lines = cancel_lines(rows, {"o2": order(2)})
    assert lines == ["Buy 0.5 BTCUSDT, limit 61,800 (BTCUSDT): unresolved: because", "o3: filled before the cancel arrived: because"]


def test_csv_has_all_digits_and_no_formula():
    columns = [
        Column("name", "Na,me", lambda row: row["name"]),
        Column("price", "Price", lambda row: "1,234.50", end=True, kept=lambda row: "1234.5000000001"),
        Column("result", "Result", lambda row: "−1,000", lambda row: amount("−1,000"), end=True),
    ]
    text = csv(columns, [{"name": '=a"b'}, {"name": "two\r\nlines"}])
    assert text == '"Na,me",Price,Result\r\n"\'=a""b",1234.5000000001,-1000\r\ntwo  lines,1234.5000000001,-1000\r\n'


def test_ranges_go_from_the_anchor_and_what_is_not_shown_is_not_chosen():
    chosen = Selection()
    chosen.show("abcdef")
    chosen.toggle("b")
    chosen.extend("d")
    assert chosen.keys == ["b", "c", "d"] and chosen.whole is None
    chosen.extend("a")
    assert chosen.keys == ["a", "b", "c", "d"]
    chosen.toggle("c")
    assert chosen.keys == ["a", "b", "d"]
    assert chosen.show("fedc") is True and chosen.keys == ["d"]
    assert chosen.show("abcdef") is False and chosen.keys == ["d"], "what was filtered out stays out"
    chosen.choose_all()
    assert chosen.whole is True and len(chosen) == 6
    chosen.choose_all(False)
    assert chosen.whole is False
    chosen.toggle("nobody")
    chosen.extend("nobody")
    assert chosen.keys == []


@given(st.lists(st.tuples(st.sampled_from(["toggle", "extend", "show", "all"]), st.text("abcdefgh", max_size=8)), max_size=30))
def test_only_what_is_shown_is_ever_chosen(steps):
    chosen = Selection()
    shown: list[str] = []
    for what, text in steps:
        if what == "show":
            shown = list(dict.fromkeys(text))
            chosen.show(shown)
        elif what == "all":
            chosen.choose_all(len(text) % 2 == 0)
        else:
            getattr(chosen, what)(text[:1])
        assert set(chosen.keys) <= set(shown) and len(chosen) == len(chosen.keys)
        assert chosen.keys == [key for key in shown if key in chosen]


def test_legs_of_an_order_over_accounts_name_it_and_the_question_says_so():
    orders = {"a": order(client_order_id="a"), "b": order(client_order_id="b")}
    parts = [{"client_order_id": "w"}, {"client_order_id": "elsewhere"}]
    rows = expanded([{"client_order_id": "w", "legs": ["a"], "parts": parts}, orders["b"]], orders)
    assert [row.get("whole") for row in rows] == ["w", None]
    assert "1 routed order is cancelled in other accounts too." in cancel_question(rows, 0)
    assert expanded([{"client_order_id": "w", "legs": ["a"], "parts": parts[:1]}], orders) == [orders["a"]]


def test_a_leg_in_another_account_is_meant_itself_unless_its_whole_is():
    orders = {"a": order(client_order_id="a")}
    whole = {"client_order_id": "w", "legs": ["a"], "parts": [{"client_order_id": "w"}, {"client_order_id": "v"}]}
    there = {**order(client_order_id="c"), "account": "binance", "title": "Binance", "real": True, "whole": "w", "route": "v"}
    rows = expanded([there], orders)
    assert [row["client_order_id"] for row in rows] == ["c"]
    assert "1 of them in the Binance account." in cancel_question(rows, 0) and "routed order" not in cancel_question(rows, 0)
    assert [row["client_order_id"] for row in expanded([whole, there], orders)] == ["a"], "cancelling the whole reaches it"
