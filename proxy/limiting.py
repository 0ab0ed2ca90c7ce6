"""How much: requests a minute of one session to one host, requests at once, and the pauses that upstreams ask for.

The counting is the library throttled-py (token buckets by the generic cell rate algorithm, in memory, without threads). Counts are of
this process: behind a load balancer each one counts for itself.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from throttled import RateLimiterType, Throttled, per_min
from throttled.store import MemoryStore

from .config import Config, Rule
from .errors import Refused

_LONGEST_S = 3600.0
_BUCKETS = 2**16  # the one used longest ago is forgotten first


class Limiter:
    """Counts for every session and host."""

    def __init__(self, config: Config) -> None:
        self._limits = config.limits
        store = MemoryStore(options={"MAX_SIZE": _BUCKETS})
        self._buckets = {
            rate: Throttled(using=RateLimiterType.GCRA.value, quota=per_min(rate), store=store) for rate in {rule.per_minute for rule in config.all_rules}
        }
        self._now: Counter[tuple[str, str]] = Counter()
        self._paused: dict[tuple[str, str], float] = {}

    def take(self, session: str, host: str, rule: Rule) -> None:
        """Count one request, or `Refused` with the seconds to wait."""
        for key in (("", host), (session, host)):
            if (left := self._paused.get(key, 0) - time.monotonic()) > 0:
                raise Refused("rate_limited", f"{host} asked for a pause of {left:.0f} s more.", "Wait, then ask less often.", retry_after=left)
            self._paused.pop(key, None)
        found = self._buckets[rule.per_minute].limit(f"{rule.name} {session} {host}")
        if found.limited:
            wait = max(1.0, found.state.retry_after)
            raise Refused("rate_limited", f"More than {rule.per_minute} requests a minute to {host}.", f"Wait {wait:.0f} s.", retry_after=wait)

    @contextmanager
    def slot(self, session: str, host: str) -> Iterator[None]:
        """Hold one of the places of ``session`` and of ``host``, or `Refused`."""
        keys = (("session", session), self._limits.per_session), (("host", host), self._limits.per_host)
        for key, most in keys:
            if self._now[key] >= most:
                raise Refused("busy", f"{most} requests of this {key[0]} are already under way.", "Wait for some to end.", retry_after=1)
        for key, _ in keys:
            self._now[key] += 1
        try:
            yield
        finally:
            for key, _ in keys:
                self._now[key] -= 1
                if not self._now[key]:
                    del self._now[key]

    def heed(self, session: str, host: str, retry_after: str | None) -> None:
        """The upstream said Retry-After: keep ``session`` ("" for everybody) from ``host`` for as long, an hour at most."""
        try:
            seconds = float(retry_after) if (retry_after or "").isdigit() else parsedate_to_datetime(retry_after or "").timestamp() - time.time()
        except ValueError:
            return
        if seconds > 0:
            self._paused[session, host] = time.monotonic() + min(seconds, _LONGEST_S)
