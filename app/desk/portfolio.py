"""Exposure by anything, and the equity over time: sampled each second while the account is open, kept in the vault with its journal."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from app.trading.breakdown import KINDS, StrategyBooks, breakdown
from app.trading.curve import SPANS, BadCurve, EquityCurve
from app.trading.flows import worth
from app.trading.valuation import Valuation
from app.vault import VaultError

from . import display
from .errors import Refusal
from .rows import money, plain

_COMPARED = 12
"""Decimals to which sums are compared: what is converted at a rate has 28 digits and no more, so that a last one may differ."""

EQUITY = "equity"
"""The class of records in the vault; their names begin with the journal's."""
FINE_EVERY_S, COARSE_EVERY_S = 60, 300
POINTS = 600


class Portfolio:
    """One a desk; made when the account first counts."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._books = StrategyBooks()
        self.curve: EquityCurve | None = None
        self._seconds = 0
        self._keeping: asyncio.Task | None = None
        self._loaded = False

    def second(self, value: Valuation | None = None) -> None:
        """Take a sample, and now and then keep what there is; ``value`` is what the account is worth, where that is known."""
        trade, keeping = self._desk.trade, self._desk.keeping
        engine = trade.engine
        if engine is None or not engine.opened:
            self.curve, self._loaded = None, False  # nothing of a locked account stays
            return
        if self._keeping is not None and not self._keeping.done():
            return
        if self.curve is None or self.curve.account != engine.account:
            self.curve, self._loaded = EquityCurve(engine.account, engine.currency), False
        if keeping.state == "unlocked" and not self._loaded:
            self._keeping = self._desk.around.scheduler.create_task(self._load(keeping.vault))
            return
        value = value or trade.value()
        if value is None or value.unmarked or value.unconverted:
            return  # a position at cost is not what the account is worth
        self._follow_flows(self.curve, engine)
        self.curve.add(self._desk.around.clock.now_ns(), value.equity)
        self._seconds += 1
        if keeping.state == "unlocked" and not keeping.vault.read_only and self._seconds % FINE_EVERY_S == 0:
            self._keeping = self._desk.around.scheduler.create_task(self.keep())

    def _follow_flows(self, curve: EquityCurve, engine: Any) -> None:
        """What came or went since the last sample moves the peak."""
        now, before = (len(engine.bookings), len(engine.adjusted)), curve.flows
        curve.flows = now
        if before is None or now == before or now[0] < before[0] or now[1] < before[1]:
            return  # the first sample, or another journal: what is there belongs to where it begins
        view = self._desk.trade.view
        fresh = [event for _at, event in (*engine.bookings[before[0] :], *engine.adjusted[before[1] :])]
        curve.moved(worth(fresh, view, view.rates(engine.currency)))

    async def keep(self) -> None:
        """Write the curve into the open vault; what cannot be written is tried again a minute later."""
        keeping, curve = self._desk.keeping, self.curve
        if curve is None or keeping.state != "unlocked":
            return
        fine, coarse = curve.to_records()
        try:
            await keeping.vault.put(EQUITY, f"{self._desk.journal}.fine", fine)
            if self._seconds % COARSE_EVERY_S < FINE_EVERY_S:
                await keeping.vault.put(EQUITY, f"{self._desk.journal}.coarse", coarse)
        except VaultError:
            return  # full, or locked meanwhile: the journal says so where it matters

    async def _load(self, vault: Any) -> None:
        self._loaded = True
        try:
            fine = await vault.get(EQUITY, f"{self._desk.journal}.fine")
            if fine is None:
                return  # made just now: what was sampled so far goes on
            found = EquityCurve.from_records(fine, await vault.get(EQUITY, f"{self._desk.journal}.coarse"))
        except (VaultError, BadCurve) as error:
            self._desk.toast("warn", f"The equity curve could not be read ({error}); it begins anew. The journal is not touched.", "equity")
            return
        if self.curve is not None and found.account == self.curve.account and found.currency == self.curve.currency:
            self.curve = found

    def exposure(self, kind: Any) -> dict:
        """The groups of a kind, with what makes them the equity."""
        if kind not in KINDS:
            raise Refusal("bad_kind", f"exposure is not grouped by {str(kind)[:40]!r}", f"use one of {', '.join(KINDS)}", "by")
        trade = self._desk.trade
        engine, value = trade.open_engine(), trade.value()
        if value is None:
            raise Refusal("no_account", "there is no open account", "unlock the vault")
        books = self._books.update(engine) if kind == "strategy" else {}
        found = breakdown(kind, engine.portfolio, books, engine.account, trade.view, trade.view.rates(engine.currency))
        total = found.total
        return {
            "by": kind,
            "currency": value.currency,
            "equity": plain(value.equity),
            "cash": plain(value.cash),
            "rows": [_group_row(group, value.equity) for group in found.groups],
            "total": _group_row(total, value.equity),
            "difference": plain(round(value.equity - value.cash - total.net, _COMPARED)),
            "left_out": found.left_out,
        }

    def curve_view(self, span: Any) -> dict:
        """The equity over a span, with where the day began, the peak and the falls from it."""
        if span not in SPANS:
            raise Refusal("bad_span", f"there is no span {str(span)[:40]!r}", f"use one of {', '.join(SPANS)}", "span")
        value = self._desk.trade.value()
        curve = self.curve
        if curve is None or value is None:
            nothing = dict.fromkeys(("day_open", "peak", "fall", "deepest"))
            return {"span": span, "currency": self._desk.trade.view.settings.currency, "rows": [], **nothing}
        now = curve.drawdown()
        deepest = curve.deepest
        return {
            "span": span,
            "currency": curve.currency,
            "rows": [[start, *map(plain, amounts)] for start, *amounts in _thinned(curve.rows(span))],
            "day_open": plain(value.equity - value.day_pnl),
            "peak": now and plain(now[0]),
            "fall": now and plain(now[1]),
            "deepest": deepest
            and {
                "peak": plain(deepest.peak),
                "peak_ns": deepest.peak_ns,
                "low": plain(deepest.low),
                "low_ns": deepest.low_ns,
                "amount": plain(deepest.amount),
                "percent": display.number(deepest.amount * 100 / deepest.peak, 2) if deepest.peak > 0 else None,
            },
        }


def _group_row(group: Any, equity: Decimal) -> dict:
    share = display.number(group.net * 100 / equity, 1) if equity > 0 else None
    amounts = {name: plain(getattr(group, name)) for name in ("long", "short", "net", "gross", "realised", "unrealised", "fees")}
    result = group.realised + group.unrealised - group.fees
    return {"key": group.key, **amounts, "result": plain(result), "result_text": money(result, sign=True), "share": share, "positions": group.positions}


def _thinned(rows: list[list]) -> list[list]:
    """At most POINTS buckets: neighbours together, nothing of their lowest, highest and deepest fall lost."""
    step = -(-len(rows) // POINTS)
    if step < 2:
        return rows
    groups = [rows[at : at + step] for at in range(0, len(rows), step)]
    return [[group[0][0], min(row[1] for row in group), max(row[2] for row in group), group[-1][3], max(row[4] for row in group)] for group in groups]
