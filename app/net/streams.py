"""The stream manager: any number of sockets, to any number of venues, under one supervisor.

A `Pool` is the sockets of one venue: it spreads groups of topics (an instrument's streams stay together) over as few sockets as the venue's
limits allow, most important groups first, and keeps connects and control messages within what the venue counts by address. `Streams` holds
the pools and tells all of them when the desk was away or offline: their connections are given up, so that every book on them shows a
gap and is built anew. Owns no protocol: what is said on a socket is the venue's `Session`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from app.platform.columns import Reader
from app.platform.interfaces import Clock, Scheduler, Sockets

from .backoff import Rng
from .connection import Link, LinkPolicy, LinkState, LinkStatus
from .pacing import RateWindow
from .pulse import Pulse


@dataclass(frozen=True, slots=True)
class Limits:
    """What a venue allows one desk: ``topics`` on a socket, ``sockets`` at once. ``by_address``: control messages are counted
    for all sockets together."""

    topics: int = 200
    sockets: int = 4
    by_address: bool = False
    policy: LinkPolicy = field(default_factory=LinkPolicy)


class Group(NamedTuple):
    """Topics that have to be on one socket, and whose they are."""

    key: str
    topics: tuple[str, ...]


class Session(Protocol):
    """The protocol spoken on one socket."""

    def opened(self) -> None:
        """Connected: subscribe to all of the lane's topics."""

    def received(self, texts: Sequence[str], received_ns: int) -> None:
        """Frames; ``received_ns`` is monotonic."""

    def lost(self, reason: str) -> None:
        """The connection is gone, and with it every request."""

    def probe(self) -> str:
        """A harmless request that a living venue answers."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for more topics, on the open connection."""

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for fewer."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What sockets and timers are made of."""

    sockets: Sockets
    clock: Clock
    scheduler: Scheduler
    rng: Rng


class Lane:
    """One socket of a pool: its link, its groups in order of importance, its session."""

    def __init__(self, pool: Pool, number: int) -> None:
        self.number = number
        self.groups: dict[str, tuple[str, ...]] = {}
        machine = pool.machine
        self.link = Link(
            pool.url,
            machine.sockets,
            machine.clock,
            machine.scheduler,
            machine.rng,
            on_open=lambda: self.session.opened(),
            on_text=lambda texts, received_ns: pool.received(self, texts, received_ns),
            on_lost=lambda reason: pool.lost(self, reason),
            on_status=lambda _status: pool.on_status(),
            probe=lambda: self.session.probe(),
            policy=pool.limits.policy,
            connects=pool.connects,
            messages=pool.messages,
            reader=pool.reader,
        )
        self.session: Session = pool.make_session(self)

    @property
    def topics(self) -> list[str]:
        """All topics, the most important first."""
        return [topic for topics in self.groups.values() for topic in topics]

    def room(self, limit: int) -> int:
        """How many topics more fit."""
        return limit - sum(map(len, self.groups.values()))


class Pool:
    """The sockets of one venue at ``url``. ``left_out`` are the keys that did not fit under the limits."""

    def __init__(
        self,
        name: str,
        url: str,
        limits: Limits,
        machine: Machine,
        make_session: Callable[[Lane], Session],
        *,
        on_lost: Callable[[Lane, str], object],
        on_status: Callable[[], object],
        connects: RateWindow | None = None,
        reader: Callable[[], Reader | None] = lambda: None,
    ) -> None:
        self.reader = reader
        self.name, self.url, self.limits, self.machine = name, url, limits, machine
        self.make_session, self.on_status = make_session, on_status
        self.lanes: list[Lane] = []
        self.left_out: list[str] = []
        self.before_text: Callable[[], object] = lambda: None
        self.connects = connects or limits.policy.connect_window()
        self.messages: RateWindow | None = limits.policy.message_window() if limits.by_address else None
        self._on_lost = on_lost
        self._running = False

    def want(self, groups: Sequence[Group]) -> tuple[list[str], list[str]]:
        """Carry these groups and no others, the first ones first. What is open is changed by subscribing and unsubscribing.

        Returns the keys that are not carried any more, and those added to a connection that is open."""
        chosen = self._choose(groups)
        gone: dict[Lane, list[str]] = {}
        dropped: list[str] = []
        for lane in self.lanes:
            for key in [key for key in lane.groups if key not in chosen]:
                dropped.append(key)
                gone.setdefault(lane, []).extend(lane.groups.pop(key))
        fresh: dict[Lane, list[str]] = {}
        added: list[str] = []
        placed = {key: lane for lane in self.lanes for key in lane.groups}
        for key, topics in chosen.items():
            lane = placed.get(key)
            if lane is None:
                lane = self._roomy(len(topics))
                if lane is None:
                    self.left_out.append(key)
                    continue
                fresh.setdefault(lane, []).extend(topics)
                if lane.link.is_open:
                    added.append(key)
            else:
                lane.groups.pop(key)
            lane.groups[key] = topics  # in again at the end: the lane's order is the order of importance
        for lane, topics in gone.items():
            if not lane.groups:
                lane.session.lost("nothing is wanted of it")
                lane.link.stop()
                self.lanes.remove(lane)
            elif lane.link.is_open:
                lane.session.unsubscribe(topics)
        for lane, topics in fresh.items():
            if lane.link.is_open:
                lane.session.subscribe(topics)
            elif self._running:
                lane.link.start()
        return dropped, added

    def start(self) -> None:
        """Connect every socket, and keep it connected."""
        self._running = True
        for lane in self.lanes:
            lane.link.start()

    def stop(self) -> None:
        """Close all of them for good."""
        self._running = False
        for lane in self.lanes:
            lane.link.stop()

    def reconnect(self, reason: str) -> None:
        """Give every open connection up and open another."""
        for lane in self.lanes:
            lane.link.reconnect(reason)

    def retry_now(self) -> None:
        """Cut waits short."""
        for lane in self.lanes:
            lane.link.retry_now()

    def received(self, lane: Lane, texts: Sequence[str], received_ns: int) -> None:
        """Frames of a lane; dropped when looking at the clock showed that the connection has to be given up."""
        self.before_text()
        if lane.link.is_open:
            lane.session.received(texts, received_ns)

    def lost(self, lane: Lane, reason: str) -> None:
        """A lane's connection is gone."""
        lane.session.lost(reason)
        self._on_lost(lane, reason)

    def worst(self) -> LinkStatus | None:
        """The status of the socket that is worst off."""
        found = [lane.link.status for lane in self.lanes]
        return max(found, key=lambda status: (_RANK[status.state], status.attempts), default=None)

    def _choose(self, groups: Iterable[Group]) -> dict[str, tuple[str, ...]]:
        room = self.limits.topics * self.limits.sockets
        chosen: dict[str, tuple[str, ...]] = {}
        self.left_out = []
        for key, topics in groups:
            if len(topics) <= min(room, self.limits.topics):
                room -= len(topics)
                chosen[key] = topics
            else:
                self.left_out.append(key)
        return chosen

    def _roomy(self, count: int) -> Lane | None:
        for lane in self.lanes:
            if lane.room(self.limits.topics) >= count:
                return lane
        if len(self.lanes) >= self.limits.sockets:
            return None
        self.lanes.append(Lane(self, len(self.lanes) + 1))
        return self.lanes[-1]


_RANK = {LinkState.OPEN: 0, LinkState.CONNECTING: 1, LinkState.WAITING: 2, LinkState.OFFLINE: 3, LinkState.STOPPED: 4}


class Streams:
    """All pools of the desk, and the pulse that notices when it was away."""

    def __init__(self, clock: Clock, scheduler: Scheduler) -> None:
        self.pools: list[Pool] = []
        self.pulse = Pulse(clock, scheduler, self.interrupt)

    def add(self, pool: Pool) -> None:
        """Supervise a pool, and start it."""
        if pool not in self.pools:
            self.pools.append(pool)
            pool.before_text = self.pulse.check
        self.pulse.start()
        pool.start()

    def remove(self, pool: Pool) -> None:
        """Stop a pool; the pulse ends with the last one."""
        pool.stop()
        if pool in self.pools:
            self.pools.remove(pool)
        if not self.pools:
            self.pulse.stop()

    def interrupt(self, reason: str) -> None:
        """Nothing is known of what was sent meanwhile: every connection begins anew."""
        for pool in list(self.pools):
            pool.reconnect(reason)

    def retry_now(self) -> None:
        """The network is back."""
        for pool in self.pools:
            pool.retry_now()
