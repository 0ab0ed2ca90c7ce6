"""No step hangs, and nothing is asked twice that may have counted: silent, slow, broken and unreachable providers."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse

from .desk import Desk, agree, desk, github, oidc
from .emulators import GitHub, Issuer, Server

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


@contextlib.asynccontextmanager
async def raw(behave: Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that behaves as told; its address and how many connections came."""
    came: list[int] = []
    serving: set[asyncio.Task] = set()

    async def serve(reader: Reader, writer: Writer) -> None:
        came.append(1)
        serving.add(asyncio.current_task())
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side is gone, or the test is over
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


async def exchange(page: Desk, emulated: GitHub) -> tuple[int, dict[str, Any], float]:
    """Sign in with what `emulated` gives; the answer to the exchange and its seconds."""
    _, begun = await page.post("github/start")
    await page.follow(await agree(begun["authorize_url"]))
    started = time.perf_counter()
    status, fields = await page.post("github/token", {"state": begun["state"]})
    return status, fields, time.perf_counter() - started


async def test_a_silent_provider_ends_with_the_deadline(tmp_path: Path) -> None:
    emulated = GitHub()

    async def silent(reader: Reader, _: Writer) -> None:
        await reader.read(-1)

    async with Server(emulated.app) as server, raw(silent) as (nowhere, came):
        async with desk(tmp_path, github(server.url, token_url=f"{nowhere}/login/oauth/access_token", deadline_s=0.3)) as page:
            status, refused, seconds = await exchange(page, emulated)
            assert (status, refused["error"]) == (504, "timeout") and seconds < 2
            assert "within 0.3 s" in refused["detail"] and refused["remedy"]
            assert refused["steps"][-1]["outcome"] == "timeout" and 250 < refused["steps"][-1]["ms"] < 2000
            assert len(came) == 1
            for step in ("device", "refresh", "revoke"):
                bodies = {"refresh": {"refresh_token": "x"}, "revoke": {"token": "x"}}
                async with desk(tmp_path, github(nowhere, device_url=f"{nowhere}/d", revoke_url=f"{nowhere}/r", deadline_s=0.1)) as other:
                    status, refused = await other.post(f"github/{step}", bodies.get(step))
                    assert (status, refused["error"]) == (504, "timeout"), (step, refused)


async def test_a_trickling_provider_ends_with_the_deadline(tmp_path: Path) -> None:
    emulated = GitHub()

    async def trickle(request: Any) -> Response | None:
        async def drops() -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.02)

        return StreamingResponse(drops(), media_type="application/json") if request.url.path.endswith("access_token") else None

    emulated.fault = trickle
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url, deadline_s=0.3)) as page:
        status, refused, seconds = await exchange(page, emulated)
    assert (status, refused["error"]) == (504, "timeout") and seconds < 2


async def test_a_silent_issuer_at_the_start(tmp_path: Path) -> None:
    async def silent(reader: Reader, _: Writer) -> None:
        await reader.read(-1)

    async with raw(silent) as (nowhere, _), desk(tmp_path, oidc(nowhere, deadline_s=0.2)) as page:
        status, refused = await page.post("oidc/start")
        assert (status, refused["error"], refused["steps"][0]["outcome"]) == (504, "timeout", "timeout")


async def test_a_page_that_never_finishes_its_request(tmp_path: Path) -> None:
    async with desk(tmp_path, github("http://127.0.0.1:9", deadline_s=0.1)) as page:

        async def endless() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(30)

        answer = await page.browser.post("/api/oauth/github/start", content=endless(), headers={"x-kontor": "1", "origin": page.home})
        assert answer.json()["error"] == "timeout"


async def test_a_connection_that_breaks_is_not_repeated(tmp_path: Path) -> None:
    """The code may have been used."""
    emulated = GitHub()

    async def hang_up(reader: Reader, _: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with Server(emulated.app) as server, raw(hang_up) as (breaking, came):
        async with desk(tmp_path, github(server.url, token_url=f"{breaking}/t")) as page:
            status, refused, _ = await exchange(page, emulated)
            assert (status, refused["error"], len(came)) == (502, "bad_answer", 1)
        async with desk(tmp_path, github(server.url, token_url=f"{breaking}/t", token_method="GET")) as page:
            status, refused, _ = await exchange(page, emulated)
            assert (status, refused["error"], len(came)) == (502, "bad_answer", 2)


async def test_a_connection_that_is_refused_is_tried_twice(tmp_path: Path) -> None:
    emulated = GitHub()
    async with raw(lambda *_: asyncio.sleep(0)) as (gone, _):
        pass
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url, token_url=f"{gone}/t")) as page:
        status, refused, _ = await exchange(page, emulated)
        assert (status, refused["error"]) == (502, "refused") and gone.removeprefix("http://") in refused["detail"]


async def test_a_second_connection_goes_on(tmp_path: Path) -> None:
    """The provider restarts between two connections: nothing was said on the first, so the exchange goes on."""
    emulated = GitHub()
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url)) as page:
        _, begun = await page.post("github/start")
        await page.follow(await agree(begun["authorize_url"]))
        make, failed = page.connector._socket_factory, []

        def fail_once(info: Any) -> Any:
            if not failed:
                failed.append(1)
                raise OSError(111, "Connection refused")
            return make(info)

        page.connector._socket_factory = fail_once
        status, tokens = await page.post("github/token", {"state": begun["state"]})
        assert (status, failed) == (200, [1]), tokens
        assert tokens["steps"][-1]["detail"].endswith("answered 200 at the second connection")


LONG = b'{"access_token": "right", "token_type": "bearer", "scope": "", "more": "' + b"x" * 5_000_000 + b'"}'


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (LONG, {"content-type": "application/json"}),
        (gzip.compress(LONG), {"content-type": "application/json", "content-encoding": "gzip"}),
        (b"\x1f\x8b nonsense", {"content-type": "application/json", "content-encoding": "gzip"}),
        (b"<html>maintenance", {"content-type": "text/html"}),
        (b"", {}),
        (b"a", {"content-type": "application/x-www-form-urlencoded"}),
        (b"\xff\xfe", {"content-type": "application/json"}),
        (b"[1]", {"content-type": "application/json"}),
    ],
)
async def test_answers_that_are_none(tmp_path: Path, body: bytes, headers: dict[str, str]) -> None:
    emulated = GitHub()

    async def nonsense(request: Any) -> Response | None:
        return Response(body, 200, headers) if request.url.path.endswith("access_token") else None

    emulated.fault = nonsense
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url)) as page:
        status, refused, _ = await exchange(page, emulated)
    assert (status, refused["error"]) == (502, "bad_answer")
    assert refused["steps"][-1]["outcome"] == "bad_answer"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(tmp_path: Path, status: int) -> None:
    """Neither code nor secret goes where a token endpoint points to."""
    emulated, other = GitHub(), GitHub()
    async with Server(emulated.app) as server, Server(other.app) as elsewhere:

        async def lead_away(request: Any) -> Response | None:
            there = {"location": f"{elsewhere.url}/login/oauth/access_token"}
            return Response("{}", status, there, "application/json") if request.url.path.endswith("access_token") else None

        emulated.fault = lead_away
        async with desk(tmp_path, github(server.url), reached=[elsewhere.url.removeprefix("http://")]) as page:
            answered, refused, _ = await exchange(page, emulated)
    assert (answered, refused["error"], other.asked) == (502, "provider_error", []) and f"http_{status}" in refused["detail"]


@pytest.mark.parametrize(("url", "error"), [("https://name.that.is.not.there.example/t", "dns"), ("https://{peer}/t", "tls")])
async def test_names_and_certificates(tmp_path: Path, url: str, error: str) -> None:
    emulated = GitHub()

    async def plain(reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()

    async with Server(emulated.app) as server, raw(plain) as (peer, _):
        address = peer.removeprefix("http://")
        async with desk(tmp_path, github(server.url, token_url=url.format(peer=address)), reached=[address], resolver=NoNames()) as page:
            status, refused, _ = await exchange(page, emulated)
    assert (status, refused["error"]) == (502, error)


class NoNames:
    """A resolver that knows addresses only."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        raise OSError(-2, "Name or service not known")

    async def close(self) -> None:
        """Nothing to let go of."""


async def test_a_refresh_goes_on_when_its_tab_closes(tmp_path: Path) -> None:
    """One tab asks and leaves; the other, with the same token, gets the answer that the first one's request brought."""
    issuer = Issuer()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: Any) -> None:
        if request.url.path == "/token" and issuer.fields.get("access_token") == "renewed":
            asked.set()
            await answer.wait()

    issuer.fault = slow
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, keep_refresh="cookie")) as page:
        issuer.url, issuer.fields = server.url, {"refresh_token": "first"}
        await page.sign_in("oidc", scope="read")
        issuer.fields = {"refresh_token": "second", "access_token": "renewed"}
        leaving = asyncio.create_task(page.post("oidc/refresh"))
        await asked.wait()
        staying = asyncio.create_task(page.post("oidc/refresh"))
        leaving.cancel()
        answer.set()
        status, tokens = await staying
        assert (status, tokens["access_token"]) == (200, "renewed")
        assert [path for _, path, _ in issuer.asked].count("/token") == 2  # the sign-in and one renewal


async def test_a_failed_refresh_is_not_remembered(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, keep_refresh="cookie")) as page:
        issuer.url, issuer.fields = server.url, {"refresh_token": "first"}
        await page.sign_in("oidc", scope="read")
        issuer.fields = {"error": "temporarily_unavailable"}
        assert (await page.post("oidc/refresh"))[1]["error"] == "provider_error"
        issuer.fields = {"scope": "read"}
        status, _ = await page.post("oidc/refresh")
        assert status == 200 and page.browser.cookies  # without rotation the old refresh token stays
