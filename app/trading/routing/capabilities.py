"""What each venue takes natively, as its own interface documents it (docs/routing.md has the sources).

A paper account fills everything, at every venue; the router still sends an order only where the venue itself would take it, so that paper is a
rehearsal of the real thing. What these venues are not sent (trailing stops, if-touched orders, at-open and at-close) this desk holds, wherever
the order goes.
"""

from __future__ import annotations

from typing import NamedTuple

from app.model.orders import OrderType, TimeInForce

from ..terms import HELD, HELD_TIFS

_TAKERS = frozenset({OrderType.MARKET, OrderType.LIMIT})
_STOPS = _TAKERS | {OrderType.STOP, OrderType.STOP_LIMIT}
_USUAL = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})


class Venue(NamedTuple):
    """Order types and times in force that a venue has of its own. Without ``reduce_only`` this desk alone sees to it."""

    title: str
    types: frozenset[OrderType]
    tifs: frozenset[TimeInForce]
    reduce_only: bool = False
    kind: str = "spot"
    post_only: bool = True


VENUES: dict[str, Venue] = {
    "binance": Venue("Binance", _STOPS | {OrderType.ICEBERG}, _USUAL),
    "usdm": Venue("Binance USD-M", _STOPS, _USUAL | {TimeInForce.GTD}, reduce_only=True, kind="perpetual"),
    "coinbase": Venue("Coinbase", _TAKERS | {OrderType.STOP_LIMIT}, _USUAL | {TimeInForce.GTD}),
    "kraken": Venue("Kraken", _STOPS | {OrderType.ICEBERG}, _USUAL | {TimeInForce.GTD}),
    "bitstamp": Venue("Bitstamp", _STOPS - {OrderType.STOP_LIMIT}, _USUAL | {TimeInForce.GTD, TimeInForce.DAY}),
    "alpaca": Venue("Alpaca", _STOPS, _USUAL | {TimeInForce.DAY}, post_only=False),
}
_EVERYTHING = Venue("", frozenset(OrderType), frozenset(TimeInForce), reduce_only=True)


def of(name: str) -> Venue:
    """The table's row; a venue that is not in it takes everything."""
    return VENUES.get(name) or _EVERYTHING._replace(title=name)


def title(name: str) -> str:
    """What a venue is called."""
    return of(name).title or name


def lacks(name: str, kind: OrderType, tif: TimeInForce, post_only: bool = False) -> str:
    """What an order needs that the venue does not have and this desk cannot hold for it, in words; empty when it would be taken."""
    venue = of(name)
    if post_only and not venue.post_only:
        return f"{venue.title} has no post-only orders"
    if kind not in venue.types and kind not in HELD:
        return f"{venue.title} has no {kind.value.replace('_', '-')} orders"
    if tif not in venue.tifs and tif not in HELD_TIFS and not (kind is OrderType.MARKET and tif is TimeInForce.DAY):
        return f"{venue.title} has no {tif.value.upper()} orders"
    return ""
