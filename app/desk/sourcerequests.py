"""What the page may ask about polled sources and by search. Arguments are as in docs/messages.md."""

from __future__ import annotations

from typing import Any

from .errors import Refusal

_LONGEST = 60


async def search(desk: Any, request: dict) -> dict:
    """Instruments by symbol or name, over the desk's own and every source."""
    text = request.get("text")
    if not isinstance(text, str) or not 0 < len(text.strip()) <= _LONGEST:
        raise Refusal("bad_search", f"a search is a text of 1 to {_LONGEST} characters", "type a symbol or a name", "text")
    return await desk.sources.search(text.strip(), request.get("everywhere") is True)


def state(desk: Any, _request: dict) -> dict:
    """Sources, prices, decisions."""
    return desk.sources.view()


def add(desk: Any, request: dict) -> dict:
    """Watch a listing."""
    return desk.sources.add(_text(request, "symbol"))


def remove(desk: Any, request: dict) -> None:
    """Forget an added listing."""
    desk.sources.remove(_text(request, "symbol"))


def order(desk: Any, request: dict) -> None:
    """Whom to ask first for one listing."""
    desk.sources.set_order(_text(request, "symbol"), request.get("order"))


def refresh(desk: Any, request: dict) -> None:
    """Ask now."""
    desk.sources.refresh(None if request.get("symbol") is None else _text(request, "symbol"))


async def company(desk: Any, request: dict) -> dict:
    """Facts about a listing."""
    return await desk.sources.company(_text(request, "symbol"))


async def key(desk: Any, request: dict) -> dict:
    """Put a source's key into the vault."""
    return await desk.sources.keep_key(_text(request, "source"), request.get("key"))


async def forget(desk: Any, request: dict) -> dict:
    """Remove a source's key."""
    return await desk.sources.forget_key(_text(request, "source"))


SOURCE_REQUESTS = {
    "search": search,
    "sources.state": state,
    "sources.add": add,
    "sources.remove": remove,
    "sources.order": order,
    "sources.refresh": refresh,
    "sources.company": company,
    "sources.key": key,
    "sources.forget": forget,
}


def _text(request: dict, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
        raise Refusal("bad_request", f"{name} has to be a text of 1 to {_LONGEST} characters", "reload the page", name)
    return value.strip()
