"""What the page may ask of orders, positions and the router; and how requests name an account, an instrument, a text."""

from __future__ import annotations

import asyncio
from typing import Any

from app.trading.preview import preview as plain_preview
from app.trading.ticket import routing_of

from .errors import Refusal

ORDER_FIELDS = ("symbol", "side", "type", "tif", "qty", "price", "stop", "post_only", "reduce_only")
MORE_FIELDS = ("route", "trail", "trail_unit", "display", "expires_ns", "take_profit", "stop_loss")


def preview(desk: Any, request: dict) -> dict:
    """What an order would cost and do."""
    account, fields = desk.accounts.named(request.get("account")), _fields(request)
    how, rest = routing_of(fields)
    if how is None:
        return plain_preview(account.trade.open_engine(), fields).to_wire()
    from .routing import previewed  # only ever wanted by an order that names no venue

    return previewed(desk, account, rest, how)


async def submit(desk: Any, request: dict) -> dict:
    """Journal, send, wait for the first answer."""
    return await _send(desk, request, _fields(request))


async def close_position(desk: Any, request: dict) -> dict:
    """Close the position at market, reduce-only."""
    return await _send(desk, request, trade_of(desk, request).closing(symbol_of(desk, request)))


async def reverse_position(desk: Any, request: dict) -> dict:
    """Turn the position around at market."""
    return await _send(desk, request, trade_of(desk, request).reversing(symbol_of(desk, request)))


async def cancel(desk: Any, request: dict) -> None:
    """Ask the venue to cancel one order, or every leg of a routed one."""
    accounts, order_id = desk.accounts, text_of(request, "client_order_id")
    account = accounts.named(request.get("account"))
    await (accounts.sending.cancel(account, order_id) if accounts.several else account.trade.cancel(order_id))


async def cancel_all(desk: Any, request: dict) -> dict:
    """Ask the venue to cancel all orders, or one instrument's."""
    return {"count": await trade_of(desk, request).cancel_all(request.get("symbol"))}


async def cancel_many(desk: Any, request: dict) -> dict:
    """Ask the venue to cancel these orders, those of other accounts that are named, and the legs that routed ones have there; say what came of each."""
    from .cancelling import cancel_many  # only ever wanted by hand

    account, routed, others = desk.accounts.named(request.get("account")), request.get("routed") or [], request.get("elsewhere") or {}
    if not isinstance(others, dict):
        raise Refusal("bad_request", "elsewhere has to be an object: account to ids", "reload the page", "elsewhere")
    asked = [(desk.accounts.named(name).trade, order_ids) for name, order_ids in others.items()]
    if not asked or request.get("client_order_ids"):
        asked.insert(0, (account.trade, request.get("client_order_ids")))
    if routed and desk.accounts.several:
        asked += desk.accounts.sending.legs_elsewhere(account, routed)
    found = await asyncio.gather(*(cancel_many(trade, order_ids) for trade, order_ids in asked))
    return {"rows": [row for rows in found for row in rows]}


async def amend(desk: Any, request: dict) -> dict:
    """Ask the venue to change an order, and say what came of it."""
    from .amending import amend  # only ever wanted by hand

    wanted = (request.get(name) for name in ("qty", "price", "stop", "trail"))
    return await amend(trade_of(desk, request), text_of(request, "client_order_id"), *wanted)


async def query(desk: Any, request: dict) -> dict:
    """Ask the venue now what became of an order."""
    return await trade_of(desk, request).query(text_of(request, "client_order_id"))


async def routing(desk: Any, request: dict) -> dict:
    """Rules of the router, and the listings and accounts it chooses between."""
    from .routing import change_rules

    rules = request.get("rules") or {}
    if not isinstance(rules, dict) or len(rules) > 50:
        raise Refusal("bad_request", "rules has to be an object", "reload the page", "rules")
    return await change_rules(desk, rules)


def order_why(desk: Any, request: dict) -> dict:
    """Why a routed order went where it did."""
    from .routing import why

    return {"lines": why(desk, text_of(request, "client_order_id"))}


def query_unknown(desk: Any, _request: dict) -> dict:
    """Ask the venue now about every order whose state is not known."""
    return {"count": desk.trade.query_unknown()}


ORDER_REQUESTS = {
    "order.preview": preview,
    "order.submit": submit,
    "order.cancel": cancel,
    "order.cancel_all": cancel_all,
    "order.cancel_many": cancel_many,
    "order.amend": amend,
    "order.query": query,
    "order.query_unknown": query_unknown,
    "order.why": order_why,
    "routing": routing,
    "position.close": close_position,
    "position.reverse": reverse_position,
}


def trade_of(desk: Any, request: dict) -> Any:
    """The account that the page means: the one it names, which it showed when the trader pressed, else the one that is shown."""
    return desk.accounts.named(request.get("account")).trade


async def _send(desk: Any, request: dict, fields: dict) -> dict:
    """One press: where there are several accounts, they are one when it comes to its token."""
    accounts, token, clicked_ms = desk.accounts, _token(request), request.get("clicked_ms")
    account = accounts.named(request.get("account"))
    if accounts.several:
        return await accounts.sending.submit(account, fields, token, clicked_ms)
    return await account.trade.submit(fields, token, clicked_ms, desk.around.epoch_ms)


def _fields(request: dict) -> dict:
    more = {name: request[name] for name in MORE_FIELDS if request.get(name) is not None}
    return {**{name: request.get(name) for name in ORDER_FIELDS}, **more}


def symbol_of(desk: Any, request: dict) -> str:
    """The instrument that a request names. Raises Refusal."""
    symbol = request.get("symbol")
    if not desk.market.knows(symbol):
        raise Refusal("unknown_symbol", f"there is no instrument {str(symbol)[:40]!r}", "choose one from the watchlist", "symbol")
    return symbol


def _token(request: dict) -> str:
    return text_of(request, "token")


def text_of(request: dict, name: str) -> str:
    """A short text of a request. Raises Refusal."""
    value = request.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise Refusal("bad_request", f"{name} has to be a text of 1 to 100 characters", "reload the page", name)
    return value
