"""The shipped recordings as lists of messages and as events, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from app.model.market import MarketEvent, Rejected
from app.venues.replay.catalogue import SessionInfo, read_index
from app.venues.replay.feeds import make_feed
from app.venues.replay.recording import Message, Recording

FOLDER = Path(__file__).resolve().parents[3] / "recordings"


@cache
def sessions() -> dict[str, SessionInfo]:
    return {info.name: info for info in read_index((FOLDER / "index.json").read_bytes())}


@cache
def messages(name: str) -> tuple[Message, ...]:
    recording, out = Recording((FOLDER / sessions()[name].file).read_bytes()), []
    while (message := recording.next()) is not None:
        out.append(message)
    return tuple(out)


@cache
def events(name: str) -> tuple[MarketEvent | Rejected, ...]:
    info = sessions()[name]
    feed = make_feed(info.venue, info.instruments)
    return tuple(event for message in messages(name) for event in feed.events(message))


async def read_bytes(path: str) -> bytes:
    return (FOLDER.parent / path).read_bytes()
