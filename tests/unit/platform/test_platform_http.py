"""HTTP with any method on CPython against a real server on loopback: what is sent, what is not, and what every failure is called."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from app.platform.errors import HttpError
from app.platform.interfaces import HttpCall
from app.platform.native.http import NativeHttp
from tests.unit.tcp import listening


@dataclass
class Peer:
    """What a small server saw; ``left`` is set when a client goes away while it waits."""

    url: str = ""
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := (await reader.readline()).decode():
                headers = {}
                while text := (await reader.readline()).decode().strip():
                    name, _, value = text.partition(": ")
                    headers[name.lower()] = value
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.seen.append((line.rpartition(" ")[0], headers, body))
                await self.answer(line.split()[1], reader, writer)
        except ConnectionError:
            pass  # the client is gone: nobody is left to answer
        finally:
            writer.close()

    async def answer(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path == "/wait":
            self.waiting.set()
            await reader.read(1)
            self.left.set()
        elif path == "/cut":
            writer.close()
        elif path == "/away":
            writer.write(b"HTTP/1.1 302 x\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n")
        elif path == "/round":
            writer.write(b"HTTP/1.1 302 x\r\nlocation: /round\r\ncontent-length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 418 x\r\nset-cookie: a=b\r\nX-Limit: 7\r\ncontent-length: 5\r\n\r\nhello")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    async with listening(made.serve) as address:
        made.url = f"http://{address}"
        yield made


@pytest.fixture
async def http() -> AsyncIterator[NativeHttp]:
    made = NativeHttp()
    yield made
    await made.close()


async def test_method_headers_and_body_arrive_and_the_whole_answer_comes_back(peer: Peer, http: NativeHttp) -> None:
    answer = await http.send(HttpCall("POST", f"{peer.url}/x?a=b", {"x-key": "k"}, b"body"))
    assert (answer.status, answer.headers["x-limit"], answer.body, answer.url) == (418, "7", b"hello", f"{peer.url}/x?a=b")
    line, headers, body = peer.seen[0]
    assert (line, headers["x-key"], body) == ("POST /x?a=b", "k", b"body")


async def test_cookies_never_come_back(peer: Peer, http: NativeHttp) -> None:
    for _ in range(2):
        await http.send(HttpCall("GET", peer.url))
    assert "cookie" not in peer.seen[1][1]


async def test_redirects_are_followed_only_when_asked(peer: Peer, http: NativeHttp) -> None:
    with pytest.raises(HttpError) as caught:
        await http.send(HttpCall("GET", f"{peer.url}/away"))
    assert caught.value.reason == "redirect" and len(peer.seen) == 1
    assert (await http.send(HttpCall("GET", f"{peer.url}/away", redirects="follow"))).url == f"{peer.url}/there"
    with pytest.raises(HttpError) as caught:
        await http.send(HttpCall("GET", f"{peer.url}/round", redirects="follow"))
    assert caught.value.reason == "redirect"


@pytest.mark.parametrize(
    ("path", "reason", "limits"), [("/cut", "network", {}), ("/wait", "timeout", {"timeout_s": 0.1}), ("/", "too_large", {"max_bytes": 4})]
)
async def test_what_may_have_arrived_is_called_sent(peer: Peer, http: NativeHttp, path: str, reason: str, limits: dict) -> None:
    with pytest.raises(HttpError) as caught:
        await http.send(HttpCall("POST", peer.url + path, {}, b"x", **limits))
    assert (caught.value.reason, caught.value.sent) == (reason, True) and len(peer.seen) == 1


async def test_what_certainly_did_not_arrive_is_not(peer: Peer, http: NativeHttp) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/"
    secure = peer.url.replace("http", "https")
    for url, reason in ((dead, "refused"), (secure, "tls"), ("nonsense", "address"), ("ftp://127.0.0.1/", "address")):
        with pytest.raises(HttpError) as caught:
            await http.send(HttpCall("POST", url, {}, b"x"))
        assert (caught.value.reason, caught.value.sent) == (reason, False), url
    with pytest.raises(HttpError) as caught:
        await http.send(HttpCall("GET", peer.url), via="worker")
    assert (caught.value.reason, caught.value.sent) == ("unavailable", False)


async def test_cancelling_ends_the_request(peer: Peer, http: NativeHttp) -> None:
    task = asyncio.create_task(http.send(HttpCall("GET", f"{peer.url}/wait")))
    await asyncio.wait_for(peer.waiting.wait(), 5)
    task.cancel()
    await asyncio.wait_for(peer.left.wait(), 5)


async def test_an_origin_is_told_where_a_browser_tells_it(peer: Peer) -> None:
    http = NativeHttp(peer.url)
    await http.send(HttpCall("GET", f"{peer.url}/"))
    await http.send(HttpCall("POST", f"{peer.url}/"))
    assert [headers.get("origin") for _, headers, _ in peer.seen] == [None, peer.url]
    await http.close()
