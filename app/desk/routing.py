"""The router over the accounts of a desk: which of them an order may use, the rules of the trader, and why an order went where it did.

Off unless the trader names accounts; then it is on for orders of those. An account is used only if the journal of the order's account names it and its
own does too, and if it takes orders now: one for real money with its key, armed and reconciled, as for an order of its own.
"""

from __future__ import annotations

from typing import Any

from app.trading.commands import ORIGIN
from app.trading.routing import accounts, rules
from app.trading.routing.accounts import Place, Pool
from app.trading.routing.plan import LeftOut
from app.trading.routing.sending import preview_of

from . import routingview
from .errors import Refusal
from .rows import part_in, parts_of


def pool_of(desk: Any, home: Any) -> Pool | None:
    """Where an order for the account ``home`` may go now; None where the router keeps to it. Raises Refusal while no orders are taken."""
    engine = home.trade.open_engine()
    names = rules.accounts_of(engine.routed.rules)
    if not desk.accounts.several or home.name not in names:
        return None
    places, left_out = [], []
    for each in sorted(desk.accounts.all, key=lambda account: account is not home):
        if reason := _against(each, names):
            left_out.append(LeftOut(each.name, each.title, each.for_real, reason))
        else:
            execution = each.trade.execution
            types, tifs = frozenset(execution.order_types), frozenset(execution.tifs)
            places.append(Place(each.name, each.title, each.for_real, each.trade.engine, types, tifs, execution.refusal))
    return Pool(engine, places, left_out)


def _against(account: Any, names: tuple[str, ...]) -> str:
    """Why the router may not use an account now, in words; empty where it may."""
    engine = account.trade.engine
    if account.name not in names:
        return "your rules do not name it"
    if engine is None:
        return "it is closed"
    if account.name not in rules.accounts_of(engine.routed.rules):
        return "its own journal does not name it: set the rule again"
    reason, _see = account.refusal()
    if not reason and not engine.opened:
        reason = "its journal has no account yet"
    if not reason and not account.trade.execution.takes_orders:
        reason = "it takes no orders now"
    return reason


def previewed(desk: Any, home: Any, fields: dict, how: object) -> dict:
    """What a routed order for the account ``home`` would cost and do, and where it would go; Denied names what is wrong with it."""
    pool = pool_of(desk, home)
    return preview_of(home.trade.open_engine(), fields, how, ORIGIN) if pool is None else accounts.preview_of(pool, fields, how, ORIGIN)


async def change_rules(desk: Any, given: dict) -> dict:
    """Set rules of the router by name (None or empty removes one), and say which are in force and between what it chooses."""
    shown = desk.accounts.shown
    engine = shown.trade.open_engine()
    if given.get(rules.ACCOUNTS):
        _check_known(desk, given[rules.ACCOUNTS])
    for name, value in given.items():
        rules.read(name, value)  # all of them before any is written
    if rules.ACCOUNTS in given:
        for each in desk.accounts.all:
            if each is not shown and each.trade.engine is not None:
                await _write(each.trade, {rules.ACCOUNTS: given[rules.ACCOUNTS]})
    if given:
        await _write(shown.trade, given)
    return {**routingview.state(engine), "accounts": _rows(desk, engine)}


def _check_known(desk: Any, value: Any) -> None:
    known = [each.name for each in desk.accounts.all]
    for name in rules.read(rules.ACCOUNTS, value)[1].split(","):
        if name not in known:
            raise Refusal("unknown_account", f"this desk has no account {name!r}", f"use {', '.join(known)}", rules.ACCOUNTS)


async def _write(trade: Any, given: dict) -> None:
    engine = trade.engine
    await trade.writer.command(lambda: [event for name, value in given.items() for event in engine.routing_rule(name, value)])


def _rows(desk: Any, engine: Any) -> list[dict]:
    """The accounts that a rule can name, and which it does."""
    names = rules.accounts_of(engine.routed.rules)
    return [{"name": each.name, "title": each.title, "real": each.for_real, "named": each.name in names} for each in desk.accounts.all]


def why(desk: Any, order_id: str) -> list[str]:
    """Why a routed order, or one of its legs, went where it did; in whichever account it is. Refusal where it has no reasons."""
    shown = desk.accounts.shown.trade
    engine = shown.open_engine()
    engines = [engine, *(each.trade.engine for each in desk.accounts.all if each.trade is not shown and each.trade.engine is not None)]
    engine = next((each for each in engines if each.find(order_id) is not None), engine)
    found = routingview.why(engine, order_id)
    routed = engine.routed.by_id.get(order_id) or engine.routed.of(engine.find(order_id))
    missing = [part for part in parts_of(routed.event.plan) if _is_missing(desk, part, routed.event.plan)]
    return [*found, *(_missing_words(desk, part) for part in missing)]


def _missing_words(desk: Any, part: dict) -> str:
    lost = desk.accounts.named(part["account"]).trade.engine.missing
    end = "which has lost entries: whether it was sent, its venue knows" if lost else "it was not sent"
    return f"Nothing of the {part['qty']} in {part['title']} is in that account's journal{', ' if lost else ': '}{end}."


def _is_missing(desk: Any, part: dict, plan: str) -> bool:
    """True when the account's journal is here, and has nothing of its part."""
    account = next((each for each in desk.accounts.all if each.name == part["account"]), None)
    engine = account.trade.engine if account is not None else None
    return engine is not None and part_in(engine, part, plan) is None
