"""The account side of the exchange: the WebSocket API and the signed REST endpoints, over one ledger, with their faults.

Signatures are verified as the exchange does: REST over the percent-encoded query and body as sent, the WebSocket API over the sorted raw
parameters. A session that was logged on (Ed25519) needs none.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from decimal import Decimal
from urllib.parse import parse_qsl, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket, WebSocketDisconnect

from .derived import dumps
from .faults import API_KINDS, EVENT_KINDS, Faults
from .ledger import ZERO, Account, Exchange, Order, Refusal, text
from .rest import RestApi

_BAD_KEY = (-2015, "Invalid API-key, IP, or permissions for action.")


def hmac_account(api_key: str, secret: str, uid: int, balances: dict[str, str]) -> Account:
    """An account with an HMAC key."""

    def verify(payload: bytes, signature: str) -> bool:
        return hmac.compare_digest(hmac.digest(secret.encode(), payload, "sha256").hex(), signature.lower())

    return Account(api_key, "HMAC-SHA256", verify, uid, {asset: Decimal(amount) for asset, amount in balances.items()})


def ed25519_account(api_key: str, public_pem: bytes, uid: int, balances: dict[str, str]) -> Account:
    """An account with an Ed25519 key."""
    public = load_pem_public_key(public_pem)

    def verify(payload: bytes, signature: str) -> bool:
        try:
            public.verify(b64decode(signature, validate=True), payload)
        except (InvalidSignature, Base64Error, ValueError):
            return False
        return True

    return Account(api_key, "Ed25519", verify, uid, {asset: Decimal(amount) for asset, amount in balances.items()})


class Session:
    """One connection to the WebSocket API."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.account: Account | None = None
        self.subscriptions: dict[int, Account] = {}
        self.transport = socket.scope["extensions"]["transport"]
        self.outgoing: asyncio.Queue[str] = asyncio.Queue()

    async def write(self) -> None:
        """Send what is queued, in order, until the connection is gone."""
        while True:
            message = await self.outgoing.get()
            if not self.transport.is_closing():
                await self.socket.send_text(message)


class PrivateApi:
    """``sessions`` are the connections of the WebSocket API; ``requests`` what was asked of it, by method. ``weight_limit`` is only told."""

    def __init__(self, exchange: Exchange, rest: RestApi, faults: Faults, weight_limit: int) -> None:
        self.exchange, self._rest, self._faults = exchange, rest, faults
        self.sessions: set[Session] = set()
        self.requests: list[str] = []
        self.connects = 0
        self._weight_limit = weight_limit
        self._minute = self._weight = 0
        self._methods: dict[str, tuple[Callable, int]] = {
            "order.place": (lambda account, params: self._placed(account, params), 1),
            "order.test": (lambda account, params: self.exchange.check(account, params) or {}, 1),
            "order.cancel": (self._cancel, 1),
            "order.status": (lambda account, params: told(self.exchange.find(account, params)), 4),
            "order.amend.keepPriority": (self._amend, 4),
            "order.cancelReplace": (self._cancel_replace, 1),
            "openOrders.status": (self._open, 6),
            "openOrders.cancelAll": (self._cancel_all, 1),
            "allOrders": (lambda account, params: [told(order) for order in account.orders if order.symbol == params.get("symbol")], 20),
            "myTrades": (self._trades, 20),
            "account.status": (self._account, 20),
        }

    # the WebSocket API

    async def serve(self, socket: WebSocket) -> None:
        """One connection."""
        await socket.accept()
        session = Session(socket)
        self.sessions.add(session)
        self.connects += 1
        writer = asyncio.create_task(session.write())
        try:
            while True:
                self._answer(session, await socket.receive_text())
        except (WebSocketDisconnect, KeyError, RuntimeError):
            pass  # gone, by itself or cut off
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self.sessions.discard(session)
            for account in session.subscriptions.values():
                account.listeners[:] = [each for each in account.listeners if getattr(each, "session", None) is not session]

    def disconnect(self) -> None:
        """Drop every connection of the WebSocket API without a word."""
        for session in list(self.sessions):
            session.transport.abort()

    def _answer(self, session: Session, message: str) -> None:
        request = json.loads(message)
        method, params = request.get("method"), request.get("params") or {}
        self.requests.append(method)
        fault = self._faults.take(API_KINDS, method) if self._faults.plan else None
        kind, options = (fault.kind, fault.options) if fault else ("", {})
        if kind == "api_cut_before":
            session.transport.abort()
            return
        if kind == "api_refuse":
            answer = self._refused(request, _planned(options, self.exchange.now_ms))
        else:
            answer = self._carry_out(session, request, method, params)
        if kind == "api_delay":
            asyncio.get_running_loop().call_later(float(options.get("seconds", 1.0)), session.outgoing.put_nowait, dumps(answer))
            return
        if kind == "api_cut":
            session.transport.abort()
        elif kind == "api_garbage":
            session.outgoing.put_nowait('{"id":')
        elif kind != "api_drop":
            for _ in range(2 if kind == "api_duplicate" else 1):
                session.outgoing.put_nowait(dumps(answer))

    def _carry_out(self, session: Session, request: dict, method: str, params: dict) -> dict:
        try:
            result, weight = self._do(session, method, params)
        except Refusal as refusal:
            return self._refused(request, refusal)
        if (minute := self.exchange.now_ms // 60_000) != self._minute:
            self._minute, self._weight = minute, 0
        self._weight += weight
        limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": self._weight_limit, "count": self._weight}
        return {"id": request.get("id"), "status": 200, "result": result, "rateLimits": [limit]}

    @staticmethod
    def _refused(request: dict, refusal: Refusal) -> dict:
        error = {"code": refusal.code, "msg": str(refusal)} | ({"data": refusal.data} if refusal.data else {})
        return {"id": request.get("id"), "status": refusal.status, "error": error, "rateLimits": []}

    def _do(self, session: Session, method: str, params: dict) -> tuple[object, int]:
        if method == "ping":
            return {}, 1
        if method == "time":
            return {"serverTime": self.exchange.now_ms}, 1
        if method == "exchangeInfo":
            names = params.get("symbols") or [params["symbol"]] if params else list(self.exchange.markets)
            if unknown := [name for name in names if name not in self.exchange.markets]:
                raise Refusal(-1121, f"Invalid symbol. {unknown[0]}")
            return self._rest.rules(names), 20
        if method == "userDataStream.subscribe":
            return self._subscribe(session, self._logged_on(session)), 2
        if method in ("userDataStream.start", "userDataStream.ping", "userDataStream.stop"):
            raise Refusal(-1000, "This method has been removed.", 404)
        account = self._signed(session, params)
        if method == "session.logon":
            if account.kind != "Ed25519":
                raise Refusal(-4056, "HMAC_SHA256 API key is not supported.")
            session.account = account
            return {"apiKey": account.api_key, "authorizedSince": self.exchange.now_ms, "connectedSince": self.exchange.now_ms}, 2
        if method == "userDataStream.subscribe.signature":
            return self._subscribe(session, account), 2
        if method not in self._methods:
            raise Refusal(-1000, f"Unknown method {method}", 400)
        work, weight = self._methods[method]
        return work(account, params), weight

    def _logged_on(self, session: Session) -> Account:
        if session.account is None:
            raise Refusal(-1022, "Please log on first.", 401)
        return session.account

    def _signed(self, session: Session, params: dict) -> Account:
        if session.account is not None and "signature" not in params:
            self._check_time(params)
            return session.account
        account = self._account_of(params.get("apiKey"))
        payload = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature").encode()
        if not account.verify(payload, str(params.get("signature", ""))):
            raise Refusal(-1022, "Signature for this request is not valid.")
        self._check_time(params)
        return account

    def _account_of(self, api_key: object) -> Account:
        account = self.exchange.accounts.get(api_key)
        if account is None:
            raise Refusal(*_BAD_KEY, 401)
        return account

    def _check_time(self, params: dict) -> None:
        try:
            stamp, window = int(params["timestamp"]), float(params.get("recvWindow", 5000))
        except (KeyError, ValueError):
            raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.") from None
        now = self.exchange.now_ms
        if stamp >= now + 1000:
            raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - stamp > min(window, 60_000):
            raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _subscribe(self, session: Session, account: Account) -> dict:
        number = len(session.subscriptions)
        session.subscriptions[number] = account

        def listener(event: dict) -> None:
            fault = self._faults.take(EVENT_KINDS, f"{event['e']}:{event.get('x', '')}") if self._faults.plan else None
            if fault is not None and fault.kind == "event_drop":
                return
            message = dumps({"subscriptionId": number, "event": event})
            for _ in range(2 if fault is not None else 1):
                session.outgoing.put_nowait(message)

        listener.session = session
        account.listeners.append(listener)
        return {"subscriptionId": number}

    # what both ways answer

    def _placed(self, account: Account, params: dict) -> dict:
        order = self.exchange.place(account, params)
        answer = {
            "symbol": order.symbol,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": order.name,
            "transactTime": order.updated_ms,
        }
        default = "FULL" if order.kind in ("LIMIT", "MARKET") else "ACK"
        how = params.get("newOrderRespType", default)
        if how == "ACK":
            return answer
        answer |= {key: value for key, value in told(order).items() if key not in answer and key not in ("time", "updateTime", "isWorking")}
        if how == "FULL":
            answer["fills"] = [
                {"price": text(fill.price), "qty": text(fill.qty), "commission": text(fill.fee), "commissionAsset": fill.fee_asset, "tradeId": fill.number}
                for fill in order.fills
            ]
        return answer

    def _cancel_replace(self, account: Account, params: dict) -> dict:
        """Cancel one order and place another in its stead; with STOP_ON_FAILURE none is placed where the cancel fails."""
        if (mode := params.get("cancelReplaceMode")) not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
            raise Refusal(-1102, "Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed.")
        old = {"symbol": params.get("symbol"), "orderId": params.get("cancelOrderId"), "origClientOrderId": params.get("cancelOrigClientOrderId")}
        old |= {"newClientOrderId": params.get("cancelNewClientOrderId"), "cancelRestrictions": params.get("cancelRestrictions")}
        cancelled, cancel = self._tried(self._cancel, account, old)
        if not cancelled and mode == "STOP_ON_FAILURE":
            outcome = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": cancel, "newOrderResponse": None}
            raise Refusal(-2022, "Order cancel-replace failed.", 400, **outcome)
        placed, answer = self._tried(self._placed, account, params)
        words = {True: "SUCCESS", False: "FAILURE"}
        outcome = {"cancelResult": words[cancelled], "newOrderResult": words[placed], "cancelResponse": cancel, "newOrderResponse": answer}
        if cancelled != placed:
            raise Refusal(-2021, "Order cancel-replace partially failed.", 409, **outcome)
        if not placed:
            raise Refusal(-2022, "Order cancel-replace failed.", 400, **outcome)
        self.exchange.find(account, {"symbol": params["symbol"], "orderId": cancel["orderId"]}).replaced_by = answer["clientOrderId"]
        return outcome

    @staticmethod
    def _tried(work: Callable, account: Account, params: dict) -> tuple[bool, dict]:
        try:
            return True, work(account, params)
        except Refusal as refusal:
            return False, {"code": refusal.code, "msg": str(refusal)}

    def _cancel(self, account: Account, params: dict) -> dict:
        try:
            order = self.exchange.find(account, params)
        except Refusal:
            raise Refusal(-2011, "Unknown order sent.") from None
        if (only := params.get("cancelRestrictions")) is not None and order.status != only.removeprefix("ONLY_"):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        name = params.get("newClientOrderId") or f"cancel{order.number}"
        self.exchange.cancel(order, name)
        return told(order) | {"origClientOrderId": order.name, "clientOrderId": name, "transactTime": order.updated_ms}

    def _amend(self, account: Account, params: dict) -> dict:
        order = self.exchange.find(account, params)
        self.exchange.amend(order, Decimal(str(params.get("newQty", "0"))), params.get("newClientOrderId", ""))
        amended = {key: value for key, value in told(order).items() if key in ("symbol", "orderId", "clientOrderId", "price", "status", "side")}
        return {
            "transactTime": self.exchange.now_ms,
            "executionId": order.number,
            "amendedOrder": amended | {"qty": text(order.qty), "executedQty": text(order.executed), "preventedQty": "0.00000000"},
        }

    def _open(self, account: Account, params: dict) -> list[dict]:
        return [told(order) for order in account.orders if order.works and params.get("symbol") in (None, order.symbol)]

    def _cancel_all(self, account: Account, params: dict) -> list[dict]:
        found = [order for order in account.orders if order.works and order.symbol == params.get("symbol")]
        if not found:
            raise Refusal(-2011, "Unknown order sent.")
        return [self._cancel(account, {"symbol": order.symbol, "orderId": order.number}) for order in found]

    def _trades(self, account: Account, params: dict) -> list[dict]:
        wanted, since = params.get("orderId"), int(params.get("fromId", 0))
        rows = []
        for order in account.orders:
            if order.symbol != params.get("symbol") or (wanted is not None and str(order.number) != str(wanted)):
                continue
            for fill in order.fills:
                rows.append(
                    {
                        "symbol": order.symbol,
                        "id": fill.number,
                        "orderId": order.number,
                        "orderListId": -1,
                        "price": text(fill.price),
                        "qty": text(fill.qty),
                        "quoteQty": text(fill.price * fill.qty),
                        "commission": text(fill.fee),
                        "commissionAsset": fill.fee_asset,
                        "time": fill.at_ms,
                        "isBuyer": order.side == "BUY",
                        "isMaker": fill.maker,
                        "isBestMatch": True,
                    }
                )
        rows.sort(key=lambda row: row["id"])
        return [row for row in rows if row["id"] >= since][: int(params.get("limit", 500))]

    def _account(self, account: Account, _params: dict) -> dict:
        assets = sorted(set(account.free) | set(account.locked))
        fee = "0.00100000"
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {"maker": fee, "taker": fee, "buyer": "0.00000000", "seller": "0.00000000"},
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": False,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": self.exchange.now_ms,
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": text(account.free.get(asset, ZERO)), "locked": text(account.locked.get(asset, ZERO))} for asset in assets
            ],
            "permissions": ["SPOT"],
            "uid": account.uid,
        }

    # signed REST

    def routes(self) -> list[Route]:
        """The routes, without their common prefix."""
        table = {
            ("POST", "/order"): "order.place",
            ("DELETE", "/order"): "order.cancel",
            ("GET", "/order"): "order.status",
            ("POST", "/order/test"): "order.test",
            ("PUT", "/order/amend/keepPriority"): "order.amend.keepPriority",
            ("POST", "/order/cancelReplace"): "order.cancelReplace",
            ("GET", "/openOrders"): "openOrders.status",
            ("DELETE", "/openOrders"): "openOrders.cancelAll",
            ("GET", "/allOrders"): "allOrders",
            ("GET", "/myTrades"): "myTrades",
            ("GET", "/account"): "account.status",
        }
        return [Route(path, self._endpoint(method), methods=[verb]) for (verb, path), method in table.items()]

    def _endpoint(self, method: str) -> Callable:
        async def endpoint(request: Request) -> Response:
            query, body = request.scope["query_string"].decode(), (await request.body()).decode()
            try:
                account = self._account_of(request.headers.get("x-mbx-apikey"))
                parts = [part for part in f"{query}&{body}".split("&") if part]
                signature = next((part[10:] for part in parts if part.startswith("signature=")), "")
                payload = "".join("&".join(part for part in text.split("&") if part and not part.startswith("signature=")) for text in (query, body))
                if not account.verify(payload.encode(), unquote(signature)):
                    raise Refusal(-1022, "Signature for this request is not valid.")
                params = dict(parse_qsl(f"{body}&{query}", keep_blank_values=True))
                self._check_time(params)
                return JSONResponse(self._methods[method][0](account, params))
            except Refusal as refusal:
                return JSONResponse({"code": refusal.code, "msg": str(refusal)} | ({"data": refusal.data} if refusal.data else {}), refusal.status)

        return endpoint


def told(order: Order) -> dict:
    """An order as order.status tells it."""
    return {
        "symbol": order.symbol,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.name,
        "price": text(order.price),
        "origQty": text(order.qty),
        "executedQty": text(order.executed),
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": text(order.worth),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.kind,
        "side": order.side,
        "stopPrice": text(order.stop),
        "icebergQty": text(order.iceberg),
        "time": order.at_ms,
        "updateTime": order.updated_ms,
        "isWorking": not order.waits,
        "workingTime": order.at_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def _planned(options: dict, now_ms: int) -> Refusal:
    status, code = int(options.get("status", 400)), int(options.get("code", -1003))
    data = {"serverTime": now_ms, "retryAfter": now_ms + round(float(options.get("seconds", 1.0)) * 1000)} if status in (418, 429) else {}
    return Refusal(code, str(options.get("msg", "planned by the test")), status, **data, **options.get("data", {}))
