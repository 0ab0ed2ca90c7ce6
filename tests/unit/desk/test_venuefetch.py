"""Venues ask directly; only what did not get there goes another way, and never comes back old."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from app.desk.venuefetch import VenueFetch
from app.net.fetch import Chain
from app.net.trace import Trace
from app.platform.errors import FetchError
from app.platform.native import build
from tests.e2e.serving import free_port
from tests.unit.tcp import listening


@asynccontextmanager
async def site(answer: bytes):
    """A server on this computer that gives every request this answer; yields its address and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        writer.write(answer)
        await writer.drain()

    async with listening(serve) as address:
        yield f"http://{address}", asked


def venue_fetch() -> tuple[VenueFetch, list[Chain]]:
    """The real thing natively, and the chains it made."""
    platform, made = build(None), []

    def chain() -> Chain:
        made.append(Chain(platform.http, platform.sockets, platform.clock, platform.scheduler, f"http://127.0.0.1:{free_port()}/", Trace(lambda: 0.0)))
        return made[-1]

    return VenueFetch(platform.fetch, chain), made


async def test_what_answers_is_asked_once_and_without_the_chain():
    fetch, made = venue_fetch()
    async with site(b"HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}") as (url, asked):
        answer = await fetch.fetch(f"{url}/api/v3/depth")
    assert (answer.status, answer.text, answer.headers["retry-after"]) == (429, "{}", "7")
    assert len(asked) == 1 and not made, "a refusal is an answer; another way would count against the limit again"


async def test_a_host_that_no_way_reaches_is_one_error_with_both_reasons():
    fetch, made = venue_fetch()
    with pytest.raises(FetchError) as caught:
        await fetch.fetch(f"http://127.0.0.1:{free_port()}/api/v3/depth", timeout_s=5)
    assert caught.value.reason == "network" and len(made) == 1
    assert made[0].trace.since(0), "what was tried can be read in the terminal"


async def test_an_answer_that_cannot_be_used_is_not_asked_for_in_another_way():
    fetch, made = venue_fetch()
    async with site(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\xff\xfe") as (url, asked):
        with pytest.raises(FetchError) as caught:
            await fetch.fetch(url)
    assert caught.value.reason == "encoding" and len(asked) == 1 and not made
