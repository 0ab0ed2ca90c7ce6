"""What the proxy refuses and why: one error type, its codes and the HTTP status each has.

    Refused            carries code, detail (what is wrong) and remedy (what to do), both plain words without secrets
    └── ConfigError    in config.py: the start is refused

An answer made from a refusal always has the header x-kontor-error; an upstream's answer never has it.
"""

from __future__ import annotations

from starlette.responses import JSONResponse

STATUS = {
    "bad_request": 400,
    "bad_url": 400,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_allowed": 403,
    "bad_origin": 403,
    "needs_header": 403,
    "bad_key": 403,
    "private_address": 403,
    "body_too_large": 413,
    "rate_limited": 429,
    "busy": 503,
    "dns": 502,
    "tls": 502,
    "refused": 502,
    "connect_timeout": 504,
    "bad_redirect": 502,
    "reset": 502,
    "bad_answer": 502,
    "too_large": 502,
    "timeout": 504,
}
"""Code to HTTP status. Other parts of the proxy may raise codes of their own with a status of their own."""

MAY_HAVE_ARRIVED = frozenset({"bad_redirect", "reset", "bad_answer", "too_large", "timeout"})
"""With these codes the upstream may have received the request; with all others nothing was sent to it."""


class Refused(Exception):
    """The proxy does not do what was asked. ``retry_after`` is in seconds."""

    def __init__(self, code: str, detail: str, remedy: str = "", *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.remedy, self.retry_after = code, detail, remedy, retry_after
        self.status = status or STATUS.get(code, 400)

    def body(self) -> dict[str, str | bool]:
        """The JSON form."""
        return {"error": self.code, "detail": self.detail, "remedy": self.remedy, "sent": self.code in MAY_HAVE_ARRIVED}

    def headers(self) -> dict[str, str]:
        """The headers of a refusal."""
        more = {} if self.retry_after is None else {"retry-after": str(max(1, round(self.retry_after)))}
        return {"x-kontor-error": self.code, "cache-control": "no-store", "x-content-type-options": "nosniff"} | more

    def response(self) -> JSONResponse:
        """The answer to send."""
        return JSONResponse(self.body(), self.status, self.headers())
