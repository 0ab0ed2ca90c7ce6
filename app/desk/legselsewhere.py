"""The legs that routed orders of the shown account have in other accounts of the desk, as the page is told of them.

They stand beside the shown account's own orders and never among them: its figures, positions and counts are its own alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .rows import order_row, part_in, parts_of

KIND = "elsewhere"


def blotter(accounts: Any, rows: int) -> dict:
    """The message with all of them: those of the shown account's newest routed orders."""
    engine = accounts.shown.trade.engine
    routed = list(engine.routed.by_id.values())[-rows:] if engine is not None else []
    return {"t": KIND, "reset": True, "rows": _rows(accounts, routed)}


def after(accounts: Any, account: Any, message: dict) -> dict | None:
    """What follows from a message about ``account``: of another account, legs that changed; of the one that is shown, those of its new routed orders."""
    if message["t"] not in ("orders", "routed") or account.trade.engine is None or accounts.shown.trade.engine is None:
        return None
    found = []
    if account is not accounts.shown and message["t"] == "orders":
        for row in message["rows"]:
            routed = account.trade.engine.routed.by_id.get(row.get("route") or "")
            if routed is not None and (whole := _whole(accounts, routed)) is not None:
                found.append(_row(account, account.trade.engine.orders[row["client_order_id"]], whole))
    elif account is accounts.shown and message["t"] == "routed" and not message["reset"]:
        there = account.trade.engine.routed.by_id
        found = _rows(accounts, (there[row["client_order_id"]] for row in message["rows"] if len(row["parts"]) > 1))
    return {"t": KIND, "reset": False, "rows": found} if found else None


def _rows(accounts: Any, routed: Iterable[Any]) -> list[dict]:
    found = []
    for each in routed:
        for part in parts_of(each.event.plan):
            account = next((other for other in accounts.all if other.name == part["account"]), None)
            if account is None or account is accounts.shown or account.trade.engine is None:
                continue
            if (there := part_in(account.trade.engine, part, each.event.plan)) is not None:
                found += (_row(account, leg, each.client_order_id) for leg in there.legs)
    return found


def _whole(accounts: Any, routed: Any) -> str | None:
    """The shown account's routed order of the same plan; None where it has no part of it."""
    parts = (part for part in parts_of(routed.event.plan) if part["account"] == accounts.shown.name)
    found = next((part_in(accounts.shown.trade.engine, part, routed.event.plan) for part in parts), None)
    return found.client_order_id if found is not None else None


def _row(account: Any, order: Any, whole: str) -> dict:
    row = order_row(order, account.trade.resolver.asked.get(order.client_order_id), account.trade.execution.moves_anew)
    return {**row, "account": account.name, "title": account.title, "real": account.for_real, "whole": whole}
