"""The live Binance venue over real sockets, against an exchange that misbehaves in every way the desk must survive."""

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest

from app.model.market import BookSnapshot, Quote, Trade
from app.venues.base import ConnectionState
from tests.venues.binance_sim.faults import FORMS
from tests.venues.live_desk import PATIENT, QUICK, Desk, emulating, run, trading_desk, until

DEPTH = "@depth"


def test_every_level_is_the_exchanges_throughout_the_session():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator, policy=PATIENT) as desk:
            for _ in range(8):
                await emulator.player.play(5_200)
                await desk.agree()
            assert emulator.player.at_end
            kinds = Counter(type(event) for event in desk.events)
            assert kinds[Quote] + desk.venue.replaced > 27_000 and kinds[Trade] > 9_700 and kinds[BookSnapshot] == 1
            assert desk.rejected == [] and desk.gaps == []
            states = [connection.state for connection in desk.connections]
            assert list(dict.fromkeys(states)) == [
                ConnectionState.OFFLINE,
                ConnectionState.CONNECTING,
                ConnectionState.SYNCING,
                ConnectionState.LIVE,
            ]

    run(scenario)


def test_quotes_and_trades_arrive_exactly_once_and_in_order():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            await emulator.player.play(8_000)
            await desk.agree()
            ours = [int(event.trade_id) for event in desk.events if type(event) is Trade]
            theirs = [trade["t"] for trade in emulator.player.markets["BTCUSDT"].trades]
            await until(lambda: len([e for e in desk.events if type(e) is Trade]) >= len(ours))
            assert ours == theirs[-len(ours) :]
            instrument = desk.venue.instruments()[0]
            best = emulator.player.markets["BTCUSDT"].best()
            quote = desk.state.quote("BTCUSDT")
            assert float(best["bidPrice"]) == float(instrument.price(quote.bid))
            assert float(best["askQty"]) == float(instrument.size(quote.ask_size))

    run(scenario)


def test_going_round_the_session_leaves_no_gap():
    async def scenario():
        async with emulating(loop=True) as emulator, trading_desk(emulator, policy=PATIENT) as desk:
            await emulator.player.play(len(emulator.player.session.records) + 3_000)
            assert emulator.player.passes == 1
            await desk.agree()
            assert desk.gaps == [] and desk.rejected == []

    run(scenario)


@pytest.mark.parametrize("count", [1, 7])
def test_dropped_diffs_show_a_gap_and_the_book_is_built_anew(count):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator, policy=PATIENT) as desk:
            emulator.inject("drop", count=count, match=DEPTH)
            await emulator.player.play(600)
            await until(lambda: desk.gaps, "a gap")
            assert not desk.state.book("BTCUSDT").is_trusted
            assert "expected" in desk.gaps[0]
            await desk.live()
            await emulator.player.play(600)
            await desk.agree()
            assert len(desk.gaps) == 1
            assert desk.venue.resyncs == {"update ids jumped": 1}
            assert emulator.hub.connects == 1

    run(scenario)


def test_a_gap_is_shown_while_the_snapshot_is_awaited():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            emulator.inject("rest_delay", seconds=0.3, match="/depth")
            emulator.inject("drop", match=DEPTH)
            await emulator.player.play(300)
            await until(lambda: desk.venue.connection.state is ConnectionState.SYNCING)
            assert "0 of 1 books in step" in desk.venue.connection.detail
            await desk.live()
            await desk.agree()

    run(scenario)


@pytest.mark.parametrize("kind", ["duplicate", "reorder"])
def test_repeated_and_swapped_diffs(kind):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            emulator.inject(kind, count=3, match=DEPTH)
            await emulator.player.play(1_500)
            await until(lambda: emulator.faults.done.get(kind) == 3)
            await desk.live()
            await emulator.player.play(500)
            await desk.agree()
            # A diff that comes twice is old news; one that comes late leaves a hole where it should have been.
            assert bool(desk.gaps) == (kind == "reorder")
            assert desk.rejected == []

    run(scenario)


def test_a_lost_connection_is_reopened_and_everything_built_anew():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            await emulator.player.play(500)
            emulator.inject("disconnect")
            await until(lambda: desk.gaps, "a gap")
            await until(lambda: emulator.hub.connects == 2, "a second connection")
            await emulator.player.play(300)
            await desk.live()
            await desk.agree()
            assert desk.venue.resyncs == {"connection lost": 1}
            states = {connection.state for connection in desk.connections}
            assert ConnectionState.RECONNECTING in states

    run(scenario)


@pytest.mark.parametrize("at", [1, 3, 60, 200])
def test_a_connection_cut_in_the_middle_of_a_frame(at):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            emulator.inject("cut", at=at, match=DEPTH)
            await emulator.player.play(300)
            await until(lambda: emulator.hub.connects == 2, "a second connection")
            await desk.live()
            await emulator.player.play(300)
            await desk.agree()
            assert len(desk.gaps) == 1

    run(scenario)


def test_refused_connections_back_off_and_recover():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            emulator.inject("refuse", count=4, status=503)
            emulator.inject("disconnect")
            await until(lambda: desk.venue.connection.attempts >= 4, "four failures")
            waits = [c.next_try_s for c in desk.connections if c.state is ConnectionState.RECONNECTING and c.next_try_s]
            assert len(waits) >= 4
            for attempt, wait in enumerate(waits):
                bound = min(QUICK.max_delay_s, QUICK.first_delay_s * 2**attempt)
                assert bound / 2 <= wait <= bound
            await desk.live()
            await desk.agree()

    run(scenario)


def test_an_exchange_that_went_silent_is_probed_and_left():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            emulator.inject("stall")
            await until(lambda: emulator.hub.connects == 2, "a second connection")
            assert any("probe was not answered" in reason for reason in desk.gaps)
            await desk.live()
            await emulator.player.play(300)
            await desk.agree()

    run(scenario)


def test_a_quiet_market_is_not_taken_for_a_dead_connection():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator, policy=replace(QUICK, probe_timeout_s=1.0)) as desk:
            client = next(iter(emulator.hub.clients))
            asked = len(client.received)
            seen: set[float] = set()
            await until(lambda: seen.update(client.received) or len(seen) >= asked + 3, "three probes")
            assert emulator.hub.connects == 1 and desk.gaps == []
            await emulator.player.play(300)
            await desk.agree()

    run(scenario)


def test_a_server_shutdown_is_obeyed_before_the_server_closes():
    async def scenario():
        policy = QUICK.__class__(silence_s=5, stable_s=0.0, first_delay_s=0.02)
        async with emulating() as emulator, trading_desk(emulator, policy=policy) as desk:
            emulator.inject("shutdown", close=False)
            await until(lambda: emulator.hub.connects == 2, "a second connection")
            assert desk.gaps == ["the venue is shutting this server down"]
            await desk.live()
            await desk.agree()

    run(scenario)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rest_html", {}),
        ("rest_html", {"status": 403}),
        ("rest_status", {"status": 500}),
        ("rest_status", {"status": 503}),
        ("rest_garbage", {}),
        ("rest_truncated", {}),
        ("rest_stale", {}),
    ],
)
def test_snapshots_that_fail_are_asked_for_again(kind, options):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            await emulator.player.play(500)
            before = sum("/depth" in request for request in emulator.rest.requests)
            emulator.inject(kind, count=2, match="/depth", **options)
            emulator.inject("drop", match=DEPTH)
            await emulator.player.play(300)
            await until(lambda: desk.gaps)
            await desk.live()
            await desk.agree()
            assert emulator.faults.done[kind] == 2
            assert sum("/depth" in request for request in emulator.rest.requests) == before + 3
            if kind in ("rest_garbage", "rest_truncated"):
                assert len(desk.rejected) == 2

    run(scenario)


@pytest.mark.parametrize("status", [429, 418])
def test_refusals_are_waited_out_as_long_as_told(status):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            asked = len(emulator.rest.requests)
            emulator.inject("rest_status", status=status, retry_after=1, match="/depth")
            emulator.inject("drop", match=DEPTH)
            await emulator.player.play(300)
            loop = asyncio.get_running_loop()
            await until(lambda: len(emulator.rest.requests) == asked + 1, "the refused request")
            refused_at = loop.time()
            await until(lambda: "waiting 1 s as told" in desk.venue.connection.detail, "the wait in the state")
            await until(lambda: len(emulator.rest.requests) > asked + 1, "the request repeated")
            assert loop.time() - refused_at >= 0.95
            await desk.live()
            await desk.agree()

    run(scenario)


def test_twelve_books_are_started_within_the_limits():
    symbols = ("ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "LINKUSDT", "AVAXUSDT")

    async def scenario():
        async with emulating(clones=symbols) as emulator:
            async with trading_desk(emulator, symbols=("BTCUSDT", *symbols), depth_limit=1000) as desk:
                assert len(desk.venue.instruments()) == 9
                emulator.inject("disconnect")
                await until(lambda: emulator.hub.connects == 2)
                await desk.live()
                await emulator.player.play(900)
                for symbol in symbols:
                    await until(lambda name=symbol: desk.in_step(name))
                assert desk.venue.resyncs == {"connection lost": 9}
                assert emulator.hub.limit_drops == 0

    run(scenario)


def test_an_unknown_symbol_is_named_and_the_others_work():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator, symbols=("NOSUCHUSDT", "BTCUSDT")) as desk:
            assert [each.symbol for each in desk.venue.instruments()] == ["BTCUSDT"]
            assert desk.venue.missing == ["NOSUCHUSDT"]
            assert desk.venue.connection.detail == "without NOSUCHUSDT"
            await desk.agree()

    run(scenario)


def test_rules_come_exact_from_the_exchange():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            (bitcoin,) = desk.venue.instruments()
            assert str(bitcoin.tick_size.normalize()) == "0.01" and str(bitcoin.lot_size.normalize()) == "0.00001"
            assert bitcoin.min_notional == 5 and (bitcoin.base, bitcoin.quote) == ("BTC", "USDT")

    run(scenario)


def test_no_exchange_at_all_is_a_state_and_not_an_exception():
    async def scenario():
        async with emulating() as emulator:
            nowhere = "http://127.0.0.1:1"
            desk = Desk(emulator, rest=nowhere)
            await desk.venue.prepare()
            assert desk.venue.instruments() == []
            assert desk.venue.connection.state is ConnectionState.OFFLINE
            assert "trading rules" in desk.venue.connection.detail
            with pytest.raises(ValueError, match="prepare"):
                desk.begin()
            desk.venue.stop()
            assert desk.venue.connection.state is ConnectionState.STOPPED

    run(scenario)


def test_rules_that_come_late_are_taken_at_the_next_try():
    async def scenario():
        async with emulating() as emulator:
            emulator.inject("rest_html", count=3, match="/exchangeInfo")
            desk = Desk(emulator)
            await desk.venue.prepare()
            assert "a web page came instead of data" in desk.venue.connection.detail
            await desk.venue.prepare()
            desk.begin()
            await desk.live()
            await desk.agree()
            desk.venue.stop()

    run(scenario)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_hostile_frame_is_counted_and_harms_nothing(form):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator, policy=PATIENT) as desk:
            for stream in (DEPTH, "@bookTicker", "@trade"):
                emulator.inject("insert", form=form, match=stream)
            await emulator.player.play(400)
            await until(lambda: emulator.faults.done.get("insert") == 3)
            await emulator.player.play(400)
            await desk.agree()
            assert desk.gaps == [] and emulator.hub.connects == 1
            # A frame without update ids keeps its sense when those are what is spoilt.
            harmless = 2 if form.startswith("ids") else 0
            assert len(desk.rejected) == desk.venue.rejected == 3 - harmless
            assert all(len(each.sample) < 300 for each in desk.rejected)

    run(scenario)


@pytest.mark.parametrize("form", ["nan", "negative", "truncated", "html", "wrong_symbol", "big"])
def test_a_diff_spoilt_on_its_way_is_a_gap(form):
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            emulator.inject("replace", form=form, match=DEPTH)
            await emulator.player.play(400)
            await until(lambda: desk.gaps, "a gap")
            assert len(desk.rejected) == 1
            await desk.live()
            await desk.agree()

    run(scenario)


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_between_the_frames_harm_nothing(seed):
    rng = random.Random(seed)

    def spoil(text: str) -> str:
        chars = list(text)
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(len(chars))
            chars[at : at + rng.randint(0, 3)] = rng.choice(
                ["", "9", "-", "e9", '"', "[", "]", "{}", "NaN", ",", "\x00", "😀"]
            )
        return "".join(chars)

    async def scenario():
        async with emulating() as emulator, trading_desk(emulator, policy=PATIENT) as desk:
            publish = emulator.hub.publish

            def publish_spoilt(stream: str, text: str) -> None:
                # Spoilt prices and ids may well be plausible, so only text that cannot be JSON for us is sent in between.
                for client in list(emulator.hub.listeners.get(stream, ())):
                    client.put(stream, "{" + spoil(text))
                publish(stream, text)

            emulator.hub.publish = publish_spoilt
            await emulator.player.play(600)
            await until(lambda: len(desk.rejected) >= 600)
            await desk.agree()
            assert desk.gaps == [] and emulator.hub.connects == 1

    run(scenario)


def test_faults_in_a_long_random_row_always_end_in_step():
    rng = random.Random(11)
    menu = [
        ("drop", {"match": DEPTH, "count": 3}),
        ("duplicate", {"match": DEPTH}),
        ("reorder", {"match": DEPTH}),
        ("disconnect", {}),
        ("cut", {"at": 30}),
        ("replace", {"form": "truncated", "match": DEPTH}),
        ("rest_status", {"status": 500, "match": "/depth"}),
        ("rest_stale", {"match": "/depth"}),
        ("rest_truncated", {"match": "/depth"}),
        ("refuse", {"count": 2}),
        ("shutdown", {}),
    ]

    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            for _ in range(8):
                for kind, options in rng.sample(menu, 2):
                    emulator.inject(kind, **options)
                await emulator.player.play(400)
                await desk.live()
            emulator.inject("clear")
            await emulator.player.play(300)
            await desk.live()
            await desk.agree()
            shown = sum(desk.venue.resyncs.values())
            assert len(desk.gaps) == shown > 0

    run(scenario)


def test_a_book_found_wrong_is_built_anew_on_request():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            await emulator.player.play(200)
            await desk.agree()
            desk.venue.resync("BTCUSDT", "crossed")
            await until(lambda: desk.gaps == ["crossed"])
            await desk.live()
            await desk.agree()
            assert desk.venue.resyncs == {"crossed": 1}

    run(scenario)


def test_stop_is_final():
    async def scenario():
        async with emulating() as emulator, trading_desk(emulator) as desk:
            desk.venue.stop()
            await until(lambda: not emulator.hub.clients, "the connection closed")
            count = len(desk.events)
            await emulator.player.play(200)
            assert len(desk.events) == count
            assert desk.connections[-1].state is ConnectionState.STOPPED

    run(scenario)
