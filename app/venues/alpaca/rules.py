"""The rules of one asset at Alpaca, and what may be sent: against them, the account and the position, before anything is journalled.

Pure: everything it looks at is handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from app.model.instrument import Instrument
from app.model.orders import OrderIntent, OrderStatus, OrderType, Side, TimeInForce

from ..execution import BALANCE, Refused
from ..wire import ERRORS, WireError
from . import orders
from .orders import Held

PRICE_SCALE, SIZE_SCALE = 6, 9
"""Finer than any price or fraction of a share on the wire, so that a listing's rules never change the scales."""
CENT, SUB_PENNY = Decimal("0.01"), Decimal("0.0001")
ONE = Decimal(1)
LEAST_WORTH = Decimal(1)
VENUE, CURRENCY = "alpaca", "USD"
EXCHANGE, EXCHANGES = "XNYS", {"NASDAQ": "XNAS"}
"""The calendar of an asset, by Alpaca's name of its exchange; all exchanges of US equities keep the hours of the first one."""
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
_LASTING = (TimeInForce.DAY, TimeInForce.GTC)
_BLOCKS = {
    "trading_blocked": "Alpaca has blocked trading on this account",
    "account_blocked": "Alpaca has blocked this account",
    "trade_suspended_by_user": "trading is suspended in the settings of this account at Alpaca",
}


class Rules(NamedTuple):
    """``least`` is the smallest quantity, 0 where none is said."""

    name: str
    tradable: bool
    fractionable: bool
    shortable: bool
    least: Decimal
    exchange: str = EXCHANGE

    @classmethod
    def read(cls, row: dict) -> Rules:
        """From an asset. Raises WireError."""
        try:
            least = row.get("min_order_size")
            return cls(
                str(row.get("name") or row["symbol"])[:100],
                row["tradable"] is True and row["status"] == "active",
                row.get("fractionable") is True,
                row.get("shortable") is True and row.get("easy_to_borrow") is True,
                Decimal(0) if least is None else orders.amount(least),
                EXCHANGES.get(str(row.get("exchange")), EXCHANGE),
            )
        except ERRORS as error:
            raise WireError(f"unusable rules of an asset: {error!r}") from error


class Account(NamedTuple):
    """``uid`` names it, ``live`` cash is in ``currency``; ``blocked`` says in words why nothing may be traded."""

    uid: str
    currency: str
    cash: Decimal
    power: Decimal
    shorting: bool
    blocked: str

    @classmethod
    def read(cls, row: dict) -> Account:
        """From GET /v2/account. Raises WireError."""
        try:
            blocked = next((words for name, words in _BLOCKS.items() if row.get(name) is True), "")
            if not blocked and row["status"] != "ACTIVE":
                blocked = f"the account is {str(row['status'])[:40].lower()}"
            uid = str(row["id"]).replace("-", "")[:40]
            return cls(uid, str(row["currency"]), orders.amount(row["cash"]), orders.amount(row["buying_power"]), row["shorting_enabled"] is True, blocked)
        except ERRORS as error:
            raise WireError(f"not an account: {error!r}") from error


def base(native: str) -> str:
    """What a position is in: the asset's symbol, but for a share that is called like the cash."""
    return native if native != CURRENCY else f"{native} share"


def instrument(native: str, symbol: str = "", rules: Rules | None = None, price: Decimal | None = None) -> Instrument:
    """A US equity. Before its rules are known it trades in whole shares and cents; ``price`` is the present one."""
    tick = SUB_PENNY if price is not None and price < ONE else CENT
    fraction = rules is not None and rules.fractionable
    return Instrument(
        symbol=symbol or native,
        venue=VENUE,
        native=native,
        base=base(native),
        quote=CURRENCY,
        price_scale=PRICE_SCALE,
        size_scale=SIZE_SCALE,
        tick=int(tick.scaleb(PRICE_SCALE)),
        lot=1 if fraction else 10**SIZE_SCALE,
        exchange=rules.exchange if rules is not None else EXCHANGE,
        name=rules.name if rules is not None else "",
    )


class Present(NamedTuple):
    """What an order is looked at against."""

    account: Account
    held: Held | None
    mark: Decimal | None


def refusal(intent: OrderIntent, rules: Rules, present: Present) -> Refused | None:
    """Why an order would be refused; None when it would not."""
    return next(_problems(intent, rules, present), None)


def amendment(order: Any, qty: Decimal | None, price: Decimal | None, stop: Decimal | None) -> Refused | None:
    """Why an amendment is not possible. Alpaca replaces the order by another one."""
    if order.status is OrderStatus.UNKNOWN or order.venue_order_id is None:
        return Refused("venue_amend", None, "Alpaca has not accepted the order yet.", "Wait until it has.")
    if qty is not None and qty != order.qty and order.filled:
        return Refused("venue_amend", "qty", "It is partly filled: only its prices can be changed.", "Cancel it and send another.")
    if qty is not None and qty != order.qty and (qty % 1 or order.qty % 1):
        return Refused("venue_amend", "qty", "An order for a fraction of a share keeps its quantity.", "Cancel it and send another.")
    return next(_prices(price, stop), None)


def _problems(intent: OrderIntent, rules: Rules, present: Present) -> Iterator[Refused]:
    kind, symbol = intent.type, intent.symbol
    if present.account.blocked:
        yield Refused("venue_blocked", None, f"{present.account.blocked.capitalize()}.", "Ask Alpaca.")
    if not rules.tradable:
        yield Refused("venue_halted", "symbol", f"Alpaca does not trade {symbol} now.", "Choose another instrument.")
    if intent.tif not in orders.TIFS:
        yield Refused("venue_tif", "tif", f"Alpaca has no {intent.tif.value.upper()} orders.", "Use day, GTC, IOC or FOK.")
    trails = kind is OrderType.TRAILING_STOP and not intent.held
    if kind in _STOPS and intent.tif not in _LASTING:
        yield Refused("venue_tif", "tif", "A stop waits at Alpaca.", "Use day or GTC.")
    if intent.post_only:
        yield Refused("venue_post_only", "post_only", "Alpaca has no post-only orders.", "Clear post-only.")
    yield from _prices(intent.price, None if trails else intent.stop)
    if trails and intent.qty % 1:
        yield Refused("venue_fraction", "qty", "Alpaca has trailing stops for whole shares only.", "Use a whole number.")
    if intent.qty % 1:
        yield from _fraction(intent, rules, present)
    if intent.qty < rules.least:
        yield Refused("venue_lot", "qty", f"Alpaca takes no order below {orders.number(rules.least)}.", "Use a larger quantity.")
    if not intent.starts_held:
        yield from _carried(intent, rules, present)


def _prices(price: Decimal | None, stop: Decimal | None) -> Iterator[Refused]:
    for field, value in (("price", price), ("stop", stop)):
        if value is not None and value % (step := CENT if value >= ONE else SUB_PENNY):
            where = "From 1 USD on prices move in cents" if step == CENT else "Below 1 USD prices have four decimals"
            yield Refused("venue_price", field, f"{where}, received {orders.number(value)}.", f"Use a multiple of {orders.number(step)}.")


def _fraction(intent: OrderIntent, rules: Rules, present: Present) -> Iterator[Refused]:
    if not rules.fractionable:
        yield Refused("venue_lot", "qty", f"{intent.symbol} is traded in whole shares.", "Use a whole number.")
    if intent.tif is not TimeInForce.DAY:
        yield Refused("venue_fraction", "tif", "An order for a fraction of a share is for the day.", "Use day, or a whole number of shares.")
    price = intent.price or intent.stop or present.mark
    if price is not None and price * intent.qty < LEAST_WORTH:
        yield Refused("venue_notional", "qty", "Alpaca takes no order below 1 USD.", "Use a larger quantity.")


def _carried(intent: OrderIntent, rules: Rules, present: Present) -> Iterator[Refused]:
    held, account = present.held, present.account
    qty = held.qty if held is not None else Decimal(0)
    if intent.side is Side.SELL and qty > 0 and held is not None and intent.qty > held.available:
        free = orders.number(held.available)
        reason = f"{orders.number(qty)} {intent.symbol} are held and {free} of them free: Alpaca does not sell through zero in one order."
        yield Refused(BALANCE, "qty", reason, f"Sell at most {free}, and sell short with another order.")
    if intent.side is Side.SELL and qty <= 0:
        if not account.shorting or not rules.shortable:
            yield Refused("venue_short", "side", f"{intent.symbol} cannot be sold short with this account now.", "Buy first, or choose another instrument.")
        if intent.qty % 1:
            yield Refused("venue_fraction", "qty", "A fraction of a share cannot be sold short.", "Use a whole number.")
    if intent.side is Side.BUY and qty < 0 and held is not None and intent.qty > held.available:
        free = orders.number(held.available)
        reason = f"{orders.number(-qty)} {intent.symbol} are short and {free} of them not being bought back: Alpaca does not buy through zero in one order."
        yield Refused(BALANCE, "qty", reason, f"Buy at most {free}, and buy more with another order.")
    price = intent.price or intent.stop or present.mark
    opens = (intent.side is Side.BUY and qty >= 0) or (intent.side is Side.SELL and qty <= 0)
    if opens and price is not None and intent.qty * price > account.power:
        needed, have = orders.number((intent.qty * price).quantize(CENT)), orders.number(account.power)
        yield Refused(BALANCE, "qty", f"It needs {needed} USD, the buying power at Alpaca is {have} USD.", "Use a smaller quantity.")
