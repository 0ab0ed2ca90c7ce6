"""Binance USD-M futures: books and quotes on one route of streams, trades on another, rules and depth by REST."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tests.venues.sims.exchange import Client, Exchange, dumps
from tests.venues.sims.mill import Change, Mill

MS = 1_000_000
_KINDS = {"/public": ("depth", "depth@100ms", "depth@0ms", "bookTicker"), "/market": ("aggTrade",)}


class UsdM(Exchange):
    """Ids of all symbols come from one counter with holes, so that only ``pu`` shows the chain."""

    name = "usdm"
    decimals = (2, 3)

    def __init__(self, natives=("BTCUSDT",), **options) -> None:
        super().__init__(natives, **options)
        self._id = 5_000_000_000_000
        self._last = dict.fromkeys(self.mills, self._id)
        self._span = dict.fromkeys(self.mills, (0, 0, 0))

    def obey(self, client: Client, request: dict) -> None:
        method, params, number = request["method"], request.get("params", []), request["id"]
        if method == "LIST_SUBSCRIPTIONS":
            return self.say(client, dumps({"result": list(client.topics), "id": number}), False)
        for name in params:
            native, _, kind = name.partition("@")
            if native.upper() not in self.mills or not any(kind in kinds for kinds in _KINDS.values()):
                return self.say(client, dumps({"error": {"code": 2, "msg": f"Invalid request: {name}"}, "id": number}), False)
        for name in params:
            if method == "SUBSCRIBE":
                client.topics[name] = None
            else:
                client.topics.pop(name, None)
        return self.say(client, dumps({"result": None, "id": number}), False)

    def changed(self, mill: Mill, change: Change) -> None:
        before = self._last[mill.native]
        first = self._id + self.rng.randrange(2, 500)
        self._id = last = first + self.rng.randrange(0, 300)
        self._last[mill.native] = last
        self._span[mill.native] = (before, first, last)

    def tell(self, client: Client, mill: Mill, change: Change) -> None:
        # A stream of the other route stays silent, without a word, as the venue does it; an address without a route is /public.
        kinds = _KINDS["/market" if client.path.startswith("/market") else "/public"]
        before, first, last = self._span[mill.native]
        when = change.time_ns // MS
        for kind in kinds:
            name = f"{mill.native.lower()}@{kind}"
            if name not in client.topics:
                continue
            head = {"E": when, "T": when, "s": mill.native}
            if kind.startswith("depth"):
                sides = {"b": _rows(mill, change.bids), "a": _rows(mill, change.asks)}
                self._send(client, name, {"e": "depthUpdate", **head, "U": first, "u": last, "pu": before, **sides})
            elif kind == "bookTicker":
                bid, bid_size, ask, ask_size = mill.best()
                best = {"b": mill.price(bid), "B": mill.size(bid_size), "a": mill.price(ask), "A": mill.size(ask_size)}
                self._send(client, name, {"e": "bookTicker", "u": last, "s": mill.native, **best, "T": when, "E": when})
            elif change.trade:
                price, size, sold, number = change.trade
                row = {"a": number, "p": mill.price(price), "q": mill.size(size), "f": number, "l": number, "T": when, "m": sold}
                self._send(client, name, {"e": "aggTrade", "E": when, "s": mill.native, **row})

    def _send(self, client: Client, name: str, data: dict) -> None:
        combined = "/stream" in client.path
        self.say(client, dumps({"stream": name, "data": data} if combined else data))

    def rest(self, path: str) -> tuple[int, str]:
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        if parts.path.endswith("/exchangeInfo"):
            rows = list(map(self._row, self.mills))
            return 200, dumps({"timezone": "UTC", "serverTime": 0, "rateLimits": [], "exchangeFilters": [], "assets": [], "symbols": rows})
        if parts.path.endswith("/depth"):
            mill = self.mills[query["symbol"][0]]
            bids, asks = mill.top("bids", 1000), mill.top("asks", 1000)
            when = mill.time_ns // MS
            return 200, dumps({"lastUpdateId": self._last[mill.native], "E": when, "T": when, "bids": _rows(mill, bids), "asks": _rows(mill, asks)})
        return 404, dumps({"code": -1, "msg": "unknown path"})

    def _row(self, native: str) -> dict:
        base, quote = native[:-4], native[-4:]
        return {
            "symbol": native,
            "pair": native,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "onboardDate": 1569398400000,
            "status": self.halted.get(native, "TRADING"),
            "baseAsset": base,
            "quoteAsset": quote,
            "marginAsset": quote,
            "pricePrecision": 2,
            "quantityPrecision": 3,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "orderTypes": ["LIMIT", "MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
        }


def _rows(mill: Mill, levels: dict[int, int]) -> list[list[str]]:
    return [[mill.price(price), mill.size(size)] for price, size in levels.items()]
