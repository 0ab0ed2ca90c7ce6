"""What is known of each host: which strategies work, how fast, why others fail; and the order that follows from it.

A strategy that fails opens its circuit: it is left out for a while, then tried once (half open), and closed again by a success. The
order and the counts are kept over restarts as plain text; they hold host names and causes, never an address, a header or a key.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.platform.interfaces import Clock

from .messages import CAUSES
from .strategies import STRATEGIES

MOST_HOSTS = 200
_NS = 1_000_000_000
_WEIGHT = 0.3
_PROXY_COST = 1.5
# After how many failures in a row, for how long at first, and at most (seconds).
_CIRCUITS = {
    **dict.fromkeys(("policy", "mixed_content"), (1, 600.0, 3600.0)),
    **dict.fromkeys(("cors", "tls"), (1, 60.0, 900.0)),
    "proxy_down": (1, 10.0, 60.0),
    **dict.fromkeys(("timeout", "unknown"), (2, 10.0, 300.0)),
}
_CIRCUIT = (3, 5.0, 300.0)
_LONGEST_IF_IT_WORKED_S = 30.0
_NO_FAULT = ("offline", "too_large", "quota")


@dataclass(slots=True)
class Learned:
    """One strategy for one host. ``ms`` is a moving average; ``until_ns`` says how long its circuit is open (0: closed)."""

    ok: int = 0
    failed: int = 0
    ms: float | None = None
    cause: str | None = None
    in_a_row: int = 0
    opened: int = 0
    until_ns: int = 0
    trying: bool = False

    @property
    def works(self) -> bool:
        """Whether its last use was a success."""
        return self.ok > 0 and self.in_a_row == 0


@dataclass(slots=True)
class Host:
    """``custom`` is the trader's own order; what it leaves out is off. ``last`` is (strategy, ms, epoch ms) of the last answer."""

    custom: tuple[str, ...] | None = None
    learned: dict[str, Learned] = field(default_factory=dict)
    last: tuple[str, float, float] | None = None
    quiet_until_ns: int = 0


class Learning:
    """Hosts by name, the least recently used forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self.changed = False
        self.hosts: OrderedDict[str, Host] = OrderedDict()
        self._clock = clock

    def host(self, name: str) -> Host:
        """What is known of a host; made when it is not."""
        if name not in self.hosts:
            self.hosts[name] = Host()
            while len(self.hosts) > MOST_HOSTS:
                forgotten = next((key for key, host in self.hosts.items() if host.custom is None and key != name), next(iter(self.hosts)))
                del self.hosts[forgotten]
        self.hosts.move_to_end(name)
        return self.hosts[name]

    def order(self, name: str) -> list[str]:
        """All strategies that are on for the host, the most promising first; `stale` is always last."""
        host = self.hosts.get(name, Host())
        if host.custom is not None:
            return list(host.custom)
        return sorted(STRATEGIES, key=lambda item: (item == "stale", *self._rank(host.learned.get(item), item)))

    def _rank(self, learned: Learned | None, strategy: str) -> tuple[int, float]:
        if learned is None or (not learned.ok and not learned.failed):
            return 1, 0.0
        if learned.works:
            return 0, (learned.ms or 0.0) * (_PROXY_COST if STRATEGIES[strategy].through_proxy else 1.0)
        return 2, float(learned.in_a_row)

    def state(self, name: str, strategy: str) -> str:
        """untried, works, fails, open (left out for now) or half_open (the next use decides)."""
        learned = self.hosts.get(name, Host()).learned.get(strategy)
        if learned is None or (not learned.ok and not learned.failed):
            return "untried"
        if learned.until_ns:
            return "open" if self._clock.monotonic_ns() < learned.until_ns else "half_open"
        return "works" if learned.works else "fails"

    def may(self, name: str, strategy: str) -> bool:
        """Whether its circuit lets a request through; the one request of a half-open circuit is counted here."""
        learned = self.hosts.get(name, Host()).learned.get(strategy)
        if learned is None or not learned.until_ns:
            return True
        if self._clock.monotonic_ns() < learned.until_ns or learned.trying:
            return False
        learned.trying = True
        return True

    def again_in_s(self, name: str, strategy: str) -> float | None:
        """Seconds until an open circuit lets the next request through."""
        learned = self.hosts.get(name, Host()).learned.get(strategy)
        if learned is None or not learned.until_ns:
            return None
        return max(0.0, (learned.until_ns - self._clock.monotonic_ns()) / _NS)

    def succeeded(self, name: str, strategy: str, ms: float) -> None:
        """An answer of the target came, of whatever status."""
        host = self.host(name)
        item = host.learned.setdefault(strategy, Learned())
        item.ok += 1
        item.ms = ms if item.ms is None else item.ms + _WEIGHT * (ms - item.ms)
        item.cause, item.in_a_row, item.opened, item.until_ns, item.trying = None, 0, 0, 0, False
        host.last = (strategy, ms, self._clock.now_ns() / 1e6)
        self.changed = True

    def failed(self, name: str, strategy: str, cause: str) -> None:
        """No answer by this strategy."""
        item = self.host(name).learned.setdefault(strategy, Learned())
        item.trying = False
        if cause in _NO_FAULT:
            return
        item.failed += 1
        item.in_a_row += 1
        item.cause = cause
        most, first_s, longest_s = _CIRCUITS.get(cause, _CIRCUIT)
        if item.in_a_row >= most or item.opened:
            if item.ok and most > 1:  # an outage, not a way that never was: be back soon after it ends
                longest_s = min(longest_s, _LONGEST_IF_IT_WORKED_S)
            wait_s = min(longest_s, first_s * 2 ** min(item.opened, 20))
            item.opened += 1
            item.until_ns = self._clock.monotonic_ns() + round(wait_s * _NS)
        self.changed = True

    def let_go(self, name: str, strategy: str) -> None:
        """A use ended without a verdict, such as a hedge that was not needed any more."""
        learned = self.hosts.get(name, Host()).learned.get(strategy)
        if learned is not None:
            learned.trying = False

    def explained(self, name: str, strategy: str, cause: str) -> None:
        """It has become known why the last use failed: another strategy showed it."""
        learned = self.hosts.get(name, Host()).learned.get(strategy)
        if learned is not None and learned.in_a_row:
            learned.cause = cause
            self.changed = True

    def retry(self) -> None:
        """The network has changed: what was left out for want of it may be tried again."""
        for host in self.hosts.values():
            for item in host.learned.values():
                if item.cause in ("unknown", "timeout", "proxy_down", "dns", "refused"):
                    item.until_ns = min(item.until_ns, self._clock.monotonic_ns())

    def set_order(self, name: str, strategies: Sequence[str] | None) -> None:
        """The trader's own order, or None for the learned one."""
        self.host(name).custom = None if strategies is None else tuple(strategies)
        self.changed = True

    def clear(self, name: str) -> None:
        """Forget what was learned of a host; the trader's order stays."""
        host = self.hosts.get(name)
        if host is not None:
            host.learned, host.last, host.quiet_until_ns = {}, None, 0
            if host.custom is None:
                del self.hosts[name]
            self.changed = True

    def too_many(self, name: str, wait_s: float) -> None:
        """The host asked for quiet: nothing is hedged for so long."""
        self.host(name).quiet_until_ns = self._clock.monotonic_ns() + round(wait_s * _NS)

    def may_hedge(self, name: str) -> bool:
        """Whether this host may be asked twice at once."""
        return self._clock.monotonic_ns() >= self.hosts.get(name, Host()).quiet_until_ns

    def dump(self) -> dict:
        """What is kept over a restart."""
        return {
            name: {
                "order": host.custom and list(host.custom),
                "learned": {
                    key: [item.ok, item.failed, item.ms and round(item.ms, 1), item.cause, item.in_a_row] for key, item in host.learned.items()
                },
            }
            for name, host in self.hosts.items()
        }

    def load(self, kept: object) -> None:
        """Take over what `dump` gave; whatever of it is not understood is left out."""
        for name, entry in kept.items() if isinstance(kept, dict) else ():
            if not isinstance(entry, dict) or not isinstance(name, str) or len(name) > 260:
                continue
            host = self.host(name)
            order = entry.get("order")
            if isinstance(order, list) and all(item in STRATEGIES for item in order):
                host.custom = tuple(dict.fromkeys(order))
            learned = entry.get("learned")
            for key, values in learned.items() if isinstance(learned, dict) else ():
                if (item := _loaded(values)) is not None and key in STRATEGIES:
                    host.learned[key] = item
        self.changed = False


def _loaded(values: object) -> Learned | None:
    if not isinstance(values, list) or len(values) != 5:
        return None
    ok, failed, ms, cause, in_a_row = values
    counts = all(type(count) is int and 0 <= count < 2**53 for count in (ok, failed, in_a_row))
    if not counts or not (ms is None or (type(ms) in (int, float) and 0 <= ms < 1e9)) or cause not in (None, *CAUSES):
        return None
    return Learned(ok, failed, ms, cause, in_a_row)


def text_of(learning: Learning, own: set[str], bases: dict[str, str]) -> str:
    """The plain setting: what was learned, which proxies are the trader's own, which stand in for the site's."""
    return json.dumps({"v": 1, "hosts": learning.dump(), "own": sorted(own), "bases": bases}, separators=(",", ":"))
