"""Plain `urllib.request`, `urllib3`, `requests` and `pandas.read_csv(url)` over the desk's fetch chain.

What stands in for what: urllib has no sockets in a browser and is given a handler, which is its own way of being extended; pandas uses
urllib. requests is built on urllib3, whose browser support would ask the other site directly and so stop at CORS; its connection
classes are replaced, again by its own hook. pyodide-http, which used to patch all three, is not needed. Answers come whole, and nothing
is repeated that may have had an effect, whatever retries a library was told to make.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from .fetch import FetchFailed, FetchUnknown, Request, Response

Blocking = Callable[[Request], Response]
DEADLINE_S = 60.0
_OF_THE_TRANSPORT = ("host", "connection", "accept-encoding", "user-agent", "content-length", "transfer-encoding")
_OF_THE_PASSAGE = ("content-encoding", "content-length", "transfer-encoding")


def bridge(fetch: Blocking) -> Callable[[], None]:
    """Let all of them fetch through ``fetch``, which waits for its answer. Returns what takes it back.

    urllib3 is bridged if it is there; call again after it has been loaded.
    """
    undo = [_bridge_urllib(fetch)]
    try:
        import urllib3
    except ImportError:
        pass  # not loaded here: there is nothing to bridge
    else:
        undo.append(_bridge_urllib3(fetch, urllib3))

    def take_back() -> None:
        while undo:
            undo.pop()()

    return take_back


def _bridge_urllib(fetch: Blocking) -> Callable[[], None]:
    import urllib.error
    import urllib.request
    import urllib.response
    from email.message import Message

    class ChainHandler(urllib.request.BaseHandler):
        """Opens http and https before urllib's own handlers do."""

        handler_order = 100

        def http_open(self, asked: urllib.request.Request) -> Any:
            """The answer as urllib gives it."""
            timeout = asked.timeout if isinstance(asked.timeout, int | float) else DEADLINE_S
            request = _request(asked.full_url, asked.get_method(), dict(asked.header_items()), asked.data, timeout)
            try:
                answer = fetch(request)
            except FetchFailed as error:
                raise urllib.error.URLError(f"{error.reason} {error.remedy}") from error
            headers = Message()
            for name, value in _headers(answer):
                headers[name] = value
            response = urllib.response.addinfourl(io.BytesIO(answer.body), headers, answer.url, answer.status)
            response.msg = response.reason = _phrase(answer.status)  # type: ignore[attr-defined]
            return response

        https_open = http_open

    before = urllib.request._opener  # type: ignore[attr-defined]
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({}), ChainHandler))
    return lambda: urllib.request.install_opener(before)


def _bridge_urllib3(fetch: Blocking, urllib3: Any) -> Callable[[], None]:
    pools = (urllib3.connectionpool.HTTPConnectionPool, urllib3.connectionpool.HTTPSConnectionPool)
    before = [pool.ConnectionCls for pool in pools]

    class Unknown(urllib3.exceptions.HTTPError):
        """No answer, and the request may have had its effect. urllib3 repeats connection errors, so this is none."""

    class ChainConnection:
        """What urllib3 takes for a connection: one request and its answer at a time, no socket."""

        scheme = "http"
        default_port = 80
        default_socket_options: tuple = ()
        is_verified = is_closed = True
        is_connected = has_connected_to_proxy = False
        proxy_is_verified = proxy = proxy_config = None

        def __init__(self, host: str, port: int | None = None, *, timeout: Any = None, **_options: Any) -> None:
            self.host, self.port, self.timeout = host, port or self.default_port, timeout
            self._answer: Any = None

        def connect(self) -> None:
            """There is nothing to connect."""

        def close(self) -> None:
            """There is nothing to close."""

        def request(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any) -> None:
            """Send, and wait for the answer."""
            host = f"[{self.host}]" if ":" in self.host else self.host
            place = host if self.port == self.default_port else f"{host}:{self.port}"
            whole = url if "://" in url else f"{self.scheme}://{place}{url}"
            timeout = self.timeout if isinstance(self.timeout, int | float) else DEADLINE_S
            try:
                answer = fetch(_request(whole, method, dict(headers or {}), body, timeout))
            except FetchUnknown as error:
                raise Unknown(f"{error.reason} {error.remedy}") from error
            except FetchFailed as error:
                raise urllib3.exceptions.NewConnectionError(self, f"{error.reason} {error.remedy}") from error
            self._answer = urllib3.response.HTTPResponse(
                body=io.BytesIO(answer.body),
                headers=urllib3.HTTPHeaderDict(_headers(answer)),
                status=answer.status,
                reason=_phrase(answer.status),
                version=11,
                version_string="HTTP/1.1",
                preload_content=options.get("preload_content", True),
                decode_content=False,
                request_method=method,
                request_url=url,
            )

        def getresponse(self) -> Any:
            """The answer, once."""
            answer, self._answer = self._answer, None
            return answer

    class SecureChainConnection(ChainConnection):
        """The same for https; certificates are the browser's business."""

        scheme = "https"
        default_port = 443

        def set_cert(self, *_: Any, **__: Any) -> None:
            """Certificates cannot be chosen here."""

    for pool, connection in zip(pools, (ChainConnection, SecureChainConnection), strict=True):
        pool.ConnectionCls = connection

    def undo() -> None:
        for pool, connection in zip(pools, before, strict=True):
            pool.ConnectionCls = connection

    return undo


def _request(url: str, method: str, headers: Mapping[str, Any], body: Any, timeout_s: float) -> Request:
    named = {name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value) for name, value in headers.items()}
    wanted = {name: value for name, value in named.items() if name not in _OF_THE_TRANSPORT}
    return Request(url, method, wanted, _bytes(body), deadline_s=min(max(timeout_s, 0.001), 600.0), stale_ok=False)


def _bytes(body: Any) -> bytes | None:
    """A library's body as bytes: text, bytes, a file or pieces."""
    if body is None:
        return None
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if hasattr(body, "read"):
        return _bytes(body.read())
    if isinstance(body, Iterable):
        return b"".join(_bytes(piece) or b"" for piece in body)
    raise TypeError(f"a body of type {type(body).__name__} cannot be sent")


def _headers(answer: Response) -> list[tuple[str, str]]:
    """The answer's headers as they fit a body that is unpacked and whole."""
    kept = [(name, value) for name, value in answer.headers.items() if name not in _OF_THE_PASSAGE]
    return [*kept, ("content-length", str(len(answer.body))), ("x-kontor-strategy", answer.strategy)]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
