"""The emulated broker's accounts, orders, executions and positions, and its matching rule.

The rule: an order that arrives takes what the touch shows within its price and, if it is a market order, the rest a cent further; what rests
is filled at its own price by trades at or through it, first come first served. A trailing stop follows the best trade since it came.
Positions are netted, shorts included; there are no fees.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

ZERO, CENT = Decimal(0), Decimal("0.01")
WORKING = ("new", "accepted", "pending_new", "partially_filled", "pending_cancel", "pending_replace", "held")


class Refusal(Exception):
    """HTTP status, code, words and more fields of an answer that refuses."""

    def __init__(self, status: int, code: int, text: str, **more: object) -> None:
        super().__init__(text)
        self.status, self.body = status, {"code": code, "message": text, **more}


def text(value: Decimal) -> str:
    """Plain, without trailing zeros."""
    shown = format(value, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def stamp(time_ns: int) -> str:
    """RFC 3339 in UTC with all nine digits."""
    seconds, rest = divmod(time_ns, 10**9)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"


@dataclass
class Stock:
    """One asset with its touch."""

    symbol: str
    name: str
    bid: Decimal
    ask: Decimal
    size: Decimal = Decimal(500)
    fractionable: bool = True
    shortable: bool = True
    tradable: bool = True
    exchange: str = "NASDAQ"
    last: Decimal = ZERO
    trades: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def asset(self) -> dict:
        return {
            "id": self.id,
            "class": "us_equity",
            "exchange": self.exchange,
            "symbol": self.symbol,
            "name": self.name,
            "status": "active",
            "tradable": self.tradable,
            "marginable": True,
            "shortable": self.shortable,
            "easy_to_borrow": self.shortable,
            "fractionable": self.fractionable,
            "maintenance_margin_requirement": 30,
            "attributes": [],
        }


@dataclass
class Execution:
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    cumulative: Decimal
    left: Decimal
    at_ns: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def activity(self, account: str) -> dict:
        moment = datetime.fromtimestamp(self.at_ns / 1e9, UTC).strftime("%Y%m%d%H%M%S%f")[:17]
        return {
            "id": f"{moment}::{uuid.uuid5(uuid.NAMESPACE_OID, self.id)}",  # not the stream's execution_id: nobody promises that
            "account_id": account,
            "activity_type": "FILL",
            "transaction_time": stamp(self.at_ns),
            "type": "partial_fill" if self.left else "fill",
            "price": text(self.price),
            "qty": text(self.qty),
            "side": self.side,
            "symbol": self.symbol,
            "leaves_qty": text(self.left),
            "order_id": self.order_id,
            "cum_qty": text(self.cumulative),
            "order_status": "partially_filled" if self.left else "filled",
        }


@dataclass
class Order:
    stock: Stock
    name: str
    side: str
    kind: str
    tif: str
    qty: Decimal | None
    notional: Decimal | None
    limit: Decimal | None
    stop: Decimal | None
    at_ns: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "new"
    filled: Decimal = ZERO
    worth: Decimal = ZERO
    triggered: bool = False
    replaces: str | None = None
    replaced_by: str | None = None
    ended_ns: int = 0
    trail: Decimal | None = None
    percent: Decimal | None = None
    hwm: Decimal | None = None

    def follow(self, price: Decimal) -> None:
        """A trailing stop moves with the best price seen, never back."""
        if self.kind == "trailing_stop":
            self.hwm = price if self.hwm is None else max(self.hwm, price) if self.side == "sell" else min(self.hwm, price)
            away = self.trail if self.trail is not None else self.hwm * self.percent / 100
            self.stop = self.hwm - away if self.side == "sell" else self.hwm + away

    @property
    def works(self) -> bool:
        return self.status in WORKING

    @property
    def left(self) -> Decimal:
        return self.qty - self.filled

    def told(self, status: str = "") -> dict:
        shown, end = status or self.status, stamp(self.ended_ns) if self.ended_ns else None
        at = stamp(self.at_ns)
        return {
            "id": self.id,
            "client_order_id": self.name,
            "created_at": at,
            "updated_at": at,
            "submitted_at": at,
            "filled_at": end if shown == "filled" else None,
            "expired_at": end if shown == "expired" else None,
            "canceled_at": end if shown == "canceled" else None,
            "failed_at": None,
            "replaced_at": end if shown == "replaced" else None,
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
            "asset_id": self.stock.id,
            "symbol": self.stock.symbol,
            "asset_class": "us_equity",
            "notional": None if self.notional is None else text(self.notional),
            "qty": None if self.qty is None or self.notional is not None else text(self.qty),
            "filled_qty": text(self.filled),
            "filled_avg_price": text((self.worth / self.filled).quantize(Decimal("0.000001"))) if self.filled else None,
            "order_class": "",
            "order_type": self.kind,
            "type": self.kind,
            "side": self.side,
            "position_intent": f"{self.side}_to_open",
            "time_in_force": self.tif,
            "limit_price": None if self.limit is None else text(self.limit),
            "stop_price": None if self.stop is None else text(self.stop),
            "status": shown,
            "extended_hours": False,
            "legs": None,
            "trail_percent": None if self.percent is None else text(self.percent),
            "trail_price": None if self.trail is None else text(self.trail),
            "hwm": None if self.hwm is None else text(self.hwm),
            "subtag": None,
            "source": None,
        }


@dataclass
class Account:
    key_id: str
    secret: str
    cash: Decimal
    paper: bool = True
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    positions: dict[str, Decimal] = field(default_factory=dict)
    cost: dict[str, Decimal] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    listeners: list[Callable[[str, dict], None]] = field(default_factory=list)

    def take(self, execution: Execution) -> None:
        """An execution into cash and position; what is bought for on average is kept by cost."""
        signed = execution.qty if execution.side == "buy" else -execution.qty
        held, cost = self.positions.get(execution.symbol, ZERO), self.cost.get(execution.symbol, ZERO)
        self.cash -= signed * execution.price
        if held * signed >= 0:
            cost += signed * execution.price
        elif abs(signed) <= abs(held):
            cost += signed * cost / held
        else:
            cost = (held + signed) * execution.price
        self.positions[execution.symbol], self.cost[execution.symbol] = held + signed, cost if held + signed else ZERO

    def average(self, symbol: str) -> Decimal:
        return (self.cost[symbol] / self.positions[symbol]).quantize(Decimal("0.000001"))

    def working(self, symbol: str = "") -> list[Order]:
        return [order for order in self.orders if order.works and symbol in ("", order.stock.symbol)]


class Broker:
    """All accounts and stocks. ``placed`` are client order ids in the order they came; ``on_market(stock, kind)`` hears of quotes and trades."""

    def __init__(self, stocks: list[Stock]) -> None:
        self.stocks = {stock.symbol: stock for stock in stocks}
        self.accounts: dict[str, Account] = {}
        self.placed: list[str] = []
        self.held = False
        """Nothing is matched on arrival."""
        self.on_market: Callable[[Stock, str, Decimal], None] = lambda _stock, _kind, _size: None
        self._ticks = itertools.count(1)
        self._last_ns = 0

    def now_ns(self) -> int:
        """Never the same twice."""
        self._last_ns = max(time.time_ns(), self._last_ns + 1000)
        return self._last_ns

    def place(self, account: Account, body: dict) -> Order:
        stock = self.stocks.get(str(body.get("symbol")))
        if stock is None:
            raise Refusal(422, 42210000, f"asset \"{body.get('symbol')}\" not found")
        name = body.get("client_order_id") or str(uuid.uuid4())
        if any(order.name == name for order in account.orders):
            raise Refusal(422, 40010001, "client_order_id must be unique")
        numbers = {key: self._number(body, key) for key in ("qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent")}
        order = Order(
            stock,
            name,
            str(body.get("side")),
            str(body.get("type")),
            str(body.get("time_in_force")),
            numbers["qty"],
            numbers["notional"],
            numbers["limit_price"],
            numbers["stop_price"],
            self.now_ns(),
            trail=numbers["trail_price"],
            percent=numbers["trail_percent"],
        )
        self._check(account, order)
        order.follow(stock.last or (stock.bid if order.side == "sell" else stock.ask))
        if order.notional is not None:
            order.qty = (order.notional / stock.ask).quantize(Decimal("0.000000001"))
        self.placed.append(name)
        account.orders.append(order)
        return order

    def arrive(self, account: Account, order: Order) -> None:
        """What happens once it is accepted."""
        self._tell(account, "new", order)
        if not self.held:
            self._match(account, order)

    def cancel(self, account: Account, order_id: str) -> Order:
        order = self.find(account, order_id)
        if not order.works:
            raise Refusal(422, 42210000, f"order is already in \"{order.status}\" state")
        order.status, order.ended_ns = "canceled", self.now_ns()
        self._tell(account, "canceled", order)
        return order

    def expire(self, account: Account, name: str) -> None:
        order = next(order for order in account.orders if order.name == name)
        order.status, order.ended_ns = "expired", self.now_ns()
        self._tell(account, "expired", order)

    def replace(self, account: Account, order_id: str, body: dict) -> Order:
        old = self.find(account, order_id)
        if not old.works:
            raise Refusal(422, 42210000, f"order is already in \"{old.status}\" state")
        numbers = {key: self._number(body, key) for key in ("qty", "limit_price", "stop_price", "trail")}
        if all(value is None for value in numbers.values()) and not body.get("time_in_force"):
            raise Refusal(403, 40310000, "order parameters are not changed")
        name = body.get("client_order_id") or str(uuid.uuid4())
        if any(order.name == name for order in account.orders):
            raise Refusal(422, 40010001, "client_order_id must be unique")
        qty = numbers["qty"] if numbers["qty"] is not None else old.left
        limit = numbers["limit_price"] if numbers["limit_price"] is not None else old.limit
        stop = None if old.kind == "trailing_stop" else numbers["stop_price"] if numbers["stop_price"] is not None else old.stop
        new = Order(old.stock, name, old.side, old.kind, body.get("time_in_force") or old.tif, qty, None, limit, stop, self.now_ns())
        new.replaces, new.triggered, new.trail, new.percent = old.id, old.triggered, old.trail, old.percent
        if numbers["trail"] is not None:
            if old.kind != "trailing_stop" or old.triggered:
                raise Refusal(422, 42210000, "trail can only be changed of a trailing stop that waits")
            new.trail, new.percent = (None, numbers["trail"]) if old.trail is None else (numbers["trail"], None)
        self._check(account, new, old)
        if old.hwm is not None:
            new.follow(old.hwm)
        old.status, old.replaced_by, old.ended_ns = "replaced", new.id, self.now_ns()
        account.orders.append(new)
        self._tell(account, "replaced", old)
        return new

    def find(self, account: Account, order_id: str) -> Order:
        found = next((order for order in account.orders if order.id == order_id), None)
        if found is None:
            raise Refusal(404, 40410000, "order not found")
        return found

    def quote(self, symbol: str, bid: Decimal, ask: Decimal, size: Decimal | None = None) -> None:
        """The touch moves."""
        stock = self.stocks[symbol]
        stock.bid, stock.ask, stock.size = bid, ask, size or stock.size
        self.on_market(stock, "q", stock.size)

    def trade(self, symbol: str, price: Decimal, qty: Decimal) -> None:
        """A public trade: fills what rests at or through it, triggers stops."""
        stock = self.stocks[symbol]
        stock.last, stock.trades = price, stock.trades + 1
        self.on_market(stock, "t", qty)
        for account in self.accounts.values():
            for order in account.working(symbol):
                if not order.triggered:
                    order.follow(price)
                if order.stop is not None and not order.triggered:
                    if price >= order.stop if order.side == "buy" else price <= order.stop:
                        order.triggered = True
                        self._match(account, order)
                elif order.limit is not None and qty > 0 and (price <= order.limit if order.side == "buy" else price >= order.limit):
                    size = min(order.left, qty)
                    qty -= size
                    self.fill(account, order, size, order.limit)

    def fill(self, account: Account, order: Order, qty: Decimal, price: Decimal) -> None:
        order.filled += qty
        order.worth += qty * price
        order.status = "filled" if not order.left else order.status if order.status == "replaced" else "partially_filled"
        at = self.now_ns()
        if order.status == "filled":
            order.ended_ns = at
        execution = Execution(order.id, order.stock.symbol, order.side, qty, price, order.filled, order.left, at)
        account.take(execution)
        account.executions.append(execution)
        self._tell(account, "partial_fill" if order.left else "fill", order, execution)

    def _match(self, account: Account, order: Order) -> None:
        if order.stop is not None and not order.triggered:
            return
        touch, step = (order.stock.ask, CENT) if order.side == "buy" else (order.stock.bid, -CENT)
        reaches = order.limit is None or (touch <= order.limit if order.side == "buy" else touch >= order.limit)
        size = min(order.left, order.stock.size) if reaches else ZERO
        if order.tif == "fok" and size < order.left:
            size = ZERO
        if size:
            self.fill(account, order, size, touch)
        if order.left and order.limit is None and order.tif not in ("fok", "ioc"):
            self.fill(account, order, order.left, touch + step)
        if order.left and order.tif in ("ioc", "fok"):
            order.status, order.ended_ns = "canceled", self.now_ns()
            self._tell(account, "canceled", order)

    def _check(self, account: Account, order: Order, old: Order | None = None) -> None:
        if order.side not in ("buy", "sell") or order.kind not in ("market", "limit", "stop", "stop_limit", "trailing_stop"):
            raise Refusal(422, 42210000, "invalid side or type")
        if order.tif not in ("day", "gtc", "ioc", "fok", "opg", "cls"):
            raise Refusal(422, 42210000, "invalid time_in_force")
        if (order.qty is None) == (order.notional is None) or (order.qty or order.notional) <= 0:
            raise Refusal(422, 40010001, "qty or notional is required")
        if (order.limit is not None) != (order.kind in ("limit", "stop_limit")) or (order.stop is not None) != (order.kind in ("stop", "stop_limit")):
            raise Refusal(422, 42210000, f"{order.kind} orders have other prices")
        if order.kind == "trailing_stop" and (order.tif not in ("day", "gtc") or order.qty is None or order.qty % 1):
            raise Refusal(422, 42210000, "trailing stop orders are for whole shares, day or gtc")
        if (order.kind == "trailing_stop") is not ((order.trail is None) is not (order.percent is None)):
            raise Refusal(422, 42210000, "trailing stop orders have trail_price or trail_percent")
        for price in (order.limit, order.stop, order.trail):
            if price is not None and price % (CENT if price >= 1 else Decimal("0.0001")):
                raise Refusal(422, 42210000, f"invalid limit_price {text(price)}. sub-penny increment does not fulfill minimum pricing criteria")
        fraction = order.notional is not None or order.qty % 1
        if fraction and (not order.stock.fractionable or order.tif != "day"):
            raise Refusal(403 if not order.stock.fractionable else 422, 42210000, "fractional orders must be DAY orders")
        self._carry(account, order, old, bool(fraction))

    def _carry(self, account: Account, order: Order, old: Order | None, fraction: bool) -> None:
        symbol, held = order.stock.symbol, account.positions.get(order.stock.symbol, ZERO)
        if order.qty is None:
            return
        same = sum((each.left for each in account.working(symbol) if each.side == order.side and each is not old), ZERO)
        if (order.side == "sell" and held > 0) or (order.side == "buy" and held < 0):
            free = abs(held) - same
            if order.qty > free:
                words = f"insufficient qty available for order (requested: {text(order.qty)}, available: {text(free)})"
                raise Refusal(403, 40310000, words, available=text(free), existing_qty=text(abs(held)), symbol=symbol)
        elif order.side == "sell" and (fraction or not order.stock.shortable):
            raise Refusal(403, 40310000, f"asset \"{symbol}\" cannot be sold short")
        elif order.qty * (order.limit or order.stop or order.stock.ask) > self.power(account):
            raise Refusal(403, 40310000, "insufficient buying power", buying_power=text(self.power(account)))

    def power(self, account: Account) -> Decimal:
        """Twice what the account is worth, less what is held."""
        marks = {symbol: qty * self.stocks[symbol].bid for symbol, qty in account.positions.items()}
        return max(2 * (account.cash + sum(marks.values())) - sum(map(abs, marks.values())), ZERO)

    def held_back(self, account: Account, symbol: str) -> Decimal:
        side = "sell" if account.positions[symbol] > 0 else "buy"
        return sum((order.left for order in account.working(symbol) if order.side == side), ZERO)

    def _tell(self, account: Account, event: str, order: Order, execution: Execution | None = None) -> None:
        data = {"event": event, "order": order.told(), "timestamp": stamp(self.now_ns()), "event_id": f"{next(self._ticks):026d}"}
        if execution is not None:
            data |= {
                "execution_id": execution.id,
                "timestamp": stamp(execution.at_ns),
                "price": text(execution.price),
                "qty": text(execution.qty),
                "position_qty": text(account.positions[order.stock.symbol]),
            }
        for listener in [*account.listeners]:
            listener(event, data)

    @staticmethod
    def _number(body: dict, key: str) -> Decimal | None:
        value = body.get(key)
        try:
            return None if value is None else Decimal(str(value))
        except ArithmeticError:
            raise Refusal(422, 42210000, f"invalid {key}") from None
