"""Market data from recordings: several sessions side by side on one replay clock.

The clock's position runs from 0 at a chosen speed; each session plays its own recording from its own start and, with loop on,
again and again. Messages are taken in the order of their positions (ties in the order of the index), so the sequence of
events does not depend on the speed. Work is done in slices of a few ms with the injected scheduler; the position follows
the monotonic clock, so nothing drifts. Where the machine cannot keep the speed, or slept, the clock gives way (counted in
``slipped_s``): no message is skipped. A seek plays at full speed what lies between, after Restarts when it goes back.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from app.model.instrument import Instrument
from app.model.market import MarketEvent, Rejected
from app.platform.interfaces import Cancellable, Clock, Scheduler

from ..base import Capabilities, Connection, ConnectionState, MarketSink
from .catalogue import CatalogueError, SessionInfo, read_index
from .session import NEVER, Session

SLOWEST, FASTEST = 0.1, 100.0
SLICE_NS = 3_000_000
BATCH = 128
"""Most events delivered at once, so that what follows a delivery stays within a few ms as well."""
TICK_S, SLOW_TICK_S = 0.008, 0.033
"""Messages due within one tick are delivered together; the longer one serves speeds up to SLOW, where few are due."""
SLOW = 3.0
GIVE_WAY_S = 0.005
"""Pause between two slices of a replay that is behind, while an order is under way: each of its steps would wait for a slice."""
SLIP_NS = 1_000_000_000
_SECOND = 1_000_000_000
_CHARS_UNWATCHED = 4000
"""How much text is parsed without a look at the clock."""


class ReplayVenue:
    """``read_bytes(path)`` fetches a file below the site's root. The first session loads in ``prepare``, the rest after start."""

    name = "replay"
    capabilities = Capabilities(market_data=True, replay=True)

    def __init__(
        self,
        read_bytes: Callable[[str], Awaitable[bytes]],
        clock: Clock,
        scheduler: Scheduler,
        speed: float = 1.0,
        loop: bool = True,
        folder: str = "recordings",
    ) -> None:
        self._read, self._clock, self._scheduler = read_bytes, clock, scheduler
        self._folder = folder
        self._infos: list[SessionInfo] = []
        self._sessions: list[Session] = []
        self._by_symbol: dict[str, Session] = {}
        self._sink: MarketSink | None = None
        self._timer: Cancellable | None = None
        self._loading: Cancellable | None = None
        self._speed = _checked_speed(speed)
        self._loop = loop
        self._paused = False
        self._position = self._played = self._reached = 0
        self._anchor_ns = 0
        self._seeking = self._at_end = False
        self._problems: list[str] = []
        self.slipped_s = 0.0
        self.orders_first: Callable[[], bool] = lambda: False
        """Whether orders are under way, which go first."""
        self.connection = Connection(self.name, ConnectionState.OFFLINE, clock.now_ns(), "not started")

    async def prepare(self) -> None:
        """Read the list of recordings and the first of them; CatalogueError when there is none to play."""
        self._infos = read_index(await self._read(f"{self._folder}/index.json"))
        if not self._infos:
            raise CatalogueError("no recordings")
        await self._load(self._infos[0])

    def instruments(self) -> list[Instrument]:
        """Every recorded instrument, those of the first session first."""
        return [item for info in self._infos for item in info.instruments]

    def start(self, sink: MarketSink) -> None:
        """Begin to play; the other sessions load after the first messages are out."""
        self._sink = sink
        self._anchor_ns = self._clock.monotonic_ns()
        self._report(ConnectionState.CONNECTING)
        self._schedule(0.0)
        if len(self._infos) > 1:
            self._loading = self._scheduler.call_later(TICK_S, self._load_rest)

    def stop(self) -> None:
        """End; nothing is delivered afterwards."""
        self._sink = None
        for waiting in (self._timer, self._loading):
            if waiting is not None:
                waiting.cancel()
        self._timer = self._loading = None
        self.connection = Connection(self.name, ConnectionState.STOPPED, self._clock.now_ns(), "stopped")

    def now_ns(self, symbol: str = "") -> int:
        """The recorded present (ns UTC) of the session that holds ``symbol``, else of the first."""
        session = self._by_symbol.get(symbol) or (self._sessions[0] if self._sessions else None)
        if session is None:
            return self._infos[0].start_ns if self._infos else self._clock.now_ns()
        # Not where the clock should be but how far messages were given out: a busy moment does not age the quotes.
        return session.time_at(min(self._target(self._clock.monotonic_ns()), self._reached))

    def status(self) -> dict:
        """Where the first session is, and how the clock runs (the ``replay`` part of a venue message)."""
        info = self._infos[0]
        session = self._sessions[0] if self._sessions else None
        position = self._target(self._clock.monotonic_ns())
        passes = session.passes if session is not None else 0
        length = info.end_ns - info.start_ns
        inside = min(max(position - passes * length, 0), length)
        return {
            "time_ns": info.start_ns + inside,
            "start_ns": info.start_ns,
            "end_ns": info.end_ns,
            "position_s": inside / _SECOND,
            "length_s": length / _SECOND,
            "speed": self._speed,
            "paused": self._paused,
            "loop": self._loop,
            "passes": passes,
            "slipped_s": round(self.slipped_s, 3),
        }

    def control(self, action: object, value: object = None) -> None:
        """play, pause, step, seek (seconds into the first session), speed (0 or 0.1..100), loop; ValueError otherwise."""
        if action == "play":
            self._anchor(self._clock.monotonic_ns())
            self._paused = False
        elif action == "pause":
            self._pause()
        elif action == "step":
            self._step()
        elif action == "seek":
            self._seek(value)
        elif action == "speed":
            speed = _checked_speed(value)
            self._anchor(self._clock.monotonic_ns())
            self._speed = speed
        elif action == "loop":
            self._set_loop(value)
        else:
            raise ValueError("the replay knows play, pause, step, seek, speed and loop")
        if self._sink is not None:
            self._report(self._state())
            self._schedule(0.0)

    def _pause(self) -> None:
        self._anchor(self._clock.monotonic_ns())
        self._paused = True

    def _step(self) -> None:
        self._pause()
        while (session := self._earliest()[0]) is not None:
            self._position = self._played = self._reached = max(self._position, session.due)
            events = session.play()
            if events:
                self._deliver(events, self._clock.monotonic_ns())
                return

    def _seek(self, value: object) -> None:
        if not self._sessions:
            raise ValueError("nothing is loaded yet")
        first = self._sessions[0]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError("a position in seconds is needed")
        if not 0 <= value <= first.length / _SECOND:
            raise ValueError(f"the recording is {first.length / _SECOND:.1f} s long")
        inside = min(int(value * _SECOND), first.length - 1)
        now = self._clock.monotonic_ns()
        self._position, self._anchor_ns = first.passes * first.length + inside, now
        self._seeking, self._at_end = True, False
        restarts = [event for session in self._sessions for event in session.seek(self._position)]
        if restarts:
            self._deliver(restarts, now)

    def _set_loop(self, value: object) -> None:
        if not isinstance(value, bool):
            raise ValueError("loop is on or off")
        self._anchor(self._clock.monotonic_ns())
        self._loop = value
        for session in self._sessions:
            session.loop = value
        self._at_end = False

    def _target(self, now: int) -> int:
        """How far messages are due: the position of the clock."""
        if self._paused or self._seeking or self._at_end or not self._speed or self._sink is None:
            return self._position
        return self._position + int((now - self._anchor_ns) * self._speed)

    def _anchor(self, now: int) -> None:
        """Let the clock go on from where it is now."""
        self._position, self._anchor_ns = self._target(now), now

    def _earliest(self) -> tuple[Session | None, int]:
        """The session whose message is due first, and the position up to which that stays so."""
        best, due, limit = None, NEVER, NEVER
        for session in self._sessions:
            other = session.due
            if other < due:
                # An earlier one in the index wins a tie, so this one leads only strictly before it.
                best, due, limit = session, other, due - 1
            elif other < limit:
                limit = other
        return best, limit

    def _tick(self) -> None:
        self._timer = None
        if self._sink is None or (self._paused and not self._seeking):
            return
        now = self._clock.monotonic_ns()
        unbounded = not self._speed and not self._seeking
        events, behind = self._collect(NEVER - 1 if unbounded else self._target(now), now + SLICE_NS)
        if unbounded:
            self._position = self._played
        self._reached = self._played if behind or unbounded else self._target(now)
        if events:
            self._deliver(events, now)
        if self._sink is None:
            return
        self._settle(behind)
        self._report(self._state())
        self._schedule(self._delay(behind))

    def _collect(self, target: int, deadline: int) -> tuple[list[MarketEvent | Rejected], bool]:
        """Events of messages due up to ``target``, and whether some were left for want of time."""
        out: list[MarketEvent | Rejected] = []
        monotonic_ns = self._clock.monotonic_ns
        chars = 0
        while True:
            session, limit = self._earliest()
            if session is None or session.due > target:
                return out, False
            limit = min(limit, target)
            while (due := session.due) <= limit:
                self._played = due
                out += session.play()
                chars += session.taken
                if len(out) >= BATCH:
                    return out, True
                if chars > _CHARS_UNWATCHED:
                    chars = 0
                    if monotonic_ns() > deadline:
                        return out, True

    def _settle(self, behind: bool) -> None:
        now = self._clock.monotonic_ns()
        if self._seeking:
            if not behind:
                self._seeking = False
                self._anchor_ns = now
            return
        if self._earliest()[0] is None:
            # The end of what there is to play: the clock waits there.
            self._position, self._anchor_ns, self._at_end = self._played, now, True
            return
        self._at_end = False
        if behind and self._speed and not self._paused:
            late = self._target(now) - self._played
            if late > SLIP_NS * self._speed:
                self.slipped_s += late / self._speed / _SECOND
                self._position, self._anchor_ns = self._played, now

    def _delay(self, behind: bool) -> float | None:
        if behind or (self._seeking and self._sessions):
            return GIVE_WAY_S if self.orders_first() else 0.0
        earliest = self._earliest()[0]
        if earliest is None or self._paused:
            return None
        if not self._speed:
            return 0.0
        wait = (earliest.due - self._target(self._clock.monotonic_ns())) / self._speed / _SECOND
        return max(wait, SLOW_TICK_S if self._speed <= SLOW else TICK_S)

    def _schedule(self, delay_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay_s is not None and (not self._paused or self._seeking):
            self._timer = self._scheduler.call_later(delay_s, self._tick)

    def _deliver(self, events: list[MarketEvent | Rejected], received: int) -> None:
        sink = self._sink
        if sink is None:
            return
        good = [event for event in events if type(event) is not Rejected]
        if good:
            sink.on_events(good, received)
        if len(good) != len(events):
            for event in events:
                if type(event) is Rejected:
                    sink.on_rejected(event)

    def _state(self) -> tuple[ConnectionState, str]:
        problems = "; ".join([*self._problems, *(s.damage for s in self._sessions if s.damage)])
        if self._seeking:
            return ConnectionState.SYNCING, problems or "moving to the position asked for"
        if self._earliest()[0] is None:
            return ConnectionState.LIVE, problems or "the recording has ended"
        return ConnectionState.LIVE, problems or ("paused" if self._paused else "")

    def _report(self, state: ConnectionState | tuple[ConnectionState, str]) -> None:
        kind, detail = state if isinstance(state, tuple) else (state, "")
        if (kind, detail) != (self.connection.state, self.connection.detail):
            self.connection = Connection(self.name, kind, self._clock.now_ns(), detail)
            if self._sink is not None:
                self._sink.on_connection(self.connection)

    def _load_rest(self) -> None:
        self._loading = self._scheduler.create_task(self._load_all(self._infos[1:]))

    async def _load_all(self, infos: list[SessionInfo]) -> None:
        for info in infos:
            try:
                await self._load(info)
            except Exception as error:  # whatever a host's reader raises: named on the page, the rest still plays
                self._problems.append(f"{info.name} could not be loaded: {error}")
            if self._sink is not None:
                self._report(self._state())
                self._schedule(0.0)

    async def _load(self, info: SessionInfo) -> None:
        data = await self._read(f"{self._folder}/{info.file}")
        session = Session(info, data, self._target(self._clock.monotonic_ns()), self._loop)
        self._sessions.append(session)
        for item in info.instruments:
            self._by_symbol[item.symbol] = session


def _checked_speed(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (value == 0 or SLOWEST <= value <= FASTEST):
        return float(value)
    raise ValueError(f"a speed is 0 (as fast as possible) or {SLOWEST} to {FASTEST:.0f}")
