"""The emulated exchange's accounts, orders and fills, and its matching rule.

The rule: an order that arrives takes what the displayed book shows within its price, each level once until the level changes; what rests is
filled at its own price by public trades at or through it, in price-time order, never more than was traded. The fee is 0.1 % of what is received.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

FEE = Decimal("0.001")
_EIGHT = Decimal("0.00000001")
ZERO = Decimal(0)


class Refusal(Exception):
    """The exchange's code and words, with an HTTP status."""

    def __init__(self, code: int, text: str, status: int = 400, **data: object) -> None:
        super().__init__(text)
        self.code, self.status, self.data = code, status, data


@dataclass
class Fill:
    number: int
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at_ms: int


@dataclass
class Order:
    account: Account
    symbol: str
    number: int
    name: str
    side: str
    kind: str
    tif: str
    qty: Decimal
    price: Decimal
    stop: Decimal
    iceberg: Decimal
    at_ms: int
    status: str = "NEW"
    executed: Decimal = ZERO
    worth: Decimal = ZERO
    waits: bool = False
    replaced_by: str = ""
    locked: Decimal = ZERO
    updated_ms: int = 0
    fills: list[Fill] = field(default_factory=list)

    @property
    def works(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")

    @property
    def left(self) -> Decimal:
        return self.qty - self.executed


@dataclass
class Account:
    """``verify(payload, signature)`` says whether a signature is this key's; ``kind`` is HMAC-SHA256 or Ed25519."""

    api_key: str
    kind: str
    verify: Callable[[bytes, str], bool]
    uid: int
    free: dict[str, Decimal]
    locked: dict[str, Decimal] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    listeners: list[Callable[[dict], None]] = field(default_factory=list)

    def tell(self, event: dict) -> None:
        """Send an event to every subscription."""
        for listener in list(self.listeners):
            listener(event)

    def balance(self, asset: str) -> Decimal:
        """Free and locked together."""
        return self.free.get(asset, ZERO) + self.locked.get(asset, ZERO)


class Exchange:
    """``markets`` are the player's; ``skew_ms`` puts the clock wrong on purpose."""

    def __init__(self, markets: dict) -> None:
        self.markets = markets
        self.accounts: dict[str, Account] = {}
        self.skew_ms = 0
        self.placed: list[str] = []
        self.arrived_ns: list[int] = []
        """When the request of each was read, UTC."""
        self._orders = 1000
        self._trades = 500_000
        self._taken: dict[tuple[str, str, str], tuple[str, Decimal]] = {}

    @property
    def now_ms(self) -> int:
        """The exchange's clock."""
        return time.time_ns() // 1_000_000 + self.skew_ms

    def place(self, account: Account, params: dict) -> Order:
        """A new order; Refusal changes nothing."""
        arrived_ns = time.time_ns()
        order = self._read(account, params)
        self._lock(order)
        self._orders += 1
        account.orders.append(order)
        self.placed.append(order.name)
        self.arrived_ns.append(arrived_ns)
        self._report(order, "NEW")
        self.position(account, self._asset(order))
        if not order.waits:
            self._arrive(order)
        return order

    def check(self, account: Account, params: dict) -> None:
        """order.test: everything but the order."""
        order = self._read(account, params)
        self._lock(order)
        self._unlock(order)

    def cancel(self, order: Order, cancel_name: str = "") -> None:
        """End a working order."""
        if not order.works:
            raise Refusal(-2011, "Unknown order sent.")
        self._end(order, "CANCELED", cancel_name or f"c{order.number}")

    def amend(self, order: Order, qty: Decimal, name: str) -> None:
        """Make an order smaller."""
        if not order.works:
            raise Refusal(-2013, "Order does not exist.")
        if not order.executed < qty < order.qty:
            raise Refusal(-2038, "Order amend (quantity increase) is not supported.")
        self._unlock(order)
        old, order.qty = order.name, qty
        order.name = name or f"amended{order.number}"
        self._lock(order)
        self._report(order, "REPLACED", original=old)

    def find(self, account: Account, params: dict, key: str = "origClientOrderId") -> Order:
        """The order that a request names; of several with one client id the newest."""
        number, name = params.get("orderId"), params.get(key)
        for order in reversed(account.orders):
            if order.symbol == params.get("symbol") and (str(order.number) == str(number) if number is not None else order.name == name):
                return order
        raise Refusal(-2013, "Order does not exist.")

    def trade(self, symbol: str, price: Decimal, qty: Decimal) -> None:
        """A public trade: fills what rests at or through its price, triggers what waits for it."""
        left = qty
        rows = [order for account in self.accounts.values() for order in account.orders if order.works and order.symbol == symbol]
        resting = [order for order in rows if not order.waits]
        for side, sign in (("BUY", -1), ("SELL", 1)):
            reached = [order for order in resting if order.side == side and (order.price - price) * sign <= 0]
            for order in sorted(reached, key=lambda order: (order.price * sign, order.number)):
                if (size := min(order.left, left)) > 0:
                    self._fill(order, order.price, size, maker=True)
                    left -= size
        for order in rows:
            if order.waits and (price >= order.stop if order.side == "BUY" else price <= order.stop):
                order.waits = False
                self._report(order, "NEW")
                self._arrive(order)

    def _read(self, account: Account, params: dict) -> Order:
        market = self.markets.get(params.get("symbol"))
        if market is None:
            raise Refusal(-1121, "Invalid symbol.")
        kind, name = params.get("type"), params.get("newClientOrderId") or f"auto{self._orders}"
        if kind not in ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"):
            raise Refusal(-1116, "Invalid orderType.")
        if params.get("side") not in ("BUY", "SELL"):
            raise Refusal(-1117, "Invalid side.")
        if any(order.name == name and order.works for order in account.orders):
            raise Refusal(-2010, "Duplicate order sent.")
        limited = kind in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT")
        timed = kind in ("LIMIT", "STOP_LOSS_LIMIT")
        for needed, wanted in (("quantity", True), ("price", limited), ("stopPrice", kind.startswith("STOP")), ("timeInForce", timed)):
            if wanted and not params.get(needed):
                raise Refusal(-1102, f"Mandatory parameter '{needed}' was not sent, was empty/null, or malformed.")
            if not wanted and needed in ("price", "stopPrice", "timeInForce") and params.get(needed):
                raise Refusal(-1106, f"Parameter '{needed}' sent when not required.")
        qty, price, stop, iceberg = (_number(params.get(key, "0"), key) for key in ("quantity", "price", "stopPrice", "icebergQty"))
        listing = market.listing
        tick, lot = Decimal(listing.tick), Decimal(listing.lot)
        if price % tick or stop % tick:
            raise Refusal(-1013, "Filter failure: PRICE_FILTER")
        if qty % lot or qty < lot:
            raise Refusal(-1013, "Filter failure: LOT_SIZE")
        best = market.best()
        reference = price or stop or Decimal(best["askPrice"])
        if reference * qty < 5:
            raise Refusal(-1013, "Filter failure: NOTIONAL")
        side = params["side"]
        if kind == "LIMIT_MAKER" and (price >= Decimal(best["askPrice"]) if side == "BUY" else price <= Decimal(best["bidPrice"])):
            raise Refusal(-2010, "Order would immediately match and take.")
        tif = params.get("timeInForce", "GTC")
        now = self.now_ms
        return Order(
            account, listing.symbol, self._orders, name, side, kind, tif, qty, price, stop, iceberg, now, waits=kind.startswith("STOP"), updated_ms=now
        )

    def _asset(self, order: Order) -> str:
        listing = self.markets[order.symbol].listing
        return listing.quote if order.side == "BUY" else listing.base

    def _lock(self, order: Order) -> None:
        account, asset = order.account, self._asset(order)
        if order.side == "SELL":
            needed = order.left
        elif order.kind == "MARKET":
            needed = sum((price * size for price, size, _ in self._shown(order)), ZERO)
        else:
            needed = order.left * (order.price or order.stop)
        if account.free.get(asset, ZERO) < needed:
            raise Refusal(-2010, "Account has insufficient balance for requested action.")
        order.locked = needed
        account.free[asset] = account.free.get(asset, ZERO) - needed
        account.locked[asset] = account.locked.get(asset, ZERO) + needed

    def _unlock(self, order: Order) -> None:
        account, asset = order.account, self._asset(order)
        account.locked[asset] = account.locked.get(asset, ZERO) - order.locked
        account.free[asset] = account.free.get(asset, ZERO) + order.locked
        order.locked = ZERO

    def _shown(self, order: Order) -> list[tuple[Decimal, Decimal, tuple[str, str, str]]]:
        """What the displayed book has for an order: (price, size, level)."""
        book = self.markets[order.symbol].book
        levels = book.asks if order.side == "BUY" else book.bids
        out, left = [], order.left
        for text, size in sorted(levels.items(), key=lambda level: Decimal(level[0]), reverse=order.side == "SELL"):
            price = Decimal(text)
            if order.price and (price > order.price if order.side == "BUY" else price < order.price):
                break
            key = (order.symbol, order.side, text)
            displayed, taken = self._taken.get(key, (size, ZERO))
            there = Decimal(size) - (taken if displayed == size else ZERO)
            if there > 0 and left > 0:
                out.append((price, min(there, left), key))
                left -= min(there, left)
            if left <= 0:
                break
        return out

    def _arrive(self, order: Order) -> None:
        shown = self._shown(order)
        if order.tif == "FOK" and sum((size for _, size, _ in shown), ZERO) < order.qty:
            shown = []
        for price, size, key in shown:
            displayed = (self.markets[order.symbol].book.asks if order.side == "BUY" else self.markets[order.symbol].book.bids)[key[2]]
            before, taken = self._taken.get(key, (displayed, ZERO))
            self._taken[key] = (displayed, size + (taken if before == displayed else ZERO))
            self._fill(order, price, size, maker=False)
        if order.works and (order.tif in ("IOC", "FOK") or not order.price):
            self._end(order, "EXPIRED")

    def _fill(self, order: Order, price: Decimal, size: Decimal, maker: bool) -> None:
        account, listing = order.account, self.markets[order.symbol].listing
        got, paid = (listing.base, listing.quote) if order.side == "BUY" else (listing.quote, listing.base)
        worth = price * size
        received, given = (size, worth) if order.side == "BUY" else (worth, size)
        fee = (received * FEE).quantize(_EIGHT, ROUND_DOWN)
        self._trades += 1
        order.executed += size
        order.worth += worth
        order.updated_ms = self.now_ms
        order.status = "FILLED" if order.left == 0 else "PARTIALLY_FILLED"
        order.fills.append(Fill(self._trades, price, size, fee, got, maker, order.updated_ms))
        released = given if order.side == "SELL" else min(order.locked, size * (order.price or order.stop or price))
        order.locked -= released
        account.locked[paid] = account.locked.get(paid, ZERO) - released
        account.free[paid] = account.free.get(paid, ZERO) + released - given
        account.free[got] = account.free.get(got, ZERO) + received - fee
        if not order.works:
            self._unlock(order)
        self._report(order, "TRADE")
        self.position(account, got, paid)

    def _end(self, order: Order, status: str, cancel_name: str = "") -> None:
        order.status, order.updated_ms = status, self.now_ms
        self._unlock(order)
        self._report(order, "CANCELED" if status == "CANCELED" else "EXPIRED", cancel_name)
        self.position(order.account, self._asset(order))

    def position(self, account: Account, *assets: str) -> None:
        """Tell an account its balances."""
        rows = [{"a": asset, "f": text(account.free.get(asset, ZERO)), "l": text(account.locked.get(asset, ZERO))} for asset in assets]
        now = self.now_ms
        account.tell({"e": "outboundAccountPosition", "E": now, "u": now, "B": rows})

    def _report(self, order: Order, cause: str, cancel_name: str = "", original: str = "") -> None:
        last = order.fills[-1] if cause == "TRADE" else None
        order.account.tell(
            {
                "e": "executionReport",
                "E": self.now_ms,
                "s": order.symbol,
                "c": cancel_name or order.name,
                "S": order.side,
                "o": order.kind,
                "f": order.tif,
                "q": text(order.qty),
                "p": text(order.price),
                "P": text(order.stop),
                "F": text(order.iceberg),
                "g": -1,
                "C": order.name if cancel_name else original,
                "x": cause,
                "X": order.status,
                "r": "NONE",
                "i": order.number,
                "l": text(last.qty if last else ZERO),
                "z": text(order.executed),
                "L": text(last.price if last else ZERO),
                "n": text(last.fee if last else ZERO),
                "N": last.fee_asset if last else None,
                "T": order.updated_ms,
                "t": last.number if last else -1,
                "I": order.number * 10,
                "w": order.works and not order.waits,
                "m": bool(last and last.maker),
                "M": False,
                "O": order.at_ms,
                "Z": text(order.worth),
                "Y": text(last.qty * last.price if last else ZERO),
                "Q": "0.00000000",
                "W": order.at_ms,
                "V": "EXPIRE_MAKER",
            }
        )


def text(value: Decimal) -> str:
    """Eight decimals, as the exchange writes numbers."""
    return f"{value:.8f}"


def _number(value: object, key: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise Refusal(-1100, f"Illegal characters found in parameter '{key}'; legal range is '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'.")
    if -number.normalize().as_tuple().exponent > 8:
        raise Refusal(-1111, f"Parameter '{key}' has too much precision.")
    return number
