"""The desk's network: the fetch chain, what the page sees of it, what is kept of it, and the trace for the debug terminal.

Made when first asked for, so that a start pays nothing. Keeps the learned order in the store's plain texts, never a secret. Answers
the page's `net.*` and `trace.*` requests; the page is told of changes only after it asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from app.net.fetch import STRATEGIES, Attempt, Chain, Request
from app.net.fetch.proxies import THROUGH_PROXY
from app.net.fetch.words import remedy
from app.net.trace import Trace
from app.platform.errors import PlatformError
from app.platform.records import opening

from .errors import Refusal
from .surroundings import Surroundings

KEY = "network"
_SAVE_S = 1.0
_TELL_S = 0.5
_TRACE_S = 0.1
_AGAIN = ("net.test", "oauth.refresh", "order.query")


class Network:
    """``send`` posts a message to the page; ``kept`` waits until the store is in use; ``signin`` gives the sign-ins when asked."""

    def __init__(self, around: Surroundings, trace: Trace, send: Any, kept: Any, signin: Callable[[], Any]) -> None:
        self.trace = trace
        self.chain = Chain(around.http, around.sockets, around.clock, around.scheduler, around.base, trace)
        self.chain.on_change = self.changed
        self._around, self._send, self._in_use, self._signin = around, send, kept, signin
        self._kept = ""
        self._ready: asyncio.Future[None] | None = None
        self._saving: Any = None
        self._telling: Any = None
        self._watched = False
        self._follow: int | None = None
        self._tracing: Any = None

    async def fetch(self, request: Request) -> Any:
        """The one fetch of the desk. Raises FetchFailed or FetchUnknown."""
        await self.ready()
        return await self.chain.fetch(request)

    async def ready(self) -> None:
        """What was learned before is known again."""
        if self._ready is None:
            self._ready = asyncio.ensure_future(self._load())
        await asyncio.shield(self._ready)

    async def own_proxy(self) -> str:
        """The address of this site's proxy, if the trader marked it as their own and it is there; else ""."""
        await self.ready()
        proxies = self.chain.proxies
        return proxies.site if proxies.is_own("proxy") and await proxies.present() else ""

    async def _load(self) -> None:
        store = self._around.store
        await self._in_use()  # the vault opens the store; two at once would be one too many
        try:
            text = await opening(store, lambda: store.meta_get(KEY))
        except PlatformError as error:
            self.trace.add("network", "warn", f"What was learned of hosts is not kept: {error}")
            return
        if text:
            self.chain.restore(text)
            self._kept = text

    def changed(self) -> None:
        """Keep and tell what changed, a little later and together."""
        if self._saving is None:
            self._saving = self._around.scheduler.call_later(_SAVE_S, self._save_soon)
        if self._watched and self._telling is None:
            self._telling = self._around.scheduler.call_later(_TELL_S, self._tell)

    def _save_soon(self) -> None:
        self._saving = None
        self._around.scheduler.create_task(self.save())

    async def save(self) -> None:
        """Keep what was learned, if it changed."""
        text = self.chain.settings_text()
        if text == self._kept:
            return
        try:
            await self._around.store.meta_put(KEY, text)
        except PlatformError as error:
            self.trace.add("network", "warn", f"What was learned of hosts is not kept: {error}")
        else:
            self._kept = text

    def _tell(self) -> None:
        self._telling = None
        self._send({"t": "net", **self.view()})

    # What the page asks.

    async def state(self) -> dict:
        """The ``net`` content; from now on changes are told."""
        await self.ready()
        await self.chain.proxies.present()
        self._watched = True
        await self.look_again()
        return self.view()

    async def look_again(self) -> None:
        """What is signed in may have changed with the vault."""
        if self._watched and self.chain.proxies.config.get("providers"):
            await self._signin().load()
            self.changed()

    async def set_order(self, host: str, strategies: Any) -> None:
        """The trader's own order for a host, or None for the learned one."""
        await self.ready()
        if strategies is not None:
            if not isinstance(strategies, list) or not all(item in STRATEGIES for item in strategies):
                raise Refusal("bad_order", "the order names a strategy that there is not", f"use some of {', '.join(STRATEGIES)}", "strategies")
            if len(set(strategies)) != len(strategies):
                raise Refusal("bad_order", "the order names a strategy twice", "name each once", "strategies")
        self.chain.learning.set_order(_host(host), strategies)
        await self.save()
        self.changed()

    async def clear(self, host: str) -> None:
        """Forget what was learned of a host."""
        await self.ready()
        self.chain.learning.clear(_host(host))
        await self.save()
        self.changed()

    async def trust(self, own: bool, base: str | None = None) -> None:
        """Mark a proxy (None: this site's) as the trader's own, or take the mark back."""
        await self.ready()
        known = {self.chain.proxies.site, *self.chain.proxies.bases.values()}
        if base is not None and base not in known:
            raise Refusal("unknown_proxy", "no strategy uses this proxy", "choose one that is in use", "base")
        self.chain.proxies.mark(base or self.chain.proxies.site, own)
        self.chain.proxies.forget()
        self.trace.add("network", "info", "The proxy is marked as your own." if own else "The proxy is not marked as your own any more.")
        await self.save()
        self.changed()

    async def use(self, strategy: str, base: str | None) -> None:
        """Send a strategy through another proxy, or through this site's again."""
        await self.ready()
        if strategy not in THROUGH_PROXY:
            raise Refusal("bad_strategy", "this strategy uses no proxy", f"use one of {', '.join(THROUGH_PROXY)}", "strategy")
        self.chain.proxies.use(strategy, base)
        await self.save()
        self.changed()

    async def test(self, url: str) -> dict:
        """Every strategy in turn, a row each; the first proxied success explains what the browser hid."""
        await self.ready()
        request = Request(url).checked()
        log = await self.chain.test(url)
        return {"url": url, "rows": [_row(item, request.host) for item in log]}

    def view(self) -> dict:
        """The ``net`` message."""
        chain = self.chain
        proxies, config = chain.proxies, chain.proxies.config
        return {
            "online": chain.online,
            "proxy": {
                "state": proxies.state,
                "url": proxies.site,
                "own": proxies.site in proxies.own,
                "open": bool(config.get("open")),
                "version": config.get("version"),
                "detail": proxies.detail,
                "rules": config.get("rules", []),
            },
            "strategies": [
                {"id": name, "through_proxy": item.through_proxy, "base": proxies.base(name) if item.through_proxy else None}
                for name, item in STRATEGIES.items()
            ],
            "hosts": [self._host_view(name) for name in reversed(chain.learning.hosts)],
            "providers": self._signin().providers(config) if config.get("providers") else [],
        }

    def _host_view(self, name: str) -> dict:
        chain = self.chain
        host = chain.learning.hosts[name]
        learned = {}
        for strategy in STRATEGIES:
            item = host.learned.get(strategy)
            state = chain.learning.state(name, strategy)
            learned[strategy] = {
                "state": "fails" if state == "half_open" else state,
                "cause": item.cause if item else None,
                "sentence": Attempt(strategy, "failed", cause=item.cause).sentence(name) if item and item.cause else "",
                "ms": round(item.ms, 1) if item and item.ms is not None else None,
                "ok": item.ok if item else 0,
                "failed": item.failed if item else 0,
                "again_in_s": _whole(chain.learning.again_in_s(name, strategy)),
            }
        last = None if host.last is None else {"strategy": host.last[0], "ms": round(host.last[1], 1), "at_ms": round(host.last[2])}
        return {"host": name, "order": chain.learning.order(name), "custom": host.custom is not None, "learned": learned, "last": last}

    # The trace.

    def follow(self, after: int) -> list[dict]:
        """Lines after that number; from now on new ones are sent in batches."""
        rows = self.trace.since(after)
        self._follow = rows[-1]["id"] if rows else max(after, self._newest())
        self.trace.on_line = self._line
        return rows

    def stop_following(self) -> None:
        """The terminal is closed: nothing more is sent."""
        self._follow, self.trace.on_line = None, None

    def again(self, number: int) -> dict:
        """The request that does a line's step again. Raises Refusal."""
        line = self.trace.line(number)
        if line is None:
            raise Refusal("line_gone", f"line {number} is not there any more", "choose a newer line", "step")
        request = line["rerun"]
        if request is None or request.get("do") not in _AGAIN:
            raise Refusal("not_again", "this step cannot be run again by itself", "start it where it was started first", "step")
        return request

    def _newest(self) -> int:
        newest = self.trace.since(0)
        return newest[-1]["id"] if newest else 0

    def _line(self) -> None:
        if self._tracing is None:
            self._tracing = self._around.scheduler.call_later(_TRACE_S, self._send_lines)

    def _send_lines(self) -> None:
        self._tracing = None
        if self._follow is None:
            return
        rows = self.trace.since(self._follow)
        if rows:
            self._follow = rows[-1]["id"]
            self._send({"t": "trace", "rows": rows})

    def close(self) -> None:
        """Let timers and tunnels go."""
        for timer in (self._saving, self._telling, self._tracing):
            if timer is not None:
                timer.cancel()
        self._saving = self._telling = self._tracing = None
        self.chain.close()


def _row(item: Attempt, host: str) -> dict:
    """One line of `net.test`."""
    sentence = item.sentence(host)
    return {
        "strategy": item.strategy,
        "outcome": item.outcome,
        "status": item.status,
        "ms": round(item.ms, 1),
        "bytes": item.bytes,
        "cause": item.cause,
        "detail": item.detail,
        "sentence": item.detail if item.outcome == "skipped" and item.cause == "unknown" else sentence,
        "remedy": remedy(item.cause, host) if item.cause and item.outcome != "skipped" else "",
    }


def _host(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 260 or any(char in value for char in "/@?# "):
        raise Refusal("bad_host", "host has to be a name with, at most, a port", "use host or host:port", "host")
    return value.lower()


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
