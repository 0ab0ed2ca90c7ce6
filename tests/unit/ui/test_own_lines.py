"""Own lines on a chart: which there are, which can be moved, and that a moved price is exact and on the tick."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.ui.own_lines import Grip, Move, bracket, by_price, draft_lines, hit, nearest, own_lines, snap
from app.ui.ticket_rules import Draft, Rules, check


def order(cid: str, **more) -> dict:
    base = {"client_order_id": cid, "symbol": "A", "side": "buy", "type": "limit", "status": "accepted", "qty": "2", "remaining": "1"}
    return {**base, "price": None, "stop": None, **more}


def test_working_orders_of_the_instrument_and_the_average_price():
    orders = [
        order("a", price="1,000.5"),
        order("b", side="sell", type="stop_limit", price="99", stop="98", remaining="2"),
        order("c", price="5", status="filled"),
        order("d", price="5", symbol="B"),
        order("e", stop="90", type="stop", side="sell", status="held"),
        order("f", price="70", status="unknown"),
        order("g", stop="80", type="trailing_stop"),
    ]
    account = {"positions": [{"symbol": "A", "qty": "+2", "average_price": "101"}, {"symbol": "B", "qty": "1", "average_price": "3"}]}
    lines = {line.key: line for line in own_lines(orders, account, None, "A")}
    assert {key: (line.price, line.kind, line.title, line.field) for key, line in lines.items()} == {
        "a/price": (Decimal("1000.5"), "buy", "Buy 1", "price"),
        "b/price": (Decimal(99), "sell", "Sell limit 2", "price"),
        "b/stop": (Decimal(98), "stop", "Sell stop 2", "stop"),
        "e/stop": (Decimal(90), "stop", "Sell stop 1 · held by desk", "stop"),
        "f/price": (Decimal(70), "buy", "Buy 1 · unknown", ""),
        "g/stop": (Decimal(80), "stop", "Buy stop 1", ""),
        "average": (Decimal(101), "average", "Average +2", ""),
    }
    assert lines["a/price"].text == "Buy 2 A, limit 1,000.5: working, 1 left"
    assert lines["b/stop"].text == "Sell 2 A, stop 98, limit 99: working; its stop"
    touched = own_lines([order("h", type="limit_if_touched", price="99", stop="98")], None, None, "A", places=2)
    assert [(line.title, line.text) for line in touched] == [
        ("Buy limit 1", "Buy 2 A, if touched at 98.00, limit 99.00: working, 1 left; its limit"),
        ("Buy if touched 1", "Buy 2 A, if touched at 98.00, limit 99.00: working, 1 left; its touch"),
    ]
    asked = own_lines([order("a", price="100", amending=True)], None, None, "A")
    assert [(line.title, line.field) for line in asked] == [("Buy 1 · amending", "")], "one whose change has no answer cannot be moved again"
    assert own_lines([], None, None, "A") == []
    assert not any(line.field for line in own_lines(orders, None, None, "A", amend=False))


def test_the_ticket_s_draft_has_lines_for_what_can_be_read():
    draft = Draft("A", "buy", "limit", qty="1", price="100", take_profit="1,110.5", stop_loss="nonsense")
    lines = draft_lines(draft, "A", 2)
    assert [(line.key, line.price, line.kind, line.field, line.order_id) for line in lines] == [
        ("draft/price", Decimal(100), "draft", "price", ""),
        ("draft/take_profit", Decimal("1110.50"), "exit", "take_profit", ""),
    ]
    assert lines[1].text == "Ticket, not sent: sell take profit 1,110.50"
    assert draft_lines(draft, "B") == [] and draft_lines(None, "A") == []
    standing = own_lines([order("a", price="100")], None, draft, "A")
    assert [line.key for line in standing] == ["a/price", "draft/take_profit"], "a ticket that was sent is not drawn twice"
    oco = Draft("A", "sell", "oco", price="110", stop="90", take_profit="1")
    assert [line.field for line in draft_lines(oco, "A")] == ["price", "stop"]


def test_only_the_nearest_orders_are_drawn_but_always_average_and_draft():
    lines = own_lines([order(f"{n}", price=str(n + 1)) for n in range(10)], {"positions": [{"symbol": "A", "qty": "1", "average_price": "500"}]}, None, "A")
    assert {line.key for line in nearest(lines, 7.2, 3)} == {"average", "6/price", "7/price"}
    assert nearest(lines, None, 3) is lines and nearest(lines, 1.0, 99) is lines
    assert [line.key for line in by_price(lines)][:2] == ["average", "9/price"]


def test_a_press_takes_the_nearest_movable_line_within_reach():
    lines = own_lines([order("a", price="100"), order("b", price="104"), order("c", price="102", status="unknown")], None, None, "A")

    def place(price: Decimal) -> float | None:
        return None if price == 104 else 1000 - float(price)

    assert hit(lines, place, 899, 6).key == "a/price"
    assert hit(lines, place, 898, 1) is None, "the one that cannot be moved is not taken"
    assert hit(lines, place, 907, 6) is None


def test_a_press_beside_a_line_drags_it_from_there_once_it_has_moved():
    grip = Grip(7, own_lines([order("a", price="100")], None, None, "A")[0], 404.0, 400.0)
    assert grip.to(404.0) is None and grip.to(406.9) is None and grip.to(401.5) is None, "a press that hardly moves is no drag"
    assert grip.to(407.0) == 403.0, "the line stays as far from the pointer as it was taken"
    assert grip.to(404.0) == 400.0, "once it drags it can go back to where it was"


def test_a_moved_price_has_the_decimals_of_its_tick():
    move = Move(own_lines([order("a", price="61829.8")], None, None, "A")[0], Decimal("0.01000000"))
    assert move.to(61830.1234) and move.shown.title == "Buy 1 → 61,830.12" and move.text == "Buy 1: from 61,829.80 to 61,830.12"
    assert move.changes == {"price": "61830.12"}
    coarse = Move(move.line, Decimal("10"))
    assert coarse.to(1234) and coarse.shown.title == "Buy 1 → 1,230" and coarse.changes == {"price": "1230"}


def test_a_move_is_exact_and_names_what_it_changes():
    line = own_lines([order("a", type="stop_limit", price="0.30", stop="0.1")], None, None, "A")[0]
    move = Move(line, Decimal("0.1"))
    assert not move.moved and not move.to(0.3000004)
    assert move.to(0.1 + 0.2 + 0.11) and move.price == Decimal("0.4") and move.changes == {"price": "0.4"}
    move.step(-10)
    assert move.price == Decimal("0.1"), "never at or below zero"
    assert move.shown.title == "Buy limit 1 → 0.1" and move.text == "Buy limit 1: from 0.3 to 0.1"
    odd = Move(own_lines([order("a", price="100.03")], None, None, "A")[0], Decimal("0.05"))
    odd.step(1)
    assert odd.price == Decimal("100.10") and odd.text == "Buy 1: from 100.03 to 100.10"
    whole = Move(own_lines([order("a", price="100")], None, None, "A")[0], Decimal("0.05"))
    assert whole.text == "Buy 1: from 100.00 to 100.00"


TICKS = st.sampled_from(["0.00000001", "0.0005", "0.01", "0.05", "0.25", "1", "2.5", "100"]).map(Decimal)


@given(st.floats(1e-9, 1e9), TICKS)
def test_every_drawn_price_becomes_one_on_the_tick(price, tick):
    found = snap(price, tick)
    assert found % tick == 0 and found >= tick
    assert abs(found - Decimal(price)) <= tick / 2 or found == tick


@given(st.integers(200, 10**9), TICKS, st.sampled_from(["buy", "sell"]), st.none() | st.tuples(st.floats(0, 1), st.floats(1, 3)))
def test_a_bracket_is_one_that_the_ticket_takes(ticks, tick, side, view):
    entry = ticks * tick
    draft = Draft("A", side, "limit", qty="1", price=f"{entry:f}")
    fields = bracket(draft, entry, tick, view and (view[0] * float(entry), view[1] * float(entry)))
    rules = Rules("A", "A", "USD", tick, Decimal("0.001"))
    assert check(Draft("A", side, "limit", qty="1", price=f"{entry:f}", **fields), rules) == []


def test_a_bracket_stands_where_the_chart_can_show_it():
    draft = Draft("A", "sell", "market", qty="1")
    assert bracket(draft, Decimal(100), Decimal("0.5"), (90.0, 104.2)) == {"take_profit": "95", "stop_loss": "102"}
    assert bracket(draft, Decimal(100), Decimal("0.5"), (101.0, 104.0)) == {"take_profit": "99", "stop_loss": "101"}
