"""The four forms of forwarding over HTTP: Kontor's own, AllOrigins, CORSProxy and CORS.SH.

They differ in where the address stands and who may ask without x-kontor; what happens to the request is the same (upstream.py).
Bodies stream both ways. A reader that leaves ends the request at the upstream. An answer that turns out too large or broken after it
has begun is cut off, so that nobody takes a part for the whole.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
from collections.abc import AsyncIterator
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from .access import Access, identity
from .config import Config
from .errors import Refused
from .observe import Observer
from .upstream import Answer, Call, Upstream

FORMS = ("native", "allorigins", "allorigins-raw", "corsproxy", "cors.sh")
_SMALL = 2**16  # a body up to this size is taken in before the upstream is asked
_PATH_FORM = re.compile(rb"/(https?)(?::|%3a)(?:/|%2f){1,2}(.*)", re.IGNORECASE | re.DOTALL)
_QUERY_FORM = re.compile(rb"https?(:|%3a)", re.IGNORECASE)


def path_form(scope: Scope) -> bool:
    """Whether the path is an address, as in /https://host/path (CORS.SH); some servers on the way merge the slashes."""
    return _PATH_FORM.fullmatch(scope["raw_path"]) is not None


def query_form(scope: Scope) -> bool:
    """Whether the root's query is an address, as in /?url=... and /?https://... (CORSProxy)."""
    return scope["path"] == "/" and (scope["query_string"].startswith(b"url=") or _QUERY_FORM.match(scope["query_string"]) is not None)


def _decoded(raw: bytes) -> str:
    try:
        return unquote(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError as error:
        raise Refused("bad_url", "The address is not ASCII or UTF-8 in percent form.", "Encode it with encodeURIComponent.") from error


def _parameter(query: bytes) -> str:
    found = [part[4:] for part in query.split(b"&") if part.startswith(b"url=")]
    if len(found) != 1:
        raise Refused("bad_request", "The parameter url has to be there once.", "Write ?url= and the address, encoded with encodeURIComponent.")
    if b"callback=" in query:
        raise Refused("bad_request", "JSONP is not served: it is a script.", "Leave the parameter callback out and fetch JSON.")
    return _decoded(found[0])


def address(form: str, scope: Scope) -> str:
    """The address asked for in ``form``, or `Refused`."""
    query: bytes = scope["query_string"]
    if form == "cors.sh":
        found = _PATH_FORM.fullmatch(scope["raw_path"])
        assert found is not None
        scheme, rest = found.groups()
        text = (scheme + b"://" + rest).decode("ascii", "replace") + ("?" + query.decode("ascii", "replace") if query else "")
        return _decoded(text.encode()) if b":/" not in scope["raw_path"] else text
    if form == "corsproxy" and not query.startswith(b"url="):
        return query.decode("ascii", "replace") if b":" in query.partition(b"%")[0] else _decoded(query)
    return _parameter(query)


class Reader:
    """Who asks: takes the body in, and tells when the asking side is gone."""

    def __init__(self, receive: Receive, leave: asyncio.Timeout, most: int) -> None:
        self._receive, self._leave, self._most = receive, leave, most
        self._taken = asyncio.Event()
        self.problem: Refused | None = None  # what was wrong with an upload on its way

    async def body(self, request: Request) -> bytes | AsyncIterator[bytes] | None:
        """The body: at once when it is small, else as it comes."""
        length = request.headers.get("content-length")
        if len(request.headers.getlist("content-length")) > 1 or (length and "transfer-encoding" in request.headers):
            raise Refused("bad_request", "The length of the body is told twice.", "Send Content-Length once or Transfer-Encoding.")
        if length and int(length) > self._most:
            raise self._too_large()
        if (length and int(length) > _SMALL) or "transfer-encoding" in request.headers:
            return self._stream()
        data = b"".join([chunk async for chunk in self._stream()])
        return data or None

    async def _stream(self) -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone()
                await asyncio.Event().wait()
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > self._most:
                self.problem = self._too_large()
                raise self.problem
            if chunk:
                yield chunk
        self._taken.set()

    def _too_large(self) -> Refused:
        return Refused("body_too_large", f"A request's body may have {self._most} bytes.", "Send less at once.")

    def _gone(self) -> None:
        self._leave.reschedule(0)

    async def watch(self) -> None:
        """End the block as soon as the reader is gone."""
        await self._taken.wait()
        await self._receive()  # after the whole body there is only one message left: http.disconnect
        self._gone()


class Forward:
    """An ASGI endpoint for one form."""

    def __init__(self, form: str, config: Config, access: Access, upstream: Upstream, observer: Observer) -> None:
        self._form, self._config, self._access, self._upstream, self._observer = form, config, access, upstream, observer
        self._key = config.secret(config.key_env)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one request. A refusal before the answer has begun is an answer of its own."""
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(None) as leave:
                request = Request(scope)
                self._allow(request)
                reader = Reader(receive, leave, self._config.limits.request_bytes)
                url = address(self._form, scope)
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
                call = Call(self._form, identity(request), scope["method"], url, headers, await reader.body(request))
                watcher = asyncio.create_task(reader.watch())
                try:
                    async with self._upstream.send(call) as found:
                        await (_envelope(found, answer) if self._form == "allorigins" else _stream(found, request, answer))
                except Refused as error:
                    raise reader.problem or error from error
                finally:
                    watcher.cancel()
        except Refused as error:
            response = self._observer.refuse(error)
            if not begun:
                await response(scope, receive, send)
        except TimeoutError:
            pass  # the reader is gone: nobody is left to answer

    def _allow(self, request: Request) -> None:
        if self._form == "native":
            self._access.act(request)
        else:
            self._access.compatible(request)
        if self._form.startswith("allorigins") and request.method not in ("GET", "HEAD"):
            raise Refused("method_not_allowed", "This form is for reading.", "Use /api/fetch.")
        if self._form == "cors.sh" and self._key and not hmac.compare_digest(self._key.encode(), request.headers.get("x-cors-api-key", "").encode()):
            raise Refused("bad_key", "The header x-cors-api-key is missing or wrong.", "Send the key of this proxy.")


async def _stream(found: Answer, request: Request, send: Send) -> None:
    plain = found.gzip and "gzip" not in request.headers.get("accept-encoding", "")
    chunks = found.chunks(plain)
    first = await anext(chunks, b"")  # what is wrong from the start can still be answered
    headers = [(name.encode(), value.encode("latin-1")) for name, value in found.headers(plain)]
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    if not found.whole:
        await send({"type": "http.response.body", "body": first, "more_body": True})
        first = b""
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": first + chunk, "more_body": True})
        first = b""
    await send({"type": "http.response.body", "body": first})


async def _envelope(found: Answer, send: Send) -> None:
    """AllOrigins: the body as text in JSON, with what came with it."""
    body = await found.read()
    try:
        contents = body.decode(found.charset)
    except (UnicodeError, LookupError):  # LookupError: a charset of the right form that does not exist
        contents = f"data:{found.kind or 'application/octet-stream'};base64,{base64.b64encode(body).decode()}"
    status = {
        "url": found.target.url,
        "content_type": found.kind,
        "http_code": found.status,
        "response_time": round(found.ms),
        "content_length": len(body),
    }
    kept = {name: value for name, value in found.headers(True) if name not in ("content-type", "content-disposition", "content-range", "etag")}
    kept |= {"content-type": "application/json", "cache-control": "no-store"}
    text = json.dumps({"contents": contents, "status": status}).encode()
    headers = [(name.encode(), value.encode("latin-1")) for name, value in (kept | {"content-length": str(len(text))}).items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
