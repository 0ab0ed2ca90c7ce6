"""The live venue with every socket and timer in the test's hand: subscriptions, snapshots, states."""

import asyncio
import json
import random
from itertools import pairwise

from app.model.market import BookDelta, BookSnapshot, Gap, Quote, Ticks
from app.platform.interfaces import Answer
from app.venues.base import ConnectionState
from app.venues.binance.live import BinanceLive
from tests.unit.manual import ManualSockets, ManualTime

RULES = {
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quoteAssetPrecision": 8,
            "quotePrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        }
    ]
}


class Stage:
    """A venue, its sink, and the far end of its socket and of REST."""

    def __init__(self) -> None:
        self.time, self.sockets = ManualTime(), ManualSockets()
        self.urls, self.snapshots = [], []
        self.events, self.rejected, self.states = [], [], []
        self.venue = BinanceLive(
            sockets=self.sockets,
            fetch=self,
            clock=self.time,
            scheduler=self.time,
            rng=random.Random(5),
            symbols=("BTCUSDT",),
        )

    async def fetch(self, url, *, timeout_s=10.0, max_bytes=8_000_000):
        self.urls.append(url)
        if "exchangeInfo" in url:
            return Answer(200, json.dumps(RULES), {})
        return self.snapshots.pop(0) if self.snapshots else Answer(503, "", {})

    def on_events(self, events, received_ns):
        self.events += events

    def on_rejected(self, rejected):
        self.rejected.append(rejected)

    def on_connection(self, connection):
        self.states.append(connection)

    async def open(self) -> "Stage":
        await self.venue.prepare()
        self.venue.start(self)
        self.sockets.last.accept()
        return self

    def snapshot(self, last: int) -> None:
        body = {"lastUpdateId": last, "bids": [["100.00", "1"]], "asks": [["101.00", "1"]]}
        self.snapshots.append(Answer(200, json.dumps(body), {}))

    def diff(self, first: int, last: int) -> None:
        body = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": [["99.00", "1"]], "a": []}
        self.sockets.last.deliver(json.dumps({"stream": "btcusdt@depth@100ms", "data": body}), received_ns=1)

    def acknowledge(self) -> None:
        self.sockets.last.deliver(json.dumps({"result": None, "id": self.sent()["id"]}))

    def sent(self, number: int = -1) -> dict:
        return json.loads(self.sockets.last.sent[number])

    async def settle(self) -> "Stage":
        for _ in range(30):
            await asyncio.sleep(0)
        return self

    async def live(self) -> "Stage":
        await self.open()
        self.snapshot(10)
        self.diff(10, 11)
        await self.settle()
        assert self.venue.connection.state is ConnectionState.LIVE
        return self

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


async def test_subscribes_to_three_streams_a_symbol_in_one_message():
    stage = await Stage().open()
    assert stage.sockets.last.url == "wss://stream.binance.com:9443/stream"
    assert stage.urls == ["https://data-api.binance.vision/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D"]
    assert len(stage.sockets.last.sent) == 1
    assert stage.sent()["params"] == ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"]


async def test_the_snapshot_is_asked_for_after_the_first_diff_and_both_arrive_together():
    stage = await Stage().open()
    await stage.settle()
    assert len(stage.urls) == 1
    stage.snapshot(10)
    stage.diff(8, 9)
    stage.diff(10, 12)
    await stage.settle()
    assert stage.urls[-1].endswith("/depth?symbol=BTCUSDT&limit=1000")
    assert stage.kinds() == [BookSnapshot, BookDelta]
    assert stage.venue.connection.state is ConnectionState.LIVE


async def test_a_market_without_diffs_gets_its_snapshot_after_a_while():
    stage = await Stage().open()
    stage.snapshot(10)
    stage.time.advance(3)
    await stage.settle()
    assert stage.kinds() == [BookSnapshot]
    stage.diff(11, 12)
    assert stage.kinds() == [BookSnapshot, BookDelta]


async def test_a_snapshot_older_than_the_first_diff_is_fetched_again():
    stage = await Stage().open()
    stage.snapshot(5)
    stage.snapshot(12)
    stage.diff(10, 11)
    await stage.settle()
    assert stage.events == [] and "BTCUSDT" in stage.venue.connection.detail
    stage.time.advance(0.5)
    await stage.settle()
    assert stage.kinds() == [BookSnapshot]


async def test_snapshots_that_keep_failing_are_asked_for_ever_more_slowly():
    stage = await Stage().open()
    stage.acknowledge()
    times = []
    for tenth in range(3_000):
        stage.diff(tenth + 1, tenth + 1)
        count = len(stage.urls)
        await stage.settle()
        if len(stage.urls) > count:
            times.append(tenth / 10)
        stage.time.advance(0.1)
    waits = [round(late - early, 1) for early, late in pairwise(times)]
    assert waits[0] <= 0.6 and waits[1] <= 1.1 and 15 <= waits[-1] <= 30.2
    assert all(0.2 <= wait <= 30.2 for wait in waits) and len(waits) < 25
    assert "HTTP 503" in stage.venue.connection.detail


async def test_a_gap_is_delivered_before_anything_that_follows_it():
    stage = await (await Stage().live()).settle()
    stage.events.clear()
    stage.snapshot(30)
    stage.diff(20, 21)
    assert stage.kinds() == [Gap]
    assert stage.venue.connection.state is ConnectionState.SYNCING
    stage.time.advance(0.5)
    await stage.settle()
    assert stage.kinds() == [Gap, BookSnapshot]
    assert stage.venue.resyncs == {"update ids jumped": 1}


async def test_an_answer_of_the_old_connection_is_not_used_on_the_new_one():
    stage = await Stage().open()
    stage.snapshot(10)
    stage.diff(10, 11)
    stage.sockets.last.drop()
    await stage.settle()
    assert stage.events == []
    stage.snapshots.clear()
    stage.time.advance(1)
    stage.sockets.last.accept()
    stage.snapshot(40)
    stage.diff(40, 41)
    await stage.settle()
    assert [event.sequence for event in stage.events if type(event) is BookSnapshot] == [40]


async def test_every_book_is_given_up_when_the_connection_is_lost():
    stage = await Stage().live()
    stage.sockets.last.drop(1006)
    assert stage.kinds()[-1] is Gap
    assert stage.venue.connection.state is ConnectionState.RECONNECTING
    assert stage.venue.connection.next_try_s is not None
    stage.time.advance(1)
    assert stage.venue.connection.state is ConnectionState.RECONNECTING
    stage.sockets.last.accept()
    assert stage.sent()["method"] == "SUBSCRIBE"
    assert stage.venue.connection.state is ConnectionState.SYNCING


async def test_an_unanswered_subscription_is_a_broken_connection():
    stage = await Stage().open()
    for _ in range(12):
        stage.time.advance(1)
        stage.diff(1, 2)
    assert any("not answered" in state.detail for state in stage.states)


async def test_an_answered_subscription_is_left_alone():
    stage = await Stage().open()
    stage.acknowledge()
    for _ in range(30):
        stage.time.advance(1)
        stage.diff(1, 2)
    assert len(stage.sockets.opened) == 1


async def test_a_refused_subscription_is_shown_and_counted():
    stage = await Stage().open()
    answer = {"code": 2, "msg": "Invalid request: too many streams", "id": stage.sent()["id"]}
    stage.sockets.last.deliver(json.dumps(answer))
    assert "too many streams" in stage.venue.connection.detail
    assert stage.venue.rejected == 1 and "refused" in stage.rejected[0].reason


async def test_a_probe_lists_streams_and_asks_again_for_those_lacking():
    stage = await Stage().live()
    stage.time.advance(10)
    assert stage.sent()["method"] == "LIST_SUBSCRIPTIONS"
    listed = ["btcusdt@depth@100ms", "btcusdt@trade", 7, None]
    stage.sockets.last.deliver(json.dumps({"result": listed, "id": stage.sent()["id"]}))
    stage.time.advance(1)
    assert stage.sent()["params"] == ["btcusdt@bookTicker"]


async def test_a_goodbye_is_obeyed_at_once():
    stage = await Stage().live()
    stage.time.advance(8)
    stage.sockets.last.deliver('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
    stage.time.advance(0)
    assert len(stage.sockets.opened) == 2


async def test_hostile_control_answers_harm_nothing():
    stage = await Stage().live()
    for body in ('{"result":{"a":1},"id":true}', '{"error":[],"id":null}', '{"code":"x","msg":{},"id":[]}', '{"id":9}'):
        stage.sockets.last.deliver(body)
    stage.sockets.last.deliver('{"result":"everything","id":1}')
    stage.diff(12, 12)
    assert stage.kinds()[-1] is BookDelta
    assert len(stage.sockets.opened) == 1


async def test_quotes_pass_while_the_book_waits():
    stage = await Stage().open()
    body = {"u": 1, "s": "BTCUSDT", "b": "100.00", "B": "1", "a": "101.00", "A": "2"}
    stage.sockets.last.deliver(json.dumps({"stream": "btcusdt@bookTicker", "data": body}))
    assert stage.kinds() == [Quote]


async def test_stop_leaves_no_timer_and_tells_the_last_state():
    stage = await Stage().live()
    stage.venue.stop()
    assert stage.states[-1].state is ConnectionState.STOPPED
    assert stage.time.pending() == 0
    stage.sockets.last.drop()
    assert len(stage.sockets.opened) == 1


async def test_same_seed_same_requests():
    async def life(seed: int) -> list[float]:
        stage = Stage()
        stage.venue._rng.seed(seed)
        await stage.open()
        times = []
        for _ in range(5):
            stage.sockets.last.drop()
            times.append(stage.venue.connection.next_try_s)
            stage.time.advance(times[-1])
        return times

    assert await life(1) == await life(1) != await life(2)


async def test_quotes_and_trades_come_in_columns_once_they_are_wanted_whenever_that_was_said():
    frame = '{"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"100.00","B":"1.5","a":"101.00","A":"2.5"}}'
    early, late = Stage(), await Stage().live()
    early.venue.use_columns()
    await early.live()
    late.sockets.last.deliver(frame)
    assert late.kinds()[-1] is Quote
    late.venue.use_columns()
    for stage in (early, late):
        stage.diff(12, 13)
        stage.sockets.last.deliver(frame)
        stage.sockets.last.deliver(frame[:-1])
        ticks = stage.events[-1]
        assert type(ticks) is Ticks and ticks.symbols == ("BTCUSDT",) and len(ticks) == 1
        assert ticks.of({"BTCUSDT"})[0][3:] == (100 * 10**8, 150_000_000, 101 * 10**8, 250_000_000) and ticks.of({"ETHUSDT"}) == []
        assert stage.kinds()[-2] is BookDelta and len(stage.rejected) == 1, "differences stay events, what cannot be read is said as before"
