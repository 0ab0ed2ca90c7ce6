"""Makes recordings/index.json from the recordings: `python -m tools.recordings` (add --check to compare only).

The rules are written in recordings/SOURCE.md.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

from app.model.instrument import Instrument
from app.model.market import BookSnapshot, Rejected
from app.venues.binance.parse import instruments_from_exchange_info
from app.venues.bitstamp.parse import instrument_from_rules as bitstamp_rules
from app.venues.coinbase.parse import instrument_from_rules as coinbase_rules
from app.venues.kraken.parse import instrument_from_rules as kraken_rules
from app.venues.replay.catalogue import SessionInfo, write_index
from app.venues.replay.feeds import make_feed
from app.venues.replay.recording import Message, Recording

FOLDER = Path(__file__).resolve().parent.parent / "recordings"
SESSIONS = (
    ("binance-btcusdt-2024", "binance"),
    ("coinbase-2021", "coinbase"),
    ("kraken-2021", "kraken"),
    ("bitstamp-2022", "bitstamp"),
    ("binance-2021", "binance"),
)


def main() -> int:
    """Write the index, or with --check say whether it is up to date."""
    text = write_index([describe(name, venue) for name, venue in SESSIONS])
    target = FOLDER / "index.json"
    if "--check" in sys.argv[1:]:
        same = target.read_text() == text
        print("recordings/index.json is up to date" if same else "recordings/index.json is out of date")
        return 0 if same else 1
    target.write_text(text)
    print(f"{target}: {len(text)} bytes")
    return 0


def describe(name: str, venue: str) -> SessionInfo:
    """What one recording holds."""
    data = (FOLDER / f"{name}.jsonl.gz").read_bytes()
    messages = read_all(data)
    instruments = _INSTRUMENTS[venue](messages)
    feed = make_feed(venue, instruments)
    activity: Counter[str] = Counter()
    first_book: dict[str, int] = {}
    for message in messages:
        for event in feed.events(message):
            if isinstance(event, Rejected):
                raise SystemExit(f"{name}: {event}")
            activity[event.symbol] += 1
            if isinstance(event, BookSnapshot):
                first_book.setdefault(event.symbol, message.t)
    return SessionInfo(
        name=name,
        file=f"{name}.jsonl.gz",
        venue=venue,
        start_ns=max(first_book.values()),
        end_ns=messages[-1].t,
        lines=len(messages),
        sha256=hashlib.sha256(data).hexdigest(),
        instruments=tuple(sorted(instruments, key=lambda item: -activity[item.symbol])),
    )


def read_all(data: bytes) -> list[Message]:
    """Every message of a recording."""
    recording, out = Recording(data), []
    while (message := recording.next()) is not None:
        out.append(message)
    return out


def _answer(messages: list[Message], part: str) -> str:
    return next((message.raw for message in messages if message.direction == "http" and part in message.url), "")


def _binance(messages: list[Message]) -> list[Instrument]:
    rules = _answer(messages, "exchangeInfo")
    return instruments_from_exchange_info(rules) if rules else [_from_text(messages)]


def _from_text(messages: list[Message]) -> Instrument:
    """BTCUSDT by the rule of SOURCE.md: finest steps found in the text."""
    price_step = size_step = 0
    for message in messages:
        if "@trade" in message.raw[:40]:
            trade = json.loads(message.raw)["data"]
            price_step = max(price_step, _used(trade["p"]))
            size_step = max(size_step, _used(trade["q"]))
        elif "@bookTicker" in message.raw[:40]:
            price_step = max(price_step, _used(json.loads(message.raw)["data"]["a"]))
    lot = 10 ** (8 - size_step)
    return Instrument(
        "BTCUSDT", "binance", "BTCUSDT", "BTC", "USDT", 8, 8, tick=10 ** (8 - price_step), lot=lot, min_size=lot
    )


def _used(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


def _coinbase(messages: list[Message]) -> list[Instrument]:
    rows = {row["id"]: row for row in json.loads(_answer(messages, "/products"))}
    wanted = next(json.loads(message.raw) for message in messages if message.direction == "sent")["product_ids"]
    return [coinbase_rules(rows[product]) for product in wanted]


def _kraken(messages: list[Message]) -> list[Instrument]:
    rows = {row.get("wsname"): row for row in json.loads(_answer(messages, "AssetPairs"))["result"].values()}
    out = []
    for message in messages:
        if message.direction == "recv" and '{"as":' in message.raw:
            parts = json.loads(message.raw)
            price = parts[1]["as"][0][0]
            out.append(kraken_rules(rows[parts[-1]], len(price.partition(".")[2])))
    return out


def _bitstamp(messages: list[Message]) -> list[Instrument]:
    rows = {row["url_symbol"]: row for row in json.loads(_answer(messages, "trading-pairs-info"))}
    books = [message.url.rpartition("/")[2] for message in messages if "/order_book/" in message.url]
    return [bitstamp_rules(rows[pair]) for pair in dict.fromkeys(books)]


_INSTRUMENTS = {"binance": _binance, "coinbase": _coinbase, "kraken": _kraken, "bitstamp": _bitstamp}

if __name__ == "__main__":
    sys.exit(main())
