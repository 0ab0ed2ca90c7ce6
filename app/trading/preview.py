"""What a ticket would do now, before it is submitted: cost, fee, prices, and what to beware of.

An estimate from the displayed book at this moment; nothing is reserved. Marketable quantity is priced by walking the
book with the taker fee, the rest at its limit with the maker fee; what will take when its price or its time comes, with the taker fee.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from app.model.orders import OrderType, Side, TimeInForce

from . import checks, matching, spot
from .commands import ORIGIN
from .contracts import of_contract
from .errors import Denied
from .money import ZERO, add, fee, mul, plain, ratio
from .order import Order

if TYPE_CHECKING:
    from .engine import Engine
    from .ticket import Ticket

_FAR = Decimal("0.01")
_LEVELS = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """Amounts in ``currency`` (the quote currency); ``cash_after`` in the account's, None where it cannot be converted."""

    currency: str
    notional: Decimal
    fee: Decimal
    cash_after: Decimal | None
    position_after: Decimal
    worst_price: Decimal | None
    average_price: Decimal | None
    fillable_qty: Decimal
    warnings: tuple[str, ...]

    def to_wire(self) -> dict:
        """The result of ``order.preview``: plain decimal text."""
        texts = ("notional", "fee", "cash_after", "position_after", "worst_price", "average_price", "fillable_qty")
        wire = {name: None if getattr(self, name) is None else plain(getattr(self, name)) for name in texts}
        return {**wire, "currency": self.currency, "warnings": [*self.warnings]}


def preview(engine: Engine, fields: dict) -> Preview:
    """The preview of a ticket; Denied (with field and remedy) when it makes no sense at all."""
    read = engine.read_ticket(fields)
    view, instrument = engine.view, read.instrument
    book = view.market.book(instrument.symbol)
    want = instrument.size_units(read.qty)
    limit = instrument.price_units(read.price) if read.price is not None else None
    levels = [] if read.stop is not None else book.levels(matching.opposite(read.side), _LEVELS)
    taken = matching.walk(levels, read.side, limit, want)
    fillable = sum(size for _, size in taken)
    now = sum((mul(of_contract(instrument.price(price), read.multiplier), instrument.size(size)) for price, size in taken), ZERO)
    later_price = read.price or read.stop or (instrument.price(taken[-1][0]) if taken else read.mark.price)
    rests = read.type is not OrderType.MARKET and read.tif not in (TimeInForce.IOC, TimeInForce.FOK)
    rest = read.qty - instrument.size(fillable) if rests else ZERO
    later = mul(rest, of_contract(later_price, read.multiplier))
    fees = view.fees(instrument.symbol)
    later_bps = fees.taker_bps if _takes_later(read) else fees.maker_bps
    notional = add(now, later)
    paid = add(fee(now, fees.taker_bps), fee(later, later_bps))
    qty = instrument.size(fillable) + rest
    signed = qty if read.side is Side.BUY else qty.copy_negate()
    cash = cash_after(engine, instrument.quote, add(notional if read.side is Side.BUY else notional.copy_negate(), paid))
    average = ratio(now, of_contract(instrument.size(fillable), read.multiplier)) if fillable else None
    worst = read.price
    if worst is None and read.type is OrderType.MARKET and taken:
        worst = instrument.price(taken[-1][0])
    return Preview(
        currency=instrument.quote,
        notional=notional,
        fee=paid,
        cash_after=cash,
        position_after=add(engine.portfolio.qty(instrument.symbol), signed),
        worst_price=worst,
        average_price=ratio(notional, of_contract(qty, read.multiplier)) if qty else None,
        fillable_qty=instrument.size(fillable),
        warnings=tuple(_warnings(engine, read, instrument.size(fillable), average)),
    )


def cash_after(engine: Engine, currency: str, cost: Decimal) -> Decimal | None:
    """Cash in the account currency once ``cost`` is paid out of a ledger, None where it cannot be converted."""
    rates = engine.view.rates(engine.currency)
    total = ZERO
    for name, amount in {**engine.portfolio.cash, currency: engine.portfolio.cash.get(currency, ZERO) - cost}.items():
        value = rates.convert(amount, name)
        if value is None and name == currency:
            return None
        total += value or ZERO
    return total


def _takes_later(read: Ticket) -> bool:
    """True when what does not trade at once trades as taker: at market, within its limit once triggered, or at an open or a close."""
    if read.price is None or read.tif.is_session:
        return True
    return read.stop is not None and (read.price >= read.stop if read.side is Side.BUY else read.price <= read.stop)


def _warnings(engine: Engine, read: Ticket, fillable: Decimal, average: Decimal | None) -> list[str]:
    found = []
    instrument, mark = read.instrument, read.mark
    symbol, view = instrument.symbol, engine.view
    book = view.market.book(symbol)
    takes = read.type is OrderType.MARKET or (read.stop is None and fillable > 0)
    if not book.is_trusted:
        found.append(f"The order book of {symbol} cannot be trusted now ({book.reason or book.state}): orders that trade at once are rejected.")
    elif view.is_stale(symbol):
        found.append(f"The prices of {symbol} are stale: orders that trade at once are rejected.")
    if read.post_only and fillable:
        found.append("Post-only would be rejected: it would trade at once.")
    elif read.tif is TimeInForce.FOK and fillable < read.qty:
        shown = f"only {plain(fillable)} {instrument.base} is" if fillable else "nothing is"
        found.append(f"Fill or kill would be cancelled: {shown} displayed within its price.")
    elif (read.type is OrderType.MARKET or read.tif is TimeInForce.IOC) and fillable < read.qty:
        shown, rest = (f"Only {plain(fillable)} {instrument.base}", "the rest") if fillable else ("Nothing", "all of it")
        found.append(f"{shown} is displayed within its price; {rest} would be cancelled.")
    if takes and average is not None and abs(average / mark.price - 1) > _FAR:
        found.append(f"The average price would be {abs(average / mark.price - 1) * 100:.1f} % away from the market.")
    held, whole = engine.portfolio.qty(symbol), spot.held(engine.portfolio, view, symbol)
    if whole is not None and read.side is Side.SELL:
        if read.qty > whole:
            found.append(f"A spot account sells only what it holds, by the journal {plain(whole)} {instrument.base}: the venue would refuse the order.")
    elif held and not read.reduce_only and (held > 0) != (read.side is Side.BUY) and read.qty > abs(held):
        found.append(f"It would turn the position of {plain(held)} {instrument.base} round.")
    if read.more.apart:
        here = "is held by this desk, while it is open and armed, and sent"
        if read.more.take_profit is not None and read.more.stop_loss is not None:
            found.append(f"The venue takes one exit: the stop loss works there. The take profit {here} at market once touched.")
        elif read.more.pair_stop is not None:
            found.append(f"The venue takes one of a pair: the stop works there. The limit {here} once its price is touched.")
    rate = engine.view.rates(engine.currency).rate(instrument.quote)
    if rate is not None and rate.assumed:
        found.append("No USDT/USD quote is known: 1 USD is taken for 1 USDT.")
    order = Order.of(read.intent("", engine.account, ORIGIN, 0), engine.now_ns())
    if (objection := engine.risk.objection([order])) is not None:
        found.append(str(objection))
    try:
        checks.check_power(engine, order)
    except Denied as error:
        found.append(str(error))
    return found
