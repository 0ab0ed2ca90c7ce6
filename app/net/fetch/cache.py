"""The last good copy of what was read: the answer of last resort, always marked with its age.

In memory, bounded in bytes; what the server called private, and what was asked for with credentials, is never kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from app.platform.interfaces import Clock

from .messages import Request

MOST_BYTES = 16_000_000
_LARGEST = 2_000_000
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Copy:
    """A kept answer; ``kept_ns`` on the monotonic clock."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    kept_ns: int

    def age_s(self, clock: Clock) -> float:
        """How old it is, in seconds."""
        return (clock.monotonic_ns() - self.kept_ns) / _NS


class Copies:
    """Copies by address and wanted type, the least recently kept ones dropped first."""

    def __init__(self, clock: Clock, most_bytes: int = MOST_BYTES) -> None:
        self._clock, self._most = clock, most_bytes
        self._copies: OrderedDict[tuple[str, str], Copy] = OrderedDict()
        self._size = 0

    def keep(self, request: Request, status: int, headers: Mapping[str, str], body: bytes, url: str) -> None:
        """Keep a good answer to a plain GET, if it may be kept."""
        control = headers.get("cache-control", "").lower()
        if request.method != "GET" or status != 200 or "no-store" in control or "private" in control or len(body) > _LARGEST:
            return
        self.drop(request)
        self._copies[_key(request)] = Copy(status, dict(headers), body, url, self._clock.monotonic_ns())
        self._size += len(body)
        while self._size > self._most:
            _, old = self._copies.popitem(last=False)
            self._size -= len(old.body)

    def find(self, request: Request) -> Copy | None:
        """The copy for this request, if there is one."""
        return self._copies.get(_key(request))

    def drop(self, request: Request) -> None:
        """Forget the copy for this request."""
        old = self._copies.pop(_key(request), None)
        if old is not None:
            self._size -= len(old.body)


def _key(request: Request) -> tuple[str, str]:
    return request.url, request.headers.get("accept", "")
