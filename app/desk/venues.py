"""Which market data venues the settings name, built."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

from app.platform.interfaces import Fetch

from .settings import Settings
from .surroundings import Surroundings

_CLASSES = {"binance": "BinanceLive", "usdm": "UsdMLive", "coinbase": "CoinbaseLive", "kraken": "KrakenLive", "bitstamp": "BitstampLive"}
EQUITIES = "equities"


def build_venue(around: Surroundings, settings: Settings, fetch: Fetch, sources: Callable[[], Any]) -> Any:
    """The market data venue, or several as one, asking over ``fetch``; imports only what is wanted, so the others' code costs no start-up time.
    ``sources()`` are the desk's polled sources, which make the venue `equities`."""
    if settings.venue == "replay":
        from app.venues.replay import ReplayVenue

        return ReplayVenue(
            read_bytes=around.read_bytes,
            clock=around.clock,
            scheduler=around.scheduler,
            speed=settings.speed,
            loop=settings.loop,
        )
    from app.net.streams import Streams

    streams = Streams(around.clock, around.scheduler)
    names = settings.venues
    if len(names) == 1:
        return sources().venue("") if names[0] == EQUITIES else _live(names[0], around, settings, fetch, streams, "")
    from app.venues.several import SeveralVenues

    made = [sources().venue(name.upper()) if name == EQUITIES else _live(name, around, settings, fetch, streams, name.upper()) for name in names]
    return SeveralVenues(made, around.scheduler)


def _live(name: str, around: Surroundings, settings: Settings, fetch: Fetch, streams: Any, label: str) -> Any:
    kind = getattr(import_module(f"app.venues.{name}.live"), _CLASSES[name])
    return kind(
        sockets=around.sockets,
        fetch=fetch,
        clock=around.clock,
        scheduler=around.scheduler,
        rng=random.Random(int.from_bytes(around.entropy.random_bytes(8), "big")),
        streams=streams,
        ws=settings.addresses.get(f"{name}_ws", ""),
        rest=settings.addresses.get(f"{name}_rest", ""),
        symbols=settings.symbols.get(name, ()),
        label=label,
    )
