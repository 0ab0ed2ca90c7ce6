"""Other sites for tests of the network: with and without CORS, counted by what really arrived."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CSV = b"symbol,price\nBTCUSDT,64000.5\nETHUSDT,3100.25\n"
JSON = b'{"serverTime": 1700000000000}'
OPEN = {"access-control-allow-origin": "*", "access-control-allow-headers": "*", "access-control-allow-methods": "*"}


class _Peer(BaseHTTPRequestHandler):
    """/open answers anybody; /simple anybody who asks without a preflight; everything else has no CORS. /cut ends without an answer."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # an answer goes out in one piece: nobody waits for an acknowledgement in the middle

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._head(200, b"", {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self._answer()

    def do_OPTIONS(self) -> None:
        self._head(204 if self.path.startswith("/open") else 405, b"", OPEN if self.path.startswith("/open") else {})

    def _answer(self) -> None:
        self.server.hits.append((self.command, self.path, dict(self.headers)))  # type: ignore[attr-defined]
        if self.path.startswith("/cut"):
            self.close_connection = True
            return
        if self.path.startswith("/hang"):
            self.server.let_go.wait(30)  # type: ignore[attr-defined]
        cors = OPEN if self.path.startswith(("/open", "/simple", "/hang")) else {}
        self._head(200, CSV if "csv" in self.path else JSON, cors)

    def _head(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": "text/csv" if "csv" in self.path else "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the browser did not wait for it

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


class Peer:
    """``hits`` are (method, path, headers) of what arrived, preflights aside."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.port = server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def hits(self) -> list[tuple[str, str, dict]]:
        return self._server.hits  # type: ignore[attr-defined]

    def count(self, path: str) -> int:
        """How often a path was really asked for."""
        return sum(1 for _, found, _ in self.hits if found.startswith(path))


@contextmanager
def running_peer() -> Iterator[Peer]:
    """A peer on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Peer)
    server.daemon_threads = True
    server.hits, server.let_go = [], threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Peer(server)
    finally:
        server.let_go.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()
