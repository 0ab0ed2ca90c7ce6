"""The tape of the instrument in focus as the page gets it: filtered, large trades told apart, runs at one price put together.

All of it happens here, before anything is conflated: a large trade is not lost among the small ones of a busy moment. It reads every trade;
where more came between two looks than are kept, the page is told how many it does not have. Thresholds are compared in exact integer units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from app.model.instrument import Instrument
from app.model.units import BadNumber, parse_decimal

from . import display
from .errors import Refusal

ROWS = 60
_SIDES = ("", "buy", "sell")
_UNITS = ("base", "quote")
READ_FROM = 100
"""With so many trades unread they are read without waiting for the page: fewer than are kept."""
_LARGE_OF, _LEARN_FROM, _LEARN_EVERY = 50, 40, 100
"""One trade in fifty is large by itself, once so many are known; looked at again after so many."""


@dataclass(frozen=True, slots=True)
class TapeFilter:
    """``side`` of the aggressor ("" both); ``least`` and ``large`` in ``unit``, None: no least, large by comparison; ``runs``: as one row."""

    side: str = ""
    unit: str = "base"
    least: Decimal | None = None
    large: Decimal | None = None
    runs: bool = False

    @classmethod
    def read(cls, request: dict) -> TapeFilter:
        """From a request; Refusal names the field."""
        side, unit = request.get("side") or "", request.get("unit") or "base"
        if side not in _SIDES:
            raise Refusal("bad_side", f"there is no side {str(side)[:40]!r}", "use buy, sell, or nothing for both", "side")
        if unit not in _UNITS:
            raise Refusal("bad_unit", f"there is no unit {str(unit)[:40]!r}", "use base or quote", "unit")
        return cls(side, unit, _amount(request, "least"), _amount(request, "large"), bool(request.get("runs")))


class TapeFeed:
    """``message`` gives what is new since the last one. Rows are [time_ns, price, size, side, large, trades, number]; a row whose number
    came before takes that row's place: its run went on."""

    def __init__(self, market: Any, instrument: Callable[[str], Instrument]) -> None:
        self._market, self._instrument = market, instrument
        self.filter = TapeFilter()
        self.symbol = ""
        self._reader: Any = None
        self._number = 0
        self._forget()

    def _forget(self) -> None:
        self._due: list[list] = []
        self._run: list | None = None
        self._reset = True
        self._seen = self._lost = 0
        self._least = self._large = 0

    def use(self, wanted: TapeFilter) -> None:
        """Show the tape like this from now on; the next message carries it anew."""
        self.filter = wanted
        if self.symbol:
            self.restart(self.symbol)

    def restart(self, symbol: str) -> None:
        """The next message carries the tape anew, from the trades kept of this instrument."""
        self.symbol = symbol
        self._forget()
        self._learn()
        self._reader = self._market.trade_reader(symbol)
        for trade in self._market.trades(symbol):
            self._add(trade)

    def read(self, least: int = READ_FROM) -> None:
        """Take the trades that came, where as many as ``least`` wait."""
        if self._reader is not None and (not least or self._reader.behind >= least):
            news = self._reader.read()
            if news.lost:
                self._lost += news.lost
                self._run = None
            for trade in news.ticks:
                self._add(trade)

    def _add(self, trade: Any) -> None:
        self._seen += 1
        if self._seen % _LEARN_EVERY == 0:
            self._learn()
        wanted = self.filter
        side = "sell" if trade.buyer_maker else "buy"
        if wanted.side and side != wanted.side:
            self._run = None
            return
        run, at = self._run, trade.ts or trade.recv
        if wanted.runs and run is not None and run[1] == trade.price and run[3] == side:
            run[0] = at
            run[2] += trade.size
            run[5] += 1
        else:
            self._number += 1
            run = self._run = [at, trade.price, trade.size, side, False, 1, self._number]
        worth = run[2] if wanted.unit == "base" else run[1] * run[2]
        if worth < self._least:
            return
        run[4] = 0 < self._large <= (worth if wanted.large is not None else run[2])
        due = self._due
        if not due or due[-1] is not run:
            due.append(run)
            if len(due) > ROWS:
                del due[0]

    def message(self) -> dict | None:
        """What is new, None when nothing is. ``lost``, where there is one: so many trades came too fast to be read."""
        self.read(0)
        if not (self._due or self._reset or self._lost):
            return None
        item = self._instrument(self.symbol)
        rows = [[at, display.price(price, item), display.size(size, item), *more] for at, price, size, *more in self._due]
        reset, lost = self._reset, self._lost
        self._reset, self._due, self._lost = False, [], 0
        return {"symbol": self.symbol, "reset": reset, "rows": rows, **({"lost": lost} if lost else {})}

    def _learn(self) -> None:
        wanted, item = self.filter, self._instrument(self.symbol)
        scale = item.size_scale + (item.price_scale if wanted.unit == "quote" else 0)
        self._least = _units(wanted.least, scale)
        if wanted.large is not None:
            self._large = _units(wanted.large, scale)
            return
        sizes = sorted((trade.size for trade in self._market.trades(self.symbol)), reverse=True)
        # at least more than twice the middle one: of sizes that are much alike none stands out
        self._large = max(sizes[len(sizes) // _LARGE_OF], 2 * sizes[len(sizes) // 2] + 1) if len(sizes) >= _LEARN_FROM else 0


def _amount(request: dict, name: str) -> Decimal | None:
    text = request.get(name)
    if text is None or text == "":
        return None
    try:
        value = parse_decimal(text)
        if value <= 0:
            raise BadNumber("not above zero")
    except BadNumber as error:
        raise Refusal("bad_number", f"the amount cannot be used: {error}", "type an amount such as 0.5, or leave it empty", name) from error
    return value


def _units(amount: Decimal | None, scale: int) -> int:
    return 0 if amount is None else int(amount.scaleb(scale).to_integral_value(ROUND_CEILING))
