"""Who on the page listens to the desk's lines: the desk sends them while anybody does, and stops with the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Tracing:
    """One per page. ``handler(rows)`` gets what the desk holds after ``after``, then every batch; ``newest`` is the last id seen."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._handlers: list[Callable[[list[dict]], None]] = []
        self.newest = 0
        ctx.link.on("trace", self._take)
        ctx.link.on("again", lambda _message: self._go_on())

    async def follow(self, handler: Callable[[list[dict]], None], after: int = 0) -> None:
        """Begin; raises Refused when the desk sends no lines."""
        if handler not in self._handlers:
            self._handlers.append(handler)
        try:
            answer = await self._ctx.link.ask("trace.follow", after=after)
        except BaseException:
            self.stop(handler)
            raise
        rows = answer["rows"]
        missed = [row for row in rows if row["id"] > self.newest]  # the desk counts these as told: the others have not heard them
        self._remember(rows)
        for other in tuple(self._handlers):
            other(rows if other == handler else missed)

    def _go_on(self) -> None:
        """Another worker is the desk: its lines follow."""
        if self._handlers:
            self._ctx.errors.run("Lines of the desk", self.follow(self._handlers[0], self.newest))

    def stop(self, handler: Callable[[list[dict]], None]) -> None:
        """No more for this one."""
        if handler in self._handlers:
            self._handlers.remove(handler)
            if not self._handlers:
                self._ctx.link.tell("trace.stop")

    def _remember(self, rows: list[dict]) -> None:
        if rows:
            self.newest = max(self.newest, rows[-1]["id"])

    def _take(self, message: dict) -> None:
        self._remember(message["rows"])
        for handler in tuple(self._handlers):
            handler(message["rows"])
