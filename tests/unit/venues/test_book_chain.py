"""The recorded BTCUSDT depth stream: at every checkpoint the book is the one that plain dictionaries make of the same texts, at far more than real speed."""

from __future__ import annotations

import json
import time
from decimal import Decimal

from app.market.book import Book
from app.model.market import BookDelta
from app.model.orders import Side
from app.venues.replay.feeds import make_feed
from tests.unit.venues.recorded import messages, sessions

NAME = "binance-btcusdt-2024"
EVERY = 200
TIMES_REAL_TIME = 50


def stream() -> list:
    return [message for message in messages(NAME) if message.direction == "http" or "@depth" in message.raw[:40]]


class Plain:
    """A book of Decimals by the venue's own words, written without regard to ours."""

    def __init__(self, raw: str) -> None:
        data = json.loads(raw)
        self.update = data["lastUpdateId"]
        self.sides = {side: {Decimal(p): Decimal(q) for p, q in data[side]} for side in ("bids", "asks")}

    def apply(self, raw: str) -> None:
        data = json.loads(raw)["data"]
        if data["u"] <= self.update:
            return
        assert data["U"] <= self.update + 1
        self.update = data["u"]
        for side, rows in (("bids", data["b"]), ("asks", data["a"])):
            for price, size in rows:
                if Decimal(size):
                    self.sides[side][Decimal(price)] = Decimal(size)
                else:
                    self.sides[side].pop(Decimal(price), None)


def test_the_book_is_the_chain_of_snapshot_and_differences_at_every_checkpoint():
    (item,) = sessions()[NAME].instruments
    feed, book, plain, waiting, checks = make_feed("binance", [item]), Book(item), None, [], 0
    for number, message in enumerate(stream()):
        for event in feed.events(message):
            if type(event) is BookDelta:
                assert book.apply_delta(event)
            else:
                book.apply_snapshot(event)
        if message.direction == "http":
            plain = Plain(message.raw)
            for raw in waiting:
                plain.apply(raw)
        elif plain is None:
            waiting.append(message.raw)
        else:
            plain.apply(message.raw)
        if plain is not None and number % EVERY == 0:
            checks += 1
            assert book.is_trusted and book.sequence == plain.update
            for side, name in ((Side.BUY, "bids"), (Side.SELL, "asks")):
                assert {item.price(p): item.size(q) for p, q in book.levels(side, 100_000)} == plain.sides[name]
    assert checks > 15


def test_it_is_applied_much_faster_than_it_happened():
    (item,) = sessions()[NAME].instruments
    found = stream()
    feed, book = make_feed("binance", [item]), Book(item)
    start = time.thread_time()
    for message in found:
        for event in feed.events(message):
            book.apply_delta(event) if type(event) is BookDelta else book.apply_snapshot(event)
    spent_s = time.thread_time() - start
    assert book.is_trusted
    assert (found[-1].t - found[0].t) / 1e9 / spent_s >= TIMES_REAL_TIME
