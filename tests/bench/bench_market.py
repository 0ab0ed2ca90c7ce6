"""Cost of the market path on this machine, native: `python -m tests.bench.bench_market`, one JSON object a line.

Yardstick: json.loads alone over the same frames. Medians of REPEATS runs over the recorded BTCUSDT session.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable

from app.market.book import Book
from app.market.state import MarketState
from app.model.market import BookDelta, MarketEvent
from app.venues.binance.depth import DepthSync
from app.venues.binance.parse import Parser
from app.venues.replay.feeds import make_feed
from app.venues.replay.recording import Message
from tests.bench.results import emit
from tests.unit.venues.recorded import messages, sessions

REPEATS = 5
NAME = "binance-btcusdt-2024"


def main() -> None:
    """Print the figures."""
    everything = messages(NAME)
    for kind in ("bookTicker", "trade", "depth"):
        frames = [message.raw for message in everything if f"@{kind}" in message.raw[:40]]
        yard = per_item(lambda frames=frames: loads(frames), len(frames))
        report(f"parse_{kind}", per_item(lambda frames=frames: parse(frames), len(frames)), yard, len(frames))
        path = per_item(lambda kind=kind: whole_path(everything, kind), 1, timed=True)
        report(f"frame_to_state_{kind}", path, yard, len(frames))
    depth = [message for message in everything if message.direction == "http" or "@depth" in message.raw[:40]]
    spent_s = per_item(lambda: book_only(depth), 1) / 1e6
    yard_s = per_item(lambda: loads([message.raw for message in depth]), 1) / 1e6
    emit("market_book_times_real_time", (depth[-1].t - depth[0].t) / 1e9 / spent_s, "x", "json.loads of the same frames", spent_s / yard_s, len(depth))
    state = MarketState(sessions()[NAME].instruments)
    play(everything, state)
    reads = 100_000
    read = per_item(lambda: [state.quote("BTCUSDT") for _ in range(reads)], reads)
    table = {"BTCUSDT": state.quote("BTCUSDT")}
    plain = per_item(lambda: [table["BTCUSDT"] for _ in range(reads)], reads)
    report("quote_read", read, plain, reads, "a dict lookup")
    others = [(name, messages(name)) for name in sessions()]
    count = sum(len(found) for _, found in others)
    raw = [message.raw for _, found in others for message in found if message.direction == "recv"]
    yard = per_item(lambda: loads(raw), count)
    report("all_sessions_message_to_state", per_item(lambda: [play_session(*item) for item in others], count), yard, count)


def loads(frames: list[str]) -> None:
    """The yardstick."""
    for text in frames:
        json.loads(text)


def parse(frames: list[str]) -> None:
    """Frames one by one."""
    parser = Parser(sessions()[NAME].instruments)
    for text in frames:
        parser.parse(text, 1)


def whole_path(everything: tuple[Message, ...], kind: str) -> float:
    """Seconds per frame of one kind from text to state, while all others are applied as well but not counted."""
    parser, sync = Parser(sessions()[NAME].instruments), DepthSync("BTCUSDT")
    state = MarketState(sessions()[NAME].instruments)
    clock, spent, count = time.perf_counter, 0.0, 0
    for message in everything:
        start = clock()
        events: list[MarketEvent] = []
        if message.direction == "http":
            events = sync.on_snapshot(parser.snapshot("BTCUSDT", message.raw, message.t))
        else:
            for event in parser.parse(message.raw, message.t):
                events += sync.on_delta(event) if type(event) is BookDelta else [event]
        state.apply(events)
        if f"@{kind}" in message.raw[:40]:
            spent += clock() - start
            count += 1
    return spent / count


def book_only(depth: list[Message]) -> None:
    """The depth stream alone, from text to book."""
    info = sessions()[NAME]
    feed, book = make_feed("binance", info.instruments), Book(info.instruments[0])
    for message in depth:
        for event in feed.events(message):
            if type(event) is BookDelta:
                book.apply_delta(event)
            else:
                book.apply_snapshot(event)
    assert book.is_trusted


def play(everything: tuple[Message, ...], state: MarketState) -> None:
    """A whole session into a state."""
    feed = make_feed("binance", sessions()[NAME].instruments)
    for message in everything:
        state.apply(feed.events(message))


def play_session(name: str, everything: tuple[Message, ...]) -> None:
    """Any session into a fresh state."""
    info = sessions()[name]
    feed, state = make_feed(info.venue, info.instruments), MarketState(info.instruments)
    for message in everything:
        state.apply(feed.events(message))


def per_item(work: Callable[[], object], count: int, timed: bool = False) -> float:
    """Median us per item; ``timed`` work measures itself in seconds."""
    found = []
    for _ in range(REPEATS):
        gc.collect()
        start = time.perf_counter()
        result = work()
        found.append(result if timed else (time.perf_counter() - start) / count)
    return statistics.median(found) * 1e6


def report(name: str, value: float, yard: float, n: int, yardstick: str = "json.loads of the same frames") -> None:
    """One line."""
    emit(f"market_{name.replace(' ', '_')}", value, "us", yardstick, value / yard, n)


if __name__ == "__main__":
    main()
