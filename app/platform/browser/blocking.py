"""Waiting for something asynchronous from plain code, as notebooks and libraries expect it.

Works where the browser can suspend Python (JSPI), which all current ones can when the code was itself started asynchronously. The
thread's other work goes on meanwhile. Elsewhere the error says what to write instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pyodide.ffi import can_run_sync, run_sync

from app.platform.errors import PlatformError

T = TypeVar("T")


class CannotWait(PlatformError):
    """Plain code cannot wait here."""

    code = "cannot-wait"
    remedy = "Write `await desk.fetch(...)`, or use a browser of this year."


def blocking(work: Callable[..., Awaitable[T]]) -> Callable[..., T]:
    """``work`` as a plain function. Calling it raises CannotWait where Python cannot be suspended."""

    def wait(*arguments: Any, **named: Any) -> T:
        if not can_run_sync():
            raise CannotWait("This browser cannot hold Python up while an answer is on its way.")
        result: T = run_sync(work(*arguments, **named))
        return result

    return wait
