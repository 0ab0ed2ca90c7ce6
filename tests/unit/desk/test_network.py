"""What the page may ask of the network, through a whole desk in CPython against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.net.fetch import STRATEGIES, Request
from tests.unit.desk.conftest import BUY, Page, start_desk
from tests.unit.tcp import listening


@asynccontextmanager
async def served(answers: dict[str, bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    """A real HTTP server; gives its address and the request lines that reached it."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode().split()
        if not line:  # a connection that was opened and given up
            return
        while (await reader.readline()).strip():
            pass
        seen.append(f"{line[0]} {line[1]}")
        body = answers.get(line[1].partition("?")[0])
        head = f"HTTP/1.1 {200 if body is not None else 404} x\r\ncontent-length: {len(body or b'')}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + (body or b""))
        await writer.drain()

    async with listening(serve) as address:
        yield f"http://{address}", seen


@asynccontextmanager
async def desk_with(base: str, store_path: Path | None = None) -> AsyncIterator[Page]:
    page = await start_desk(store_path)
    page.desk.around.base = base
    yield page
    if page.desk._network is not None:
        await page.desk.network.save()
    await page.desk.stop()
    await page.desk.around.http.close()


async def test_a_start_makes_no_network_and_sends_no_lines(desk_page: Page) -> None:
    assert desk_page.desk._network is None
    assert not [message for message in desk_page.messages if message["t"] in ("net", "trace")]
    rows = (await desk_page.ask("trace.follow", after=0))["rows"]
    assert [row["step"] for row in rows if row["area"] == "boot"] == ["venue", "market", "vault"]


async def test_an_address_is_tested_through_every_strategy_row_by_row() -> None:
    async with served({"/data": b"[1]"}) as (url, seen), served({}) as (site, _), desk_with(f"{site}/") as page:
        result = await page.ask("net.test", url=f"{url}/data")
        rows = {row["strategy"]: row for row in result["rows"]}
        assert list(rows) == list(STRATEGIES)
        assert (rows["direct"]["outcome"], rows["direct"]["status"], rows["direct"]["bytes"]) == ("ok", 200, 3)
        assert rows["proxy"]["outcome"] == "skipped" and "plain files" in rows["proxy"]["detail"]
        assert seen == ["GET /data"]
        state = await page.ask("net.state")
        assert state["proxy"]["state"] == "none" and state["proxy"]["own"] is False
        host = next(item for item in state["hosts"] if url.endswith(item["host"]))
        assert host["learned"]["direct"]["state"] == "works" and host["last"]["strategy"] == "direct"


async def test_the_order_is_set_checked_and_kept_over_a_restart(tmp_path: Path) -> None:
    store = tmp_path / "desk.sqlite"
    async with served({}) as (site, _):
        async with desk_with(f"{site}/", store) as page:
            assert await page.ask("net.order", host="api.example", strategies=["tunnel", "direct"]) == {}
            assert await page.ask("net.trust", own=True) == {}
            for bad, field in (({"strategies": ["nonsense"]}, "strategies"), ({"strategies": ["direct", "direct"]}, "strategies"), ({"host": "a b"}, "host")):
                error = (await page.ask("net.order", **{"host": "api.example", "strategies": None, **bad}))["error"]
                assert error["field"] == field and error["remedy"]
            await page.desk.network.save()
        async with desk_with(f"{site}/", store) as page:
            state = await page.ask("net.state")
            assert state["proxy"]["own"] is True
            assert [(host["host"], host["order"], host["custom"]) for host in state["hosts"]] == [("api.example", ["tunnel", "direct"], True)]
            await page.ask("net.order", host="api.example", strategies=None)
            await page.ask("net.clear", host="api.example")
            assert (await page.ask("net.state"))["hosts"] == []


async def test_changes_are_told_only_after_the_page_asked() -> None:
    async with served({"/data": b"[1]"}) as (url, _), served({}) as (site, _), desk_with(f"{site}/") as page:
        await page.desk.network.fetch(Request(f"{url}/data"))
        await page.ask("net.state")
        assert not [message for message in page.messages if message["t"] == "net"]
        await page.desk.network.fetch(Request(f"{url}/data"))
        told = await page.until(lambda message: message["t"] == "net", "a net message")
        assert told["hosts"][0]["learned"]["direct"]["ok"] == 2


async def test_lines_follow_until_the_terminal_is_closed_and_a_step_runs_again() -> None:
    async with served({"/data": b"[1]"}) as (url, seen), served({}) as (site, _), desk_with(f"{site}/") as page:
        await page.ask("trace.follow", after=0)
        await page.desk.network.fetch(Request(f"{url}/data?token=hidden"))
        batch = await page.until(lambda message: message["t"] == "trace", "a batch of lines")
        line = batch["rows"][-1]
        assert line["level"] == "good" and line["area"] == "network" and line["ms"] > 0 and "hidden" not in json.dumps(line)
        assert "rerun" in (await page.ask("trace.rerun", step=line["id"]))["error"]["code"] or line["rerun"] is None
        await page.desk.network.fetch(Request(f"{url}/data"))
        again = await page.until(lambda m: m["t"] == "trace" and any(row["rerun"] for row in m["rows"]), "a line that can run again")
        number = next(row["id"] for row in again["rows"] if row["rerun"])
        before = len(seen)
        assert await page.ask("trace.rerun", step=number) == {}
        await page.until(lambda m: m["t"] == "trace" and len(seen) > before, "the step run again")
        await page.ask("trace.stop")
        assert (await page.ask("trace.rerun", step=10**9))["error"]["code"] == "line_gone"


async def test_orders_and_refusals_have_their_lines(desk_page: Page) -> None:
    await desk_page.until(lambda m: m["t"] == "tick" and m.get("quotes"), "quotes")
    await desk_page.until(lambda m: m["t"] == "order_state" and m["accepting"], "orders taken")
    order = await desk_page.ask("order.submit", **BUY, token="t1", clicked_ms=0)
    await desk_page.ask("order.cancel", client_order_id="nonsense")
    rows = (await desk_page.ask("trace.follow", after=0))["rows"]
    lines = [row for row in rows if row["area"] == "orders"]
    assert [row["level"] for row in lines] == ["good", "error"]
    assert "BTCUSDT buy market" in lines[0]["text"] and lines[0]["rerun"] == {"do": "order.query", "client_order_id": order["client_order_id"]}
    assert await desk_page.ask("trace.rerun", step=lines[0]["id"]) == {}


@pytest.mark.parametrize(
    ("do", "arguments", "field"),
    [
        ("net.test", {"url": "nonsense"}, "url"),
        ("net.test", {}, "url"),
        ("net.trust", {"own": "yes"}, "own"),
        ("net.trust", {"own": True, "base": "https://other.example/"}, "base"),
        ("net.use", {"strategy": "direct", "base": None}, "strategy"),
        ("net.use", {"strategy": "corsproxy", "base": "http://far.example/"}, "base"),
        ("net.clear", {"host": ""}, "host"),
        ("oauth.start", {"provider": "github", "return": "window"}, "return"),
    ],
)
async def test_bad_requests_name_the_field_and_the_remedy(desk_page: Page, do: str, arguments: dict, field: str) -> None:
    error = (await desk_page.ask(do, **arguments))["error"]
    assert error["field"] == field and error["reason"] and error["remedy"]


async def test_another_proxy_can_stand_in_for_one_strategy(desk_page: Page) -> None:
    assert await desk_page.ask("net.use", strategy="corsproxy", base="https://proxy.example") == {}
    assert desk_page.desk.network.chain.proxies.base("corsproxy") == "https://proxy.example/"
    assert await desk_page.ask("net.trust", own=True, base="https://proxy.example/") == {}
    assert desk_page.desk.network.chain.proxies.is_own("corsproxy") and not desk_page.desk.network.chain.proxies.is_own("proxy")


async def test_tokens_live_in_the_vault_and_are_gone_while_it_is_locked(desk_page: Page) -> None:
    from app.desk.tokens import VaultTokens

    desk = desk_page.desk
    tokens = VaultTokens(desk.keeping)
    assert await tokens.put("github", {"access_token": "in-memory"}) == "memory"
    await desk_page.ask("vault.create", secret=bytearray(b"correct horse battery staple"))
    await tokens.settle()
    assert await tokens.get("github") == {"access_token": "in-memory"} and not tokens._memory
    assert await tokens.put("github", {"access_token": "newer"}) == "vault"
    stored = b"".join(desk.around.store.records.values())
    assert b"newer" not in stored and b"in-memory" not in stored
    await desk_page.ask("vault.lock")
    assert await tokens.get("github") is None
    await desk_page.ask("vault.unlock", secret=bytearray(b"correct horse battery staple"))
    assert await tokens.get("github") == {"access_token": "newer"}
    await tokens.delete("github")
    await tokens.delete("github")
    assert await tokens.get("github") is None
