"""The single writer: commands and venue reports go through one line, are journalled, then applied, then acted upon.

Order of things, never changed: decide -> journal (durably) -> apply to the engine -> carry out effects. A failed write
changes nothing: a command is refused with the reason; a venue's report is kept and tried again, and until it is
written no new order is taken. Reports that queued up while a write was under way share the next write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from app.model.events import Event, OrderSubmitted
from app.trading.dated import with_rates
from app.trading.journal import Entry, encode, number

from .errors import Refusal
from .recorder import Recorder

Command = Callable[[], list[Event]]


class Writer:
    """``act(effects)`` carries out what the engine wants; ``applied(events)`` tells observers; ``trouble(error)`` a failed write."""

    def __init__(
        self,
        act: Callable[[list], None],
        applied: Callable[[list[Event]], None],
        trouble: Callable[[Exception | None], None],
    ) -> None:
        self._act, self._applied, self._trouble = act, applied, trouble
        self._commands: deque[tuple[Command, asyncio.Future]] = deque()
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
        for _, future in waiting:
            if not future.done():
                future.set_exception(_lost())

    async def command(self, decide: Command) -> list[Event]:
        """Decide, journal, apply, act; returns the events. Raises what ``decide`` raises, or Refusal when it could not be kept."""
        if self.engine is None:
            raise Refusal("not_open", "this desk has no open account", "unlock the vault first")
        if self.stuck is not None:
            raise Refusal("journal_failed", f"the journal cannot be written: {self.stuck}", "free some space or reload; nothing was sent")
        future = asyncio.get_running_loop().create_future()
        self._commands.append((decide, future))
        self._kick()
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

    def _kick(self) -> None:
        if self._idle.is_set() and not self._held and self.queued and self.stuck is None:
            self._idle.clear()
            self.on_busy(True)
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self.stuck is None and self.queued and not self._held:
                if self._reports:
                    await self._write_reports()
                else:
                    await self._run_command(*self._commands.popleft())
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

    async def _run_command(self, decide: Command, future: asyncio.Future) -> None:
        events: list[Event] = []
        engine = self.engine
        try:
            events = decide()
            entries = await self._write(events)
        except Exception as error:
            for event in events:
                if isinstance(event, OrderSubmitted):
                    engine.abandon(event.intent.client_order_id)
            if not future.done():
                future.set_exception(error)
            return
        self._apply(entries)
        if not future.done():
            future.set_result(events)

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
        self._applied([entry.event for entry in entries])
        if effects:
            self._act(effects)

    def _fail(self, error: Exception) -> None:
        self.stuck = error
        self._trouble(error)
        for _, future in self._commands:
            if not future.done():
                future.set_exception(
                    Refusal("journal_failed", f"the journal cannot be written: {error}", "nothing was sent; free some space or reload")
                )
        self._commands.clear()


def _lost() -> Refusal:
    return Refusal("lost_lead", "another tab has taken the lead", "go on in the other tab")
