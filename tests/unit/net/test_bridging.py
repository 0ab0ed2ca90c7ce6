"""urllib, urllib3, requests and pandas' way of opening addresses, over the chain and real servers."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
import requests
import urllib3

from app.net.bridging import bridge
from app.net.fetch import FetchFailed, FetchUnknown, Request, Response


class Line:
    """Stands where a chain stands: notes what was asked for and gives what a test wants."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.give: Callable[[Request], Response] = lambda request: answer(b'{"a": 1}')

    def __call__(self, request: Request) -> Response:
        self.asked.append(request.checked())
        return self.give(request)


def answer(body: bytes, status: int = 200, **headers: str) -> Response:
    named = {"content-type": "application/json", "content-encoding": "gzip", "x-limit": "7", **headers}
    return Response(status, named, body, "https://api.example/final", "proxy", 1.0)


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    take_back = bridge(made)
    yield made
    take_back()


def test_urllib_reads_through_the_chain(line: Line) -> None:
    with urllib.request.urlopen("https://api.example/data?x=1", timeout=5) as response:
        assert (response.status, response.reason, json.load(response)) == (200, "OK", {"a": 1})
        assert response.headers["x-kontor-strategy"] == "proxy" and response.headers["content-encoding"] is None
        assert response.url == "https://api.example/final"
    (asked,) = line.asked
    assert (asked.url, asked.method, dict(asked.headers), asked.deadline_s, asked.stale_ok) == ("https://api.example/data?x=1", "GET", {}, 5, False)


def test_urllib_sends_bodies_and_tells_statuses_and_causes(line: Line) -> None:
    line.give = lambda request: answer(b"gone", 404)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request("http://api.example/x", b"a=1", {"X-Key": "abc"}, method="PUT"))
    assert caught.value.code == 404 and caught.value.read() == b"gone"
    caught.value.close()
    asked = line.asked[0]
    assert (asked.method, asked.body, asked.headers["x-key"]) == ("PUT", b"a=1", "abc")

    def fail(_: Request) -> Response:
        raise FetchFailed("cors", "api.example does not allow it.", "Use the proxy.")

    line.give = fail
    with pytest.raises(urllib.error.URLError, match=r"does not allow it\. Use the proxy"):
        urllib.request.urlopen("https://api.example/")


def test_requests_reads_and_posts_through_the_chain(line: Line) -> None:
    got = requests.get("https://api.example/data", params={"q": "ä"}, timeout=3)
    assert (got.status_code, got.json(), got.headers["x-limit"], got.url) == (200, {"a": 1}, "7", "https://api.example/data?q=%C3%A4")
    requests.post("http://api.example:8080/order", json={"qty": "1"}, timeout=3)
    first, second = line.asked
    assert (first.url, first.deadline_s) == ("https://api.example/data?q=%C3%A4", 3)
    assert (second.url, second.method, second.body, second.headers["content-type"]) == (
        "http://api.example:8080/order", "POST", b'{"qty": "1"}', "application/json"
    )  # fmt: skip


def test_a_session_keeps_working_and_streams_what_came(line: Line) -> None:
    with requests.Session() as session:
        for _ in range(3):
            with session.get("https://api.example/data", stream=True, timeout=3) as got:
                assert b"".join(got.iter_content(3)) == b'{"a": 1}'
    assert len(line.asked) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_no_library_repeats_what_may_have_had_an_effect(line: Line, method: str) -> None:
    def lost(_: Request) -> Response:
        raise FetchUnknown("timeout", "It may have arrived.", "Look there first.")

    line.give = lost
    with pytest.raises(urllib3.exceptions.HTTPError, match="may have arrived"):
        urllib3.PoolManager(retries=urllib3.Retry(5)).request(method, "https://api.example/order")
    with pytest.raises(urllib3.exceptions.HTTPError, match="may have arrived"):
        requests.request(method, "https://api.example/order", timeout=1)
    assert len(line.asked) == 2


def test_a_failure_is_requests_own_connection_error_with_the_sentence(line: Line) -> None:
    def fail(_: Request) -> Response:
        raise FetchFailed("dns", "The name cannot be found.", "Check the spelling.")

    line.give = fail
    with pytest.raises(requests.ConnectionError, match="cannot be found"):
        requests.get("https://api.example/", timeout=1)


def test_pieces_and_files_are_sent_as_bytes(line: Line) -> None:
    requests.post("https://api.example/", data=(piece for piece in (b"a", b"b")), timeout=1)
    requests.post("https://api.example/", files={"f": ("x.txt", b"hello")}, timeout=1)
    assert line.asked[0].body == b"ab" and b"hello" in line.asked[1].body


def test_what_was_bridged_can_be_taken_back() -> None:
    before = urllib3.HTTPSConnectionPool.ConnectionCls
    bridge(Line())()
    assert urllib3.HTTPSConnectionPool.ConnectionCls is before and urllib.request._opener is None


def test_a_whole_chain_on_another_thread_serves_them() -> None:
    from tests.unit.net.world import Host, World

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    net = World()
    net.hosts["api.example"] = Host(cors=False, body=b"symbol,price\nBTC,1\n")

    async def make() -> object:
        return net.chain()

    chain = asyncio.run_coroutine_threadsafe(make(), loop).result(5)

    def fetch(request: Request) -> Response:
        waiting: Future = asyncio.run_coroutine_threadsafe(chain.fetch(request), loop)
        return waiting.result(10)

    take_back = bridge(fetch)
    try:
        assert requests.get("https://api.example/prices.csv", timeout=5).text.startswith("symbol")
        with urllib.request.urlopen("https://api.example/prices.csv") as response:
            assert response.headers["x-kontor-strategy"] == "proxy"
    finally:
        take_back()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
