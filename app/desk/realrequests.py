"""Requests about the account at a real venue. Imports nothing of it: a desk on paper never loads that."""

from __future__ import annotations

from typing import Any

from .errors import Refusal


def _account(desk: Any, request: dict) -> Any:
    found = desk.accounts.real(request.get("account"))
    if found is None:
        raise Refusal("paper_account", "this desk trades on paper", "open it with ?venue=binance&account=binance, or with alpaca for both")
    return found.real


def state(desk: Any, request: dict) -> dict:
    """Connection, key, arming, differences."""
    return _account(desk, request).view()


async def keep_key(desk: Any, request: dict, secret: Any = None) -> dict:
    """Put the venue's key into the vault and connect with it."""
    return await _account(desk, request).keep_key(request.get("api_key"), request.get("algorithm"), secret, request.get("live"))


async def forget_key(desk: Any, request: dict) -> dict:
    """Disconnect and remove the key."""
    return await _account(desk, request).forget_key()


def arm(desk: Any, request: dict) -> dict:
    """Let real orders leave."""
    return _account(desk, request).arm(request.get("confirmed"))


def disarm(desk: Any, request: dict) -> dict:
    """Let no new order leave."""
    return _account(desk, request).disarm()


async def settle(desk: Any, request: dict) -> dict:
    """Take the venue's balances as they are."""
    return await _account(desk, request).settle()


REAL_REQUESTS = {
    "execution.state": state,
    "execution.key": keep_key,
    "execution.forget": forget_key,
    "execution.arm": arm,
    "execution.disarm": disarm,
    "execution.settle": settle,
}
