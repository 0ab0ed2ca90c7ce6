"""The single writer: commands and venue reports go through one line, are journalled, then applied, then acted upon.

Order of things, never changed: decide -> journal (durably) -> apply to the engine -> carry out effects. A failed write
changes nothing: a command is refused with the reason; a venue's report is kept and tried again, and until it is
written no new order is taken. Reports that queued up while a write was under way share the next write, and so do commands
that may join others (group commit): a durable write costs the same for one order and for fifty.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from app.model.events import Event, OrderCancelRequested, OrderRouted, OrderSubmitted
from app.platform.scheduler import begun, hurried
from app.trading.dated import with_rates
from app.trading.journal import Entry, encode, number

from .errors import Refusal
from .recorder import Recorder

Command = Callable[[], list[Event]]
MOST = 50
"""So many commands share a write at most: deciding them holds up market data."""
_JOINING = (OrderSubmitted, OrderRouted, OrderCancelRequested)
"""Others may be decided before these are applied: new orders count as proposed at once, asking for a cancel moves no money."""


class _Waiting(NamedTuple):
    """A command in the queue, and who waits for its events."""

    decide: Command
    joins: bool
    future: asyncio.Future


class Writer:
    """``act(effects)`` carries out what the engine wants; ``applied(events)`` tells observers; ``trouble(error)`` a failed write."""

    def __init__(
        self,
        act: Callable[[list], None],
        applied: Callable[[list[Event]], None],
        trouble: Callable[[Exception | None], None],
    ) -> None:
        self._act, self._applied, self._trouble = act, applied, trouble
        self._commands: deque[_Waiting] = deque()
        self._reports: deque[Event] = deque()
        self._task: asyncio.Task | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._held = False
        self.engine: Any = None
        self.recorder: Recorder | None = None
        self.stuck: Exception | None = None
        self.on_busy: Callable[[bool], None] = lambda _busy: None
        """Told when it begins to work on commands or reports, and when it has none left."""
        self.meanwhile: Callable[[list[Event]], object] | None = None
        """Told of the events of commands while they are being written: what follows from them can be made ready, and must not be done."""

    @property
    def queued(self) -> int:
        """Commands and reports not yet written."""
        return len(self._commands) + len(self._reports)

    def open(self, engine: Any, recorder: Recorder) -> None:
        """Begin to write this engine's events to this recorder."""
        self.engine, self.recorder, self.stuck = engine, recorder, None

    async def close(self) -> None:
        """Finish what is queued or being written, then stop writing."""
        while not self._idle.is_set() or (self.queued and self.stuck is None):
            self._kick()
            await self._idle.wait()
            await asyncio.sleep(0)  # while it is held, nothing is being written
        self.engine, self.recorder = None, None
        self._reports.clear()

    def abandon(self) -> None:
        """Write nothing more; what waits is refused."""
        self.engine, self.recorder = None, None
        self._reports.clear()
        waiting, self._commands = list(self._commands), deque()
        for command in waiting:
            _refuse(command.future, _lost())

    async def command(self, decide: Command, joins: bool = False) -> list[Event]:
        """Decide, journal, apply, act; returns the events. Raises what ``decide`` raises, or Refusal when it could not be kept.

        With ``joins`` it may be decided while commands before it are decided and not yet applied: what it goes by has to count what they
        propose, as submitting and cancelling orders do.
        """
        if self.engine is None:
            raise Refusal("not_open", "this desk has no open account", "unlock the vault first")
        if self.stuck is not None:
            raise Refusal("journal_failed", f"the journal cannot be written: {self.stuck}", "free some space or reload; nothing was sent")
        future = asyncio.get_running_loop().create_future()
        self._commands.append(_Waiting(decide, joins, future))
        self._kick(begun)
        return await future

    def report(self, events: list[Event]) -> None:
        """Events that happened at the venue: they are facts, and are written as soon as possible."""
        if self.engine is None:
            return
        self._reports.extend(events)
        self._kick()

    async def exclusively(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run ``action`` while nothing is being written; what arrives meanwhile waits its turn."""
        while self._held or not self._idle.is_set():
            await self._idle.wait()
            await asyncio.sleep(0)
        self._held = True
        try:
            await action()
        finally:
            self._held = False
            self._kick()

    def retry(self) -> None:
        """Try again after a failed write."""
        self.stuck = None
        self._kick()

    def _kick(self, start: Callable[..., asyncio.Task] | None = None) -> None:
        if self._idle.is_set() and not self._held and self.queued and self.stuck is None:
            self._idle.clear()
            self.on_busy(True)
            start = start or asyncio.get_running_loop().create_task  # reports wait a turn for others that come with them
            self._task = start(self._run(), context=hurried())

    async def _run(self) -> None:
        try:
            while self.stuck is None and self.queued and not self._held:
                if self._reports:
                    await self._write_reports()
                else:
                    await self._write_commands()
        finally:
            self._idle.set()
            self.on_busy(False)
            self._kick()

    async def _write_reports(self) -> None:
        events = list(self._reports)
        try:
            entries = await self._write(events)
        except Exception as error:
            if self.engine is not None:  # else it was abandoned
                self._fail(error)
            return
        for _ in events:
            self._reports.popleft()
        self._apply(entries)

    async def _write_commands(self) -> None:
        engine, group = self.engine, self._decided()
        if not group:
            return
        events = [event for found, _future in group for event in found]
        meanwhile = asyncio.get_running_loop().call_soon(self.meanwhile, events) if self.meanwhile is not None else None
        try:
            entries = await self._write(events)
        except Exception as error:
            for event in events:
                if isinstance(event, OrderSubmitted):
                    engine.abandon(event.intent.client_order_id)
            for _found, future in group:
                _refuse(future, error)
            return
        finally:
            if meanwhile is not None:
                meanwhile.cancel()
        self._apply(entries)
        for found, future in group:
            if not future.done():
                future.set_result(found)

    def _decided(self) -> list[tuple[list[Event], asyncio.Future]]:
        """The events of the commands that share the next write; whose command is denied is told at once."""
        group: list[tuple[list[Event], asyncio.Future]] = []
        while self._commands and len(group) < MOST and (self._commands[0].joins or not group):
            command = self._commands.popleft()
            try:
                events = command.decide()
            except Exception as error:
                _refuse(command.future, error)
                continue
            group.append((events, command.future))
            if not command.joins or not all(isinstance(event, _JOINING) for event in events):
                break
        return group

    async def _write(self, events: list[Event]) -> list[Entry]:
        engine = self.engine
        entries = number(with_rates(engine, events), engine.last_seq + 1)
        if entries:
            await self.recorder.append(entries[0].seq, encode(entries))
        if self.engine is not engine:
            raise _lost()
        return entries

    def _apply(self, entries: list[Entry]) -> None:
        effects = []
        for entry in entries:
            effects.extend(self.engine.apply_entry(entry))
        if effects:
            self._act(effects)  # orders leave before anybody is told
        self._applied([entry.event for entry in entries])

    def _fail(self, error: Exception) -> None:
        self.stuck = error
        self._trouble(error)
        for command in self._commands:
            _refuse(command.future, Refusal("journal_failed", f"the journal cannot be written: {error}", "nothing was sent; free some space or reload"))
        self._commands.clear()


def _refuse(future: asyncio.Future, error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _lost() -> Refusal:
    return Refusal("lost_lead", "another tab has taken the lead", "go on in the other tab")
