"""A peer on loopback that answers wrongly in every way a peer can, and remembers what reached it.

Raw on purpose: an HTTP library would not let it lie. The path says what happens; see the functions below.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Hit:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


Act = Callable[[Hit, asyncio.StreamWriter, "Peer"], Awaitable[None]]


@dataclass
class Peer:
    """``connections`` counts accepted connections; ``left`` is set when a reader leaves an endless answer."""

    port: int = 0
    hits: list[Hit] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """An address at this peer."""
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept open between requests that end well."""
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ", 2)
                headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
                parts = urlsplit(target)
                hit = Hit(method, parts.path, parts.query, headers, b"")
                hit.body = await _body(reader, hit)
                self.hits.append(hit)
                name, _, hit.path_rest = parts.path.removeprefix("/").partition("/")
                await ACTS.get(name, echo)(hit, writer, self)
                await writer.drain()
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):  # ValueError: a chunk that is none
            self.left.set()
        finally:
            writer.close()


async def _body(reader: asyncio.StreamReader, hit: Hit) -> bytes:
    if hit["transfer-encoding"] == "chunked":
        data = b""
        while size := int(await reader.readline(), 16):
            data += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return data
    return await reader.readexactly(int(hit["content-length"] or 0))


def head(status: int = 200, length: int | None = None, **headers: str) -> bytes:
    """The head of an answer; underscores in names stand for dashes."""
    lines = [f"HTTP/1.1 {status} Whatever"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def echo(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """What arrived, as JSON."""
    body = json.dumps({"method": hit.method, "path": hit.path, "query": hit.query, "headers": hit.headers, "body": hit.body.decode("latin-1")}).encode()
    writer.write(head(length=len(body), Content_Type="application/json") + (b"" if hit.method == "HEAD" else body))


async def bytes_(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/bytes/N."""
    size = int(hit.path_rest)
    writer.write(head(length=size, Content_Type="application/octet-stream") + b"x" * (0 if hit.method == "HEAD" else size))


async def status(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/status/N, with Retry-After as the query says."""
    code = int(hit.path_rest)
    more = {"Retry_After": unquote(hit.query)} if hit.query else {}
    body = b"" if code in (204, 304) else b"{}"
    writer.write(head(code, len(body) if body else None, Content_Type="application/json", **more) + body)


async def nasty(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/nasty: every header that must not be handed on, with the content type of the query."""
    names = "Set-Cookie Set-Cookie2 Content-Security-Policy Strict-Transport-Security Alt-Svc Clear-Site-Data Service-Worker-Allowed Refresh Link Location \
        Access-Control-Allow-Origin Access-Control-Allow-Credentials Report-To NEL X-Kontor-Url X-Kontor-Error X-Frame-Options X-SourceMap SourceMap Via \
        WWW-Authenticate Proxy-Authenticate Cross-Origin-Resource-Policy Permissions-Policy Origin-Agent-Cluster Keep-Alive Upgrade Trailer X-XSS-Protection"
    lines = {name.replace("-", "_"): "evil=1" for name in names.split()}
    kind = {"Content_Type": hit.query} if hit.query else {}
    writer.write(head(200, 2, **lines, **kind, X_RateLimit_Remaining="7", ETag='"a"', Cache_Control="max-age=9", Content_Disposition="inline") + b"{}")


async def silent(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/silent: never a byte."""
    peer.begun.set()
    await peer.go_on.wait()


async def trickle(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/trickle: a byte now and then, for ever."""
    writer.write(head(Transfer_Encoding="chunked"))
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def stall(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/stall: half of the body, then nothing until ``go_on``."""
    writer.write(head(length=10, Content_Type="text/plain") + b"first")
    await writer.drain()
    peer.begun.set()
    await peer.go_on.wait()
    writer.write(b"later")


async def endless(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/endless: as much as the other side takes."""
    writer.write(head(Transfer_Encoding="chunked", Content_Type="application/octet-stream"))
    piece = b"x" * 16384
    while True:
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await writer.drain()
        peer.begun.set()


async def reset(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/reset: RST before an answer; /reset/later: in the middle of one."""
    if hit.path_rest:
        writer.write(head(length=100) + b"some")
        await writer.drain()
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def half_close(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/half-close: the sending side ends in the middle, the other stays open."""
    writer.write(head(length=100) + b"some")
    writer.write_eof()
    await peer.go_on.wait()


async def short(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/short: promises more than it sends."""
    writer.write(head(length=1000) + b"x" * 10)
    writer.close()


async def long(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/long: sends more than it promised."""
    writer.write(head(length=4) + b"four" + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    writer.close()


async def raw(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/raw/NAME: heads and bodies that are not HTTP."""
    writer.write(RAW[hit.path_rest])
    writer.close()


async def packed(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/packed/NAME: bodies that say they are compressed."""
    coding, body = PACKED[hit.path_rest]
    writer.write(head(length=len(body), Content_Encoding=coding, Content_Type="text/plain") + body)


async def redirect(hit: Hit, writer: asyncio.StreamWriter, peer: Peer) -> None:
    """/redirect/STATUS?to=ADDRESS."""
    to = parse_qs(hit.query)["to"][0]
    writer.write(head(int(hit.path_rest), 0, Location=to))


RAW = {
    "banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "switch": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "big-head": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(40)) + b"Content-Length: 0\r\n\r\n",
    "big-field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfour5",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nevil\r\n0\r\n\r\n",
    "cut-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nfour",
    "no-length": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
}
TEXT = b"some text " * 20
PACKED = {
    "fine": ("gzip", gzip.compress(TEXT)),
    "members": ("x-gzip", gzip.compress(b"one") + gzip.compress(b"two")),
    "cut": ("gzip", gzip.compress(TEXT)[:-9]),
    "damaged": ("gzip", b"not gzip at all"),
    "other": ("br", b"\x0b\x02\x80brotli\x03"),
    "bomb": ("gzip", gzip.compress(bytes(30 * 2**20), 9)),
    "dense": ("gzip", gzip.compress(bytes(500_000), 9)),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "empty": ("gzip", b""),
}
ACTS: dict[str, Act] = {
    "bytes": bytes_,
    "status": status,
    "nasty": nasty,
    "silent": silent,
    "trickle": trickle,
    "stall": stall,
    "endless": endless,
    "reset": reset,
    "half-close": half_close,
    "short": short,
    "long": long,
    "raw": raw,
    "packed": packed,
    "redirect": redirect,
}


@asynccontextmanager
async def running_peer(host: str = "127.0.0.1", ssl: object = None) -> AsyncIterator[Peer]:
    """A peer that listens (on every address of this computer with ``host`` "*"); gone at the end, with all its connections."""
    peer = Peer()
    tasks: set[asyncio.Task] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        await peer.serve(reader, writer)

    if host == "*":
        both = socket.has_dualstack_ipv6()
        everywhere = socket.create_server(("", 0), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both)
        server = await asyncio.start_server(serve, sock=everywhere, ssl=ssl)
    else:
        server = await asyncio.start_server(serve, host, 0, ssl=ssl)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        peer.go_on.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
