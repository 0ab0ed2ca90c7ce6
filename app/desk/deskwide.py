"""Limits of the whole desk where it has several accounts: what of the others counts in each, and setting one for all of them.

Each account keeps a limit of scope ``desk`` in its own journal and currency, and compares with it what all accounts have together, at the
rates of now. What has no rate cannot be counted. Pace and loss are those of the last second.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.trading.money import ZERO, add, plain
from app.trading.risk.book import WHOLE, Totals
from app.trading.risk.limits import RULES, read_limit
from app.trading.risk.others import Others

from .errors import Refusal, to_wire

COUNTED = frozenset({"gross_exposure", "net_exposure", "order_rate", "daily_loss"})
"""Limits of the desk that count over all accounts; those of one order count its parts everywhere, all others each account by itself."""


class OtherAccounts(Others):
    """The others of a desk as seen from ``account``."""

    def __init__(self, accounts: Any, account: Any) -> None:
        self._accounts, self._account = accounts, account

    def totals(self) -> Totals:
        """What they have at risk."""
        found = Totals()
        for engine, rates in self._open():
            there = engine.risk.book.totals(WHOLE)
            amounts = [rates.convert(amount, engine.currency) for amount in (there.gross, there.long, there.short)]
            if None not in amounts:
                found.take(*amounts)
        return found

    def passed(self, now_ns: int) -> int:
        """How many orders they let through within the last second."""
        return sum(engine.risk.passed("desk", now_ns) for engine, _rates in self._open())

    def day_pnl(self) -> Decimal:
        """What they have won and lost today, as of their last look."""
        found = ZERO
        for each, (engine, rates) in zip(self._others(), self._open(), strict=True):
            value = each.trade.risk.seen
            amount = rates.convert(value.day_pnl, engine.currency) if value is not None else None
            found = found if amount is None else add(found, amount)
        return found

    def _others(self) -> list[Any]:
        return [each for each in self._accounts.all if each is not self._account and each.trade.engine is not None]

    def _open(self) -> list[tuple[Any, Any]]:
        rates = self._account.trade.view.rates(self._account.trade.engine.currency)
        return [(each.trade.engine, rates) for each in self._others()]


def risk_state(accounts: Any) -> dict:
    """The result of ``risk.state``: that of the shown account, and beside each limit of the desk what counts in it and what the others have instead."""
    state = accounts.shown.trade.risk.state()
    if accounts.several:
        for row in state["limits"]:
            if row["scope"] == "desk":
                row["counts"] = "all" if row["name"] in COUNTED else "order" if row["name"] == "order_notional" else "each"
                row["instead"] = [told for each in accounts.all if each is not accounts.shown and (told := _instead(each, row, state["currency"]))]
    return state


def _instead(account: Any, row: dict, currency: str) -> dict | None:
    engine = account.trade.engine
    if engine is None:
        return None
    text = engine.risk.text_of("desk", row["name"])
    unit = engine.currency if row["unit"] == "money" else ""
    if text == row["value"] and (not unit or not text or unit == currency or _alike(account.trade.view, text, currency, unit)):
        return None
    return {"account": account.name, "title": account.title, "value": text, "currency": unit}


def _alike(view: Any, text: str, currency: str, unit: str) -> bool:
    """Whether the same figure in two currencies is about the same amount, as in dollars and dollar tokens."""
    amount = view.rates(unit).convert(Decimal(text), currency)
    return amount is not None and abs(amount - Decimal(text)) * 50 <= Decimal(text)


async def set_limit(accounts: Any, scope: Any, name: Any, value: Any, everywhere: Any) -> dict:
    """Change a limit of the shown account; with ``everywhere``, one of the desk in every account's journal, an amount in each one's currency.

    The shown account is written first: where that fails nothing was changed. The result then has ``written`` and ``not_written``, each account with
    what it got or why not.
    """
    shown = accounts.shown
    if everywhere is not True:
        await shown.trade.risk.set_limit(scope, name, value)
        return risk_state(accounts)
    scope, name, value = read_limit(scope, name, value)
    if scope != "desk":
        raise Refusal("bad_scope", f"only a limit of the desk can be set in all accounts, not one of {scope}", "set it in each account", "scope")
    await shown.trade.risk.set_limit(scope, name, value)
    written, failed = [_row(shown, value, name)], []
    for each in accounts.all:
        if each is not shown:
            try:
                own = _converted(shown.trade.engine, each.trade, name, value)
                await each.trade.risk.set_limit(scope, name, own)
                written.append(_row(each, own, name))
            except Exception as error:
                failed.append({"account": each.name, "title": each.title, "reason": to_wire(error)["reason"]})
    return {**risk_state(accounts), "written": written, "not_written": failed}


def _converted(engine: Any, trade: Any, name: str, value: str | None) -> str | None:
    """An amount in the currency of another account, to a hundredth; Refusal where there is no rate."""
    there = trade.open_engine()
    if not value or RULES[name].unit != "money" or there.currency == engine.currency:
        return value
    amount = trade.view.rates(there.currency).convert(Decimal(value), engine.currency)
    if amount is None:
        reason = f"there is no rate from {engine.currency} into {there.currency} now"
        raise Refusal("no_rate", reason, f"choose the account and set it in {there.currency}", "value")
    return plain(round(amount, 2))


def _row(account: Any, value: str | None, name: str) -> dict:
    unit = account.trade.engine.currency if RULES[name].unit == "money" and value else ""
    return {"account": account.name, "title": account.title, "value": value, "currency": unit}
