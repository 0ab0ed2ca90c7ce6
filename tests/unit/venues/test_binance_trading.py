"""Binance execution in pieces: signatures of the venue's own documents, limits, trading rules, orders in and out of its words, the request queue."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64decode
from dataclasses import replace
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.model import events
from app.model.instrument import Instrument
from app.model.orders import Liquidity, OrderIntent, OrderType, Side, TimeInForce
from app.venues.binance import orders, signing
from app.venues.binance.api import Api, Credentials
from app.venues.binance.filters import Rules
from app.venues.binance.limits import Budget
from app.venues.execution import Outcome, Rank
from app.venues.wire import WireError
from tests.unit.manual import NS, ManualSockets, ManualTime

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
BTC = Instrument("BTCUSDT", "binance", "BTCUSDT", "BTC", "USDT", 8, 8, 10**6, 1000)
INTENT = OrderIntent("kt-1", "a", "desk", 1, "BTCUSDT", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, Decimal("0.50"), Decimal("52000.00"))


class HmacSigner:
    algorithm = "HMAC-SHA256"

    async def sign(self, data: bytes) -> bytes:
        return hmac.digest(SECRET, data, "sha256")


class EdSigner:
    algorithm = "Ed25519"
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))

    async def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)


DOCUMENTED = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "52000.00",
    "newOrderRespType": "ACK",
    "recvWindow": 100,
    "timestamp": 1645423376532,
}


async def test_the_signature_in_binances_documents_of_the_websocket_api():
    found = await signing.signed(DOCUMENTED, API_KEY, HmacSigner())
    assert found["signature"] == "cc15477742bd704c29492d96c7ead9414dfd8e0ec4a00f947bb5bb454ddbd08a"
    assert signing.payload(found) == signing.payload({**DOCUMENTED, "apiKey": API_KEY}) and found["apiKey"] == API_KEY


async def test_ed25519_signatures_are_base64_of_the_sorted_raw_text():
    found = await signing.signed({"timestamp": 1, "b": "x y", "a": "ü"}, "k", EdSigner())
    EdSigner.key.public_key().verify(b64decode(found["signature"]), "a=ü&apiKey=k&b=x y&timestamp=1".encode())


# limits


def test_cancels_have_room_where_orders_and_questions_have_none():
    budget = Budget()
    budget.learn([{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100, "count": 75}], 0)
    assert budget.delay_s(Rank.QUERY, 1, 0) > 0 and budget.delay_s(Rank.ORDER, 1, 0) == budget.delay_s(Rank.CANCEL, 1, 0) == 0
    budget.take(Rank.ORDER, 20, 0)
    assert budget.delay_s(Rank.ORDER, 1, 0) > 0 and budget.delay_s(Rank.REDUCE, 1, 0) > 0 and budget.delay_s(Rank.CANCEL, 1, 0) == 0
    assert budget.delay_s(Rank.ORDER, 1, 60 * NS) == 0


def test_a_reduction_has_room_where_an_order_has_none():
    budget = Budget()
    budget.learn([{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 100, "count": 90}], 0)
    assert budget.delay_s(Rank.ORDER, 1, 0) > 0 and budget.delay_s(Rank.REDUCE, 1, 0) == 0


def test_orders_count_against_the_limits_of_orders_and_others_do_not():
    budget = Budget()
    budget.learn([{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 2, "count": 0}], 0)
    for _ in range(2):
        assert budget.delay_s(Rank.ORDER, 1, 0) == 0
        budget.take(Rank.ORDER, 1, 0)
    assert budget.delay_s(Rank.ORDER, 1, 0) == pytest.approx(10) and budget.delay_s(Rank.QUERY, 1, 0) == 0
    budget.learn([{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 10, "count": 10}], 20 * NS)
    assert budget.delay_s(Rank.ORDER, 1, 20 * NS) > 80_000


def test_a_refusal_keeps_everybody_still_as_long_as_it_says():
    budget = Budget()
    budget.refused(429, 1_005_000, 1_000_000, 0)
    assert [budget.delay_s(rank, 1, 0) for rank in Rank] == [5.0] * len(Rank) and "429" in budget.trouble
    budget.refused(418, None, 1_000_000, 0)
    assert budget.delay_s(Rank.CANCEL, 1, 0) == 120
    budget.refused(429, 10**15, 0, 0)
    assert budget.delay_s(Rank.CANCEL, 1, 0) == 3 * 86_400


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["rateLimitType", "interval", "intervalNum", "limit", "count"]), inner | st.sampled_from(["ORDERS", "MINUTE"]), max_size=5)))
def test_limits_that_make_no_sense_are_passed_over(rows):
    budget = Budget()
    budget.learn(rows, 0)
    assert budget.delay_s(Rank.CANCEL, 1, 0) >= 0


# trading rules

RULES = {
    "status": "TRADING",
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
    "amendAllowed": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "100000.00000000", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "120.00000000", "stepSize": "0.00000000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.00000000", "applyMaxToMarket": False},
        {"filterType": "ICEBERG_PARTS", "limit": 10},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ],
}


def intent(**changes) -> OrderIntent:
    return replace(INTENT, **{key: Decimal(value) if type(value) is str else value for key, value in changes.items()})


@pytest.mark.parametrize(
    ("changes", "kind", "code", "field"),
    [
        ({}, "LIMIT", None, None),
        ({"price": "52000.005"}, "LIMIT", "venue_price", "price"),
        ({"price": "0.001"}, "LIMIT", "venue_price", "price"),
        ({"price": "100000.01"}, "LIMIT", "venue_price", "price"),
        ({"qty": "0.000015"}, "LIMIT", "venue_lot", "qty"),
        ({"qty": "0.000001"}, "LIMIT", "venue_lot", "qty"),
        ({"qty": "9001"}, "LIMIT", "venue_lot", "qty"),
        ({"qty": "0.00009"}, "LIMIT", "venue_notional", "qty"),
        ({"qty": "200"}, "LIMIT", "venue_notional", "qty"),
        ({"type": OrderType.MARKET, "price": None, "qty": "120.1"}, "MARKET", "venue_lot", "qty"),
        ({"type": OrderType.MARKET, "price": None, "qty": "0.00005"}, "MARKET", "venue_notional", "qty"),
        ({"type": OrderType.MARKET, "price": None}, "MARKET", None, None),
        ({"type": OrderType.STOP, "price": None, "stop": "52000.001"}, "STOP_LOSS", "venue_price", "stop"),
        ({"type": OrderType.ICEBERG, "display": "0.01"}, "LIMIT", "venue_iceberg", "display"),
        ({"type": OrderType.ICEBERG, "display": "0.05"}, "LIMIT", None, None),
        ({}, "TAKE_PROFIT", "venue_type", "type"),
    ],
)
def test_filters_name_what_they_refuse(changes, kind, code, field):
    found = Rules.read(RULES).refusal(intent(**changes), kind, Decimal(60_000), 0)
    assert (found.code, found.field) == (code, field) if code else found is None


def test_a_halted_symbol_and_too_many_orders():
    assert Rules.read({**RULES, "status": "CANCEL_ONLY"}).refusal(INTENT, "LIMIT", None, 0).code == "venue_halted"
    assert Rules.read(RULES).refusal(INTENT, "LIMIT", None, 200).code == "venue_max_orders"


@pytest.mark.parametrize("row", [{}, {"filters": []}, {**RULES, "filters": [{"filterType": "PRICE_FILTER", "minPrice": "x"}]}, {**RULES, "status": None}, []])
def test_rules_that_cannot_be_used(row):
    if isinstance(row, dict) and row.get("filters") == RULES["filters"]:
        assert Rules.read(row).status == "None"
        return
    with pytest.raises(WireError):
        Rules.read(row)


# orders in the venue's words


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"type": "LIMIT", "timeInForce": "GTC", "price": "52000", "quantity": "0.5"}),
        ({"post_only": True}, {"type": "LIMIT_MAKER", "price": "52000", "quantity": "0.5"}),
        ({"type": OrderType.MARKET, "price": None, "tif": TimeInForce.IOC}, {"type": "MARKET", "quantity": "0.5"}),
        ({"type": OrderType.STOP, "price": None, "stop": "50000"}, {"type": "STOP_LOSS", "stopPrice": "50000", "quantity": "0.5"}),
        (
            {"type": OrderType.STOP_LIMIT, "stop": "50000", "tif": TimeInForce.GTC},
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "50000", "price": "52000", "timeInForce": "GTC", "quantity": "0.5"},
        ),
        ({"type": OrderType.ICEBERG, "display": "0.1"}, {"type": "LIMIT", "icebergQty": "0.1", "timeInForce": "GTC", "price": "52000", "quantity": "0.5"}),
    ],
)
def test_an_intent_as_parameters(changes, expected):
    always = {"symbol": "BTCUSDT", "side": "BUY", "newClientOrderId": "kt-1", "newOrderRespType": "FULL"}
    assert orders.place(intent(**changes), "BTCUSDT") == always | expected


REPORT = {
    "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "kt-1", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.50000000", "p": "52000.00000000",
    "P": "0.00000000", "F": "0.00000000", "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 42, "l": "0.20000000", "z": "0.20000000",
    "L": "51999.90000000", "n": "0.00020000", "N": "BTC", "T": 1700000000001, "t": 7, "w": True, "m": True,
}  # fmt: skip


def test_an_execution_report_is_a_fill_with_the_fee_in_its_own_currency():
    found = orders.read_report(REPORT)
    assert found == ("BTCUSDT", 42, "kt-1", "TRADE", "PARTIALLY_FILLED", "")
    fill = orders.report_fill(REPORT, "kt-1", BTC)
    assert (fill.fill_id, fill.qty, fill.price, fill.fee, fill.fee_currency) == ("BTCUSDT-7", Decimal("0.2"), Decimal("51999.9"), Decimal("0.0002"), "BTC")
    assert (fill.liquidity, fill.ts, fill.currency) == (Liquidity.MAKER, 1700000000001 * 10**6, "USDT")
    free = orders.report_fill({**REPORT, "n": "0", "N": None}, "kt-1", BTC)
    assert (free.fee, free.fee_currency) == (0, "USDT")


@pytest.mark.parametrize(
    ("changes", "in_kind"),
    [
        ({}, True),
        ({"S": "SELL"}, True),
        ({"N": "BNB"}, None),
        ({"S": "SELL", "n": "10.4", "N": "USDT"}, None),
        ({"n": "0", "N": None}, None),
        ({"n": "0.2"}, None),
    ],
    ids=["bought", "sold", "in another coin", "in cash", "none", "all of it"],
)
def test_a_fee_in_what_was_traded_is_taken_in_kind(changes, in_kind):
    assert orders.report_fill(REPORT | changes, "kt-1", BTC).in_kind is in_kind


@pytest.mark.parametrize(
    ("qty", "price", "mark", "words"),
    [
        ("0.000001", None, "60000", "below the venue's least, 0.00001"),
        ("0.00008", None, "60000", "worth less than the venue's least, 5"),
        ("0.0001", None, "60000", ""),
        ("0.00008", None, None, ""),
        ("0.0001", "49000", "60000", "worth less than the venue's least, 5"),
        ("0.00011", "49000", "1", ""),
    ],
)
def test_what_is_too_little_to_be_traded(qty, price, mark, words):
    price, mark = (None if text is None else Decimal(text) for text in (price, mark))
    assert Rules.read(RULES).too_little(Decimal(qty), price, mark) == words
    free = {**RULES, "filters": [*RULES["filters"][:3], {**RULES["filters"][3], "applyMinToMarket": False}]}
    assert price is not None or "worth" not in Rules.read(free).too_little(Decimal(qty), price, mark)


def test_what_is_left_is_an_order_of_its_own():
    assert orders.rest(INTENT, Decimal("0.2")) == intent(qty="0.30")
    triggered = orders.rest(intent(type=OrderType.STOP_LIMIT, stop="50000"), Decimal("0.2"))
    assert triggered == intent(qty="0.30")
    assert orders.rest(intent(type=OrderType.ICEBERG, display="0.1"), Decimal("0.2")) == intent(type=OrderType.ICEBERG, display="0.1", qty="0.30")
    assert orders.rest(intent(type=OrderType.ICEBERG, display="0.3"), Decimal("0.2")) == intent(qty="0.30")


def test_a_cancel_names_the_order_in_its_second_id():
    found = orders.read_report({**REPORT, "x": "CANCELED", "X": "CANCELED", "c": "cancel-1", "C": "kt-1"})
    assert (found.client_order_id, found.cause) == ("kt-1", "CANCELED")
    assert isinstance(orders.ended("CANCELED", 1, "kt-1"), events.OrderCancelled)
    assert isinstance(orders.ended("EXPIRED_IN_MATCH", 1, "kt-1"), events.OrderExpired)
    assert isinstance(orders.ended("REJECTED", 1, "kt-1"), events.OrderRejected)
    assert orders.ended("FILLED", 1, "kt-1") is orders.ended("NEW", 1, "kt-1") is None
    with pytest.raises(WireError):
        orders.ended("SOMETHING_NEW", 1, "kt-1")


def test_an_order_of_somebody_else_gets_an_id_from_what_the_venue_calls_it():
    state = orders.report_state({**REPORT, "c": "web_1", "o": "LIMIT_MAKER", "F": "0.1"})
    found = orders.found(state, orders.found_id(state), "a", "BTCUSDT.BINANCE")
    assert (found.client_order_id, found.type, found.post_only, found.qty) == ("venue-btcusdt-42", OrderType.ICEBERG, True, Decimal("0.5"))
    assert not found.starts_held and found.origin == "venue"


@given(st.sampled_from(sorted(REPORT)), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2))
def test_a_report_that_makes_no_sense_is_a_wire_error_and_nothing_else(field, value):
    broken = {**REPORT, field: value}
    for read in (orders.read_report, orders.report_state, lambda data: orders.report_fill(data, "kt-1", BTC)):
        try:
            read(broken)
        except WireError:
            pass


# the request queue


class Line:
    """An Api on a socket played by hand."""

    def __init__(self) -> None:
        self.time, self.sockets, self.replies, self.lost = ManualTime(), ManualSockets(), [], []
        self.heard: list[dict] = []
        rng = type("Rng", (), {"random": staticmethod(lambda: 0.5)})()
        self.api = Api(
            "ws://x", self.sockets, self.time, self.time, rng,
            on_open=lambda: None, on_event=self.heard.append, on_lost=self.lost.append, on_status=lambda _status: None,
        )  # fmt: skip

    async def open(self) -> Line:
        self.api.start(Credentials("key", HmacSigner()))
        self.sockets.last.accept()
        self.api.release()
        await self.turn()
        return self

    async def turn(self) -> None:
        for _ in range(20):
            self.time.run_for(0)
            await asyncio.sleep(0)

    def ask(self, method: str, rank: Rank = Rank.ORDER, **more):
        return self.api.ask(method, {}, lambda reply: self.replies.append((method, reply)), rank=rank, **more)

    @property
    def sent(self) -> list[dict]:
        return [json.loads(text) for text in self.sockets.last.sent]

    def answer(self, number: int, **answer) -> None:
        self.sockets.last.deliver(json.dumps({"id": number, **answer}))

    def outcome(self) -> tuple:
        method, reply = self.replies[-1]
        return method, reply.outcome, reply.code


async def test_cancels_overtake_reductions_those_other_orders_and_orders_overtake_questions():
    line = await Line().open()
    line.ask("a.query", Rank.QUERY)
    line.ask("b.order")
    line.ask("r.reduce", Rank.REDUCE)
    line.ask("c.cancel", Rank.CANCEL)
    await line.turn()
    assert [row["method"] for row in line.sent] == ["c.cancel", "r.reduce", "b.order", "a.query"]
    assert all(row["params"]["apiKey"] == "key" and len(row["params"]["signature"]) == 64 for row in line.sent)


async def test_nothing_but_setup_leaves_before_the_connection_is_set_up():
    line = await Line().open()
    line.api.held = True
    line.ask("order.place")
    line.ask("time", Rank.SETUP, signed=False)
    await line.turn()
    assert [row["method"] for row in line.sent] == ["time"] and "params" not in line.sent[0]


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        ({"status": 200, "result": {}}, Outcome.DONE, 0),
        ({"status": 400, "error": {"code": -2010, "msg": "no"}}, Outcome.REFUSED, -2010),
        ({"status": 400, "error": {"code": -1006, "msg": "hm"}}, Outcome.UNSURE, -1006),
        ({"status": 503, "error": {"code": -1008, "msg": "busy"}}, Outcome.UNSURE, -1008),
        ({"status": 200}, Outcome.UNSURE, 0),
        ({"status": "400", "error": {"code": -2010}}, Outcome.UNSURE, 0),
        ({"status": 400, "error": "no"}, Outcome.UNSURE, 0),
    ],
)
async def test_what_an_answer_amounts_to(answer, outcome, code):
    line = await Line().open()
    line.ask("order.place")
    await line.turn()
    line.answer(1, **answer)
    assert line.outcome() == ("order.place", outcome, code)
    line.answer(1, **answer)
    assert len(line.replies) == 1


async def test_a_lost_connection_answers_what_was_sent_with_unsure_and_what_was_not_with_unsent():
    line = await Line().open()
    line.ask("sent")
    await line.turn()
    line.api.budget.refused(429, None, 0, line.time.monotonic_ns())
    line.ask("queued", Rank.CANCEL)
    await line.turn()
    line.sockets.last.drop()
    assert [(method, reply.outcome) for method, reply in line.replies] == [("queued", Outcome.UNSENT), ("sent", Outcome.UNSURE)]
    assert line.lost == ["closed with code 1006"]
    line.ask("late")
    assert line.outcome() == ("late", Outcome.UNSENT, 0)


async def test_an_order_that_found_no_room_in_time_is_given_up_unsent():
    line = await Line().open()
    line.api.budget.refused(429, None, 0, line.time.monotonic_ns())
    line.ask("order.place", wait_s=1.0)
    await line.turn()
    line.time.advance(1.1)
    await line.turn()
    assert line.outcome() == ("order.place", Outcome.UNSENT, 0) and "429" in line.replies[-1][1].text and line.sent == []


async def test_a_request_that_waits_can_be_taken_back_and_one_that_was_sent_cannot():
    line = await Line().open()
    first = line.ask("order.place")
    assert line.api.withdraw(first)
    second = line.ask("order.place")
    await line.turn()
    assert not line.api.withdraw(second) and len(line.sent) == 1


@pytest.mark.parametrize("frame", ["", "{", "[]", "null", "1", '{"id":', "<html>"])
async def test_a_frame_that_is_nothing_ends_the_connection(frame):
    line = await Line().open()
    line.ask("order.place")
    await line.turn()
    line.sockets.last.deliver(frame)
    assert line.outcome() == ("order.place", Outcome.UNSURE, 0) and "could not be read" in line.lost[0]


async def test_goodbyes_and_a_revoked_key_end_the_connection():
    for frame in (
        {"event": {"e": "serverShutdown"}},
        {"subscriptionId": 0, "event": {"e": "eventStreamTerminated"}},
        {"id": None, "status": 401, "error": {"code": -2015, "msg": "revoked"}},
    ):
        line = await Line().open()
        line.sockets.last.deliver(json.dumps(frame))
        assert len(line.lost) == 1
    line = await Line().open()
    line.sockets.last.deliver(json.dumps({"subscriptionId": 0, "event": {"e": "balanceUpdate"}}))
    assert line.heard == [{"e": "balanceUpdate"}] and line.lost == []


async def test_the_venues_clock_counts_in_time_stamps():
    line = await Line().open()
    line.api.measure_clock(line.time.monotonic_ns(), line.time.now_ns() // 10**6 + 5000)
    line.ask("order.place")
    await line.turn()
    assert line.sent[0]["params"]["timestamp"] == line.time.now_ns() // 10**6 + 5000


# requests signed ahead


class SlowSigner(HmacSigner):
    """Signs when it is told to."""

    def __init__(self) -> None:
        self.go, self.asked, self.fails = asyncio.Event(), 0, False

    async def sign(self, data: bytes) -> bytes:
        self.asked += 1
        if self.fails:
            raise RuntimeError("locked")
        await self.go.wait()
        return await super().sign(data)


async def ready_line() -> tuple[Line, SlowSigner]:
    """A line whose next order is signed already."""
    line = await Line().open()
    signer = SlowSigner()
    line.api.credentials = Credentials("key", signer)
    return line, signer


def stamp(line: Line) -> int:
    return line.time.now_ns() // 10**6


def check_signature(row: dict) -> None:
    params = dict(row["params"])
    assert params.pop("signature") == hmac.new(SECRET, signing.payload(params), "sha256").hexdigest()


async def test_what_was_signed_ahead_leaves_in_the_turn_in_which_it_is_asked_for():
    line, signer = await ready_line()
    ready = line.api.make_ready("order.place", {"symbol": "X"})
    signer.go.set()
    await line.turn()
    assert line.sent == [] and signer.asked == 1, "nothing leaves by getting ready"
    signer.go.clear()
    asked, begun = line.api.ask("order.place", ready.params, lambda _reply: None, rank=Rank.ORDER, ready=ready), stamp(line)
    await asyncio.sleep(0)  # without it Python before 3.12 begins nothing
    (row,) = line.sent
    assert row["method"] == "order.place" and row["params"]["symbol"] == "X" and row["params"]["timestamp"] == begun and signer.asked == 1
    check_signature(row)
    line.answer(row["id"], status=200, result={})
    assert asked.sent_ns == line.time.monotonic_ns()


async def test_what_is_still_being_signed_is_waited_for_and_not_signed_twice():
    line, signer = await ready_line()
    ready = line.api.make_ready("order.place", {})
    line.api.ask("order.place", ready.params, lambda _reply: None, rank=Rank.ORDER, ready=ready)
    await line.turn()
    assert line.sent == []
    signer.go.set()
    await line.turn()
    assert len(line.sent) == signer.asked == 1


@pytest.mark.parametrize("what", ["late", "the clock was set back", "the venue's clock", "another key", "another connection", "not signed"])
async def test_what_was_signed_ahead_and_does_not_fit_any_more_is_signed_anew(what):
    line, signer = await ready_line()
    signer.fails = what == "not signed"
    ready = line.api.make_ready("order.place", {"symbol": "X"})
    signer.go.set()
    await line.turn()
    signer.fails = False
    if what == "late":
        line.time.advance(1.0)
    elif what == "the clock was set back":
        line.time.clock.set_wall(line.time.now_ns() - 10**9)
    elif what == "the venue's clock":
        line.api.measure_clock(line.time.monotonic_ns(), stamp(line) + 700)
    elif what == "another key":
        line.api.credentials = Credentials("another", HmacSigner())
    elif what == "another connection":
        line.api.link.reconnect("a test")
        line.time.advance(1)
        line.sockets.last.accept()
        line.api.release()
        ready.venue_ms = line.api.venue_ms  # as if no time had passed
    line.api.ask("order.place", ready.params, lambda _reply: None, rank=Rank.ORDER, ready=ready)
    await line.turn()
    (row,) = line.sent
    check_signature(row)
    assert row["id"] != ready.number and row["params"]["symbol"] == "X"
    assert row["params"]["timestamp"] == line.api.venue_ms and row["params"]["apiKey"] == line.api.credentials.api_key
