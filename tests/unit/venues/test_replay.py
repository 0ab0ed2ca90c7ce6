from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from app.market.state import MarketState
from app.model.market import MarketEvent, Rejected, Restart
from app.platform.native.basics import ManualClock, ManualScheduler
from app.venues.base import Connection, ConnectionState
from app.venues.replay import ReplayVenue
from app.venues.replay.catalogue import CatalogueError, read_index, write_index
from app.venues.replay.recording import Recording, RecordingError
from app.venues.replay.venue import BATCH, GIVE_WAY_S
from tests.unit.venues.recorded import FOLDER, events, read_bytes, sessions

S = 10**9
BTC = "binance-btcusdt-2024"


class Sink:
    def __init__(self, market: MarketState | None = None) -> None:
        self.events: list[MarketEvent] = []
        self.batches: list[int] = []
        self.connections: list[Connection] = []
        self.rejected: list[Rejected] = []
        self.market = market

    def on_events(self, found: list[MarketEvent], received_ns: int) -> None:
        self.events += found
        self.batches.append(len(found))
        if self.market is not None:
            self.market.apply(found)

    def on_rejected(self, rejected: Rejected) -> None:
        self.rejected.append(rejected)

    def on_connection(self, connection: Connection) -> None:
        self.connections.append(connection)


class Bench:
    """A replay on a clock that the test moves."""

    def __init__(self, only: tuple[str, ...] = (), read: Callable = read_bytes, **options: object) -> None:
        self.clock = ManualClock()
        self.scheduler = ManualScheduler(self.clock)
        self.venue = ReplayVenue(read, self.clock, self.scheduler, **options)
        self.only = only

    async def start(self) -> Bench:
        await self.venue.prepare()
        if self.only:
            self.venue._infos = [info for info in self.venue._infos if info.name in self.only]
        self.market = MarketState(self.venue.instruments())
        self.sink = Sink(self.market)
        self.venue.start(self.sink)
        self.scheduler.run_for(0)
        return self

    async def load_all(self) -> Bench:
        self.scheduler.run_for(10_000_000)
        while len(self.venue._sessions) < len(self.venue._infos):
            await asyncio.sleep(0)
        return self

    def run(self, seconds: float) -> None:
        self.scheduler.run_for(int(seconds * S))

    def of(self, symbol: str) -> list[MarketEvent]:
        return [event for event in self.sink.events if event.symbol == symbol]


def btc_only(**options: object) -> Bench:
    return asyncio.run(Bench((BTC,), **options).start())


def test_the_first_quote_is_out_at_once() -> None:
    bench = btc_only()
    assert bench.market.quote("BTCUSDT") is not None
    assert bench.market.book("BTCUSDT").is_trusted
    assert bench.venue.connection.state is ConnectionState.LIVE
    assert bench.sink.connections[0].state is ConnectionState.CONNECTING


@pytest.mark.parametrize("speed", [0.1, 1.0, 7.3, 100.0])
def test_the_speed_does_not_change_the_sequence_of_events(speed: float) -> None:
    bench = btc_only(speed=speed)
    bench.run(20 / speed)
    seen = bench.sink.events
    assert len(seen) > 1000
    assert seen == list(events(BTC)[: len(seen)])


def test_as_fast_as_possible_gives_the_whole_recording_in_order() -> None:
    bench = btc_only(speed=0, loop=False)
    bench.run(0.001)
    assert bench.sink.events == list(events(BTC))
    assert bench.venue.status()["position_s"] == pytest.approx(bench.venue.status()["length_s"], abs=0.1)
    assert bench.venue.connection.detail == "the recording has ended"


async def played_together(speed: float, seconds: float) -> Bench:
    bench = await (await Bench(speed=speed).start()).load_all()
    bench.run(seconds)
    return bench


def test_sessions_play_side_by_side_in_the_same_order_at_any_speed() -> None:
    slow = asyncio.run(played_together(1.0, 65))
    fast = asyncio.run(played_together(20.0, 3.25))
    for symbol in ("BTCUSDT", "SKL-USD", "XMR/USD", "ETH/USD", "NKNUSDT"):
        shorter, longer = sorted((slow.of(symbol), fast.of(symbol)), key=len)
        assert longer[: len(shorter)] == shorter
        assert len(shorter) > 0.98 * len(longer)
    assert not slow.sink.rejected
    assert slow.market.counters["broken_books"] == 0


def test_each_session_begins_anew_by_itself_with_a_restart_and_its_recorded_times() -> None:
    bench = asyncio.run(played_together(1.0, 65))
    assert not any(type(event) is Restart for event in bench.of("BTCUSDT"))
    restarts = [event for event in bench.of("SKL-USD") if type(event) is Restart]
    assert len(restarts) == 2
    whole = [event for event in events("coinbase-2021") if event.symbol == "SKL-USD"]
    second = bench.of("SKL-USD")[len(whole) + 1 :]
    assert second[: len(whole)] == whole
    times = {event.recv for event in whole}
    assert {event.recv for event in bench.of("SKL-USD") if type(event) is not Restart} == times


def test_without_loop_a_session_ends() -> None:
    bench = btc_only(speed=100, loop=False)
    bench.run(4)
    assert bench.sink.events == list(events(BTC))
    status = bench.venue.status()
    assert (status["passes"], status["loop"]) == (0, False)
    bench.venue.control("loop", True)
    bench.run(0.1)
    assert type(bench.sink.events[len(events(BTC))]) is Restart
    assert bench.venue.status()["passes"] == 1


def test_with_loop_the_book_is_whole_again_right_after_the_restart() -> None:
    bench = btc_only(speed=100)
    bench.run(3.5)
    assert bench.venue.status()["passes"] == 1
    assert bench.market.counters["restarts"] == 1
    assert bench.market.book("BTCUSDT").is_trusted
    assert bench.market.bars("BTCUSDT", "1m").rows()[0][0] == 1723161240


def test_pause_stops_the_clock_and_play_goes_on() -> None:
    bench = btc_only()
    bench.run(5)
    bench.venue.control("pause")
    before, count = bench.venue.status(), len(bench.sink.events)
    now = bench.venue.now_ns("BTCUSDT")
    bench.run(60)
    assert bench.venue.status() == before
    assert before["paused"]
    assert len(bench.sink.events) == count
    assert bench.venue.now_ns("BTCUSDT") == now
    bench.venue.control("play")
    bench.run(5)
    assert bench.venue.status()["position_s"] == pytest.approx(before["position_s"] + 5)
    assert bench.sink.events == list(events(BTC)[: len(bench.sink.events)])
    assert bench.venue.slipped_s == 0


def test_step_gives_the_next_message_and_stays() -> None:
    bench = btc_only()
    bench.venue.control("pause")
    count = len(bench.sink.events)
    positions = []
    for number in range(1, 20):
        bench.venue.control("step")
        assert len(bench.sink.events) == count + number
        positions.append(bench.venue.status()["position_s"])
    assert positions == sorted(positions)
    assert bench.sink.events == list(events(BTC)[: count + 19])
    bench.run(5)
    assert len(bench.sink.events) == count + 19
    assert bench.venue.status()["paused"]


def test_step_pauses_what_plays() -> None:
    bench = btc_only()
    bench.venue.control("step")
    assert bench.venue.status()["paused"]


def test_seek_ahead_plays_what_lies_between_without_a_restart() -> None:
    bench = btc_only()
    bench.run(1)
    bench.venue.control("seek", 100)
    bench.run(0.001)
    assert bench.venue.status()["position_s"] == pytest.approx(100, abs=0.01)
    assert bench.sink.events == list(events(BTC)[: len(bench.sink.events)])
    assert bench.venue.connection.state is ConnectionState.LIVE


def test_seek_back_restarts_and_comes_to_the_same_state() -> None:
    bench = btc_only()
    bench.venue.control("pause")
    bench.venue.control("seek", 20)
    bench.run(0.001)
    quote, levels = bench.market.quote("BTCUSDT"), bench.market.book("BTCUSDT")._bids.copy()
    rows = bench.market.bars("BTCUSDT", "1s").rows()
    bench.venue.control("seek", 200)
    bench.run(0.001)
    assert bench.market.quote("BTCUSDT") != quote
    bench.venue.control("seek", 20)
    bench.run(0.001)
    assert bench.market.counters["restarts"] == 1
    assert bench.market.quote("BTCUSDT") == quote
    assert bench.market.book("BTCUSDT")._bids == levels
    assert bench.market.bars("BTCUSDT", "1s").rows() == rows
    assert bench.venue.status()["position_s"] == 20
    assert bench.venue.status()["paused"]


def test_a_seek_moves_all_sessions_and_each_keeps_its_own_pass() -> None:
    async def scenario() -> Bench:
        bench = await (await Bench().start()).load_all()
        bench.venue.control("seek", 200)
        bench.run(0.001)
        return bench

    bench = asyncio.run(scenario())
    for info in sessions().values():
        symbol = info.instruments[0].symbol
        expected = info.start_ns + 200 * S % (info.end_ns - info.start_ns)
        assert bench.venue.now_ns(symbol) == pytest.approx(expected, abs=S // 10)
        assert bench.market.age_ns(symbol, bench.venue.now_ns(symbol)) < 10 * S
    assert bench.market.counters["broken_books"] == 0


def test_messages_are_paced_by_their_recorded_times_and_do_not_drift() -> None:
    bench = btc_only()
    start = sessions()[BTC].start_ns
    for second in range(1, 30):
        bench.run(1)
        assert bench.sink.events[-1].recv <= start + second * S
        assert start + second * S - bench.sink.events[-1].recv < S
        # The present is how far messages were given out, so it may be behind the clock by one wait between messages.
        assert 0 <= start + second * S - bench.venue.now_ns("BTCUSDT") < S // 2


def test_a_change_of_speed_keeps_the_position() -> None:
    bench = btc_only()
    bench.run(5)
    bench.venue.control("speed", 10)
    assert bench.venue.status()["position_s"] == pytest.approx(5)
    bench.run(1)
    assert bench.venue.status()["position_s"] == pytest.approx(15)
    bench.venue.control("speed", 0.5)
    bench.run(2)
    assert bench.venue.status()["position_s"] == pytest.approx(16)


def test_after_a_long_sleep_the_clock_gives_way_and_nothing_is_skipped() -> None:
    bench = btc_only()
    bench.clock.advance(3600 * S)
    bench.run(1)
    assert bench.venue.slipped_s > 3000
    assert bench.sink.events == list(events(BTC)[: len(bench.sink.events)])
    assert bench.venue.status()["passes"] == 0


def test_behind_it_leaves_room_for_orders_and_skips_nothing() -> None:
    bench = btc_only(speed=100)
    bench.clock.advance(S // 2)
    bench.venue.orders_first = lambda: True
    before = len(bench.sink.batches)
    bench.scheduler.run_for(4 * int(GIVE_WAY_S * S))
    assert 4 <= len(bench.sink.batches) - before <= 5, "a slice, and a pause after each"
    bench.venue.orders_first = lambda: False
    bench.run(1)
    assert len(bench.sink.batches) - before > 20
    assert bench.sink.events == list(events(BTC)[: len(bench.sink.events)])


def test_deliveries_are_bounded_and_one_delivery_never_waits_for_long() -> None:
    bench = btc_only(speed=100)
    bench.run(2)
    assert max(bench.sink.batches) <= BATCH + 1


def test_at_rest_the_venue_wakes_seldom() -> None:
    bench = btc_only()
    bench.run(10)
    assert bench.scheduler._sequence < 10 / 0.008 + 10


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("speed", 0.01),
        ("speed", 101),
        ("speed", "2"),
        ("speed", True),
        ("speed", None),
        ("speed", float("nan")),
        ("seek", -1),
        ("seek", 1e9),
        ("seek", "5"),
        ("seek", float("nan")),
        ("seek", None),
        ("loop", 1),
        ("rewind", None),
        (None, None),
    ],
)
def test_controls_refuse_nonsense_and_keep_playing(action: object, value: object) -> None:
    bench = btc_only()
    with pytest.raises(ValueError):
        bench.venue.control(action, value)
    bench.run(1)
    assert bench.venue.status()["position_s"] == pytest.approx(1)


def test_an_absurd_speed_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError):
        ReplayVenue(read_bytes, ManualClock(), None, speed=-1)


def test_nothing_is_delivered_after_stop() -> None:
    bench = btc_only()
    bench.run(1)
    bench.venue.stop()
    count = len(bench.sink.events)
    bench.run(10)
    assert len(bench.sink.events) == count
    assert bench.venue.connection.state is ConnectionState.STOPPED


def test_status_before_anything_was_loaded() -> None:
    venue = ReplayVenue(read_bytes, ManualClock(), None)
    assert venue.instruments() == []
    with pytest.raises(ValueError):
        venue.control("seek", 1)
    asyncio.run(venue.prepare())
    status = venue.status()
    assert (status["position_s"], status["paused"], status["speed"]) == (0, False, 1)
    assert status["time_ns"] == status["start_ns"]


def test_a_recording_that_cannot_be_read_is_named_and_costs_nothing_else() -> None:
    async def read(path: str) -> bytes:
        if "kraken" in path:
            raise OSError("404")
        data = await read_bytes(path)
        return data[: len(data) // 2] if "coinbase" in path else data

    async def scenario() -> Bench:
        bench = await Bench(read=read).start()
        bench.run(0.01)
        while len(bench.venue._sessions) < 4:
            await asyncio.sleep(0)
        bench.run(40)
        return bench

    bench = asyncio.run(scenario())
    assert "kraken-2021 could not be loaded: 404" in bench.venue.connection.detail
    assert "cut off before its end" in bench.venue.connection.detail
    assert bench.market.quote("ETH/USD") is not None
    assert bench.venue.status()["position_s"] == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize("data", [b"", b"{}", b"<html>", b'{"sessions":[{}]}', b'{"sessions":[]}'])
def test_a_damaged_index_is_named(data: bytes) -> None:
    async def read(_path: str) -> bytes:
        return data

    with pytest.raises(CatalogueError):
        asyncio.run(ReplayVenue(read, ManualClock(), None).prepare())


def test_the_index_keeps_the_multiplier_of_a_contract_and_says_nothing_of_others() -> None:
    first, *others = sessions().values()
    contract = replace(first.instruments[0], multiplier=Decimal("12500000"))
    text = write_index([replace(first, instruments=(contract,)), *others])
    assert text.count("multiplier") == 1 and read_index(text.encode()) == [replace(first, instruments=(contract,)), *others]


def test_a_session_without_length_is_refused() -> None:
    text = (FOLDER / "index.json").read_text()
    start = sessions()[BTC].start_ns
    with pytest.raises(CatalogueError):
        read_index(text.replace(str(sessions()[BTC].end_ns), str(start)).encode())


def test_a_host_that_unpacks_gzip_itself_does_no_harm() -> None:
    import gzip

    packed = (FOLDER / "bitstamp-2022.jsonl.gz").read_bytes()
    one, other = Recording(packed), Recording(gzip.decompress(packed))
    while (message := one.next()) is not None:
        assert other.next() == message
    assert other.next() is None


@pytest.mark.parametrize("data", [b"\x1f\x8b" + b"x" * 100, b"\x1f\x8b", b"<html>\n", b'{"t":1}\n', b"[" * 10_000 + b"\n"])
def test_damaged_recordings_say_so(data: bytes) -> None:
    recording = Recording(data)
    with pytest.raises(RecordingError):
        recording.next()
    assert recording.next() is None


def test_an_empty_recording_has_no_messages() -> None:
    assert Recording(b"").next() is None
