"""The emulator put together: one port for REST, both streams and the test's own admin endpoints."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from tests.venues.binance_sim.server import SocketProtocol

from .faults import REQUESTS, Faults
from .ledger import ZERO, Account, Broker, Refusal, Stock, stamp, text
from .streams import Streams, quote, trade

STOCKS = (
    ("AAPL", "Apple Inc. Common Stock", "189.97", "190.03"),
    ("SPY", "SPDR S&P 500 ETF Trust", "455.10", "455.12"),
    ("PENY", "Penny Corp", "0.4995", "0.5005"),
)


class Cut(Response):
    """An answer that breaks off."""

    async def __call__(self, scope, receive, send) -> None:
        headers = [(b"content-length", b"1000"), (b"content-type", b"application/json"), (b"access-control-allow-origin", b"*")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
        raise ConnectionAbortedError


class Emulator:
    """One broker on a loopback port. ``per_minute`` is its limit of requests; ``every_s`` moves its markets by themselves."""

    def __init__(self, port: int = 0, per_minute: int = 10_000, every_s: float = 0.0) -> None:
        stocks = [Stock(symbol, name, Decimal(bid), Decimal(ask)) for symbol, name, bid, ask in STOCKS]
        stocks.append(Stock("BRK.A", "Berkshire Hathaway Inc.", Decimal("540.00"), Decimal("540.10"), fractionable=False, shortable=False, exchange="NYSE"))
        self.broker, self.faults = Broker(stocks), Faults()
        self.streams = Streams(self.broker, self.faults)
        self.requests: list[str] = []
        self.under_way = self.most_under_way = 0
        self.odd_orders: list[dict] = []
        """Rows among the open orders that are no orders of the broker's."""
        self.port, self.per_minute = port, per_minute
        self._every_s = every_s
        self._recent: deque[float] = deque()
        self._server: uvicorn.Server | None = None
        self._tasks: list[asyncio.Task] = []

    @property
    def http(self) -> str:
        """Address of REST."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        """Address of the stock data."""
        return f"ws://127.0.0.1:{self.port}/v2/iex"

    def open(self, key_id: str, secret: str, cash: str = "100000") -> Account:
        """An account."""
        account = self.broker.accounts[key_id] = Account(key_id, secret, Decimal(cash))
        return account

    async def start(self) -> Emulator:
        """Listen."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app(), ws=SocketProtocol, ws_ping_interval=20, ws_per_message_deflate=False, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server._serve([listener]))
        self._tasks = [serving]
        if self._every_s:
            self._tasks.append(asyncio.create_task(self._move()))
        while not self._server.started:
            await asyncio.sleep(0)
            if serving.done():
                serving.result()
        return self

    async def close(self) -> None:
        """Drop every connection and stop listening."""
        for task in self._tasks[1:]:
            task.cancel()
        self.streams.disconnect()
        self.streams.disconnect(data=True)
        self._server.should_exit = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._server.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    async def wait_closed(self) -> None:
        """Until the server ends."""
        await self._tasks[0]

    def app(self) -> Starlette:
        """The ASGI application."""
        rest = {
            ("/v2/account", "GET"): self._account,
            ("/v2/account/activities/FILL", "GET"): self._activities,
            ("/v2/orders", "GET"): self._orders,
            ("/v2/orders", "POST"): self._place,
            ("/v2/orders", "DELETE"): self._cancel_all,
            ("/v2/orders:by_client_order_id", "GET"): self._by_name,
            ("/v2/orders/{id}", "GET"): lambda account, request: self.broker.find(account, request.path_params["id"]).told(),
            ("/v2/orders/{id}", "PATCH"): self._replace,
            ("/v2/orders/{id}", "DELETE"): self._cancel,
            ("/v2/positions", "GET"): lambda account, _request: [self._position(account, symbol) for symbol, qty in account.positions.items() if qty],
            ("/v2/positions/{symbol}", "GET"): self._one_position,
            ("/v2/assets", "GET"): lambda _account, _request: [stock.asset() for stock in self.broker.stocks.values()],
            ("/v2/assets/{symbol}", "GET"): self._asset,
            ("/v2/clock", "GET"): self._clock,
            ("/v2/stocks/snapshots", "GET"): self._snapshots,
        }
        routes = [Route(path, self._answering(handler), methods=[method]) for (path, method), handler in rest.items()]
        routes += [WebSocketRoute("/stream", self.streams.updates), WebSocketRoute("/v2/iex", self.streams.data)]
        routes += [Route("/admin/{what}", self._admin, methods=["GET", "POST"])]
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], expose_headers=["X-RateLimit-Limit"])
        return Starlette(routes=routes, middleware=[cors])

    def _answering(self, handler: Any) -> Any:
        async def answer(request: Request) -> Response:
            account = self.broker.accounts.get(request.headers.get("apca-api-key-id", ""))
            name = f"{request.method} {request.url.path}"
            self.requests.append(name)
            if account is None or account.secret != request.headers.get("apca-api-secret-key"):
                return JSONResponse({"message": "unauthorized."}, 401)
            if (late := self._over()) is not None:
                return JSONResponse({"message": "too many requests."}, 429, headers={"retry-after": str(late)})
            request.state.body = json.loads(await request.body() or b"{}")
            fault = self.faults.take(REQUESTS, name)
            if fault is not None and fault.kind == "late_before":
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                await asyncio.sleep(float(fault.options["seconds"]))
                self.under_way -= 1
            if fault is not None and fault.kind in ("cut_before", "answer"):
                return Cut() if fault.kind == "cut_before" else self._said(fault.options)
            done = self._do(handler, account, request)
            if fault is None or fault.kind == "late_before":
                return done
            if fault.kind == "late":
                await asyncio.sleep(float(fault.options["seconds"]))
                return done
            if fault.kind == "twice":
                return self._do(handler, account, request)
            return Cut() if fault.kind == "cut" else self._said(fault.options)

        return answer

    def _do(self, handler: Any, account: Account, request: Request) -> Response:
        try:
            found = handler(account, request)
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return Response(status_code=204) if found is None else JSONResponse(found, 207 if request.method == "DELETE" else 200)

    @staticmethod
    def _said(options: dict) -> Response:
        kind = "text/html" if str(options.get("text", "")).startswith("<") else "application/json"
        return Response(str(options.get("text", "")), int(options["status"]), headers=options.get("headers", {}), media_type=kind)

    def _over(self) -> int | None:
        now = asyncio.get_running_loop().time()
        while self._recent and self._recent[0] < now - 60:
            self._recent.popleft()
        if len(self._recent) >= self.per_minute:
            return max(1, round(self._recent[0] + 60 - now))
        self._recent.append(now)
        return None

    def _place(self, account: Account, request: Request) -> dict:
        order = self.broker.place(account, request.state.body)
        told = order.told("pending_new")
        self.broker.arrive(account, order)
        return told

    def _replace(self, account: Account, request: Request) -> dict:
        order = self.broker.replace(account, request.path_params["id"], request.state.body)
        told = order.told("pending_new")
        self.broker.arrive(account, order)
        return told

    def _cancel(self, account: Account, request: Request) -> None:
        self.broker.cancel(account, request.path_params["id"])

    def _cancel_all(self, account: Account, _request: Request) -> list:
        return [{"id": order.id, "status": 200, "body": self.broker.cancel(account, order.id).told()} for order in account.working()]

    def _by_name(self, account: Account, request: Request) -> dict:
        name = request.query_params.get("client_order_id", "")
        found = next((order for order in account.orders if order.name == name), None)
        if found is None:
            raise Refusal(404, 40410000, f"order not found for {name}")
        return found.told()

    def _orders(self, account: Account, request: Request) -> list:
        query = request.query_params
        wanted = query.get("status", "open")
        found = [order for order in account.orders if wanted == "all" or order.works == (wanted == "open")]
        return [*self.odd_orders, *(order.told() for order in reversed(found))][: int(query.get("limit", 50))]

    def _account(self, account: Account, _request: Request) -> dict:
        marks = {symbol: qty * self.broker.stocks[symbol].bid for symbol, qty in account.positions.items()}
        equity, power = account.cash + sum(marks.values()), self.broker.power(account)
        longs, shorts = (sum((value for value in marks.values() if (value > 0) is up), ZERO) for up in (True, False))
        return {
            "id": account.id,
            "account_number": f"PA{account.key_id[-8:]}",
            "status": "ACTIVE",
            "crypto_status": "ACTIVE",
            "currency": "USD",
            "cash": text(account.cash.quantize(Decimal("0.01"))),
            "buying_power": text(power.quantize(Decimal("0.01"))),
            "regt_buying_power": text(power.quantize(Decimal("0.01"))),
            "daytrading_buying_power": "0",
            "equity": text(equity.quantize(Decimal("0.01"))),
            "last_equity": text(equity.quantize(Decimal("0.01"))),
            "portfolio_value": text(equity.quantize(Decimal("0.01"))),
            "long_market_value": text(longs),
            "short_market_value": text(shorts),
            "initial_margin": "0",
            "maintenance_margin": "0",
            "last_maintenance_margin": "0",
            "sma": "0",
            "multiplier": "2",
            "daytrade_count": 0,
            "pattern_day_trader": False,
            "trading_blocked": False,
            "transfers_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
            "shorting_enabled": True,
            "created_at": "2026-01-05T14:30:00Z",
        }

    def _position(self, account: Account, symbol: str) -> dict:
        qty, stock = account.positions[symbol], self.broker.stocks[symbol]
        free = abs(qty) - self.broker.held_back(account, symbol)
        return {
            "asset_id": stock.id,
            "symbol": symbol,
            "exchange": stock.exchange,
            "asset_class": "us_equity",
            "asset_marginable": True,
            "avg_entry_price": text(account.average(symbol)),
            "qty": text(qty),
            "qty_available": text(free if qty > 0 else -free),
            "side": "long" if qty > 0 else "short",
            "market_value": text(qty * stock.bid),
            "cost_basis": text(account.cost[symbol].quantize(Decimal("0.000001"))),
            "unrealized_pl": text((qty * stock.bid - account.cost[symbol]).quantize(Decimal("0.000001"))),
            "unrealized_plpc": "0",
            "unrealized_intraday_pl": "0",
            "unrealized_intraday_plpc": "0",
            "current_price": text(stock.bid),
            "lastday_price": text(stock.bid),
            "change_today": "0",
        }

    def _one_position(self, account: Account, request: Request) -> dict:
        symbol = request.path_params["symbol"]
        if not account.positions.get(symbol):
            raise Refusal(404, 40410000, "position does not exist")
        return self._position(account, symbol)

    def _activities(self, account: Account, request: Request) -> list:
        query = request.query_params
        after = datetime.fromisoformat(query["after"]).timestamp() if "after" in query else 0.0
        rows = [each.activity(account.id) for each in account.executions if each.at_ns / 1e9 > after]
        if query.get("direction", "desc") == "desc":
            rows.reverse()
        ids = [row["id"] for row in rows]
        start = ids.index(query["page_token"]) + 1 if query.get("page_token") in ids else 0
        return rows[start : start + int(query.get("page_size", 100))]

    def _asset(self, _account: Account, request: Request) -> dict:
        stock = self.broker.stocks.get(request.path_params["symbol"])
        if stock is None:
            raise Refusal(404, 40410000, "asset not found")
        return stock.asset()

    @staticmethod
    def _clock(_account: Account, _request: Request) -> dict:
        now = datetime.now(UTC)
        later = (now + timedelta(hours=3)).isoformat()
        return {"timestamp": now.isoformat(), "is_open": True, "next_open": later, "next_close": later}

    def _snapshots(self, _account: Account, request: Request) -> dict:
        found, now = {}, self.broker.now_ns()
        for symbol in request.query_params.get("symbols", "").split(","):
            if (stock := self.broker.stocks.get(symbol)) is not None:
                row = {"latestQuote": {key: value for key, value in quote(stock, now).items() if key not in ("T", "S")}}
                if stock.trades:
                    row["latestTrade"] = {key: value for key, value in trade(stock, Decimal(100), now).items() if key not in ("T", "S")}
                found[symbol] = row
        return found

    # the test's hand

    async def _admin(self, request: Request) -> Response:
        what = request.path_params["what"]
        body = await request.json() if request.method == "POST" else {}
        if what == "account":
            return JSONResponse({"id": self.open(body["key_id"], body["secret"], body.get("cash", "100000")).id})
        if what == "trade":
            self.broker.trade(body["symbol"], Decimal(body["price"]), Decimal(body["qty"]))
        elif what == "quote":
            self.broker.quote(body["symbol"], Decimal(body["bid"]), Decimal(body["ask"]))
        elif what == "fault":
            self.faults.add(**body)
        elif what == "disconnect":
            self.streams.disconnect()
        accounts = self.broker.accounts.values()
        return JSONResponse(
            {
                "orders": [order.told() for account in accounts for order in account.orders],
                "cash": {account.key_id: text(account.cash) for account in accounts},
                "positions": {account.key_id: {symbol: text(qty) for symbol, qty in account.positions.items()} for account in accounts},
                "placed": self.broker.placed,
                "connects": self.streams.connects,
                "now": stamp(self.broker.now_ns()),
            }
        )

    async def _move(self) -> None:
        dice = random.Random(7)
        while True:
            await asyncio.sleep(self._every_s)
            for stock in self.broker.stocks.values():
                step = Decimal(dice.choice((-1, 0, 1))) * (stock.ask - stock.bid)
                if stock.bid + step > stock.ask - stock.bid:
                    self.broker.quote(stock.symbol, stock.bid + step, stock.ask + step)
