"""One call of a sign-in endpoint: what came with it, what was done, and the cookies that go with the answer.

Owns reading the small JSON body and the naming of the sign-in's cookies. Decides nothing about sign-in.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .errors import Refused
from .providers import Provider
from .sealing import Sealer, Unsealed, cookie_name, set_cookie

MAX_BODY = 32 * 1024


class Steps(list[dict[str, Any]]):
    """What was done, in order: name, milliseconds, outcome (``ok`` or an error's code) and a detail in plain words."""

    @contextmanager
    def step(self, name: str, detail: str = "") -> Iterator[dict[str, Any]]:
        """Time one step; its entry may be given a better ``detail`` while it runs."""
        entry = {"name": name, "ms": 0.0, "outcome": "ok", "detail": detail}
        self.append(entry)
        started = time.perf_counter()
        try:
            yield entry
        except Refused as error:
            entry["outcome"], entry["detail"] = error.code, error.detail
            raise
        except BaseException as error:  # recorded, and passed on
            entry["outcome"] = "timeout" if isinstance(error, asyncio.CancelledError) else "failed"
            raise
        finally:
            entry["ms"] = round((time.perf_counter() - started) * 1000, 1)

    def note(self, name: str, detail: str) -> None:
        """A step that took no time."""
        self.append({"name": name, "ms": 0.0, "outcome": "ok", "detail": detail})


class Call:
    """A request to an endpoint of ``provider``; ``home`` is the desk's own origin."""

    def __init__(self, request: Request, provider: Provider, home: str) -> None:
        self.request, self.provider, self.home = request, provider, home
        self.body: dict[str, str] = {}
        self.steps = Steps()
        self.transaction = f"kontor-tx-{provider.id}-"  # what the names of its transaction cookies begin with
        self.renewal = f"kontor-refresh-{provider.id}"  # the name of its refresh cookie
        self._secure = home.startswith("https:")
        self._lines: list[str] = []

    def keep(self, name: str, value: str, seconds: float, same_site: str = "Strict") -> None:
        """Set a cookie; 0 seconds deletes it. Raises Refused when browsers would drop it for its size."""
        try:
            self._lines.append(set_cookie(name, value, secure=self._secure, max_age=int(seconds), same_site=same_site))
        except ValueError as error:
            remedy = 'Ask for fewer scopes, or set keep_refresh = "vault" for this provider.'
            raise Refused("too_large", f"What {self.provider.name} sent is too long to keep: {error}.", remedy) from error

    def answer(self, response: Response) -> Response:
        """The response with the cookies."""
        for line in self._lines:
            response.headers.append("set-cookie", line)
        return response

    def cookie(self, name: str) -> str:
        """A cookie's value by its plain name, or an empty text."""
        return self.request.cookies.get(cookie_name(name, self._secure), "")

    def transactions(self, sealer: Sealer) -> dict[str, dict[str, Any]]:
        """This browser's open transactions at the provider, by plain cookie name, oldest first. Those that ended are deleted."""
        prefix = cookie_name(self.transaction, self._secure)
        found = {}
        for name, value in self.request.cookies.items():
            if re.fullmatch(re.escape(prefix) + r"[\w-]{8}", name):
                plain = self.transaction + name.removeprefix(prefix)
                try:
                    found[plain] = sealer.open(self.transaction, value)
                except Unsealed:
                    self.keep(plain, "", 0, "Lax")
        return dict(sorted(found.items(), key=lambda item: item[1]["exp"]))

    async def read(self) -> None:
        """Read the body into ``body``: a JSON object of texts. Raises Refused."""
        raw = b""
        async for chunk in self.request.stream():
            raw += chunk
            if len(raw) > MAX_BODY:
                raise Refused("body_too_large", "The body is longer than 32 KiB.", "Send the fields of the API only.")
        try:
            body = json.loads(raw or b"{}")
        except (ValueError, RecursionError) as error:
            raise Refused("bad_request", "The body is not JSON.", "Send a JSON object.") from error
        if not isinstance(body, dict) or not all(value is None or (isinstance(value, str) and re.fullmatch("[ -~]*", value)) for value in body.values()):
            raise Refused("bad_request", "The body is not a JSON object of texts in plain ASCII.", "Send a JSON object.")
        self.body = {name: value for name, value in body.items() if value is not None}
