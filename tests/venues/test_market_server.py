"""The generator of a fast market: what it sends is what the exchange sends, of what was subscribed to, and its books are those of the emulated exchange."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import pairwise

import numpy as np
from websockets.asyncio.client import connect

from app.model.instrument import Instrument
from app.model.market import Quote, Trade
from app.venues.binance.parse import Parser
from tests.bench.market_server import Ticks, unframed
from tests.e2e.serving import ROOT
from tests.venues.live_desk import emulating, run

SYMBOLS = ["BTCUSDT", "C01USDT", "C02USDT"]
ITEMS = [Instrument(symbol, "binance", symbol, symbol[:3], "USDT", 2, 5) for symbol in SYMBOLS]


def test_ticks_are_frames_that_the_desk_reads_and_of_the_rows_asked_for() -> None:
    ticks = Ticks(SYMBOLS)
    rest, read = ticks.make(50, np.array([0, 2])), []
    parser = Parser(ITEMS)
    while rest:
        assert rest[:2] == b"\x81\x7e"
        size = int.from_bytes(rest[2:4], "big")
        read += parser.parse(rest[4 : 4 + size].decode(), 1)
        rest = rest[4 + size :]
    assert [type(event) for event in read] == [Quote, Quote, Trade, Quote] * 50
    assert {event.symbol for event in read} == {"BTCUSDT", "C02USDT"}
    assert all(event.ask - event.bid == 1 and abs(event.bid - ticks.home) < 10_000 for event in read if type(event) is Quote)
    numbers = [event.trade_id for event in read if type(event) is Trade]
    assert numbers == sorted({*numbers})


def test_a_client_s_frames_are_unmasked_and_what_is_not_whole_waits() -> None:
    mask, body = b"\x01\x02\x03\x04", b"ask" * 50
    sent = b"\x81\xfe" + len(body).to_bytes(2, "big") + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
    assert unframed(sent + b"more") == (1, body, b"more")
    assert unframed(sent[:-1]) is None and unframed(b"\x81") is None


def test_what_is_subscribed_to_comes_at_the_rate_and_differences_fit_the_snapshots_of_the_exchange() -> None:
    async def scenario() -> None:
        async with emulating(mirrors=tuple(SYMBOLS[1:]), now=True, speed=1.0, paused=False) as emulator:
            told = "--like", f"{emulator.ws}/stream", "--symbols", ",".join(SYMBOLS), "--rate", "2000"
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.market_server", *told), cwd=ROOT, stdout=asyncio.subprocess.PIPE
            )
            try:
                where = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
                async with connect(where["ws"], max_size=None, max_queue=None) as socket:
                    topics = ["btcusdt@bookTicker", "c02usdt@bookTicker", "c02usdt@trade", "c02usdt@depth@100ms"]
                    await socket.send(json.dumps({"method": "SUBSCRIBE", "id": 7, "params": topics}))
                    assert json.loads(await socket.recv()) == {"result": None, "id": 7}
                    streams, loop = {}, asyncio.get_running_loop()
                    began = loop.time()
                    while len(streams.get("c02usdt@depth@100ms", ())) < 3 or sum(map(len, streams.values())) < 1000:
                        found = json.loads(await asyncio.wait_for(socket.recv(), 60))
                        streams.setdefault(found["stream"], []).append(found["data"])
                    assert loop.time() - began > 0.4, "no more than was asked for"
                    differences = streams["c02usdt@depth@100ms"]
                    assert {each["s"] for each in differences} == {"C02USDT"}
                    assert all(after["U"] == before["u"] + 1 for before, after in pairwise(differences))
                    books = emulator.player.markets
                    assert books["C02USDT"].book is books["BTCUSDT"].book and books["BTCUSDT"].book.update_id >= differences[-1]["u"]
                    assert not any(name.startswith("c01usdt") for name in streams)
            finally:
                process.terminate()
                await process.wait()

    run(scenario)
