"""The chain against the real proxy and a real peer on loopback, seen as a page of the proxy's own site sees them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.net.fetch import Chain, FetchFailed, FetchUnknown, Request
from app.net.fetch.proxies import THROUGH_PROXY
from app.net.trace import Trace
from app.platform.native.basics import SystemClock
from app.platform.native.http import NativeHttp
from app.platform.native.web import NativeSockets
from app.platform.scheduler import LoopScheduler
from tests.unit.proxy.peer import Peer, running_peer
from tests.unit.proxy.running import Running, config_for, running

EFFECTS = ("proxy", "corsproxy", "corssh", "tunnel")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with running_peer() as made:
        yield made


@pytest.fixture
async def proxy(peer: Peer) -> AsyncIterator[Running]:
    paths = ["/echo", "/bytes", "/status", "/silent", "/reset"]
    async with running(config_for(peer.port, request_headers=["x-api-key"], authorization=True, paths=paths)) as made:
        yield made


@asynccontextmanager
async def desk(proxy: Running) -> AsyncIterator[Chain]:
    """A chain of a page that the proxy serves."""
    http, clock = NativeHttp(proxy.url), SystemClock()
    chain = Chain(http, NativeSockets(clock, proxy.url), clock, LoopScheduler(), f"{proxy.url}/", Trace(lambda: 0.0))
    yield chain
    closed = asyncio.Event()
    chain.close()
    asyncio.get_running_loop().call_soon(closed.set)
    await closed.wait()
    await http.close()


def only(chain: Chain, peer: Peer, *strategies: str) -> None:
    chain.learning.set_order(f"127.0.0.1:{peer.port}", strategies)


@pytest.mark.parametrize("strategy", THROUGH_PROXY)
async def test_each_form_brings_the_same_answer(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy)
        answer = await chain.fetch(Request(peer.url("/bytes/1000")))
        assert (answer.status, len(answer.body), answer.strategy) == (200, 1000, strategy)
        missing = await chain.fetch(Request(peer.url("/status/404?a=b%20c&d=%2B")))
        assert (missing.status, missing.cause) == (404, "not_found")
        assert [hit.query for hit in peer.hits] == ["", "a=b%20c&d=%2B"]


@pytest.mark.parametrize("strategy", EFFECTS)
async def test_a_post_arrives_once_with_its_body(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy)
        answer = await chain.fetch(Request(peer.url("/echo"), "POST", {"Content-Type": "application/json"}, b'{"qty": "1"}'))
        assert answer.status == 200 and [(hit.method, hit.body, hit["content-type"]) for hit in peer.hits] == [("POST", b'{"qty": "1"}', "application/json")]


@pytest.mark.parametrize("strategy", EFFECTS)
async def test_a_post_that_broke_at_the_peer_is_unknown_and_is_not_repeated(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy, *(name for name in EFFECTS if name != strategy))
        with pytest.raises(FetchUnknown):
            await chain.fetch(Request(peer.url("/reset"), "POST", body=b"order"))
        assert len(peer.hits) == 1


@pytest.mark.parametrize("strategy", EFFECTS)
async def test_what_the_rules_refuse_was_certainly_not_sent(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy, "direct")
        answer = await chain.fetch(Request(peer.url("/elsewhere"), "POST", body=b"order"))
        assert answer.strategy == "direct" and answer.attempts[0].cause == "proxy_refused" and len(peer.hits) == 1


@pytest.mark.parametrize("strategy", EFFECTS)
async def test_keys_reach_the_peer_through_a_proxy_of_the_traders_own_only(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy)
        request = Request(peer.url("/echo"), headers={"authorization": "Bearer abc", "x-api-key": "def"})
        with pytest.raises(FetchFailed):
            await chain.fetch(request)
        assert not peer.hits and "/api/fetch" not in proxy.log
        chain.proxies.mark(chain.proxies.site, True)
        assert (await chain.fetch(request)).status == 200
        assert (peer.hits[0]["authorization"], peer.hits[0]["x-api-key"]) == ("Bearer abc", "def")


async def test_fifty_requests_share_one_tunnel(proxy: Running, peer: Peer) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, "tunnel")
        answers = await asyncio.gather(*(chain.fetch(Request(peer.url(f"/bytes/{size}"))) for size in range(1, 51)))
        assert [len(answer.body) for answer in answers] == list(range(1, 51))
        (tunnel,) = chain.means.tunnels.values()
        assert tunnel.connections == 1 and len(peer.hits) == 50


async def test_a_tunnel_opens_again_after_it_was_lost(proxy: Running, peer: Peer) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, "tunnel")
        await chain.fetch(Request(peer.url("/bytes/1")))
        (tunnel,) = chain.means.tunnels.values()
        tunnel.close()
        assert (await chain.fetch(Request(peer.url("/bytes/2")))).status == 200 and tunnel.connections == 2


@pytest.mark.parametrize("strategy", ["direct", *THROUGH_PROXY])
async def test_more_than_was_allowed_for_is_not_taken(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy)
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(peer.url("/bytes/100000"), max_bytes=10_000))
        assert caught.value.cause == "too_large"


@pytest.mark.parametrize("strategy", ["direct", *THROUGH_PROXY])
async def test_the_deadline_holds_against_silence(proxy: Running, peer: Peer, strategy: str) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, strategy)
        await chain.proxies.present()
        start = time.monotonic()
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(peer.url("/silent"), deadline_s=0.4))
        assert time.monotonic() - start < 0.8 and caught.value.cause == "timeout"


async def test_every_strategy_is_tested_and_a_dead_host_is_named(proxy: Running, peer: Peer) -> None:
    async with desk(proxy) as chain:
        rows = await chain.test(peer.url("/bytes/3"))
        assert [item.strategy for item in rows if item.outcome == "ok"] == ["direct", *THROUGH_PROXY]
        assert all(item.bytes == 3 for item in rows if item.outcome == "ok")


async def test_an_address_nobody_listens_on_is_refused(proxy: Running, peer: Peer) -> None:
    async with desk(proxy) as chain:
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request("http://127.0.0.1:9/"))
        assert caught.value.cause == "refused" and caught.value.remedy


async def test_a_proxy_that_went_away_is_noticed(proxy: Running, peer: Peer) -> None:
    async with desk(proxy) as chain:
        assert await chain.proxies.present() and chain.proxies.config["rules"][0]["name"] == "peer"
        chain.proxies.site = "http://127.0.0.1:9/"
        only(chain, peer, *THROUGH_PROXY)
        with pytest.raises(FetchFailed) as caught:
            await chain.fetch(Request(peer.url("/bytes/1")))
        assert caught.value.cause == "proxy_down" and chain.proxies.state == "down"


async def test_bytes_that_are_no_text_survive_allorigins_json(proxy: Running, peer: Peer) -> None:
    async with desk(proxy) as chain:
        only(chain, peer, "allorigins")
        for path in ("/echo?x=%C3%A9", "/bytes/64"):
            by_form = await chain.fetch(Request(peer.url(path)))
            assert by_form.status == 200
