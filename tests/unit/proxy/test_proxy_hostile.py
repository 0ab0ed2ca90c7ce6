"""Hostile pages and hostile upstreams, over real sockets: what is refused, with which code, and what it may not cost."""

from __future__ import annotations

import asyncio
import ssl
import time
from email.utils import formatdate
from urllib.parse import quote

import httpx
import pytest
import trustme
from starlette.requests import Request

from proxy.access import identity
from proxy.errors import Refused
from proxy.forward import Reader

from .names import dns
from .peer import Peer, running_peer
from .running import Running, config_for, running, until

BRIEF = {"connect_s": 0.8, "first_byte_s": 0.8, "idle_s": 0.8, "total_s": 2.0}


@pytest.fixture
async def peer():
    """A peer on loopback."""
    async with running_peer() as made:
        yield made


@pytest.fixture
async def proxy(peer: Peer):
    """The proxy that may reach the peer, with little patience."""
    async with running(config_for(peer.port, limits=BRIEF, origins=["https://desk.example.com"])) as made:
        yield made


def code(answer: httpx.Response) -> str | None:
    """The refusal's code."""
    return answer.headers.get("x-kontor-error")


# Pages


@pytest.mark.parametrize("path", ["/api/fetch?url={}", "/get?url={}", "/raw?url={}", "/?url={}", "/{}"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"origin": "null"}, "bad_origin"),
        ({"origin": "https://evil.example"}, "bad_origin"),
        ({"origin": "http://127.0.0.1:1"}, "bad_origin"),
        ({"origin": "https://desk.example.com.evil.example"}, "bad_origin"),
        ({"origin": "https://desk.example.com:8443"}, "bad_origin"),
        ({"origin": "HTTPS://desk.example.com"}, "bad_origin"),
        ({"host": "evil.example"}, "bad_origin"),
        ({"host": "localhost.evil.example"}, "bad_origin"),
        ({"host": "127.0.0.1@evil.example"}, "bad_origin"),
        ({"host": ""}, "bad_origin"),
        ({"host": "[::1"}, "bad_origin"),
        ({"host": "127.0.0.1:80:80"}, "bad_origin"),
        *(({"sec-fetch-dest": dest}, "bad_origin") for dest in ("document", "iframe", "image", "script", "style", "worker", "serviceworker", "object")),
        ({"service-worker": "script"}, "bad_origin"),
    ],
)
async def test_a_page_elsewhere_gets_nothing(proxy: Running, peer: Peer, path: str, headers: dict[str, str], expected: str) -> None:
    answer = await proxy.client.get(path.format(quote(peer.url("/echo"), safe="")), headers=headers)
    assert (answer.status_code, code(answer)) == (403, expected)
    assert "access-control-allow-origin" not in answer.headers
    assert peer.connections == 0


async def test_two_origins_or_hosts_are_none(proxy: Running, peer: Peer) -> None:
    url = f"{proxy.url}/api/fetch?url={quote(peer.url('/echo'), safe='')}"
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url, headers=[("origin", proxy.url), ("origin", "https://evil.example"), ("x-kontor", "1")])
    assert code(answer) == "bad_origin"


async def test_the_native_form_wants_its_header_and_writing_an_origin(proxy: Running, peer: Peer) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=proxy.url) as client:
        path = f"/api/fetch?url={quote(peer.url('/echo'), safe='')}"
        assert code(await client.get(path, headers={"origin": proxy.url})) == "needs_header"
        assert code(await client.get(path, headers={"x-kontor": "0"})) == "needs_header"
        assert (await client.get(path, headers={"x-kontor": "1"})).status_code == 200, "the own page's reading carries no Origin"
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert code(await client.request(method, path, headers={"x-kontor": "1"})) == "bad_origin"
        raw = f"/raw?url={quote(peer.url('/echo'), safe='')}"
        assert code(await client.get(raw)) == "needs_header", "an address in the bar or a link"
        for name in ("x-requested-with", "x-kontor"):
            assert (await client.get(raw, headers={name: "1"})).status_code == 200
    assert len(peer.hits) == 3


async def test_a_listed_page_reads_the_answer_and_the_refusal(proxy: Running, peer: Peer) -> None:
    headers = {"origin": "https://desk.example.com"}
    for url, status in ((peer.url("/nasty"), 200), ("https://not-allowed.example/", 403)):
        answer = await proxy.fetch(url, headers=headers)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "https://desk.example.com")
        assert "origin" in answer.headers["vary"].lower()
        assert "access-control-allow-credentials" not in answer.headers
    asked = headers | {"access-control-request-method": "PUT", "access-control-request-headers": "x-kontor, content-type, authorization"}
    answer = await proxy.client.options("/api/fetch", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://desk.example.com")
    assert "x-kontor" in answer.headers["access-control-allow-headers"]
    answer = await proxy.client.options("/api/fetch", headers=asked | {"origin": "https://evil.example"})
    assert answer.status_code == 400 and "access-control-allow-origin" not in answer.headers
    answer = await proxy.client.get("/health", headers=headers)
    assert "access-control-allow-origin" not in answer.headers


async def test_a_configured_address_is_the_only_own_one(peer: Peer) -> None:
    async with running(config_for(peer.port, url="https://desk.example.com", host="0.0.0.0")) as proxy:
        url = peer.url("/echo")
        assert code(await proxy.fetch(url)) == "bad_origin"
        own = {"host": "desk.example.com", "origin": "https://desk.example.com"}
        assert (await proxy.fetch(url, headers=own)).status_code == 200
        assert code(await proxy.fetch(url, headers=own | {"origin": "http://desk.example.com"})) == "bad_origin"


async def test_without_an_address_a_server_for_others_forwards_nothing(peer: Peer) -> None:
    async with running(config_for(peer.port, host="0.0.0.0")) as proxy:
        answer = await proxy.fetch(peer.url("/echo"))
        assert code(answer) == "bad_origin" and "KONTOR_URL" in answer.json()["remedy"]
        assert (await proxy.client.get("/health")).status_code == 200


# Requests made to be read two ways


SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
HEADS = [
    ["Content-Length: 4", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 4"],
    ["Content-Length: 4", "Content-Length: 40"],
    ["Content-Length: 4", "Content-Length: 4"],
    ["Content-Length: +4"],
    ["Content-Length: 4, 4"],
    ["Content-Length: -1"],
    ["Content-Length: 0x4"],
    ["Content-Length : 4"],
    ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding: chunked, identity"],
    ["Transfer-Encoding: identity, chunked"],
    ["Transfer-Encoding : chunked"],
    ["Transfer-Encoding:\x0bchunked"],
    [" Transfer-Encoding: chunked"],
    ["X: y\n Transfer-Encoding: chunked"],
    ["X: y\rTransfer-Encoding: chunked"],
    ["Content-Length: 4\nTransfer-Encoding: chunked"],
    ["X-Api: a\x00b"],
    ["Connection: content-length", "Content-Length: 4"],
]


@pytest.mark.parametrize("lines", HEADS, ids=lambda lines: repr("|".join(lines)))
async def test_a_second_request_hidden_in_the_first_never_reaches_anybody(proxy: Running, peer: Peer, lines: list[str]) -> None:
    first = [f"POST /api/fetch?url={quote(peer.url('/echo'), safe='')} HTTP/1.1", f"Host: 127.0.0.1:{proxy.port}", f"Origin: {proxy.url}", "X-Kontor: 1"]
    hidden = f"GET /api/fetch?url={quote(peer.url('/smuggled'), safe='')} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nX-Kontor: 1\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(("\r\n".join([*first, *lines, "", ""]) + "4\r\nbody\r\n0\r\n\r\n" + hidden.replace("/api/fetch", "/hidden")).encode("latin-1"))
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert [hit.path for hit in peer.hits] in ([], ["/echo"])
    for hit in peer.hits:
        assert hit["transfer-encoding"] in (None, "chunked") and (hit["content-length"] is None) != (hit["transfer-encoding"] is None)
        assert b"smuggled" not in hit.body
    assert answer == b"" or int(answer.split(b" ")[1]) in (200, 400, 403, 411, 501)


async def test_a_length_told_twice_is_refused_whatever_the_server_lets_through() -> None:
    for lines in (["content-length: 4", "content-length: 5"], ["content-length: 4", "transfer-encoding: chunked"]):
        headers = [tuple(part.encode() for part in line.split(": ")) for line in lines]
        async with asyncio.timeout(None) as leave:
            with pytest.raises(Refused, match="told twice"):
                await Reader(None, leave, 100).body(Request({"type": "http", "method": "POST", "headers": headers}))


@pytest.mark.parametrize(
    ("client", "who"),
    [(("203.0.113.9", 1), "203.0.113.9"), (("2001:db8:1:2:3:4:5:6", 1), "2001:db8:1:2::/64"), (("/run/socket", 0), "/run/socket"), (None, "")],
)
def test_who_is_asking(client: tuple[str, int] | None, who: str) -> None:
    assert identity(Request({"type": "http", "headers": [], "client": client})) == who


STRANGE = ["CONNECT a.example:443", "TRACE /api/fetch?url=x", "GET http://127.0.0.1/secret", "OPTIONS *", "GET /api/fetch?url=x y", "PRI *"]


@pytest.mark.parametrize("head", STRANGE)
async def test_other_methods_and_targets(proxy: Running, peer: Peer, head: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(f"{head} HTTP/1.1\r\nHost: 127.0.0.1:{proxy.port}\r\nX-Kontor: 1\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer == b"" or int(answer.split(b" ")[1]) in (400, 403, 404, 405)
    assert peer.connections == 0


async def test_what_is_not_there_is_said_in_json(proxy: Running, peer: Peer) -> None:
    answer = await proxy.client.get("/api/nothing")
    assert (answer.status_code, code(answer)) == (404, "not_found")
    answer = await proxy.client.get("/oauth/nothing")
    assert (answer.status_code, code(answer)) == (404, "not_found")
    answer = await proxy.client.post("/api/config")
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    for method in ("OPTIONS", "PROPFIND", "TRACE"):
        answer = await proxy.fetch(peer.url("/echo"), method)
        assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert peer.connections == 0


# Upstreams


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/silent", "timeout"),
        ("/reset", "reset"),
        ("/raw/nothing", "reset"),
        ("/raw/banner", "bad_answer"),
        ("/raw/switch", "bad_answer"),
        ("/raw/big-head", "bad_answer"),
        ("/raw/big-field", "bad_answer"),
        ("/raw/two-lengths", "bad_answer"),
        ("/raw/bad-chunk", "bad_answer"),
        ("/packed/damaged", "bad_answer"),
        ("/packed/other", "bad_answer"),
        ("/packed/deflate", "bad_answer"),
        ("/packed/bomb", "too_large"),
        ("/packed/dense", "too_large"),
        ("/bytes/1048577", "too_large"),
    ],
)
async def test_what_is_wrong_from_the_start_is_said(proxy: Running, peer: Peer, path: str, expected: str) -> None:
    started = time.monotonic()
    answer = await proxy.fetch(peer.url(path), "POST")
    assert (answer.status_code, code(answer)) == (504 if expected == "timeout" else 502, expected), answer.text
    assert answer.json()["sent"] is True
    assert time.monotonic() - started < 10
    assert len(peer.hits) == 1, "it is not asked again"


@pytest.mark.parametrize("path", ["/stall", "/trickle", "/endless", "/reset/later", "/half-close", "/short", "/raw/cut-chunk", "/packed/cut"])
async def test_what_goes_wrong_later_is_cut_off(proxy: Running, peer: Peer, path: str) -> None:
    """Nobody may take a part for the whole. In the form that answers whole it is a refusal."""
    started = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        answer = await proxy.fetch(peer.url(path), headers={"accept-encoding": "gzip"})
        raise AssertionError((answer.status_code, answer.text))
    assert time.monotonic() - started < 10
    answer = await proxy.client.get(f"/get?url={quote(peer.url(path), safe='')}")
    assert code(answer) in ("timeout", "too_large", "reset", "bad_answer")
    outcomes = [line["outcome"] for line in proxy.lines]
    assert len(outcomes) == 2 and outcomes[0] == outcomes[1], outcomes


async def test_more_than_promised_is_not_handed_on(proxy: Running, peer: Peer) -> None:
    assert (await proxy.fetch(peer.url("/long"))).text == "four"
    assert (await proxy.fetch(peer.url("/echo"))).json()["path"] == "/echo", "and is not taken for the next answer"


async def test_a_bomb_costs_little_memory(proxy: Running, peer: Peer) -> None:
    import tracemalloc

    tracemalloc.start()
    try:
        answer = await proxy.client.get(f"/get?url={quote(peer.url('/packed/bomb'), safe='')}")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code(answer) == "too_large"
    assert most < 8 * 2**20


async def test_a_body_may_be_as_large_as_the_rule_says(proxy: Running, peer: Peer) -> None:
    assert len((await proxy.fetch(peer.url("/bytes/1048576"))).content) == 2**20
    assert (await proxy.fetch(peer.url("/bytes/9999999"), "HEAD")).headers["content-length"] == "9999999"


async def test_a_request_may_be_as_large_as_the_limit(peer: Peer) -> None:
    async with running(config_for(peer.port, limits={"request_bytes": 100_000})) as proxy:

        async def pieces(count: int):
            for _ in range(count):
                yield b"x" * 10_000

        for body, size in ((b"x" * 100_000, 100_000), (pieces(10), 100_000)):
            assert (await proxy.fetch(peer.url("/echo"), "POST", content=body)).status_code == 200
            assert len(peer.hits[-1].body) == size
        for body in (b"x" * 100_001, pieces(11)):
            answer = await proxy.fetch(peer.url("/echo"), "POST", content=body)
            assert (answer.status_code, code(answer)) == (413, "body_too_large")
    assert len(peer.hits) == 2


async def test_a_stream_may_go_on_for_longer(peer: Peer) -> None:
    async with running(config_for(peer.port, stream=True, limits=BRIEF | {"total_s": 0.1, "idle_s": 5})) as proxy:
        async with proxy.client.stream("GET", f"/raw?url={quote(peer.url('/stall'), safe='')}") as answer:
            pieces = answer.aiter_raw()
            await anext(pieces)
            asyncio.get_running_loop().call_later(0.3, peer.go_on.set)
            assert await anext(pieces) == b"later"


async def test_the_head_of_a_request_is_bounded(proxy: Running, peer: Peer) -> None:
    answer = await proxy.fetch(peer.url("/echo"), headers={f"x-{n}": "y" * 8000 for n in range(5)})
    assert (answer.status_code, code(answer), peer.connections) == (431, "bad_request", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\nX: ")
    sent = 0
    try:
        while sent < 2**24:
            writer.write(b"y" * 2**15)
            sent += 2**15
            await writer.drain()
    except ConnectionError:
        pass
    assert sent < 2**24, "it is not taken in for ever"
    writer.close()
    assert (await proxy.fetch(peer.url("/echo"), "POST", content=b"x" * 2**19)).status_code == 200, "bodies are not heads"


# Connections


async def test_names_and_ports_that_are_not_there() -> None:
    with dns({"here.example": [["127.0.0.1"]]}) as (_, resolver):
        async with running_peer() as gone:
            port = gone.port
        rule = {"name": "any", "hosts": ["*.example"], "scheme": "http", "ports": [port]}
        config = config_for(port, rules=[rule], allow_private=[f"here.example:{port}", f"nowhere.example:{port}"], resolver=resolver)
        async with running(config) as proxy:
            for host, expected in (("nowhere", "dns"), ("here", "refused")):
                answer = await proxy.fetch(f"http://{host}.example:{port}/")
                assert (answer.status_code, code(answer), answer.json()["sent"]) == (502, expected, False)


async def test_a_connection_that_takes_too_long(peer: Peer) -> None:
    class Slow:
        async def resolve(self, *_: object) -> list:
            await asyncio.Event().wait()
            return []

        async def close(self) -> None: ...

    rule = {"name": "any", "hosts": ["*.example"], "scheme": "http", "ports": [80]}
    async with running(config_for(peer.port, rules=[rule], limits=BRIEF, resolver=Slow())) as proxy:
        answer = await proxy.fetch("http://slow.example/")
        assert (answer.status_code, code(answer), answer.json()["sent"]) == (504, "connect_timeout", False)


async def test_certificates_are_checked_and_names_are_sent(tmp_path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    asked: list[str | None] = []

    def context(issuer: trustme.CA, name: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(name).configure_cert(made)
        made.sni_callback = lambda _, name, __: asked.append(name)
        return made

    names = {f"{name}.example": [["127.0.0.1"]] for name in ("good", "other", "stranger")}
    with dns(names) as (_, resolver):
        async with (
            running_peer(ssl=context(authority, "good.example")) as good,
            running_peer(ssl=context(stranger, "stranger.example")) as unknown,
            running_peer() as plain,
        ):
            peers = {"good": good, "other": good, "stranger": unknown, "plain": plain}
            names["plain.example"] = [["127.0.0.1"]]
            rule = {"name": "any", "hosts": ["*.example"], "ports": [good.port, unknown.port]}
            allowed = [f"{name}.example:{peer.port}" for name, peer in peers.items()]
            async with running(config_for(1, rules=[rule], allow_private=allowed, resolver=resolver, ca_file=tmp_path / "ca.pem")) as proxy:
                answer = await proxy.fetch(f"https://good.example:{good.port}/echo")
                assert answer.status_code == 200
                assert (good.hits[0]["host"], asked) == (f"good.example:{good.port}", ["good.example"])
                for name, peer in (("other", good), ("stranger", unknown)):
                    answer = await proxy.fetch(f"https://{name}.example:{peer.port}/echo")
                    assert (answer.status_code, code(answer), answer.json()["sent"]) == (502, "tls", False)
                there = quote(f"http://good.example:{plain.port}/", safe="")
                answer = await proxy.fetch(f"https://good.example:{good.port}/redirect/302?to={there}")
                assert code(answer) == "bad_redirect" and "https would go on as http" in answer.json()["detail"]
    assert unknown.hits == [] and plain.connections == 0


async def test_the_last_check_is_at_the_socket(peer: Peer, monkeypatch) -> None:
    """Should a bad address get past the resolver's check, the socket's check still stops it."""
    with dns({"flip.example": [["127.0.0.1"]]}) as (_, resolver):
        rule = {"name": "any", "hosts": ["*.example"], "scheme": "http", "ports": [peer.port]}
        async with running(config_for(1, rules=[rule], resolver=resolver)) as proxy:
            monkeypatch.setattr("proxy.guard.GuardedResolver.resolve", lambda self, *args, **more: resolver.resolve(*args, **more))
            answer = await proxy.fetch(f"http://flip.example:{peer.port}/")
            assert (answer.status_code, code(answer)) == (403, "private_address")
    assert peer.connections == 0


# How much


async def test_requests_a_minute(peer: Peer) -> None:
    async with running(config_for(peer.port, per_minute=3)) as proxy:
        answers = [await proxy.fetch(peer.url("/echo")) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert code(answers[3]) == "rate_limited" and 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert len(peer.hits) == 3


@pytest.mark.parametrize("limit", ["per_session", "per_host"])
async def test_requests_at_once(peer: Peer, limit: str) -> None:
    async with running(config_for(peer.port, limits={limit: 2})) as proxy:
        under_way = [asyncio.create_task(proxy.fetch(peer.url("/stall"))) for _ in range(2)]
        await until(lambda: len(peer.hits) == 2)
        answer = await proxy.fetch(peer.url("/echo"))
        assert (answer.status_code, code(answer), answer.json()["sent"]) == (503, "busy", False)
        peer.go_on.set()
        assert [answer.text for answer in await asyncio.gather(*under_way)] == ["firstlater"] * 2
        assert (await proxy.fetch(peer.url("/echo"))).status_code == 200


@pytest.mark.parametrize(
    ("wait", "paused"),
    [("30", True), (600, True), (-600, False), ("soon", False), ("-1", False), ("0", False)],
)
async def test_a_pause_the_upstream_asks_for_is_kept(proxy: Running, peer: Peer, wait: str | int, paused: bool) -> None:
    said = wait if isinstance(wait, str) else formatdate(time.time() + wait, usegmt=True)
    answer = await proxy.fetch(peer.url(f"/status/429?{quote(said)}"))
    assert (answer.status_code, code(answer)) == (429, None)
    answer = await proxy.fetch(peer.url("/echo"))
    assert (code(answer) == "rate_limited") is paused
    assert len(peer.hits) == (1 if paused else 2)


async def test_a_pause_for_an_account_is_not_one_for_everybody(peer: Peer) -> None:
    async with running(config_for(peer.port, authorization=True, trusted_proxies=["127.0.0.1"])) as proxy:
        first, second = {"x-forwarded-for": "203.0.113.1"}, {"x-forwarded-for": "2001:db8::1"}
        await proxy.fetch(peer.url("/status/429?30"), headers=first | {"authorization": "Bearer one"})
        assert code(await proxy.fetch(peer.url("/echo"), headers=first)) == "rate_limited"
        assert (await proxy.fetch(peer.url("/echo"), headers=second)).status_code == 200
        await proxy.fetch(peer.url("/status/503?30"), headers=second)
        assert code(await proxy.fetch(peer.url("/echo"), headers={"x-forwarded-for": "2001:db8:1::2"})) == "rate_limited"


# What is told


async def test_logs_and_metrics_hold_no_secret(proxy: Running, peer: Peer) -> None:
    await proxy.fetch(peer.url("/secret-path?key=secret-query"), "POST", content=b"secret-body", headers={"authorization": "Bearer secret-token"})
    await proxy.fetch("https://user:secret-password@a.example/")
    await proxy.fetch(peer.url("/packed/bomb"))
    metrics = (await proxy.client.get("/metrics")).text
    assert "secret" not in proxy.log + metrics
    line = proxy.lines[0]
    assert (line["event"], line["form"], line["rule"], line["method"], line["host"], line["outcome"]) == ("request", "native", "peer", "POST", "127.0.0.1", 200)
    assert line["bytes"] > 0 and line["ms"] > 0 and line["timestamp"]
    assert 'kontor_requests_total{form="native",outcome="200",rule="peer"} 1.0' in metrics
    assert 'kontor_requests_total{form="native",outcome="bad_url",rule=""} 1.0' in metrics
    assert 'kontor_refused_total{code="too_large"} 1.0' in metrics
    assert 'kontor_under_way{form="native"} 0.0' in metrics
