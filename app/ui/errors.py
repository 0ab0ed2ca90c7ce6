"""Errors of the page itself: kept, counted, shown on the health page. Nothing that goes wrong here is silent.

Failures of orders and of the venue belong to the desk worker; this is for the page's own Python and JavaScript.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from js import window

from .dom import listen
from .link import Refused

_KEEP = 50


class ErrorLog:
    """The last errors, newest last: dicts with ``ts`` (ns UTC), ``where`` and ``text``."""

    def __init__(self, toasts: Any) -> None:
        self.rows: list[dict] = []
        self.count = 0
        self._toasts = toasts
        self._tasks: set[asyncio.Task] = set()
        listen(window, "error", lambda event: self.add("page", event.message or "an error without words"))
        listen(window, "unhandledrejection", lambda event: self.add("page", str(event.reason)))

    def add(self, where: str, text: str) -> None:
        """Keep an error; ``where`` is the view or step it happened in."""
        self.count += 1
        if self.rows and self.rows[-1]["text"] == text[:500]:
            self.rows[-1]["ts"] = time.time_ns()
            return
        self.rows.append({"ts": time.time_ns(), "where": where, "text": text[:500]})
        del self.rows[:-_KEEP]
        print(f"{where}: {text}", file=sys.stderr)

    def run(self, where: str, work: Coroutine, refused: Callable[[Refused], None] | None = None) -> asyncio.Task:
        """Run a coroutine; a Refused goes to ``refused`` (default: a toast), anything else is kept and shown.

        It begins at once, up to its first wait: what a press sends is on its way before the browser draws another frame.
        """

        async def guarded() -> None:
            try:
                await work
            except Refused as error:
                (refused or self._toasts.refused)(error)
            except Exception as error:  # the task is the last one who could tell
                self.add(where, f"{type(error).__name__}: {error}")
                self._toasts.show("error", f"{where}: {error}. Nothing was sent twice; see Health.", type(error).__name__)

        task = asyncio.Task(guarded(), loop=asyncio.get_running_loop(), eager_start=True)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
