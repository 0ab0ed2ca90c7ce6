"""The one `fetch` of the desk: picks strategies, sends, learns, and explains.

Guards what must always hold: a request that may have had an effect is sent once; what belongs to the trader passes only through
proxies marked as their own; every fetch ends by its deadline with an answer or with a cause in plain words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.platform.interfaces import Clock, Http, HttpAnswer, Scheduler, Sockets

from ..trace import Trace
from . import words
from .cache import Copies
from .hedging import race, within
from .learning import Learning, text_of
from .messages import READS, Attempt, FetchFailed, FetchUnknown, Request, Response, cause_of, host_of, shown
from .proxies import Proxies
from .sensitive import carries_credentials
from .strategies import STRATEGIES, allowed
from .ways import Means, Strategy, Trouble

_MS = 1e6
_SLOW_S = 1.5
_QUICK_S = 0.25
_FREE_HEDGES = 5
_HEDGE_SHARE = 0.1
_TEST_S = 5.0
_QUIET_S = 30.0
_PROBE_S = 1.0
_GRACE_S = 0.05
"""Each way ends by its own deadline; the whole a moment later, so that no request is ended twice at once."""
_CLOSE_MS = 5.0


@dataclass(slots=True)
class _Flow:
    """One fetch under way."""

    request: Request
    host: str
    credentialed: bool
    started_ns: int
    log: list[Attempt] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    """Places in the log whose cause the platform does not tell."""
    ruled_out: set[str] = field(default_factory=set)
    """Proxies whose rules are against this request."""
    weak: tuple[HttpAnswer, str] | None = None
    """An answer that may be about who asked (403, 451): another strategy may see more."""


class Chain:
    """One per desk. ``on_change`` is called when something that `settings_text` or `view` tells has changed."""

    def __init__(self, http: Http, sockets: Sockets, clock: Clock, scheduler: Scheduler, site: str, trace: Trace) -> None:
        self.clock, self.trace = clock, trace
        self.proxies = Proxies(http, clock, site)
        self.copies = Copies(clock)
        self.learning = Learning(clock)
        self.means = Means(http, sockets, clock, scheduler, self.proxies, self.copies, trace.secrets)
        self.on_change: Callable[[], object] = lambda: None
        self.requests = 0
        self.hedges = 0
        self.online = True
        """Whether the last use of the network got past this machine."""

    async def fetch(self, request: Request) -> Response:
        """The answer, of whatever status. Raises FetchFailed or FetchUnknown."""
        request = request.checked()
        self.requests += 1
        flow = _Flow(request, request.host, carries_credentials(request, self.trace.secrets), self.clock.monotonic_ns())
        found = await (self._read(flow) if request.repeatable else self._once(flow))
        await self._explain(flow)
        self.on_change()
        if found is not None:
            return self._answered(flow, *found)
        if (old := self._old_copy(flow)) is not None:
            return old
        cause, reason, remedy = words.explain(flow.log, flow.host)
        self.trace.add("network", "error", f"{request.method} {shown(request.url)}: {reason}", self._ms(flow), detail={"cause": cause, "remedy": remedy})
        raise FetchFailed(cause, reason, remedy, tuple(flow.log))

    async def test(self, url: str, on_row: Callable[[Attempt], object] = lambda _: None) -> list[Attempt]:
        """Try every strategy in turn, also those that are left out now; what it finds is learned."""
        request = Request(url, deadline_s=_TEST_S).checked()
        flow = _Flow(request, request.host, carries_credentials(request, self.trace.secrets), self.clock.monotonic_ns())
        self.proxies.forget()
        for name, strategy in STRATEGIES.items():
            if name == "stale":
                copy = self._old_copy(flow)
                flow.log.append(Attempt(name, "ok", 0.0, None, "", copy.status, len(copy.body)) if copy else _skip(name, "unknown", "no earlier answer"))
            elif self._fits(flow, strategy):
                await self._attempt(flow, strategy, _TEST_S, always=True)
            on_row(flow.log[-1])
        before = list(flow.log)
        await self._explain(flow)
        for old, new in zip(before, flow.log, strict=True):
            if old is not new:
                on_row(new)
        self.on_change()
        return flow.log

    # Reads: several ways, one after the other or beside each other.

    async def _read(self, flow: _Flow) -> tuple[HttpAnswer, str] | None:
        request = flow.request
        fit = [STRATEGIES[name] for name in self.learning.order(flow.host) if name != "stale" and self._fits(flow, STRATEGIES[name])]

        def way(place: int, strategy: Strategy) -> Callable:
            async def go() -> tuple[HttpAnswer, str] | None:
                left_s = request.deadline_s - self._ms(flow) / 1e3
                answer = await self._attempt(flow, strategy, left_s if place == len(fit) - 1 else max(min(left_s, 1.0), 0.5 * left_s))
                if answer is not None and answer.status in (403, 451) and not flow.credentialed and flow.weak is None:
                    flow.weak = answer, strategy.id
                    return None
                return None if answer is None else (answer, strategy.id)

            return go

        def hedge_s(place: int) -> float | None:
            if self.hedges >= _FREE_HEDGES + _HEDGE_SHARE * self.requests or not self.learning.may_hedge(flow.host):
                return None
            host = self.learning.hosts.get(flow.host)
            known = host.learned.get(fit[place].id) if host is not None else None
            usual_s = known.ms / 1e3 if known is not None and known.ms is not None else _SLOW_S / 3
            return min(max(_QUICK_S, 3 * usual_s), 0.3 * request.deadline_s)

        ways = [way(place, strategy) for place, strategy in enumerate(fit)]
        found = await race(ways, request.deadline_s + _GRACE_S, hedge_s, self._hedged)
        return found or flow.weak

    def _hedged(self) -> None:
        self.hedges += 1

    # Requests that may have an effect: one way, and another only if certainly nothing was sent.

    async def _once(self, flow: _Flow) -> tuple[HttpAnswer, str] | None:
        for strategy in self._careful_order(flow):
            left_s = flow.request.deadline_s - self._ms(flow) / 1e3
            if left_s <= 0:
                return None
            answer = await self._attempt(flow, strategy, left_s)
            if answer is not None:
                return answer, strategy.id
        return None

    def _careful_order(self, flow: _Flow) -> list[Strategy]:
        """What has worked for the host, then the ways that tell whether they sent anything, then those that hide it."""
        names = [name for name in self.learning.order(flow.host) if name != "stale" and self._fits(flow, STRATEGIES[name])]
        host = self.learning.hosts.get(flow.host)
        if (host is None or host.custom is None) and getattr(self.means.http, "hides_causes", False):
            works = {name for name in names if self.learning.state(flow.host, name) == "works"}
            names.sort(key=lambda name: 0 if name in works else 1 if STRATEGIES[name].through_proxy else 2)
        return [STRATEGIES[name] for name in names]

    # One strategy.

    def _fits(self, flow: _Flow, strategy: Strategy) -> bool:
        """Whether it may and can serve the request; says in the log why not."""
        if why := allowed(strategy, self.means, flow.credentialed):
            flow.log.append(_skip(strategy.id, "proxy_refused", why))
        elif unfit := strategy.unfit(flow.request, self.means):
            flow.log.append(_skip(strategy.id, *unfit))
        else:
            return True
        return False

    async def _attempt(self, flow: _Flow, strategy: Strategy, seconds: float, *, always: bool = False) -> HttpAnswer | None:
        """The target's answer or None, told to log, trace and memory. Raises FetchUnknown for an effect that may have happened."""
        name, host = strategy.id, flow.host
        start_ns = self.clock.monotonic_ns()
        if not always and strategy.through_proxy and self.proxies.base(name) in flow.ruled_out:
            flow.log.append(_skip(name, "proxy_refused", "the same rules are against it"))
            return None
        if (trouble := await self._not_ready(strategy, seconds)) is not None:
            flow.log.append(_skip(name, trouble.cause, trouble.detail))
            return None
        if not always and not self.learning.may(host, name):
            learned = self.learning.hosts[host].learned[name]
            again_s = self.learning.again_in_s(host, name) or 0.0
            flow.log.append(_skip(name, learned.cause or "unknown", f"left out for another {again_s:.0f} s"))
            return None
        seconds -= (self.clock.monotonic_ns() - start_ns) / 1e9
        start_ns = self.clock.monotonic_ns()
        try:
            answer = await within(strategy.send(flow.request, self.means, seconds, flow.credentialed), seconds)
        except asyncio.CancelledError:
            if flow.request.repeatable and self._ms(flow) >= flow.request.deadline_s * 1e3 - _CLOSE_MS:
                self._failed(flow, strategy, self._since(start_ns), Trouble("timeout"))
            else:
                self.learning.let_go(host, name)
                flow.log.append(Attempt(name, "cancelled", self._since(start_ns)))
            raise
        except TimeoutError:
            self._failed(flow, strategy, self._since(start_ns), Trouble("timeout"))
            return None
        except Trouble as found:
            self._failed(flow, strategy, self._since(start_ns), found)
            return None
        ms = self._since(start_ns)
        self.online = True
        self.learning.succeeded(host, name, ms)
        cause = cause_of(answer.status)
        if cause == "quota":
            self.learning.too_many(host, _seconds(answer.headers.get("retry-after")))
        flow.log.append(Attempt(name, "ok", ms, cause, "", answer.status, len(answer.body)))
        self._tell(flow, flow.log[-1])
        return answer

    async def _not_ready(self, strategy: Strategy, seconds: float) -> Trouble | None:
        try:
            return await within(strategy.ready(self.means), seconds)
        except TimeoutError:
            return Trouble("proxy_down", "it does not answer", sent=False)

    def _failed(self, flow: _Flow, strategy: Strategy, ms: float, trouble: Trouble) -> None:
        self.online = trouble.cause != "offline"
        self.learning.failed(flow.host, strategy.id, trouble.cause)
        flow.log.append(Attempt(strategy.id, "failed", ms, trouble.cause, trouble.detail))
        if trouble.by_rule:
            flow.ruled_out.add(self.proxies.base(strategy.id))
        if trouble.hidden:
            flow.hidden.append(len(flow.log) - 1)
        self._tell(flow, flow.log[-1])
        if trouble.sent and not flow.request.repeatable:
            self.on_change()
            reason = f"{words.sentence(trouble.cause, flow.host, trouble.detail)} It may have received the request, which is therefore not sent again."
            remedy = "Look at the other side what became of it before you try again."
            self.trace.add("network", "error", f"{flow.request.method} {shown(flow.request.url)}: {reason}", self._ms(flow))
            raise FetchUnknown(trouble.cause, reason, remedy, tuple(flow.log))

    async def _explain(self, flow: _Flow) -> None:
        """A browser hides why a direct request failed; what a proxy met at the same host tells it, or whether the host answers at all."""
        if not flow.hidden:
            return
        shown_by = [item for item in flow.log if STRATEGIES[item.strategy].through_proxy]
        if any(item.outcome == "ok" for item in shown_by):
            cause = "cors"
        else:
            cause = next((item.cause for item in shown_by if item.outcome == "failed" and item.cause in ("dns", "tls", "refused")), "")
            left_s = min(_PROBE_S, flow.request.deadline_s - self._ms(flow) / 1e3)
            if not cause and left_s > 0 and await self._answers(flow.request.url, left_s):
                cause = "cors"
        for place in flow.hidden if cause else ():
            item = flow.log[place] = replace(flow.log[place], cause=cause)
            self.learning.explained(flow.host, item.strategy, cause)

    async def _answers(self, url: str, seconds: float) -> bool:
        try:
            return bool(await within(self.means.http.reaches(url, seconds), seconds))
        except TimeoutError:
            return False

    # What comes of it.

    def _answered(self, flow: _Flow, answer: HttpAnswer, strategy: str) -> Response:
        request = flow.request
        if not flow.credentialed and strategy != "stale":
            self.copies.keep(request, answer.status, answer.headers, answer.body, answer.url)
        return Response(answer.status, answer.headers, answer.body, answer.url, strategy, self._ms(flow), tuple(flow.log))

    def _old_copy(self, flow: _Flow) -> Response | None:
        request, strategy = flow.request, STRATEGIES["stale"]
        off = "stale" not in self.learning.order(flow.host)
        if request.method not in READS or off or allowed(strategy, self.means, flow.credentialed) or strategy.unfit(request, self.means):
            return None
        copy = self.copies.find(request)
        if copy is None:
            return None
        age_s = copy.age_s(self.clock)
        self.trace.add("network", "warn", f"stale: {shown(request.url)} as it was {age_s:.0f} s ago", self._ms(flow))
        return Response(copy.status, copy.headers, copy.body, copy.url, "stale", self._ms(flow), tuple(flow.log), age_s)

    def settings_text(self) -> str:
        """What is kept over a restart, as text without secrets."""
        return text_of(self.learning, self.proxies.own, self.proxies.bases)

    def restore(self, text: str) -> None:
        """Take over what `settings_text` gave; what is not understood is left out."""
        try:
            kept = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(kept, dict) or kept.get("v") != 1:
            return
        self.learning.load(kept.get("hosts"))
        own, bases = kept.get("own"), kept.get("bases")
        self.proxies.own |= {base for base in own if isinstance(base, str)} if isinstance(own, list) else set()
        for name, base in bases.items() if isinstance(bases, dict) else ():
            if name in STRATEGIES and isinstance(base, str):
                try:
                    self.proxies.use(name, base)
                except FetchFailed:
                    continue  # it was usable once; the site's proxy stands in

    def network_is_back(self) -> None:
        """The browser says that there is a network again: nothing has to wait for the next try."""
        self.online = True
        self.proxies.forget()
        self.learning.retry()
        self.on_change()

    def close(self) -> None:
        """Let the tunnels go."""
        for tunnel in self.means.tunnels.values():
            tunnel.close()

    def _tell(self, flow: _Flow, item: Attempt) -> None:
        """One line of the trace for one attempt."""
        request, where = flow.request, shown(flow.request.url)
        if item.outcome == "ok":
            level = "good" if item.cause is None else "warn"
            text = f"{item.strategy}: {request.method} {where} answered {item.status} in {item.ms:.0f} ms"
        else:
            level, text = "warn", f"{item.strategy}: {request.method} {where} failed after {item.ms:.0f} ms. {item.sentence(flow.host)}"
        again = {"do": "net.test", "url": request.url} if request.method == "GET" and not flow.credentialed else None
        detail = {"strategy": item.strategy, "host": host_of(request.url), "cause": item.cause, "status": item.status}
        self.trace.add("network", level, text, item.ms, item.strategy, again, detail)

    def _ms(self, flow: _Flow) -> float:
        return self._since(flow.started_ns)

    def _since(self, start_ns: int) -> float:
        return (self.clock.monotonic_ns() - start_ns) / _MS


def _skip(strategy: str, cause: str, why: str) -> Attempt:
    return Attempt(strategy, "skipped", 0.0, cause, why)


def _seconds(text: str | None) -> float:
    """How long a server wants to be left alone; its date form counts as the default."""
    return min(float(text), 3600.0) if text is not None and text.isdecimal() else _QUIET_S
