"""Kraken's public WebSocket v2 and the part of its REST that describes pairs."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from tests.venues.sims.exchange import Client, Exchange, dumps, iso
from tests.venues.sims.mill import Change, Mill

_QUOTED = re.compile(r'"(price|qty)":"([0-9.]+)"')
_OLD = {"BTC": "XBT", "DOGE": "XDG"}


class Kraken(Exchange):
    """``lie`` books go out with a wrong checksum. ``system`` is the venue's status."""

    name = "kraken"
    decimals = (1, 8)

    def __init__(self, natives=("BTC/USD",), **options) -> None:
        super().__init__(natives, **options)
        self.lie = 0
        self.system = "online"

    def greet(self, client: Client) -> None:
        status = {"system": self.system, "api_version": "v2", "connection_id": 1, "version": "2.0.10"}
        self.say(client, dumps({"channel": "status", "type": "update", "data": [status]}), False)

    def beat(self) -> None:
        for client in self.clients:
            if client.topics:
                self.say(client, '{"channel":"heartbeat"}', False)

    def obey(self, client: Client, request: dict) -> None:
        method, number = request["method"], request.get("req_id")
        tail = {"time_in": iso(0), "time_out": iso(0)} | ({"req_id": number} if number is not None else {})
        if method == "ping":
            return self.say(client, dumps({"method": "pong", **tail}), False)
        params = request["params"]
        channel, depth = params["channel"], params.get("depth", 10)
        for pair in params["symbol"]:
            topic = f"{channel}:{pair}"
            mill = self.mills.get(pair)
            if mill is None:
                self.say(client, dumps({"error": f"Currency pair not supported {pair}", "method": method, "success": False, "symbol": pair, **tail}), False)
                continue
            if method == "unsubscribe":
                client.topics.pop(topic, None)
                client.views.pop(pair, None)
            else:
                client.topics[topic] = None
            result = {"channel": channel, "symbol": pair} | ({"depth": depth} if channel == "book" else {}) | ({"snapshot": True} if channel == "book" else {})
            self.say(client, dumps({"method": method, "result": result, "success": True, **tail}), False)
            if method == "subscribe" and channel == "book":
                client.views[pair] = (mill.top("bids", depth), mill.top("asks", depth))
                client.depths[pair] = depth
                bids, asks = client.views[pair]
                self.say(client, self._book(mill, "snapshot", bids, asks, client.views[pair]))

    def tell(self, client: Client, mill: Mill, change: Change) -> None:
        pair = mill.native
        if pair in client.views:
            depth = client.depths[pair]
            fresh = (mill.top("bids", depth), mill.top("asks", depth))
            told = []
            for old, new, moved in zip(client.views[pair], fresh, (change.bids, change.asks), strict=True):
                # What fell off the depth is not told; what was cancelled is.
                gone = {price: 0 for price in old if price not in new and moved.get(price) == 0}
                told.append(gone | {price: size for price, size in new.items() if old.get(price) != size})
            client.views[pair] = fresh
            if any(told):
                self.say(client, self._book(mill, "update", *told, fresh))
        if f"trade:{pair}" in client.topics and change.trade:
            price, size, sold, number = change.trade
            row = {
                "symbol": pair,
                "side": "sell" if sold else "buy",
                "price": mill.price(price),
                "qty": mill.size(size),
                "ord_type": "limit",
                "trade_id": number,
                "timestamp": iso(change.time_ns),
            }
            self.say(client, _numbers({"channel": "trade", "type": "update", "data": [row]}))

    def _book(self, mill: Mill, kind: str, bids: dict, asks: dict, after: tuple[dict, dict]) -> str:
        checksum = check(mill, *after)
        if self.lie:
            self.lie -= 1
            checksum ^= 1
        row = {"symbol": mill.native, "bids": _levels(mill, bids), "asks": _levels(mill, asks), "checksum": checksum, "timestamp": iso(mill.time_ns)}
        return _numbers({"channel": "book", "type": kind, "data": [row]})

    def rest(self, path: str) -> tuple[int, str]:
        parts = urlsplit(path)
        if parts.path.endswith("/Assets"):
            names = {part for native in self.mills for part in native.split("/")}
            rows = {_old(n): {"aclass": "currency", "altname": _old(n), "decimals": 10, "display_decimals": 5} for n in names}
            return 200, dumps({"error": [], "result": rows})
        if not parts.path.endswith("/AssetPairs"):
            return 404, dumps({"error": ["EGeneral:Unknown method"]})
        wanted = parse_qs(parts.query).get("pair", [""])[0]
        names = wanted.split(",") if wanted else []
        known = {"".join(map(_old, native.split("/"))): native for native in self.mills}
        if any(name not in known for name in names):
            return 200, dumps({"error": ["EQuery:Unknown asset pair"]})
        return 200, dumps({"error": [], "result": {name: self._pair(name, known[name]) for name in names or known}})

    def _pair(self, name: str, native: str) -> dict:
        base, _, quote = native.partition("/")
        return {
            "altname": name,
            "wsname": f"{_old(base)}/{_old(quote)}",
            "aclass_base": "currency",
            "base": _old(base),
            "aclass_quote": "currency",
            "quote": _old(quote),
            "pair_decimals": self.decimals[0],
            "cost_decimals": 5,
            "lot_decimals": self.decimals[1],
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]],
            "ordermin": "0.00005",
            "costmin": "0.5",
            "tick_size": "0.1",
            "status": self.halted.get(native, "online"),
        }


def check(mill: Mill, bids: dict[int, int], asks: dict[int, int]) -> int:
    """The checksum, made from the texts."""
    rows = [(price, asks[price]) for price in sorted(asks)[:10]] + [(price, bids[price]) for price in sorted(bids, reverse=True)[:10]]
    digits = (part.replace(".", "").lstrip("0") for price, size in rows for part in (mill.price(price), mill.size(size)))
    return crc32("".join(digits).encode())


def _levels(mill: Mill, levels: dict[int, int]) -> list[dict]:
    return [{"price": mill.price(price), "qty": mill.size(size)} for price, size in levels.items()]


def _numbers(message: dict) -> str:
    """Prices and sizes as JSON numbers with all their decimals."""
    return _QUOTED.sub(r'"\1":\2', dumps(message))


def _old(name: str) -> str:
    return _OLD.get(name, name)
