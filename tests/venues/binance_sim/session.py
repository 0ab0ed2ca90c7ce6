"""Recorded Binance sessions as the emulator plays them: a starting book and the frames that follow it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
STREAMED = ("depth@100ms", "bookTicker", "trade")
_WRAP = '"data":'


class Record(NamedTuple):
    """One recorded frame: ``offset_ns`` from the start, ``text`` the raw payload without the stream wrapper."""

    offset_ns: int
    symbol: str
    kind: str
    text: str


@dataclass(slots=True)
class Listing:
    """What exchangeInfo says about a symbol, and its book when the session begins."""

    symbol: str
    base: str
    quote: str
    tick: str
    lot: str
    snapshot: dict = field(repr=False)
    mirrors: str = ""
    """The symbol whose book it shows; nothing is played of it."""


@dataclass(slots=True)
class Session:
    """``records`` in order of time; every listing starts from its snapshot, what it holds already is left out."""

    start_ns: int
    length_ns: int
    listings: dict[str, Listing]
    records: list[Record]


def load(path: Path, clones: tuple[str, ...] = (), mirrors: tuple[str, ...] = ()) -> Session:
    """The session in a recording (JSON lines: t, dir, raw, url). ``clones``: symbols that repeat the first; ``mirrors``: symbols that only have its
    book, whatever their streams say somewhere else."""
    rows = _rows(path)
    snapshots, first_ns = _snapshots(rows)
    if not snapshots:
        raise ValueError(f"{path} holds no depth snapshot")
    listings = {symbol: _listing(symbol, snapshot) for symbol, snapshot in snapshots.items()}
    records = []
    for row in rows:
        raw = row.get("raw", "")
        if row["dir"] != "recv" or not raw.startswith('{"stream":"'):
            continue
        stream = raw[11 : raw.index('"', 11)]
        symbol, _, kind = stream.partition("@")
        symbol = symbol.upper()
        if symbol not in listings or kind not in STREAMED:
            continue
        text = raw[raw.index(_WRAP) + len(_WRAP) : -1]
        if kind == "depth@100ms":
            # A snapshot may arrive after the diff that follows it: ids decide, not times.
            if json.loads(text)["u"] <= snapshots[symbol]["lastUpdateId"]:
                continue
        elif row["t"] < first_ns:
            continue
        records.append(Record(max(row["t"] - first_ns, 0), symbol, kind, text))
    source = next(iter(listings.values()))
    for symbol in clones:
        listings[symbol] = _listing(symbol, source.snapshot)
    for symbol in mirrors:
        listings[symbol] = replace(_listing(symbol, source.snapshot), mirrors=source.symbol)
    if clones:
        records = [copy for record in records for copy in _copies(record, source.symbol, clones)]
    return Session(first_ns, records[-1].offset_ns, listings, records)


def _rows(path: Path) -> list[dict]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _snapshots(rows: list[dict]) -> tuple[dict[str, dict], int]:
    """Depth snapshots by symbol, and when the last of them came: from there on every book is known."""
    found: dict[str, dict] = {}
    last_ns = 0
    only = {row["raw"][11:].partition("@")[0].upper() for row in rows if row.get("raw", "").startswith('{"stream":"')}
    for row in rows:
        if row["dir"] != "http" or '"lastUpdateId"' not in row["raw"][:40]:
            continue
        symbol = row.get("url", "").partition("symbol=")[2].partition("&")[0] or next(iter(only))
        if symbol not in found:
            found[symbol] = json.loads(row["raw"])
            last_ns = row["t"]
    return found, last_ns


def _listing(symbol: str, snapshot: dict) -> Listing:
    levels = snapshot["bids"] + snapshot["asks"]
    quote = next((name for name in ("USDT", "BTC", "ETH", "EUR") if symbol.endswith(name)), symbol[-3:])
    tick, lot = _step(price for price, _ in levels), _step(size for _, size in levels)
    return Listing(symbol, symbol.removesuffix(quote), quote, tick, lot, snapshot)


def _step(texts) -> str:
    decimals = max(len(text.partition(".")[2].rstrip("0")) for text in texts)
    return f"{Decimal(1).scaleb(-decimals):.8f}"


def _copies(record: Record, symbol: str, clones: tuple[str, ...]):
    yield record
    if record.symbol == symbol:
        for clone in clones:
            text = record.text.replace(f'"s":"{symbol}"', f'"s":"{clone}"', 1)
            yield Record(record.offset_ns, clone, record.kind, text)
