"""Every streaming venue on its emulator with time in the test's hand: books, gaps, resyncs, states, limits."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.model.market import Gap
from app.net.connection import LinkPolicy
from app.net.streams import Limits
from app.venues.base import ConnectionState
from tests.venues.sims.hand import LIVE, NATIVES, Hand, exchange_of, symbol_of

VENUES = tuple(LIVE)
each_venue = pytest.mark.parametrize("name", VENUES)


async def hand(name: str, **options) -> Hand:
    return await Hand(exchange_of(name), **options).start()


@each_venue
async def test_books_are_the_exchanges_level_by_level(name):
    desk = await hand(name)
    for _ in range(300):
        await desk.step()
        assert desk.check() == 3
    assert desk.rejected == [] and desk.events == []
    assert desk.state.counters["duplicates"] == 0
    last = desk.state.last(symbol_of(name, NATIVES[name][0]))
    assert last is not None and int(last.trade_id) == desk.exchange.mills[NATIVES[name][0]].trades


@each_venue
async def test_a_lost_connection_is_a_gap_for_every_book_and_all_is_built_anew(name):
    desk = await hand(name)
    desk.exchange.disconnect()
    await desk.pass_s(0.0)
    assert [type(event) for event in desk.events] == [Gap] * 3 and not desk.trusted()
    assert desk.venue.connection.state is ConnectionState.RECONNECTING
    assert sum(desk.venue.resyncs.values()) == 3
    await desk.live()
    await desk.step(20)
    assert desk.check() == 3


@each_venue
async def test_silence_is_noticed_and_ends_the_connection(name):
    desk = await hand(name)
    desk.exchange.stall()
    await desk.pass_s(40.0)
    assert any("silent" in connection.detail for connection in desk.connections)
    await desk.live()
    assert desk.check() == 3


@each_venue
async def test_a_quiet_market_is_probed_and_not_given_up(name):
    desk = await hand(name)
    for _ in range(20):
        await desk.pass_s(6.0)
    assert desk.venue.connection.state is ConnectionState.LIVE
    assert all(row["losses"] == 0 for row in desk.venue.sockets())


@each_venue
async def test_sleep_is_a_gap_also_where_nothing_seems_to_be_missing(name):
    desk = await hand(name)
    before = desk.exchange.connects
    desk.time.clock.advance(3600 * 10**9)  # no timer runs while the computer sleeps
    await desk.pass_s(0.1)
    gaps = [event for event in desk.events if type(event) is Gap]
    assert len(gaps) == 3 and all("suspended" in gap.reason for gap in gaps)
    assert desk.exchange.connects > before or desk.venue.connection.state is not ConnectionState.LIVE
    await desk.live()
    await desk.step(5)
    assert desk.check() == 3


@each_venue
async def test_frames_that_waited_through_a_sleep_are_not_taken_for_the_present(name):
    desk = await hand(name)
    desk.exchange.step(5)  # on their way
    desk.time.clock.advance(3600 * 10**9)
    heard = desk.state.counters["events"]
    await desk.pass_s(0.0)
    assert desk.state.counters["events"] - heard == 3, "the gaps, and nothing else"
    assert not desk.trusted()


@each_venue
async def test_a_clock_that_jumps_is_a_gap(name):
    desk = await hand(name)
    desk.time.clock.set_wall(desk.time.now_ns() + 60 * 10**9)
    await desk.pass_s(3.0)
    assert desk.streams.pulse.counts == {"suspended": 0, "clock": 1}
    assert {event.reason.split(":")[0] for event in desk.events} == {"the clock jumped ahead by 60 s"}
    await desk.live()


@each_venue
async def test_offline_is_a_gap_and_online_ends_the_wait(name):
    desk = await hand(name)
    desk.down = True
    desk.venue.went_offline()
    await desk.pass_s(120.0)
    assert desk.venue.connection.state is ConnectionState.RECONNECTING and len(desk.events) == 3
    desk.down = False
    desk.venue.retry_now()
    await desk.pass_s(0.1)
    assert desk.venue.connection.state in (ConnectionState.SYNCING, ConnectionState.LIVE)
    await desk.live()


@each_venue
async def test_refusals_are_backed_off_from(name):
    desk = await hand(name)
    desk.down = True
    desk.exchange.disconnect()
    waits = []
    for _ in range(9):
        await desk.pass_s(0.01)
        waits.append(desk.venue.connection.next_try_s)
        await desk.pass_s(waits[-1])
    assert waits[-1] > 15 and max(waits) <= 60 and len(set(waits)) == 9


@each_venue
async def test_an_unanswered_subscription_ends_the_connection(name):
    desk = Hand(exchange_of(name))
    await desk.venue.prepare()
    desk.exchange.deaf = True
    desk.begin()
    await desk.pass_s(30.0)
    assert any("not answered" in connection.detail or "silent" in connection.detail for connection in desk.connections)
    desk.exchange.deaf = False
    await desk.live()


@each_venue
async def test_an_instrument_the_venue_does_not_list_is_named_and_the_others_live(name):
    wanted = [symbol_of(name, native) for native in NATIVES[name]]
    desk = await Hand(exchange_of(name), symbols=(*wanted, "NO/SUCH")).start()
    assert desk.venue.missing == ["NO/SUCH"] and desk.venue.connection.detail == "without NO/SUCH"


@each_venue
async def test_a_halt_is_shown(name):
    exchange = exchange_of(name)
    exchange.halted[NATIVES[name][1]] = "HALT"
    desk = await Hand(exchange).start()
    assert f"{symbol_of(name, NATIVES[name][1])} is not trading" in desk.venue.connection.detail
    assert desk.venue.connection.state is ConnectionState.LIVE


@each_venue
@pytest.mark.parametrize("answer", [(200, "<html>maintenance</html>"), (429, ""), (503, ""), (200, "{}"), (200, '{"error":["EService:Busy"]}')])
async def test_rules_that_cannot_be_learnt_are_a_state_in_words(name, answer):
    desk = Hand(exchange_of(name))
    desk.exchange.http_plan = [answer] * 3
    task = asyncio.ensure_future(desk.venue.prepare())
    for _ in range(40):
        await desk.pass_s(0.05)
    assert desk.venue.connection.state is ConnectionState.OFFLINE
    detail = desk.venue.connection.detail
    assert detail.startswith("trading rules") or "waiting" in detail, detail
    for _ in range(40):
        await desk.pass_s(10.0)
    await task
    await desk.start()
    assert desk.check() == 3


@each_venue
async def test_stop_leaves_nothing_running(name):
    desk = await hand(name)
    desk.venue.stop()
    assert desk.venue.connection.state is ConnectionState.STOPPED and desk.connections[-1].state is ConnectionState.STOPPED
    assert desk.exchange.clients == []
    await desk.pass_s(1.0)
    assert desk.time.pending() == 0


# each venue's own proof of its books


async def test_kraken_a_wrong_checksum_is_never_believed():
    desk = await hand("kraken")
    desk.exchange.lie = 1
    desk.exchange.step()
    await desk.pass_s(0.001)
    assert sum(not desk.state.book(symbol).is_trusted for symbol in NATIVES["kraken"]) == 1
    assert list(desk.venue.resyncs) and all("checksum" in cause for cause in desk.venue.resyncs)
    await desk.step(3)
    assert desk.check() == 3
    assert desk.exchange.connects == 1, "one book is asked for again, the connection stays"
    assert [request["method"] for request in desk.exchange.heard[-2:]] == ["unsubscribe", "subscribe"]


async def test_kraken_a_wrong_checksum_in_the_snapshot_itself_is_not_believed_either():
    desk = Hand(exchange_of("kraken"))
    desk.exchange.lie = 3
    await desk.venue.prepare()
    desk.begin()
    await desk.pass_s(0.01)
    assert sum(desk.venue.resyncs.values()) == 3 and all("checksum" in cause for cause in desk.venue.resyncs)
    await desk.live()
    assert desk.check() == 3


async def test_kraken_says_when_it_is_in_maintenance():
    exchange = exchange_of("kraken")
    exchange.system = "maintenance"
    desk = await Hand(exchange).start()
    assert desk.venue.connection.detail == "the venue says: maintenance"


async def test_coinbase_a_hole_in_the_numbers_ends_the_connection_whatever_was_lost():
    desk = await hand("coinbase")
    desk.exchange.plan = ["drop"]
    await desk.step()
    assert desk.exchange.connects == 2 or desk.venue.connection.state is not ConnectionState.LIVE
    assert any("expected" in event.reason for event in desk.events)
    await desk.live()
    assert desk.check() == 3


async def test_bitstamp_comes_again_when_asked_to():
    desk = await hand("bitstamp")
    await desk.pass_s(10.0)
    desk.exchange.ask_to_reconnect()
    await desk.pass_s(0.1)
    await desk.live()
    assert desk.exchange.connects == 2


async def test_usdm_books_and_trades_come_on_their_own_routes():
    desk = await hand("usdm")
    assert [client.path for client in desk.exchange.clients] == ["/public/stream", "/market/stream"]
    await desk.step(50)
    assert all(desk.state.last(native) is not None for native in NATIVES["usdm"])
    assert [row["venue"] for row in desk.venue.sockets()] == ["usdm public", "usdm market"]


async def test_usdm_a_hole_in_the_chain_is_a_gap_and_the_book_is_built_anew():
    desk = await hand("usdm")
    desk.exchange.plan = ["drop"]
    await desk.step(3)
    assert desk.venue.resyncs == {"update ids jumped": 1}
    await desk.live()
    assert desk.check() == 3


# limits and priorities


def small(name: str, **limits) -> Hand:
    """A venue with room for little."""
    natives = {"kraken": [f"C{n:02d}/USD" for n in range(12)], "coinbase": [f"C{n:02d}-USD" for n in range(12)]}[name]
    desk = Hand(exchange_of(name, tuple(natives)))
    pool = desk.venue.pools[""]
    pool.limits = Limits(policy=LinkPolicy(messages=2), **limits)
    return desk


@pytest.mark.parametrize("name", ["kraken", "coinbase"])
async def test_topics_are_spread_over_sockets_and_no_socket_has_more_than_the_venue_allows(name):
    desk = small(name, topics=8, sockets=3)
    await desk.start()
    assert [len(client.topics) - ("heartbeats" in client.topics) for client in desk.exchange.clients] == [8, 8, 8]
    assert desk.check() == 12


async def test_what_does_not_fit_is_named_and_what_matters_most_is_streamed():
    desk = small("kraken", topics=8, sockets=1)
    await desk.venue.prepare()
    desk.begin()
    for _ in range(40):
        await desk.step()
    assert "not streamed" in desk.venue.connection.detail and "C11/USD" in desk.venue.connection.detail
    assert desk.check() == 4
    desk.venue.prioritise(["C11/USD", "C10/USD"])
    for _ in range(40):
        await desk.step()
        await desk.pass_s(0.2)
        desk.check()
    assert desk.check() == 4 and desk.state.book("C11/USD").is_trusted
    assert "C11/USD" not in desk.venue.connection.detail
    assert sorted(desk.exchange.clients[0].topics) == sorted(f"{kind}:C{n}/USD" for kind in ("book", "trade") for n in ("00", "01", "10", "11"))


async def test_after_a_reconnect_the_most_important_instruments_are_subscribed_first():
    desk = await hand("kraken")
    desk.venue.prioritise(["SOL/USD"])
    desk.exchange.heard.clear()
    desk.exchange.disconnect()
    await desk.live()
    books = [request["params"]["symbol"] for request in desk.exchange.heard if request["params"]["channel"] == "book"]
    assert books == [["SOL/USD", "BTC/USD", "ETH/USD"]]


async def test_usdm_snapshots_are_asked_for_in_the_order_of_importance():
    desk = await hand("usdm")
    desk.venue.prioritise(["SOLUSDT", "ETHUSDT"])
    desk.exchange.asked.clear()
    desk.exchange.disconnect()
    await desk.live()
    asked = [path.partition("symbol=")[2].partition("&")[0] for path in desk.exchange.asked]
    assert asked[1:3] == ["SOLUSDT", "ETHUSDT"], "whichever moved first was asked for while nobody waited"


@each_venue
async def test_control_messages_are_paced(name):
    desk = Hand(exchange_of(name))
    times: list[float] = []
    hear = desk.exchange.hear
    desk.exchange.hear = lambda client, text: (times.append(desk.time.monotonic_ns() / 1e9), hear(client, text))
    await desk.start()
    limit = desk.venue.dialect.limits.policy.messages * len(desk.venue.pools)
    for start in times:
        assert sum(start <= at < start + 1.0 for at in times) <= limit


async def test_hostile_control_answers_harm_nothing():
    hostile = ("null", "[]", "5", '{"method":"subscribe"}', '{"event":"bts:error"}', '{"event":"bts:subscription_succeeded","channel":[]}')
    hostile += ('{"channel":"status","data":5}', '{"channel":"subscriptions","sequence_num":0,"events":[5]}', '{"type":"error"}', '{"error":[],"method":[]}')
    hostile += ('{"channel":"subscriptions","sequence_num":1,"events":[{"subscriptions":{"level2":[[]]}}]}', '{"id":[],"result":5}', '{"channel":[]}')
    for name in VENUES:
        desk = await hand(name)
        for text in hostile:
            for client in desk.exchange.clients:
                desk.exchange.say(client, text, False)
        await desk.pass_s(0.1)
        await desk.live()
        assert desk.check() == 3, name
        json.dumps(desk.venue.sockets())
