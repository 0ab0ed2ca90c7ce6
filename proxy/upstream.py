"""The way out: one request to an upstream, with everything checked, cleaned, bounded and timed.

Both the forwarding forms and the tunnel ask here, so both have the same rules. Request headers are built from empty, response headers
are those of a list; redirects are followed one checked hop at a time, without credentials when they leave the origin; bodies are
counted as received and as they would be when decompressed. A request that is no reading is sent once and never again.
"""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from .config import METHODS, Config, Limits, Rule
from .errors import Refused
from .guard import Target, guarded_connector, match_rule, parse_target
from .limiting import Limiter
from .observe import Observer

Headers = list[tuple[str, str]]

_ASKED = frozenset({"accept", "accept-language", "cache-control", "content-type", "if-match", "if-modified-since", "if-none-match", "if-range", "range"})
_ANSWERED = re.compile(
    r"accept-ranges|age|cache-control|content-(disposition|encoding|language|length|range|type)|date|etag|expires|last-modified|retry-after|cb-.*|ratelimit.*|x-.*"
)
_NOT_ANSWERED = re.compile(r"x-(kontor|accel|sendfile|sourcemap|frame|dns|xss|permitted|content|webkit|robots|ua)\b.*")
_ACTIVE = re.compile(r"\s*(text/html|image/svg|[a-z]+/([a-z.+-]*\+)?xml|application/xhtml|text/xsl|application/pdf)", re.IGNORECASE)
_MARK = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "vary": "origin, accept-encoding",
}
_CHARSET = re.compile(r"us-ascii|utf-(16|32)([bl]e)?|iso-8859-\d{1,2}|windows-125\d|shift_jis|euc-(jp|kr)|gb2312|gbk|gb18030|big5|koi8-[ru]")
_FREE = 2**16  # bytes that may come out of a decompression whatever the ratio


@dataclass(slots=True)
class Call:
    """What a reader asks for. Header names are in lower case; ``session`` is whom limits count."""

    form: str
    session: str
    method: str
    url: str
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None = None


class Bound:
    """Counts a body, and what it would be decompressed, against the limits of a rule."""

    def __init__(self, rule: Rule, limits: Limits, gzip: bool) -> None:
        self._most, self._ratio = rule.max_bytes, limits.ratio
        self._unpack = zlib.decompressobj(31) if gzip else None
        self.received = self.plain = 0

    def feed(self, data: bytes) -> bytes:
        """The plain form of ``data``; `Refused` as soon as there is too much."""
        self.received += len(data)
        return b"".join(self._plain(data))

    def _plain(self, data: bytes) -> Iterable[bytes]:
        while data:
            if self._unpack is None:
                piece, data = data, b""
            else:
                try:
                    piece = self._unpack.decompress(data, 2**18)
                except zlib.error as error:
                    raise Refused("bad_answer", "The upstream's gzip is damaged.", "Try again; if it stays, ask the upstream.") from error
                data = self._unpack.unconsumed_tail
                if self._unpack.eof:
                    data, self._unpack = self._unpack.unused_data, zlib.decompressobj(31) if self._unpack.unused_data else self._unpack
            self.plain += len(piece)
            if self.plain > self._most or (self._unpack is not None and self.plain > max(_FREE, self.received * self._ratio)):
                raise too_large(self._most)
            yield piece

    def end(self) -> None:
        """`Refused` when the gzip is cut off."""
        if self._unpack is not None and self.received and not self._unpack.eof:
            raise Refused("bad_answer", "The upstream's gzip ends too early.", "Try again.")


def too_large(most: int) -> Refused:
    """The refusal of an answer with more than ``most`` bytes."""
    return Refused("too_large", f"The answer has more than {most} bytes, decompressed.", "Ask for less, or raise max_bytes of the rule.")


class Answer:
    """An upstream's answer whose body is still coming."""

    def __init__(self, response: aiohttp.ClientResponse, target: Target, rule: Rule, limits: Limits, ms: float, private: bool) -> None:
        self.status, self.target, self.ms = response.status, target, ms
        self._response, self._private = response, private
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "x-gzip", ""):
            raise Refused("bad_answer", f"The upstream encoded its answer as {coding[:40]!r}, which nobody asked for.", "Try again without it.")
        self.gzip = coding in ("gzip", "x-gzip")
        self.bound = Bound(rule, limits, self.gzip)
        if (response.content_length or 0) > rule.max_bytes and response.method != "HEAD":
            raise too_large(rule.max_bytes)

    def headers(self, plain: bool) -> Headers:
        """The cleaned headers and the proxy's own; ``plain`` when the body is handed on decompressed."""
        drop = ("content-encoding", "content-length") if plain and self.gzip else ()
        found = [
            (name, value)
            for name, value in ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._response.raw_headers)
            if _ANSWERED.fullmatch(name) and not _NOT_ANSWERED.fullmatch(name) and name not in drop
        ]
        kind = self._response.headers.get("content-type", "")
        if not kind:
            found.append(("content-type", "application/octet-stream"))
        if _ACTIVE.match(kind):
            found = [(name, value) for name, value in found if name != "content-disposition"] + [("content-disposition", "attachment")]
        if self._private:
            found = [(name, value) for name, value in found if name != "cache-control"] + [("cache-control", "no-store")]
        return [*found, *_MARK.items(), ("x-kontor-url", self.target.shown), ("x-kontor-ms", f"{self.ms:.1f}")]

    @property
    def kind(self) -> str:
        """The content type as received."""
        return self._response.headers.get("content-type", "")

    @property
    def charset(self) -> str:
        """The charset the content type names when it is one of texts, else UTF-8. Codecs may also be slow or do something else."""
        named = (self._response.charset or "").lower()
        return named if _CHARSET.fullmatch(named) else "utf-8"

    @property
    def whole(self) -> bool:
        """Whether nothing more will come."""
        return self._response.content.at_eof()

    async def chunks(self, plain: bool) -> AsyncIterator[bytes]:
        """The body as it comes, as received or ``plain``; `Refused` when it is too much or breaks off."""
        async for chunk in self._response.content.iter_any():
            unpacked = self.bound.feed(chunk)
            yield unpacked if plain else chunk
        self.bound.end()

    async def read(self) -> bytes:
        """The whole body, plain."""
        return b"".join([chunk async for chunk in self.chunks(True)])


class Upstream:
    """Sends calls. ``start`` and ``close`` belong to the application's life."""

    def __init__(self, config: Config, limiter: Limiter, observer: Observer) -> None:
        self._config, self._limiter, self._observer = config, limiter, observer
        self.session: aiohttp.ClientSession
        self.writing: aiohttp.ClientSession  # for requests that may have an effect: never sent twice

    async def start(self) -> None:
        """Make the sessions, in the running loop."""
        limits = self._config.limits
        fixed: dict[str, Any] = {
            "connector": guarded_connector(self._config),
            "cookie_jar": aiohttp.DummyCookieJar(),
            "auto_decompress": False,
            "trust_env": False,
            "requote_redirect_url": False,
            "skip_auto_headers": ("user-agent", "content-type"),
            "max_line_size": limits.header_bytes,
            "max_field_size": limits.header_bytes,
            "timeout": aiohttp.ClientTimeout(total=None, connect=limits.connect_s, sock_read=limits.first_byte_s),
        }
        self.session = aiohttp.ClientSession(**fixed)
        # aiohttp repeats PUT and DELETE when a kept connection turns out closed; here that is for readers to decide.
        self.writing = aiohttp.ClientSession(**fixed, connector_owner=False)
        self.writing._retry_connection = False

    async def close(self) -> None:
        """Close every connection."""
        await self.writing.close()
        await self.session.close()

    @asynccontextmanager
    async def send(self, call: Call) -> AsyncIterator[Answer]:
        """The answer to ``call``, or `Refused`. Leaving the block early ends the request at the upstream too."""
        with self._observer.request(call.form, method=call.method, host="") as line:
            target = parse_target(call.url)
            if target.scheme not in ("http", "https"):
                raise Refused("bad_request", "Only http and https are fetched.", "Sockets go through a relay.")
            if call.method not in METHODS:
                raise Refused("method_not_allowed", f"{call.method} is not passed on.", f"Use {', '.join(METHODS)}.")
            line["host"] = target.host
            rule = match_rule(self._config, target, call.method)
            line["rule"] = rule.name
            limits = self._config.limits
            with self._limiter.slot(call.session, target.host):
                self._limiter.take(call.session, target.host, rule)
                try:
                    async with asyncio.timeout(limits.stream_s if rule.stream else limits.total_s):
                        answer, response = await self._ask(call, target, rule)
                        line["outcome"] = answer.status
                        try:
                            yield answer
                        finally:
                            line["bytes"] = answer.bound.received
                            response.close()
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    raise refusal(error, target) from error

    async def _ask(self, call: Call, target: Target, rule: Rule) -> tuple[Answer, aiohttp.ClientResponse]:
        started = time.perf_counter()
        method, body, asked = call.method, call.body, call.headers
        for hop in range(self._config.limits.redirects + 1):
            headers, private = clean(asked, rule)
            session = self.session if method in ("GET", "HEAD") else self.writing
            response = await session.request(method, URL(target.url, encoded=True), headers=headers, data=body, allow_redirects=False)
            try:
                self._check(response, call, target, private)
                location = response.headers.get("location") if response.status in (301, 302, 303, 307, 308) else None
                if location is None:
                    if response.connection is not None and response.connection.protocol is not None:
                        response.connection.protocol.read_timeout = self._config.limits.idle_s
                    return Answer(response, target, rule, self._config.limits, (time.perf_counter() - started) * 1000, private), response
                if response.status <= 303 and method not in ("GET", "HEAD"):
                    method, body, asked = "GET", None, [(name, value) for name, value in asked if name != "content-type"]
                there, rule = self._next(target, location, method, body, hop)
            except BaseException:
                response.close()
                raise
            response.close()
            if there.origin != target.origin:
                asked = [(name, value) for name, value in asked if name in _ASKED or name == "accept-encoding"]
            target = there
        raise AssertionError("the last hop returns or raises")  # pragma: no cover

    def _check(self, response: aiohttp.ClientResponse, call: Call, target: Target, private: bool) -> None:
        if response.status < 200 or sum(len(name) + len(value) for name, value in response.raw_headers) > self._config.limits.header_bytes:
            raise Refused("bad_answer", "The upstream's answer has no usable head.", "Try again; if it stays, ask the upstream.")
        if response.status in (418, 429, 503):
            # A limit of one account concerns this session, one of the address everybody.
            self._limiter.heed(call.session if private else "", target.host, response.headers.get("retry-after"))

    def _next(self, target: Target, location: str, method: str, body: object, hop: int) -> tuple[Target, Rule]:
        try:
            if hop == self._config.limits.redirects:
                raise Refused("bad_redirect", f"there are more than {hop} redirects.")
            if not isinstance(body, bytes | None):
                raise Refused("bad_redirect", "an upload would have to be sent again.")
            try:
                there = parse_target(urljoin(target.url, location.partition("#")[0]))
            except ValueError as error:
                raise Refused("bad_redirect", "its address cannot be read.") from error
            if there.scheme not in ("http", "https") or (target.scheme, there.scheme) == ("https", "http"):
                raise Refused("bad_redirect", f"{target.scheme} would go on as {there.scheme}.")
            return there, match_rule(self._config, there, method)
        except Refused as error:
            detail = f"{target.host} redirects where this proxy does not go: {error.detail}"
            raise Refused("bad_redirect", detail, error.remedy or "Ask for the address it redirects to.") from error


def clean(headers: Headers, rule: Rule) -> tuple[dict[str, str], bool]:
    """The headers to send, from empty, and whether there is a credential among them."""
    named = {token.strip().lower() for name, value in headers if name == "connection" for token in value.split(",")}
    credentials = {*rule.request_headers, *(("authorization",) if rule.authorization else ())}
    allowed = (_ASKED | credentials) - named
    found = {name: value for name, value in headers if name in allowed}
    gzip = any(name == "accept-encoding" and "gzip" in value for name, value in headers)
    return {"user-agent": "kontor-proxy", "accept": "*/*"} | found | {"accept-encoding": "gzip" if gzip else "identity"}, not credentials.isdisjoint(found)


def refusal(error: Exception, target: Target) -> Refused:
    """What an error on the way means to the reader."""
    host = target.host
    inner = getattr(error, "os_error", None)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return Refused("connect_timeout", f"{host} did not take the connection in time.", "Try again later.")
        case TimeoutError():
            return Refused("timeout", f"{host} took too long to answer.", "Try again; a request that changes something may have arrived.")
        case aiohttp.ClientConnectorDNSError():
            return Refused("dns", f"The name {host} was not found.", "Check the name.")
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return Refused("tls", f"{host} did not show a certificate that can be trusted.", "Check the address and the computer's clock.")
        case aiohttp.ClientConnectorError() if isinstance(inner, PermissionError):
            return Refused("private_address", f"{host} is not on the open internet.", "Only public hosts are reached.")
        case aiohttp.ClientConnectorError():
            return Refused("refused", f"{host} does not take connections on port {target.port}.", "Check the port; try again later.")
        case aiohttp.ClientResponseError():
            return Refused("bad_answer", f"{host} does not answer in HTTP.", "Check the address.")
    return Refused("reset", f"{host} broke the connection off.", "Try again; a request that changes something may have arrived.")
