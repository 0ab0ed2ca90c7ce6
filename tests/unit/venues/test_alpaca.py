"""Alpaca's words: orders, times, executions, rules, limits, stock data."""

import asyncio
from decimal import Decimal

import pytest

from app.market.calendars import codes
from app.market.state import MarketState
from app.model.market import BookSnapshot, Correction, Rejected, Trade
from app.model.orders import OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from app.platform.interfaces import HttpAnswer
from app.platform.native.basics import SystemClock
from app.platform.scheduler import LoopScheduler
from app.trading.order import Order
from app.venues.alpaca import orders, rules
from app.venues.alpaca.api import AT_ONCE, Api
from app.venues.alpaca.limits import Budget
from app.venues.alpaca.parse import Parser
from app.venues.alpaca.places import Credentials, Places
from app.venues.execution import Rank
from app.venues.wire import WireError

NS = 10**9
ROW = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
    "client_order_id": "kt-a",
    "created_at": "2021-03-16T18:38:01.942282Z",
    "submitted_at": "2021-03-16T18:38:01.937734Z",
    "symbol": "AAPL",
    "qty": "10",
    "notional": None,
    "filled_qty": "4",
    "type": "limit",
    "side": "buy",
    "time_in_force": "day",
    "limit_price": "150.5",
    "stop_price": None,
    "status": "partially_filled",
    "replaced_by": None,
    "replaces": None,
}


def intent(**fields) -> OrderIntent:
    about = {"symbol": "AAPL", "side": Side.BUY, "type": OrderType.LIMIT, "tif": TimeInForce.DAY, "qty": Decimal(10), "price": Decimal("150.50")}
    return OrderIntent("kt-a", "a", "desk", 1, **{**about, **fields})


def test_an_intent_as_the_body_of_an_order():
    body = orders.place(intent(stop=Decimal("151.000"), type=OrderType.STOP_LIMIT, tif=TimeInForce.GTC), "AAPL")
    assert body == {
        "symbol": "AAPL",
        "qty": "10",
        "side": "buy",
        "type": "stop_limit",
        "time_in_force": "gtc",
        "client_order_id": "kt-a",
        "extended_hours": False,
        "limit_price": "150.5",
        "stop_price": "151",
    }
    assert orders.place(intent(qty=Decimal("0.500000000"), price=None, type=OrderType.MARKET), "AAPL")["qty"] == "0.5"


def test_a_trailing_stop_has_a_distance_and_no_price():
    trailing = {"type": OrderType.TRAILING_STOP, "price": None, "stop": Decimal(149), "tif": TimeInForce.GTC}
    body = orders.place(intent(**trailing, trail=Decimal("1.50")), "AAPL")
    assert (body["type"], body["trail_price"]) == ("trailing_stop", "1.5") and not body.keys() & {"stop_price", "limit_price", "trail_percent"}
    assert orders.place(intent(**trailing, trail_percent=Decimal(2)), "AAPL")["trail_percent"] == "2"
    row = {**ROW, "type": "trailing_stop", "limit_price": None, "stop_price": "149.1", "trail_price": None, "trail_percent": "2", "hwm": "152.14"}
    state = orders.read_state(row)
    assert (state.stop, state.trail, state.distance) == (Decimal("149.1"), None, 2)
    found = orders.found(state, "venue-a", "a", "AAPL", None)
    assert (found.type, found.trail_percent, found.stop, found.held) == (OrderType.TRAILING_STOP, 2, Decimal("149.1"), None)
    assert orders.read_state({**row, "stop_price": None}).stop is None


def test_an_order_is_read_exactly_and_nonsense_is_refused():
    state = orders.read_state(ROW)
    assert (state.left, state.works, state.price, state.stop) == (Decimal(6), True, Decimal("150.5"), None)
    for name, value in (("status", None), ("qty", "ten"), ("qty", "NaN"), ("symbol", ""), ("client_order_id", 5), ("limit_price", [])):
        with pytest.raises(WireError):
            orders.read_state({**ROW, name: value})
    with pytest.raises(WireError):
        orders.ended(orders.read_state({**ROW, "status": "somehow"}), 0, "kt-a")
    assert {orders.ended(orders.read_state({**ROW, "status": status}), 0, "kt-a") for status in ("filled", "replaced", "done_for_day", "held")} == {None}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2021-03-16T18:38:01.942282123Z", 1615919881942282123),
        ("2021-03-16T14:38:01.5-04:00", 1615919881500000000),
        ("2021-03-16T18:38:01Z", 1615919881000000000),
    ],
)
def test_times_with_and_without_offsets(text, ns):
    assert orders.time_ns(text) == ns


@pytest.mark.parametrize("text", ["", "yesterday, at noon or so", "2021-03-16T18:38:01", None, 5, "2021-13-16T18:38:01Z"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(WireError):
        orders.time_ns(text)


def test_a_report_and_its_activity_are_one_execution():
    state = orders.read_state(ROW)
    report = {"price": "150.25", "qty": "3", "timestamp": "2021-03-16T18:38:01.942282Z"}
    activity = {
        **{"order_id": ROW["id"], "symbol": "AAPL", "side": "buy", "qty": "3", "price": "150.25", "cum_qty": "4.000"},
        "transaction_time": "2021-03-16T18:38:01.942282Z",
    }
    first, second = orders.report_execution(report, state), orders.activity_execution(activity)
    item = rules.instrument("AAPL")
    assert first.fill("kt-a", item) == second.fill("kt-a", item) and first.fill("kt-a", item).fill_id == f"{ROW['id']}-4"


def test_shorts_are_below_zero_whichever_way_they_are_told():
    rows = [{"symbol": "A", "qty": "-5", "side": "short", "avg_entry_price": "10"}, {"symbol": "B", "qty": "5", "side": "short", "avg_entry_price": "10"}]
    assert {name: (held.qty, held.available) for name, held in orders.positions(rows).items()} == {"A": (-5, 5), "B": (-5, 5)}


def test_an_instrument_has_cents_and_below_a_dollar_four_decimals():
    assert rules.instrument("AAPL").tick_size == Decimal("0.01") and rules.instrument("AAPL").lot_size == 1
    penny = rules.instrument("PENY", "", rules.Rules("", True, True, True, Decimal(0)), Decimal("0.5"))
    assert penny.tick_size == Decimal("0.0001") and penny.lot_size == Decimal("0.000000001")
    assert (penny.price_scale, penny.size_scale) == (rules.instrument("A").price_scale, rules.instrument("A").size_scale)


def test_an_asset_trades_by_the_calendar_of_its_exchange():
    row = {"symbol": "A", "status": "active", "tradable": True}
    named = {name: rules.Rules.read({**row, "exchange": name}).exchange for name in ("NASDAQ", "NYSE", "ARCA", "BATS", None)}
    assert named == {"NASDAQ": "XNAS", "NYSE": "XNYS", "ARCA": "XNYS", "BATS": "XNYS", None: "XNYS"}
    assert set(named.values()) <= set(codes())
    known = rules.Rules.read({**row, "exchange": "NASDAQ"})
    assert rules.instrument("A").exchange == "XNYS" and rules.instrument("A", "", known).exchange == "XNAS"


ACCOUNT = rules.Account("u", "USD", Decimal(1000), Decimal(2000), True, "")
TRAILING = {"type": OrderType.TRAILING_STOP, "price": None, "stop": Decimal(149), "trail": Decimal(1)}
STOCK = rules.Rules("Apple", True, True, True, Decimal(0))


@pytest.mark.parametrize(
    ("fields", "held", "code"),
    [
        ({}, None, None),
        ({"qty": Decimal(14)}, None, "venue_balance"),
        ({"price": Decimal("0.12345")}, None, "venue_price"),
        ({"price": Decimal("1.234")}, None, "venue_price"),
        ({"price": Decimal("0.1234")}, None, None),
        ({"side": Side.SELL, "qty": Decimal(5)}, (3, 3), "venue_balance"),
        ({"side": Side.SELL, "qty": Decimal(3)}, (3, 1), "venue_balance"),
        ({"side": Side.SELL, "qty": Decimal(3)}, (3, 3), None),
        ({"side": Side.BUY, "qty": Decimal(5)}, (-3, 3), "venue_balance"),
        ({"side": Side.BUY, "qty": Decimal(3)}, (-3, 3), None),
        ({"side": Side.SELL, "qty": Decimal("0.5")}, None, "venue_fraction"),
        ({"tif": TimeInForce.GTD}, None, "venue_tif"),
        ({"qty": Decimal("0.5"), "tif": TimeInForce.GTC}, None, "venue_fraction"),
        ({**TRAILING, "stop": Decimal("148.123")}, None, None),
        ({**TRAILING, "qty": Decimal("0.5")}, None, "venue_fraction"),
        ({**TRAILING, "tif": TimeInForce.IOC}, None, "venue_tif"),
        ({**TRAILING, "qty": Decimal("0.5"), "held": True}, None, None),
    ],
)
def test_what_would_be_refused_is_not_sent(fields, held, code):
    present = rules.Present(ACCOUNT, held and orders.Held(Decimal(held[0]), Decimal(held[1]), Decimal(100)), Decimal(150))
    found = rules.refusal(intent(**fields), STOCK, present)
    assert (found and found.code) == code
    blocked = rules.refusal(intent(), STOCK, present._replace(account=ACCOUNT._replace(blocked="the account is closed")))
    assert blocked.code == "venue_blocked"


def test_a_partly_filled_order_keeps_its_quantity_and_an_unaccepted_one_everything():
    order = Order.found(intent(), 1, "v")
    assert rules.amendment(order, Decimal(12), None, None) is None
    order.filled = Decimal(2)
    assert rules.amendment(order, Decimal(12), None, None).field == "qty"
    assert rules.amendment(order, None, Decimal("151.00"), None) is None
    assert rules.amendment(order, None, Decimal("151.005"), None).field == "price"
    order.venue_order_id = None
    assert rules.amendment(order, None, Decimal("151.00"), None).field is None and order.status is OrderStatus.ACCEPTED


def test_cancels_go_while_orders_and_questions_wait():
    budget, now = Budget(), 5 * NS
    for _ in range(181):
        budget.take(now)
    assert budget.delay_s(Rank.CANCEL, now) == budget.delay_s(Rank.REDUCE, now) == 0 < budget.delay_s(Rank.ORDER, now) <= budget.delay_s(Rank.QUERY, now)
    budget.refused({"retry-after": "7"}, 0.0, now)
    assert budget.delay_s(Rank.CANCEL, now) == 7 and "429" in budget.trouble(now) and budget.trouble(now + 8 * NS) == ""
    other = Budget()
    other.refused({"x-ratelimit-reset": "1030"}, 1000.0, now)
    assert other.delay_s(Rank.CANCEL, now) == 30
    other.learn({"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0"}, now + 60 * NS)
    assert other.delay_s(Rank.CANCEL, now + 60 * NS) > 0


class Answering:
    """A way on which everything is answered at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def send(self, _method, url, _body, _credentials):
        self.asked.append(url)
        return HttpAnswer(200, {}, b"[]", url)

    def forget(self):
        pass


async def test_an_answer_that_nobody_can_use_does_not_keep_the_others_waiting():
    way = Answering()
    api = Api(way, SystemClock(), LoopScheduler())
    api.credentials = Credentials("PK", None, Places.of(False, {}))
    api.release()

    def unusable(_reply):
        raise WireError("nobody knows")

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    for number in range(AT_ONCE):
        api.ask("GET", f"/{number}", unusable, rank=Rank.QUERY)
    last = asyncio.get_running_loop().create_future()
    api.ask("GET", "/last", last.set_result, rank=Rank.QUERY)
    assert (await asyncio.wait_for(last, 5)).status == 200


def test_quotes_are_books_of_one_level_and_trades_have_a_side():
    parser = Parser([rules.instrument("AAPL")])
    quote = '{"T":"q","S":"AAPL","bx":"V","bp":189.97,"bs":2,"ax":"V","ap":190.03,"as":100.5,"c":["R"],"z":"C","t":"2021-03-16T18:38:01.000000001Z"}'
    trade = '{"T":"t","S":"AAPL","i":%d,"x":"V","p":%s,"s":7,"c":["@"],"z":"C","t":"2021-03-16T18:38:02Z"}'
    trades = [trade % each for each in ((1, "190.03"), (2, "189.97"), (3, "190"), (4, "1.9e2"))]
    book, at_ask, at_bid, between, after = parser.parse(f"[{','.join([quote, *trades])}]", 9)
    assert book == BookSnapshot("AAPL", 1615919881000000001, 9, ((189_970_000, 2 * NS),), ((190_030_000, 100_500_000_000),))
    assert [each.buyer_maker for each in (at_ask, at_bid, between, after)] == [False, True, False, False]
    assert at_ask == Trade("AAPL", 1615919882 * NS, 9, 190_030_000, 7 * NS, False, "V-1")
    (empty,) = parser.parse('[{"T":"q","S":"AAPL","bp":0,"bs":0,"ap":190.5,"as":1,"t":"2021-03-16T18:38:03Z"}]', 9)
    assert empty.bids == () and empty.asks == ((190_500_000, NS),)


def test_corrections_and_cancellations_name_the_trade_as_it_came():
    parser = Parser([rules.instrument("AAPL")])
    trade = '{"T":"t","S":"AAPL","i":%d,"x":"V","p":190.03,"s":7,"c":["@"],"z":"C","t":"2021-03-16T18:38:02Z"}'
    correction = (
        '{"T":"c","S":"AAPL","x":"V","oi":1,"op":190.03,"os":7,"oc":["@"],"ci":3,"cp":191.5,"cs":8,"cc":["@"],"t":"2021-03-16T18:38:09Z","z":"C"}'
    )
    cancel = '{"T":"x","S":"AAPL","i":2,"x":"V","p":190.03,"s":7,"a":"C","t":"2021-03-16T18:38:09Z","z":"C"}'
    first, second, put_right, gone, odd = parser.parse(f"[{','.join([trade % 1, trade % 2, correction, cancel, correction.replace('191.5', '0')])}]", 9)
    at = 1615919889 * NS
    assert put_right == Correction("AAPL", at, 9, first.trade_id, 191_500_000, 8 * NS, "V-3")
    assert gone == Correction("AAPL", at, 9, second.trade_id, 0, 0) and isinstance(odd, Rejected)
    market = MarketState([rules.instrument("AAPL")])
    market.apply([first, second, put_right, gone])
    assert market.bars("AAPL", "1m").last[1:] == (191_500_000,) * 4 + (8 * NS,) and market.last("AAPL").trade_id == "V-3"


def test_control_comes_apart_and_nonsense_is_rejected_message_by_message():
    parser = Parser([rules.instrument("AAPL")])
    found = parser.parse('[{"T":"success","msg":"connected"},{"T":"q","S":"AAPL"},{"T":"b","S":"AAPL"},{"T":"t","S":"NONE"},5]', 9)
    assert [type(each) for each in found] == [Rejected] * 3 and [each["msg"] for each in parser.take_control()] == ["connected"]
    assert isinstance(parser.parse("<html>", 9)[0], Rejected) and isinstance(parser.parse('{"T":"q"}', 9)[0], Rejected)


def test_the_present_does_not_replace_what_is_newer():
    parser = Parser([rules.instrument("AAPL")])
    parser.parse('[{"T":"q","S":"AAPL","bp":1.5,"bs":1,"ap":1.6,"as":1,"t":"2021-03-16T18:38:03Z"}]', 9)
    row = {"latestQuote": {"bp": "1.1", "bs": 1, "ap": "1.2", "as": 1, "t": "2021-03-16T18:38:01Z"}}
    row["latestTrade"] = {"i": 1, "x": "V", "p": "1.15", "s": 3, "t": "2021-03-16T18:38:00Z"}
    (trade,) = parser.snapshots({"AAPL": row, "OTHER": row}, 10)
    assert trade.price == 1_150_000 and parser.snapshots([], 10) == []


def test_places_follow_the_kind_of_account_and_the_settings():
    assert Places.of(False, {}).updates == "wss://paper-api.alpaca.markets/stream" and Places.of(True, {}).trade == "https://api.alpaca.markets"
    made = Places.of(True, {"alpaca_trade": "http://127.0.0.1:5/", "alpaca_ws": "ws://127.0.0.1:6/v2/iex"})
    assert made.origins == ("http://127.0.0.1:5", "ws://127.0.0.1:5", "https://data.alpaca.markets", "ws://127.0.0.1:6")
