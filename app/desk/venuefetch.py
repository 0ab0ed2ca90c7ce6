"""HTTP of the venues: directly, and through the desk's fetch chain where the direct way is closed.

A venue's public REST answers pages nearly everywhere, so the chain is only made when a request did not get there at all (CORS, a
blocked host, the policy). An old copy is never good enough: a book built on one would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.platform.errors import FetchError
from app.platform.interfaces import Answer, Fetch

_UNREACHED = "network"


class VenueFetch:
    """The `Fetch` that venues are given. ``chain()`` returns the desk's chain."""

    def __init__(self, direct: Fetch, chain: Callable[[], Any]) -> None:
        self._direct, self._chain = direct, chain

    async def fetch(self, url: str, *, timeout_s: float = 10.0, max_bytes: int = 8_000_000) -> Answer:
        """The whole answer, whatever its status. Raises FetchError."""
        try:
            return await self._direct.fetch(url, timeout_s=timeout_s, max_bytes=max_bytes)
        except FetchError as error:
            if error.reason != _UNREACHED:
                raise
            return await self._by_chain(url, timeout_s, max_bytes, error)

    async def _by_chain(self, url: str, timeout_s: float, max_bytes: int, before: FetchError) -> Answer:
        from app.net.fetch import FetchFailed, Request

        try:
            found = await self._chain().fetch(Request(url, deadline_s=timeout_s, max_bytes=max_bytes, stale_ok=False))
        except FetchFailed as error:
            raise FetchError(f"{before} {error.reason}", _UNREACHED) from error
        try:
            return Answer(found.status, found.body.decode("utf-8"), dict(found.headers))
        except UnicodeDecodeError as error:
            raise FetchError(f"{url} sent a body that is not UTF-8.", "encoding") from error
