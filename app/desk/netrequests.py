"""What the page may ask about the network, sign-ins and the trace. Arguments are as in docs/messages.md."""

from __future__ import annotations

from typing import Any

from .errors import Refusal


async def state(desk: Any, _request: dict) -> dict:
    """Proxy, hosts with their orders, providers; changes follow as ``net``."""
    return await desk.network.state()


async def order(desk: Any, request: dict) -> None:
    """The trader's own order for a host."""
    await desk.network.set_order(_text(request, "host"), request.get("strategies"))


async def clear(desk: Any, request: dict) -> None:
    """Forget what was learned of a host."""
    await desk.network.clear(_text(request, "host"))


async def trust(desk: Any, request: dict) -> None:
    """Mark a proxy as the trader's own."""
    own = request.get("own")
    if not isinstance(own, bool):
        raise Refusal("bad_request", "own has to be true or false", "reload the page", "own")
    await desk.network.trust(own, request.get("base"))


async def use(desk: Any, request: dict) -> None:
    """Another proxy for one strategy."""
    base = request.get("base")
    await desk.network.use(_text(request, "strategy"), None if base is None else _text(request, "base", 2_000))


async def test(desk: Any, request: dict) -> dict:
    """Try an address through every strategy."""
    return await desk.network.test(_text(request, "url", 8_000))


async def follow(desk: Any, request: dict) -> dict:
    """The trace from a line on; new lines follow as ``trace``."""
    after = request.get("after")
    return {"rows": desk.network.follow(after if isinstance(after, int) and after > 0 else 0)}


def stop(desk: Any, _request: dict) -> None:
    """No more lines."""
    desk.network.stop_following()


async def rerun(desk: Any, request: dict) -> None:
    """Run a line's step again."""
    step = request.get("step")
    again = desk.network.again(step if isinstance(step, int) else 0)
    desk.again(again)


async def oauth_start(desk: Any, request: dict) -> dict:
    """Begin a sign-in in the browser."""
    how = request.get("return")
    if how not in ("popup", "redirect"):
        raise Refusal("bad_request", "return has to be popup or redirect", "reload the page", "return")
    return await desk.signin.start(_text(request, "provider"), _scope(request), how)


async def oauth_exchange(desk: Any, request: dict) -> dict:
    """Finish a sign-in that came back."""
    return await desk.signin.finish(_text(request, "provider"), str(request.get("outcome") or "ok")[:100], _text(request, "state", 500))


async def oauth_device(desk: Any, request: dict) -> dict:
    """Begin a sign-in on another device."""
    return await desk.signin.device(_text(request, "provider"), _scope(request))


async def oauth_device_wait(desk: Any, request: dict) -> dict:
    """Wait until it is confirmed there."""
    return await desk.signin.device_wait(_text(request, "provider"), _text(request, "handle", 8_000))


async def oauth_device_cancel(desk: Any, request: dict) -> None:
    """Do not wait any more."""
    await desk.signin.device_cancel(_text(request, "provider"))


async def oauth_refresh(desk: Any, request: dict) -> dict:
    """Get fresh tokens."""
    return await desk.signin.refresh(_text(request, "provider"))


async def oauth_logout(desk: Any, request: dict) -> dict:
    """Revoke and forget the tokens."""
    return await desk.signin.logout(_text(request, "provider"))


NETWORK_REQUESTS = {
    "net.state": state,
    "net.order": order,
    "net.clear": clear,
    "net.trust": trust,
    "net.use": use,
    "net.test": test,
    "trace.follow": follow,
    "trace.stop": stop,
    "trace.rerun": rerun,
    "oauth.start": oauth_start,
    "oauth.exchange": oauth_exchange,
    "oauth.device": oauth_device,
    "oauth.device_wait": oauth_device_wait,
    "oauth.device_cancel": oauth_device_cancel,
    "oauth.refresh": oauth_refresh,
    "oauth.logout": oauth_logout,
}


def _text(request: dict, name: str, longest: int = 260) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise Refusal("bad_request", f"{name} has to be a text of 1 to {longest} characters", "give it and try again", name)
    return value


def _scope(request: dict) -> str | None:
    scope = request.get("scope")
    if scope is not None and (not isinstance(scope, str) or len(scope) > 500):
        raise Refusal("bad_request", "scope has to be a text of at most 500 characters", "leave it out for the usual one", "scope")
    return scope
