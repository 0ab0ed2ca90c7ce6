"""The tunnel over real sockets: many requests at once, the same rules as everywhere, nothing unbounded, nothing left behind."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection

from proxy import tunnel as tunnel_module
from proxy.access import Access, identity
from proxy.config import METHODS, Config, Limits, Rule
from proxy.limiting import Limiter
from proxy.observe import Observer
from proxy.relay import Places
from proxy.tunnel import SOCKETS, Tunnel
from proxy.upstream import Upstream
from tests.unit.proxy.sockets import PATIENCE_S, closed, page, running


class Peer:
    """An upstream: ``/echo`` tells what came, ``/slow`` waits for ``gate``, ``/bytes/n`` is n bytes, ``/gzip`` is packed, ``/endless`` is not."""

    def __init__(self) -> None:
        self.gate, self.asked, self.left = asyncio.Event(), [], 0
        self.app = Starlette(
            routes=[
                Route("/echo", self.echo, methods=list(METHODS)),
                Route("/slow/{number}", self.slow),
                Route("/bytes/{size:int}", lambda request: Response(b"x" * request.path_params["size"])),
                Route("/binary", lambda _: Response(bytes(range(256)), media_type="application/octet-stream")),
                Route("/gzip", lambda _: Response(gzip.compress(b"packed " * 100), headers={"content-encoding": "gzip"})),
                Route("/away", lambda _: RedirectResponse("http://10.0.0.1/")),
                Route("/headers", lambda _: Response(b"", headers={"set-cookie": "a=1", "access-control-allow-origin": "*", "x-limit": "7"})),
                Route("/endless", self.endless),
            ]
        )

    async def echo(self, request: Request) -> Response:
        """Method, query, headers and body."""
        self.asked.append(request.url.path)
        body = await request.body()
        return JSONResponse({"method": request.method, "query": request.url.query, "headers": dict(request.headers), "body": body.decode("latin-1")})

    async def slow(self, request: Request) -> Response:
        """Answers once the gate is open; counts the readers who left before."""
        self.asked.append(request.url.path)
        opened, gone = asyncio.create_task(self.gate.wait()), asyncio.create_task(request.receive())
        await asyncio.wait([opened, gone], return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            if (await gone)["type"] == "http.request":
                gone = asyncio.create_task(request.receive())
                await asyncio.wait([opened, gone], return_when=asyncio.FIRST_COMPLETED)
            self.left += not opened.done()
        for task in (opened, gone):
            task.cancel()
        return Response(request.path_params["number"])

    async def endless(self, _: Request) -> Response:
        """Never ends by itself."""

        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65_536
                await asyncio.sleep(0)

        return StreamingResponse(parts())


class Tunnelled:
    """A page's tunnel, and what has come back by id."""

    def __init__(self, socket: ClientConnection, base: str, places: Places) -> None:
        self.socket, self.base, self.places, self.answers = socket, base, places, {}

    async def ask(self, number: int, path: str, **fields: Any) -> None:
        """Send a request to the peer."""
        await self.socket.send(json.dumps({"id": number, "method": "GET", "url": self.base + path} | fields))

    async def answer(self, number: int | None) -> dict[str, Any]:
        """The frame for this request."""
        async with asyncio.timeout(PATIENCE_S):
            while number not in self.answers:
                frame = json.loads(await self.socket.recv())
                self.answers[frame["id"]] = frame
        return self.answers.pop(number)

    async def fetch(self, path: str, number: int = 1, **fields: Any) -> dict[str, Any]:
        """Ask and wait."""
        await self.ask(number, path, **fields)
        return await self.answer(number)


@asynccontextmanager
async def tunnelled(limits: Limits | None = None, **rule: Any) -> AsyncIterator[tuple[Tunnelled, Peer, int]]:
    """A peer, a proxy that may reach it, and a page's tunnel; gives also the proxy's port."""
    peer = Peer()
    async with running(peer.app) as (peer_port, _):
        fields = {"name": "peer", "hosts": ("127.0.0.1",), "scheme": "http", "ports": (peer_port,), "methods": METHODS} | rule
        allowed = frozenset({f"127.0.0.1:{peer_port}"})
        origins = ("http://127.0.0.1:8000",)
        config = Config(folder=Path("."), rules=(Rule(**fields),), allow_private=allowed, origins=origins, limits=limits or Limits())
        observer = Observer(io.StringIO())
        upstream = Upstream(config, Limiter(config), observer)
        await upstream.start()
        tunnel = Tunnel(config, upstream, Access(config).socket, identity, observer)
        async with running(Starlette(routes=tunnel.routes)) as (port, _), page(port, "/api/tunnel", max_size=None) as socket:
            yield Tunnelled(socket, f"http://127.0.0.1:{peer_port}", tunnel.places), peer, port
        await upstream.close()


async def test_a_request_and_its_answer() -> None:
    async with tunnelled() as (tunnel, _, _):
        answer = await tunnel.fetch("/echo?a=%20b", method="POST", headers={"Content-Type": "text/plain"}, body="héllo")
        assert answer["status"] == 200 and answer["headers"]["content-type"] == "application/json"
        assert answer["headers"]["x-kontor-url"] == tunnel.base + "/echo"
        seen = json.loads(answer["body"])
        assert (seen["method"], seen["query"], seen["body"].encode("latin-1").decode()) == ("POST", "a=%20b", "héllo")
        assert seen["headers"]["content-type"] == "text/plain"


async def test_binary_bodies_both_ways() -> None:
    async with tunnelled() as (tunnel, _, _):
        answer = await tunnel.fetch("/binary")
        assert "body" not in answer and base64.b64decode(answer["body64"]) == bytes(range(256))
        seen = json.loads((await tunnel.fetch("/echo", method="PUT", body64=base64.b64encode(b"\xff\x00").decode()))["body"])
        assert seen["body"].encode("latin-1") == b"\xff\x00"


async def test_a_packed_answer_arrives_plain() -> None:
    async with tunnelled() as (tunnel, _, _):
        answer = await tunnel.fetch("/gzip")
        assert answer["body"] == "packed " * 100 and "content-encoding" not in answer["headers"]


async def test_fifty_at_once_come_back_as_they_are_ready() -> None:
    async with tunnelled() as (tunnel, peer, _):
        for number in range(50):
            await tunnel.ask(number, f"/slow/{number}")
        assert (await tunnel.fetch("/bytes/3", number=99))["body"] == "xxx"  # overtakes them all
        peer.gate.set()
        assert [(await tunnel.answer(number))["body"] for number in range(50)] == [str(number) for number in range(50)]


async def test_headers_are_cleaned_as_everywhere() -> None:
    async with tunnelled(request_headers=("x-key",)) as (tunnel, _, _):
        headers = {"X-Key": "1", "Cookie": "a=b", "Origin": "https://a.example", "Host": "other", "X-Other": "1", "Authorization": "Bearer t"}
        seen = json.loads((await tunnel.fetch("/echo", headers=headers))["body"])["headers"]
        assert seen["x-key"] == "1" and seen["host"].startswith("127.0.0.1:")
        assert not {"cookie", "origin", "x-other", "authorization"} & seen.keys()
        answer = await tunnel.fetch("/headers")
        assert answer["headers"]["x-limit"] == "7"
        assert not {"set-cookie", "access-control-allow-origin"} & answer["headers"].keys()


REFUSALS = [
    ({"url": "https://api.example.com/"}, "not_allowed"),
    ({"url": "http://10.0.0.1/"}, "not_allowed"),
    ({"url": "http://127.0.0.1@x/"}, "bad_url"),
    ({"url": "ws://127.0.0.1/"}, "bad_request"),
    ({"method": "TRACE"}, "method_not_allowed"),
    ({"method": "GET\r\nX: y"}, "method_not_allowed"),
    ({"body64": "!"}, "bad_request"),
    ({"body": "a", "body64": "YQ=="}, "bad_request"),
    ({"method": "POST", "body": "x" * 1001}, "body_too_large"),
]


async def test_refusals_carry_code_detail_and_remedy() -> None:
    async with tunnelled(Limits(request_bytes=1000)) as (tunnel, peer, _):
        for number, (fields, code) in enumerate(REFUSALS):
            answer = await tunnel.fetch("/echo", number, **fields)
            assert answer["error"] == code and answer["detail"] and answer["remedy"], fields
        assert peer.asked == []
        assert (await tunnel.fetch("/bytes/1"))["body"] == "x"  # the tunnel goes on


async def test_a_redirect_is_checked_as_everywhere() -> None:
    async with tunnelled() as (tunnel, _, _):
        assert (await tunnel.fetch("/away"))["error"] == "bad_redirect"


NO_REQUESTS = [
    *("", "{", "[]", "null", "7", '{"id":-1}', '{"id":1.5}', '{"id":"1"}', '{"id":1,"url":5}', '{"id":1,"more":1}', '{"url":"http://a.example/"}'),
    *('{"id":1,"headers":{"a b":"c"}}', '{"id":1,"headers":{"a":"b\\r\\nc: d"}}', '{"id":1,"headers":{"":"x"}}', '{"id":1,"headers":{"a":"\\u4e2d"}}'),
    *("{}", '{"id":1,"headers":[]}', '{"cancel":"x"}', b"\x00", "[" * 100_000),
]


async def test_a_frame_that_is_no_request_is_said_to_be_none() -> None:
    async with tunnelled() as (tunnel, _, _):
        for frame in NO_REQUESTS:
            await tunnel.socket.send(frame)
            answer = await tunnel.answer(None)
            assert answer["error"] == "bad_request" and len(answer["detail"]) < 300, frame
        assert (await tunnel.fetch("/bytes/1"))["body"] == "x"


async def test_an_id_is_used_once_at_a_time() -> None:
    async with tunnelled() as (tunnel, peer, _):
        await tunnel.ask(1, "/slow/1")
        assert (await tunnel.fetch("/bytes/1"))["error"] == "bad_request"
        peer.gate.set()
        assert (await tunnel.answer(1))["body"] == "1"
        assert (await tunnel.fetch("/bytes/1"))["body"] == "x"


async def test_more_than_its_share_at_once_is_refused() -> None:
    async with tunnelled(Limits(tunnel=3)) as (tunnel, peer, _):
        for number in range(3):
            await tunnel.ask(number, f"/slow/{number}")
        assert (await tunnel.fetch("/bytes/1", number=9))["error"] == "busy"
        peer.gate.set()
        assert [(await tunnel.answer(number))["body"] for number in range(3)] == ["0", "1", "2"]


async def test_the_limits_of_a_session_hold_in_the_tunnel() -> None:
    async with tunnelled(per_minute=2) as (tunnel, _, _):
        assert [(await tunnel.fetch("/bytes/1")).get("status") for _ in range(2)] == [200, 200]
        assert (await tunnel.fetch("/bytes/1"))["error"] == "rate_limited"


async def test_an_answer_that_is_too_large_is_refused_even_without_an_end() -> None:
    async with tunnelled(Limits(tunnel_bytes=1000)) as (tunnel, _, _):
        assert (await tunnel.fetch("/bytes/1000"))["body"] == "x" * 1000
        assert (await tunnel.fetch("/bytes/1001"))["error"] == "too_large"
        assert (await tunnel.fetch("/endless"))["error"] == "too_large"


async def test_cancelling_ends_the_request_at_the_upstream_too() -> None:
    async with tunnelled() as (tunnel, peer, _):
        await tunnel.ask(1, "/slow/1")
        await until(lambda: peer.asked)
        await tunnel.socket.send('{"cancel":1}')
        await tunnel.socket.send('{"cancel":77}')
        await until(lambda: peer.left == 1)
        peer.gate.set()
        assert (await tunnel.fetch("/slow/again"))["body"] == "again"  # the id is free, and nothing was told of the cancelled one
        assert tunnel.answers == {}


async def test_a_page_that_leaves_ends_its_requests() -> None:
    async with tunnelled() as (tunnel, peer, _):
        for number in range(5):
            await tunnel.ask(number, f"/slow/{number}")
        await until(lambda: len(peer.asked) == 5)
        await tunnel.socket.close()
        await until(lambda: peer.left == 5)


async def test_a_page_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel_module, "STALL_S", 0.2)
    async with tunnelled(Limits(tunnel_bytes=2**20)) as (tunnel, _, _):
        tunnel.socket.transport.pause_reading()
        for number in range(40):
            await tunnel.ask(number, f"/bytes/{2**20}")
        await until(lambda: not tunnel.places.open)
        assert tunnel.socket.close_code is None
        tunnel.socket.transport.abort()


async def test_a_page_that_vanishes_with_answers_under_way_leaves_nothing() -> None:
    async with tunnelled(Limits(tunnel_bytes=2**20)) as (tunnel, _, _):
        tunnel.socket.transport.pause_reading()
        for number in range(40):
            await tunnel.ask(number, f"/bytes/{2**20}")
        await until(lambda: len(_answering()) > 1)
        tunnel.socket.transport.abort()
        await until(lambda: not tunnel.places.open and not _answering())


async def test_a_socket_that_takes_no_frames_ends_the_tunnel_once() -> None:
    frames: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    for _ in range(3):
        await frames.put({"type": "websocket.receive", "text": "no request"})
    told = []

    async def send(message: dict[str, str]) -> None:
        told.append(message["type"])
        raise RuntimeError("closed")

    config = Config(folder=Path("."))
    upstream = Upstream(config, Limiter(config), Observer(io.StringIO()))
    async with asyncio.timeout(PATIENCE_S):
        await tunnel_module._Line(config, upstream, "me", frames.get, send).run()
    assert told[-1] == "websocket.close" and "websocket.send" in told


def _answering() -> list[asyncio.Task]:
    return [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "_Line._answer"]


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_another_page_is_refused(origin: str | None) -> None:
    async with tunnelled() as (_, peer, port), page(port, "/api/tunnel", origin=origin) as socket:
        code, reason = await closed(socket)
        assert code == 4403 and reason
        assert peer.asked == []


async def test_one_reader_has_a_few_tunnels() -> None:
    async with tunnelled() as (_, _, port), asyncio.timeout(PATIENCE_S):
        more = [await page(port, "/api/tunnel") for _ in range(SOCKETS - 1)]
        async with page(port, "/api/tunnel") as socket:
            assert (await closed(socket))[0] == 4429
        for socket in more:
            await socket.close()


async def until(condition) -> None:
    """Wait for it."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)
