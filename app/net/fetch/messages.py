"""Requests, answers and failures of the chain, and the check of an address. Values only; nothing here sends.

    FetchFailed         no answer; nothing happened, or repeating it is harmless
      FetchUnknown      no answer, and the request may have had an effect: it is not repeated
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from . import words

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
READS = ("GET", "HEAD")
CAUSES = (
    *("cors", "mixed_content", "policy", "dns", "tls", "refused", "timeout", "unauthorized", "quota", "not_found", "server"),
    *("too_large", "bad_content", "offline", "proxy_refused", "proxy_down", "unknown"),
)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,8192}")
Outcome = Literal["ok", "failed", "skipped", "cancelled"]
LONGEST_URL = 8_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One strategy's part in a fetch. ``ms`` is how long it took; ``cause`` one of CAUSES where it did not end well."""

    strategy: str
    outcome: Outcome
    ms: float = 0.0
    cause: str | None = None
    detail: str = ""
    status: int | None = None
    bytes: int | None = None

    def sentence(self, host: str) -> str:
        """What happened, in plain words; empty for a success."""
        return words.sentence(self.cause, host, self.detail) if self.cause else ""


@dataclass(frozen=True, slots=True)
class Request:
    """``credentials`` "own": it carries something that belongs to the trader. ``idempotent`` None: GET and HEAD are, others not;
    True says that a POST only reads. ``headers`` have one value a name. ``stale_ok``: an old copy is better than none."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    credentials: Literal["none", "own"] = "none"
    idempotent: bool | None = None
    deadline_s: float = 15.0
    max_bytes: int = 8_000_000
    stale_ok: bool = True

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method in READS if self.idempotent is None else self.idempotent

    @property
    def host(self) -> str:
        """Host with its port, as the learned order is kept by."""
        return host_of(self.url)

    def checked(self) -> Request:
        """The same in normal form. Raises FetchFailed for what cannot be sent, naming the field."""
        method = self.method.upper()
        if method not in METHODS:
            raise FetchFailed("method", f"{self.method[:20]!r} is no method that is sent", f"use one of {', '.join(METHODS)}", field="method")
        if trouble := url_trouble(self.url):
            raise FetchFailed("address", trouble, "give a whole address such as https://host/path", field="url")
        if self.body is not None and method in READS:
            raise FetchFailed("body", f"a {method} request has no body", "use POST, or put it into the address", field="body")
        for name, value in self.headers.items():
            if not name.isascii() or not name or any(char in " :\r\n\0" for char in name) or not _VALUE.fullmatch(value):
                raise FetchFailed("header", f"the header {name[:40]!r} cannot be sent", "leave out line breaks and what is no Latin letter", field="headers")
        if not 0 < self.deadline_s <= 600:
            raise FetchFailed("deadline", f"a deadline of {self.deadline_s} s was asked for", "use more than 0 and at most 600 s", field="deadline_s")
        return replace(self, method=method, headers={name.lower(): value for name, value in self.headers.items()})


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of any status. ``stale_s`` is the age of a copy, None for a fresh answer; ``ms`` counts from the request."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    strategy: str
    ms: float
    attempts: tuple[Attempt, ...] = ()
    stale_s: float | None = None

    @property
    def ok(self) -> bool:
        """A status of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def cause(self) -> str | None:
        """Why this is not the answer that was hoped for: unauthorized, quota, not_found, server, or None."""
        return cause_of(self.status)


class FetchFailed(Exception):
    """No answer came. ``reason`` is a sentence, ``remedy`` what to do, ``attempts`` what was tried."""

    code = "fetch_failed"
    kept = "Nothing that was stored is changed."

    def __init__(self, cause: str, reason: str, remedy: str, attempts: tuple[Attempt, ...] = (), field: str | None = None) -> None:
        super().__init__(reason)
        self.cause, self.reason, self.remedy, self.attempts, self.field = cause, reason, remedy, attempts, field


class FetchUnknown(FetchFailed):
    """No answer came and the request may have had its effect. It was sent once and is not repeated."""

    code = "fetch_unknown"


def cause_of(status: int) -> str | None:
    """What a status means to somebody who wanted the content."""
    if status in (401, 403, 407, 451):
        return "unauthorized"
    if status in (404, 410):
        return "not_found"
    if status in (418, 429):
        return "quota"
    return "server" if status >= 500 else None


def host_of(url: str) -> str:
    """Host and, where given, port; without user and password, in lower case."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def shown(url: str) -> str:
    """Host and path of an address: its query may hold what is nobody's business."""
    parts = urlsplit(url)
    return f"{host_of(url)}{parts.path}"


def url_trouble(url: str) -> str:
    """Why this cannot be fetched, or an empty text."""
    if len(url) > LONGEST_URL:
        return f"the address has {len(url)} characters and {LONGEST_URL} are allowed"
    if any(ord(char) <= 32 or ord(char) == 127 or char in "\\<>\"" for char in url):
        return "the address holds a space, a control character or a backslash"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"the address cannot be read: {error}"
    if parts.scheme not in ("http", "https"):
        return "the address has to start with https:// or http://"
    if not host or port == 0 or parts.netloc.endswith(":"):
        return "the address names no host, or no usable port"
    if "@" in parts.netloc:
        return "the address holds a user or password, which is never sent"
    return ""
