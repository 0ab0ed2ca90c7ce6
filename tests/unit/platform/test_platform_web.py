"""Native sockets and HTTP against real servers on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from app.platform.errors import FetchError, SocketError
from app.platform.native.basics import SystemClock
from app.platform.native.web import NativeFetch, NativeSockets
from tests.unit.tcp import listening


class Seen:
    """Everything a socket reported."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.batches: list[tuple[list[str], int]] = []
        self.arrived = asyncio.Condition()

    def on_text(self, frames: list[str], received_ns: int) -> None:
        self.batches.append((frames, received_ns))

    @property
    def frames(self) -> list[str]:
        return [frame for frames, _ in self.batches for frame in frames]

    def connect(self, url: str) -> Any:
        sockets = NativeSockets(SystemClock())
        return sockets.connect(
            url,
            on_open=self.opened.set,
            on_text=self.on_text,
            on_close=lambda code, reason: self.closed.set_result((code, reason)),
        )


@asynccontextmanager
async def served(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_frames_arrive_in_order_and_those_queued_come_together() -> None:
    async def burst(connection: ServerConnection) -> None:
        for number in range(500):
            await connection.send(str(number))
        await connection.close(4001, "done")

    async with served(burst) as url:
        seen = Seen()
        before_ns = SystemClock().monotonic_ns()
        seen.connect(url)
        assert await seen.closed == (4001, "done")
        assert seen.frames == [str(number) for number in range(500)]
        assert len(seen.batches) < 500
        times = [received_ns for _, received_ns in seen.batches]
        assert times == sorted(times) and times[0] >= before_ns


async def test_what_is_sent_arrives_and_closing_is_told_once() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(f"echo {message!s}")
            await connection.send(b"\x62ytes")

    async with served(echo) as url:
        seen = Seen()
        socket = seen.connect(url)
        with pytest.raises(SocketError):
            socket.send("too early")
        await seen.opened.wait()
        socket.send("hello")
        while len(seen.frames) < 2:
            await asyncio.sleep(0)
        socket.close(1000, "enough")
        socket.close()
        assert await seen.closed == (1000, "enough")
        assert seen.frames == ["echo hello", "bytes"]
        with pytest.raises(SocketError):
            socket.send("too late")


async def test_a_connection_that_fails_is_told_by_on_close() -> None:
    async with served(lambda connection: connection.wait_closed()) as url:
        free = url
    seen = Seen()
    seen.connect(free)
    code, reason = await seen.closed
    assert code == 1006 and reason and not seen.opened.is_set()


async def test_closing_before_it_opened() -> None:
    async with served(lambda connection: connection.wait_closed()) as url:
        seen = Seen()
        seen.connect(url).close()
        assert (await seen.closed)[0] == 1006 and not seen.opened.is_set()


@asynccontextmanager
async def answering(answer: bytes, *, hold: asyncio.Event | None = None) -> AsyncIterator[str]:
    """A server that sends fixed bytes to whoever asks."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if hold is not None:
            await hold.wait()
        writer.write(answer)

    async with listening(handle) as address:
        yield f"http://{address}/"


def http(status: str, body: bytes, *more: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def test_an_answer_comes_with_status_text_and_headers() -> None:
    async with answering(http("429 Too Many Requests", "später".encode(), "Retry-After: 7")) as url:
        answer = await NativeFetch().fetch(url)
        assert (answer.status, answer.text, answer.headers["retry-after"]) == (429, "später", "7")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http("200 OK", b"x" * 1_001), "too-large"),
        (http("302 Found", b"", "location: http://127.0.0.1:1/"), "network"),
        (http("200 OK", b"\xff\xfe"), "encoding"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "network"),
        (b"not http at all\r\n\r\n", "network"),
    ],
)
async def test_unusable_answers_are_told_apart(answer: bytes, reason: str) -> None:
    async with answering(answer) as url:
        with pytest.raises(FetchError) as failure:
            await NativeFetch().fetch(url, max_bytes=1_000)
        assert failure.value.reason == reason and failure.value.remedy


async def test_a_server_that_does_not_answer_in_time() -> None:
    hold = asyncio.Event()
    async with answering(http("200 OK", b""), hold=hold) as url:
        with pytest.raises(FetchError) as failure:
            await NativeFetch().fetch(url, timeout_s=0.05)
        assert failure.value.reason == "timeout"
        hold.set()
    with pytest.raises(FetchError) as failure:
        await NativeFetch().fetch(url)
    assert failure.value.reason == "network"
