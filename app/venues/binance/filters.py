"""The trading rules of one symbol in Binance's exchangeInfo, and what they refuse before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from app.model.orders import OrderIntent, OrderType
from app.model.units import parse_decimal

from ..execution import Refused
from ..wire import ERRORS, WireError

_UNLIMITED = Decimal(0)


class Steps(NamedTuple):
    """Smallest, largest and step of a price or quantity; 0: no such rule."""

    least: Decimal
    most: Decimal
    step: Decimal

    def problem(self, value: Decimal) -> tuple[str, str] | None:
        """What is wrong with a value, and what would do."""
        if self.least and value < self.least:
            return f"{_text(value)} is below the venue's least, {_text(self.least)}", f"Use at least {_text(self.least)}."
        if self.most and value > self.most:
            return f"{_text(value)} is above the venue's most, {_text(self.most)}", f"Use at most {_text(self.most)}."
        if self.step and value % self.step:
            return f"{_text(value)} is not in the venue's steps of {_text(self.step)}", f"Use a multiple of {_text(self.step)}."
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE, NOTIONAL, ICEBERG_PARTS and MAX_NUM_ORDERS of one symbol; 0: no such rule."""

    status: str
    types: frozenset[str]
    price: Steps
    lot: Steps
    market_lot: Steps
    min_notional: Decimal
    max_notional: Decimal
    min_at_market: bool
    max_at_market: bool
    iceberg_parts: int
    max_orders: int
    can_amend: bool
    can_replace: bool

    @classmethod
    def read(cls, row: dict) -> Rules:
        """From one entry of ``symbols``. Raises WireError."""
        try:
            found = {item["filterType"]: item for item in row["filters"]}
            notional = found.get("NOTIONAL") or {}
            old = found.get("MIN_NOTIONAL") or {}
            least = notional.get("minNotional") or old.get("minNotional") or "0"
            return cls(
                str(row["status"]),
                frozenset(map(str, row["orderTypes"])),
                _steps(found["PRICE_FILTER"], "minPrice", "maxPrice", "tickSize"),
                _steps(found["LOT_SIZE"], "minQty", "maxQty", "stepSize"),
                _steps(found.get("MARKET_LOT_SIZE"), "minQty", "maxQty", "stepSize"),
                parse_decimal(least),
                parse_decimal(notional.get("maxNotional") or "0"),
                bool(notional.get("applyMinToMarket", old.get("applyToMarket", False))),
                bool(notional.get("applyMaxToMarket", False)),
                int((found.get("ICEBERG_PARTS") or {}).get("limit", 0)),
                int((found.get("MAX_NUM_ORDERS") or {}).get("maxNumOrders", 0)),
                row.get("amendAllowed") is True,
                row.get("cancelReplaceAllowed") is True,
            )
        except ERRORS as error:
            raise WireError(f"unusable trading rules: {error!r}") from error

    def refusal(self, intent: OrderIntent, kind: str, mark: Decimal | None, working: int) -> Refused | None:
        """Why an order of the venue's type ``kind`` is not sent; None when the rules allow it. ``mark`` is the present price, ``working``
        how many orders of the symbol work."""
        return next(self._problems(intent, kind, mark, working), None)

    def too_little(self, qty: Decimal, price: Decimal | None, mark: Decimal | None) -> str:
        """Why so small a quantity is not traded at a price (None: at market, where it counts at the ``mark``), in words; "" when it is."""
        least = self.lot.least if price is not None else max(self.lot.least, self.market_lot.least)
        if least and qty < least:
            return f"below the venue's least, {_text(least)}"
        worth = price if price is not None else mark if self.min_at_market else None
        if worth is not None and qty * worth < self.min_notional:
            return f"worth less than the venue's least, {_text(self.min_notional)}"
        return ""

    def _problems(self, intent: OrderIntent, kind: str, mark: Decimal | None, working: int) -> Iterator[Refused]:
        if self.status != "TRADING":
            yield Refused("venue_halted", "symbol", f"Binance does not trade {intent.symbol} now ({self.status}).", "Wait until it does.")
        if kind not in self.types:
            yield Refused("venue_type", "type", f"Binance takes no {kind} orders in {intent.symbol}.", "Use another type.")
        if self.max_orders and working >= self.max_orders:
            yield Refused("venue_max_orders", None, f"Binance allows {self.max_orders} working orders in {intent.symbol}.", "Cancel one first.")
        for field, value in (("price", intent.price), ("stop", intent.stop)):
            if value is not None and (found := self.price.problem(value)):
                yield Refused("venue_price", field, f"The {field} {found[0]}.", found[1])
        lots = [self.lot] if intent.type.has_limit else [self.lot, self.market_lot]
        for lot in lots:
            if found := lot.problem(intent.qty):
                yield Refused("venue_lot", "qty", f"The quantity {found[0]}.", found[1])
        if intent.type is OrderType.ICEBERG and intent.display is not None:
            if found := self.lot.problem(intent.display):
                yield Refused("venue_lot", "display", f"The displayed quantity {found[0]}.", found[1])
            if self.iceberg_parts and -(-intent.qty // intent.display) > self.iceberg_parts:
                yield Refused("venue_iceberg", "display", f"Binance allows {self.iceberg_parts} parts of an iceberg.", "Show a larger part.")
        yield from self._worth(intent, mark)

    def _worth(self, intent: OrderIntent, mark: Decimal | None) -> Iterator[Refused]:
        price = intent.price or intent.stop or mark
        at_market = not intent.type.has_limit
        if price is None:
            return
        worth = price * intent.qty
        if self.min_notional and worth < self.min_notional and (self.min_at_market or not at_market):
            reason = f"It is worth {_text(worth)}, Binance takes no order below {_text(self.min_notional)}."
            yield Refused("venue_notional", "qty", reason, "Use a larger quantity.")
        if self.max_notional and worth > self.max_notional and (self.max_at_market or not at_market):
            reason = f"It is worth {_text(worth)}, Binance takes no order above {_text(self.max_notional)}."
            yield Refused("venue_notional", "qty", reason, "Use a smaller quantity.")


def _steps(found: dict | None, least: str, most: str, step: str) -> Steps:
    if found is None:
        return Steps(_UNLIMITED, _UNLIMITED, _UNLIMITED)
    return Steps(parse_decimal(found[least]), parse_decimal(found[most]), parse_decimal(found[step]))


def _text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
