"""The HTTP side: public market data endpoints, request weights, the exchange's errors, and their faults."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .faults import REST_KINDS, Faults
from .market import INTERVALS_MS
from .player import Player

_SYMBOL_LEGAL = "^[A-Z0-9-_.]{1,20}$"
_GARBAGE = '{"lastUpdateId":"NaN","bids":[["NaN","1e400"]],"asks":[["-1.00","0.10"]]}'
_HTML = "<html><head><title>403 Forbidden</title></head><body><h1>Request blocked</h1></body></html>"


class ApiError(Exception):
    """An error answer: HTTP status, the exchange's code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class RestApi:
    """Answers under /api/v3. ``weight_limit`` is a minute and address; whoever goes on after a 429 is banned (418)."""

    def __init__(self, player: Player, faults: Faults, *, weight_limit: int) -> None:
        self.requests: list[str] = []
        self._player = player
        self._faults = faults
        self._weight_limit = weight_limit
        self._used: dict[tuple[str, int], int] = {}
        self._strikes: dict[str, int] = {}

    def routes(self) -> list[Route]:
        """The routes, without their common prefix."""
        table: dict[str, tuple[Callable[[Request], object], Callable[[Request], int]]] = {
            "/ping": (lambda request: {}, lambda request: 1),
            "/time": (lambda request: {"serverTime": self._player.now_ms}, lambda request: 1),
            "/exchangeInfo": (self._exchange_info, lambda request: 20),
            "/depth": (self._depth, _depth_weight),
            "/klines": (self._klines, lambda request: 2),
            "/ticker/24hr": (self._each(lambda market: market.day()), lambda request: 2),
            "/ticker/price": (self._each(self._price), lambda request: 2),
            "/ticker/bookTicker": (self._each(lambda market: market.best()), lambda request: 2),
            "/trades": (lambda request: self._market(request).recent(_limit(request, 500, 1000)), lambda request: 25),
            "/aggTrades": (self._agg_trades, lambda request: 4),
            "/avgPrice": (self._average, lambda request: 2),
        }
        return [Route(path, self._endpoint(path, *pair)) for path, pair in table.items()] + [
            Route("/userDataStream", self._gone, methods=["GET", "POST", "PUT", "DELETE"])
        ]

    def _endpoint(self, path: str, answer: Callable, weight: Callable[[Request], int]):
        async def endpoint(request: Request) -> Response:
            self.requests.append(f"{path}?{request.url.query}")
            fault = self._faults.take(REST_KINDS, path) if self._faults.plan else None
            options = fault.options if fault else {}
            kind = fault.kind if fault else ""
            if kind == "rest_delay":
                await asyncio.sleep(float(options.get("seconds", 1.0)))
            if kind == "rest_html":
                return HTMLResponse(_HTML, int(options.get("status", 200)))
            if kind == "rest_garbage":
                return Response(_GARBAGE, media_type="application/json")
            if kind == "rest_status":
                return _refusal(int(options["status"]), options.get("retry_after"))
            client = request.client.host if request.client else ""
            try:
                headers = self._weigh(client, weight(request))
                request.scope["stale"] = kind == "rest_stale"
                body = json.dumps(answer(request), separators=(",", ":"))
            except ApiError as error:
                headers = {"Retry-After": str(60 - int(time.time()) % 60)} if error.status in (418, 429) else {}
                return JSONResponse({"code": error.code, "msg": str(error)}, error.status, headers)
            if kind == "rest_truncated":
                body = body[: len(body) // 2]
            return Response(body, media_type="application/json;charset=UTF-8", headers=headers)

        return endpoint

    def _weigh(self, client: str, weight: int) -> dict[str, str]:
        key = (client, int(time.time()) // 60)
        if key not in self._used:
            self._used = {known: used for known, used in self._used.items() if known[1] == key[1]} | {key: 0}
        self._used[key] += weight
        if self._used[key] > self._weight_limit:
            self._strikes[client] = self._strikes.get(client, 0) + 1
            if self._strikes[client] > 5:
                raise ApiError(418, -1003, "Way too much request weight used; IP banned until later.")
            raise ApiError(
                429, -1003, f"Too much request weight used; current limit is {self._weight_limit} per 1 MINUTE."
            )
        return {"X-MBX-USED-WEIGHT": str(self._used[key]), "X-MBX-USED-WEIGHT-1M": str(self._used[key])}

    def _market(self, request: Request):
        symbol = request.query_params.get("symbol", "")
        if not symbol:
            raise ApiError(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if not all(char.isascii() and (char.isupper() or char.isdigit() or char in "-_.") for char in symbol):
            raise ApiError(
                400, -1100, f"Illegal characters found in parameter 'symbol'; legal range is '{_SYMBOL_LEGAL}'."
            )
        if symbol not in self._player.markets:
            raise ApiError(400, -1121, "Invalid symbol.")
        return self._player.markets[symbol]

    def _markets(self, request: Request) -> list | None:
        """The markets of ``symbols``; all of them without; None when ``symbol`` asks for one."""
        if "symbol" in request.query_params:
            return None
        if "symbols" not in request.query_params:
            return list(self._player.markets.values())
        try:
            names = json.loads(request.query_params["symbols"])
        except ValueError as error:
            raise ApiError(
                400,
                -1100,
                "Illegal characters found in parameter 'symbols'; legal range is '^\\[(\"[A-Z0-9-_.]{1,20}\")]$'.",
            ) from error
        if any(name not in self._player.markets for name in names):
            raise ApiError(400, -1121, "Invalid symbol.")
        return [self._player.markets[name] for name in names]

    def _each(self, answer: Callable):
        def all_or_one(request: Request) -> object:
            markets = self._markets(request)
            return answer(self._market(request)) if markets is None else [answer(market) for market in markets]

        return all_or_one

    @staticmethod
    def _price(market) -> dict:
        return {"symbol": market.listing.symbol, "price": market.last_price}

    def _average(self, request: Request) -> dict:
        day = self._market(request).day()
        return {"mins": 5, "price": day["weightedAvgPrice"], "closeTime": day["closeTime"]}

    def _depth(self, request: Request) -> dict:
        market = self._market(request)
        limit = _limit(request, 100, 5000)
        if request.scope["stale"]:
            old = market.listing.snapshot
            return old | {"bids": old["bids"][:limit], "asks": old["asks"][:limit]}
        return market.book.top(limit)

    def _klines(self, request: Request) -> list:
        market = self._market(request)
        interval = request.query_params.get("interval", "")
        if interval not in INTERVALS_MS:
            raise ApiError(400, -1120, "Invalid interval.")
        start, end = _number(request, "startTime"), _number(request, "endTime")
        return market.klines(interval, _limit(request, 500, 1000), start, end)

    def _agg_trades(self, request: Request) -> list:
        market = self._market(request)
        numbers = [_number(request, name) for name in ("fromId", "startTime", "endTime")]
        return market.aggregated(_limit(request, 500, 1000), *numbers)

    def _exchange_info(self, request: Request) -> dict:
        markets = self._markets(request)
        return self.rules([market.listing.symbol for market in (markets if markets is not None else [self._market(request)])])

    def rules(self, symbols: list[str]) -> dict:
        """The exchangeInfo of these symbols."""
        listings = [self._player.markets[symbol].listing for symbol in symbols]
        return {
            "timezone": "UTC",
            "serverTime": self._player.now_ms,
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": self._weight_limit,
                },
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
                {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160_000},
                {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
            ],
            "exchangeFilters": [],
            "symbols": [_rules(listing) for listing in listings],
        }

    @staticmethod
    async def _gone(request: Request) -> Response:
        return JSONResponse({"code": -1000, "msg": "listenKey user streams have been removed."}, 410)


def _rules(listing) -> dict:
    lots = {"minQty": listing.lot, "maxQty": "9000.00000000", "stepSize": listing.lot}
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": listing.tick,
                "maxPrice": "1000000.00000000",
                "tickSize": listing.tick,
            },
            {"filterType": "LOT_SIZE", **lots},
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": "120.00000000",
                "stepSize": "0.00000000",
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }


def _refusal(status: int, retry_after: object) -> Response:
    codes = {429: (-1003, "Too many requests."), 418: (-1003, "Way too many requests; IP banned."), 403: (0, "")}
    code, message = codes.get(status, (-1000, "An unknown error occurred while processing the request."))
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse({"code": code, "msg": message}, status, headers)


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        legal = "^[0-9]{1,20}$"
        raise ApiError(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
    return int(text)


def _limit(request: Request, default: int, most: int) -> int:
    number = _number(request, "limit")
    return default if number is None else max(1, min(number, most))


def _depth_weight(request: Request) -> int:
    limit = _limit(request, 100, 5000)
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)
