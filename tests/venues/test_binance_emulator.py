"""The emulator keeps to the documented protocol: endpoints, errors, streams, limits, pings, headers, admin."""

import asyncio
import json
import sys
from decimal import Decimal
from itertools import pairwise

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.venues.binance_sim.session import ROOT
from tests.venues.live_desk import emulating, run, until


async def ask(emulator, path: str, **params) -> httpx.Response:
    async with httpx.AsyncClient(base_url=emulator.http, trust_env=False) as client:
        return await client.get(path, params=params)


def listen(url: str) -> connect:
    """A connection that reads everything at once, so that a close is seen at once."""
    return connect(url, ping_interval=None, max_queue=None)


async def control(socket, request: object) -> dict:
    await socket.send(request if isinstance(request, str) else json.dumps(request))
    return json.loads(await asyncio.wait_for(socket.recv(), 60))


def test_frames_are_the_recorded_ones_to_the_letter():
    async def scenario():
        async with emulating() as emulator:
            streams = "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"
            async with listen(f"{emulator.ws}/stream?streams={streams}") as socket:
                await until(lambda: emulator.hub.clients)
                emulator.player.step(300)
                for record in emulator.player.session.records[:300]:
                    expected = f'{{"stream":"btcusdt@{record.kind}","data":{record.text}}}'
                    assert await asyncio.wait_for(socket.recv(), 60) == expected
            async with listen(f"{emulator.ws}/ws/btcusdt@trade") as socket:
                await until(lambda: emulator.hub.clients)
                emulator.player.step(300)
                assert json.loads(await asyncio.wait_for(socket.recv(), 60))["e"] == "trade"

    run(scenario)


def test_a_snapshot_fits_the_stream_at_any_time():
    async def scenario():
        async with emulating() as emulator:
            for _ in range(20):
                emulator.player.step(97)
                book = (await ask(emulator, "/api/v3/depth", symbol="BTCUSDT", limit=5000)).json()
                rest = emulator.player.session.records[emulator.player.position :]
                following = json.loads(next(each.text for each in rest if each.kind == "depth@100ms"))
                assert following["U"] <= book["lastUpdateId"] + 1 <= following["u"]
                bids, asks = ([Decimal(price) for price, _ in book[side]] for side in ("bids", "asks"))
                assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]

    run(scenario)


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("depth", {}, 400, -1102),
        ("depth", {"symbol": "NOSUCH"}, 400, -1121),
        ("depth", {"symbol": "btcusdt"}, 400, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "x"}, 400, -1100),
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, 400, -1120),
        ("exchangeInfo", {"symbols": '["BTCUSDT","NOSUCH"]'}, 400, -1121),
        ("exchangeInfo", {"symbols": "BTC"}, 400, -1100),
        ("userDataStream", {}, 410, -1000),
    ],
)
def test_errors_are_the_documented_ones(path, params, status, code):
    async def scenario():
        async with emulating() as emulator:
            answer = await ask(emulator, f"/api/v3/{path}", **params)
            assert (answer.status_code, answer.json()["code"]) == (status, code)

    run(scenario)


def test_any_page_may_read_and_weights_are_counted():
    async def scenario():
        async with emulating() as emulator:
            answer = await ask(emulator, "/api/v3/depth", symbol="BTCUSDT", limit=5000)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["x-mbx-used-weight-1m"] == "250"

    run(scenario)


def test_whoever_spends_too_much_is_told_and_then_banned():
    async def scenario():
        async with emulating(weight_limit=300) as emulator:
            answers = [await ask(emulator, "/api/v3/depth", symbol="BTCUSDT", limit=5000) for _ in range(8)]
            statuses = [answer.status_code for answer in answers]
            assert statuses[0] == 200 and 429 in statuses and statuses[-1] == 418
            assert all(int(answer.headers["retry-after"]) <= 60 for answer in answers if answer.status_code != 200)

    run(scenario)


def test_the_weight_that_the_websocket_api_tells_begins_anew_with_each_minute(monkeypatch):
    async def scenario():
        async with emulating() as emulator, connect(emulator.api) as socket:
            told = []
            for now_ms in (59_000, 59_999, 60_000):
                monkeypatch.setattr(type(emulator.exchange), "now_ms", property(lambda _exchange, now_ms=now_ms: now_ms))
                told.append((await control(socket, {"id": 1, "method": "ping"}))["rateLimits"][0]["count"])
            assert told == [1, 2, 1]

    run(scenario)


def test_klines_add_up_to_the_trades():
    async def scenario():
        async with emulating() as emulator:
            emulator.player.step(20_000)
            day = (await ask(emulator, "/api/v3/ticker/24hr", symbol="BTCUSDT")).json()
            for interval in ("1s", "1m", "5m", "1h", "1d", "1w", "1M"):
                rows = (await ask(emulator, "/api/v3/klines", symbol="BTCUSDT", interval=interval, limit=1000)).json()
                assert sum(Decimal(row[5]) for row in rows) == Decimal(day["volume"])
                assert sum(row[8] for row in rows) == day["count"]
                assert all(row[0] <= row[6] and len(row) == 12 for row in rows)
                assert all(one[6] < two[0] for one, two in pairwise(rows))

    run(scenario)


def test_subscriptions_are_added_listed_and_removed():
    async def scenario():
        async with emulating() as emulator, listen(f"{emulator.ws}/stream") as socket:
            both = ["btcusdt@trade", "btcusdt@depth@100ms"]
            assert await control(socket, {"method": "SUBSCRIBE", "params": both, "id": 1}) == {"result": None, "id": 1}
            assert await control(socket, {"method": "LIST_SUBSCRIPTIONS", "id": "two"}) == {"result": both, "id": "two"}
            assert (await control(socket, {"method": "UNSUBSCRIBE", "params": both[:1], "id": 3}))["result"] is None
            assert (await control(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 4}))["result"] == both[1:]
            emulator.player.step(50)
            assert json.loads(await socket.recv())["stream"] == both[1]

    run(scenario)


@pytest.mark.parametrize(
    ("request_text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":-1}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1.5}', 2),
        ('{"method":"NOPE","id":1}', 2),
        ('{"id":1}', 2),
        ('{"method":"SUBSCRIBE","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["btcusdt@nope"],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[7],"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":["nope"],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
    ],
)
def test_control_errors_are_the_documented_ones(request_text, code):
    async def scenario():
        async with emulating() as emulator, listen(f"{emulator.ws}/ws") as socket:
            answer = await control(socket, request_text)
            assert answer["code"] == code and answer["msg"]

    run(scenario)


def test_properties_switch_the_wrapping():
    async def scenario():
        async with emulating() as emulator, listen(f"{emulator.ws}/ws/btcusdt@trade") as socket:
            assert (await control(socket, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}))[
                "result"
            ] is False
            await control(socket, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
            emulator.player.step(100)
            assert json.loads(await socket.recv())["stream"] == "btcusdt@trade"

    run(scenario)


def test_a_sixth_message_in_a_second_ends_the_connection():
    async def scenario():
        async with emulating() as emulator, listen(f"{emulator.ws}/ws") as socket:
            for number in range(6):
                await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            with pytest.raises(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket.recv(), 60)
            assert emulator.hub.limit_drops == 1

    run(scenario)


def test_streams_and_connections_are_limited():
    async def scenario():
        async with emulating(connect_limit=2) as emulator:
            async with listen(f"{emulator.ws}/ws") as socket:
                names = [f"coin{number}usdt@trade" for number in range(1025)]
                assert (await control(socket, {"method": "SUBSCRIBE", "params": names, "id": 1}))["code"] == 2
                assert (await control(socket, {"method": "SUBSCRIBE", "params": names[:-1], "id": 2}))["result"] is None
            async with listen(f"{emulator.ws}/ws"):
                pass
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{emulator.ws}/ws")
            assert refused.value.response.status_code == 429

    run(scenario)


def test_the_server_pings_and_drops_who_does_not_answer():
    async def scenario():
        async with emulating(ping_s=0.05, pong_s=0.2) as emulator:
            pings = []
            async with listen(f"{emulator.ws}/ws") as socket:
                receive = socket.protocol.recv_frame

                def deaf(frame) -> None:
                    if frame.opcode == 9:
                        pings.append(frame)
                    else:
                        receive(frame)

                socket.protocol.recv_frame = deaf
                with pytest.raises(ConnectionClosed):
                    await asyncio.wait_for(socket.recv(), 60)
            assert pings

    run(scenario)


def test_a_shutdown_is_announced_in_both_forms():
    async def scenario():
        async with emulating() as emulator:
            async with listen(f"{emulator.ws}/stream") as combined, listen(f"{emulator.ws}/ws") as raw:
                await until(lambda: len(emulator.hub.clients) == 2)
                emulator.inject("shutdown")
                wrapped, bare = json.loads(await combined.recv()), json.loads(await raw.recv())
                assert wrapped["stream"] == "!serverShutdown" and wrapped["data"] == bare
                assert bare["e"] == "serverShutdown"
                with pytest.raises(ConnectionClosed):
                    await combined.recv()

    run(scenario)


def test_slow_diffs_add_up_to_the_fast_ones():
    async def scenario():
        async with emulating() as emulator, listen(f"{emulator.ws}/ws/btcusdt@depth") as socket:
            await until(lambda: emulator.hub.clients)
            start = emulator.player.markets["BTCUSDT"].listing.snapshot
            levels = dict(map(tuple, start["bids"]))
            emulator.player.step(3_000)
            last = start["lastUpdateId"]
            for _ in range(10):
                diff = json.loads(await asyncio.wait_for(socket.recv(), 60))
                assert diff["U"] <= last + 1 <= diff["u"]
                last = diff["u"]
                levels.update(map(tuple, diff["b"]))
            best = max(Decimal(price) for price, size in levels.items() if Decimal(size))
            assert abs(best - 61_830) < 100

    run(scenario)


def test_events_can_be_moved_to_the_present():
    async def scenario():
        async with emulating(now=True) as emulator, listen(f"{emulator.ws}/ws/btcusdt@trade") as socket:
            await until(lambda: emulator.hub.clients)
            now_ms = emulator.player.now_ms
            emulator.player.step(100)
            assert 0 <= json.loads(await socket.recv())["E"] - now_ms < 60_000

    run(scenario)


def test_admin_tells_what_was_sent_when():
    async def scenario():
        async with emulating(log=True) as emulator, listen(f"{emulator.ws}/ws/btcusdt@bookTicker") as socket:
            await until(lambda: emulator.hub.clients)
            async with httpx.AsyncClient(base_url=emulator.http, trust_env=False) as client:
                stepped = await client.post("/admin/control", json={"step": 50})
                assert stepped.json()["stepped"] == 50
                ids = []
                quotes = [each for each in emulator.player.session.records[:50] if each.kind == "bookTicker"]
                for _ in quotes:
                    ids.append(json.loads(await socket.recv())["u"])
                log = (await client.get("/admin/log")).json()
                assert [row[1] for row in log["rows"]] == ids
                assert all(row[0] == "btcusdt@bookTicker" for row in log["rows"])
                times = [row[2] for row in log["rows"]]
                assert times == sorted(times)
                assert (await client.get("/admin/log", params={"after": log["next"]})).json()["rows"] == []
                planned = await client.post("/admin/fault", json={"kind": "drop", "count": 2})
                assert planned.json() == {"planned": 1, "done": {}}
                assert (await client.post("/admin/fault", json={"kind": "nonsense"})).status_code == 400
                state = (await client.get("/admin/state")).json()
                assert state["position"] == 50 and state["clients"][0]["streams"] == ["btcusdt@bookTicker"]

    run(scenario)


def test_the_pace_is_kept():
    async def scenario():
        async with emulating(speed=100.0) as emulator:
            loop = asyncio.get_running_loop()
            emulator.player.change(paused=False)
            began, first = loop.time(), emulator.player.now_ms
            await until(lambda: emulator.player.now_ms - first > 60_000, "a minute of the session")
            assert 0.5 < loop.time() - began < 3.0

    run(scenario)


def test_it_runs_from_the_command_line():
    async def scenario():
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "tests.venues.binance_emulator",
                "--port",
                "0",
                "--speed",
                "20",
                "--clones",
                "ETHUSDT",
            ),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            said = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
            async with listen(f"{said['ws']}?streams=ethusdt@bookTicker") as socket:
                assert json.loads(await asyncio.wait_for(socket.recv(), 60))["data"]["s"] == "ETHUSDT"
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"{said['rest']}/ping")).json() == {}
        finally:
            process.terminate()
            await process.wait()

    run(scenario)
