"""Forwarding over real sockets: the four forms, streaming both ways, what is handed on and what is not."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from urllib.parse import quote

import pytest

from . import peer as acts
from .peer import PACKED, TEXT, Peer, running_peer
from .running import Running, config_for, running, until


@pytest.fixture
async def peer():
    """A peer on loopback."""
    async with running_peer() as made:
        yield made


@pytest.fixture
async def proxy(peer: Peer):
    """The proxy that may reach the peer."""
    async with running(config_for(peer.port, request_headers=["x-api"], authorization=True)) as made:
        yield made


async def test_the_native_form(proxy: Running, peer: Peer) -> None:
    answer = await proxy.fetch(peer.url("/a/b?c=d%20e&f=%2B+g"), headers={"accept": "application/json"})
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["query"]) == ("GET", "/a/b", "c=d%20e&f=%2B+g")
    assert answer.headers["x-kontor-url"] == peer.url("/a/b")
    assert float(answer.headers["x-kontor-ms"]) > 0
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-kontor-error" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_with_its_body(proxy: Running, peer: Peer, method: str) -> None:
    body = b"" if method in ("GET", "HEAD") else b'{"a": 1}'
    answer = await proxy.fetch(peer.url("/echo"), method, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    hit = peer.hits[0]
    assert (hit.method, hit.body, hit["content-type"]) == (method, body, "application/json")
    assert len(peer.hits) == 1


async def test_a_large_body_goes_up_as_it_comes(proxy: Running, peer: Peer) -> None:
    body = b"0123456789abcdef" * 48_000
    assert (await proxy.fetch(peer.url("/echo"), "POST", content=body)).status_code == 200
    assert peer.hits[0].body == body

    async def pieces():
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    assert (await proxy.fetch(peer.url("/echo"), "POST", content=pieces())).status_code == 200
    assert peer.hits[1].body == body


async def test_an_answer_comes_down_as_it_comes(proxy: Running, peer: Peer) -> None:
    async with proxy.client.stream("GET", f"/raw?url={quote(peer.url('/stall'), safe='')}") as answer:
        pieces = answer.aiter_raw()
        assert await anext(pieces) == b"first", "the beginning is here while the rest is not yet sent"
        peer.go_on.set()
        assert await anext(pieces) == b"later"


async def test_an_upstream_status_is_handed_on(proxy: Running, peer: Peer) -> None:
    for status in (201, 204, 304, 400, 404, 500):
        answer = await proxy.fetch(peer.url(f"/status/{status}"))
        assert (answer.status_code, answer.headers.get("x-kontor-error")) == (status, None)


async def test_allorigins(proxy: Running, peer: Peer) -> None:
    answer = await proxy.client.get(f"/get?url={quote(peer.url('/echo?a=b'), safe='')}")
    body = answer.json()
    assert json.loads(body["contents"])["query"] == "a=b"
    status = body["status"]
    assert (status["url"], status["content_type"], status["http_code"]) == (peer.url("/echo?a=b"), "application/json", 200)
    assert status["content_length"] == len(body["contents"]) and isinstance(status["response_time"], int)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-kontor-url"] == peer.url("/echo")
    missing = (await proxy.client.get(f"/get?url={quote(peer.url('/status/404'), safe='')}")).json()
    assert (missing["contents"], missing["status"]["http_code"]) == ("{}", 404)


async def test_allorigins_gives_bytes_that_are_no_text_as_a_data_address(proxy: Running, peer: Peer) -> None:
    answer = await proxy.client.get(f"/get?url={quote(peer.url('/packed/fine'), safe='')}")
    assert answer.json()["contents"] == TEXT.decode()
    acts.RAW["binary"] = acts.head(200, 2, Content_Type="image/png") + b"\xff\xfe"
    answer = await proxy.client.get(f"/get?url={quote(peer.url('/raw/binary'), safe='')}")
    assert answer.json()["contents"] == "data:image/png;base64," + base64.b64encode(b"\xff\xfe").decode()


@pytest.mark.parametrize(
    ("charset", "contents"),
    [("windows-1252", "ä€"), ("utf-8", "data:text/plain;charset=utf-8;base64,5IA="), ("punycode", None), ("unicode_escape", None), ("iso-8859-99", None)],
)
async def test_allorigins_reads_charsets_of_texts_only(proxy: Running, peer: Peer, charset: str, contents: str | None) -> None:
    acts.RAW["text"] = acts.head(200, 2, Content_Type=f"text/plain;charset={charset}") + "ä€".encode("windows-1252")
    answer = await proxy.client.get(f"/get?url={quote(peer.url('/raw/text'), safe='')}")
    assert answer.json()["contents"] == (contents or f"data:text/plain;charset={charset};base64,5IA=")


@pytest.mark.parametrize(
    "form",
    [
        "/raw?url={quoted}",
        "/?url={quoted}",
        "/?url={quoted}&key=ignored",
        "/?{quoted}",
        "/?{plain}",
        "/{plain}",
        "/{merged}",
        "/{quoted}",
    ],
)
async def test_the_other_forms_give_the_same(proxy: Running, peer: Peer, form: str) -> None:
    plain = peer.url("/echo/x%2Fy?a=b&c=%26")
    answer = await proxy.client.get(form.format(quoted=quote(plain, safe=""), plain=plain, merged=plain.replace("://", ":/")))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["path"], answer.json()["query"]) == ("/echo/x%2Fy", "a=b&c=%26")


async def test_corsproxy_and_corssh_write_too(proxy: Running, peer: Peer) -> None:
    for path in (f"/?url={quote(peer.url('/echo'), safe='')}", f"/{peer.url('/echo')}"):
        assert (await proxy.client.post(path, content=b"x")).json()["method"] == "POST"
    refused = await proxy.client.post(f"/raw?url={quote(peer.url('/echo'), safe='')}", content=b"x")
    assert (refused.status_code, refused.headers["x-kontor-error"]) == (405, "method_not_allowed")


async def test_the_key_of_the_corssh_form(peer: Peer) -> None:
    config = config_for(peer.port, key_env="CORS_KEY", secrets={"CORS_KEY": "the key"})
    async with running(config) as proxy:
        for headers in ({}, {"x-cors-api-key": "another"}):
            answer = await proxy.client.get(f"/{peer.url('/echo')}", headers=headers)
            assert (answer.status_code, answer.headers["x-kontor-error"]) == (403, "bad_key")
        assert peer.hits == []
        answer = await proxy.client.get(f"/{peer.url('/echo')}", headers={"x-cors-api-key": "the key"})
        assert answer.status_code == 200
        assert "the key" not in answer.text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/fetch", "bad_request"),
        ("/api/fetch?url=a&url=b", "bad_request"),
        ("/api/fetch?url=%ff", "bad_url"),
        ("/api/fetch?url=nonsense", "bad_url"),
        ("/api/fetch?url=wss%3A%2F%2F127.0.0.1", "bad_request"),
        ("/get?url=https%3A%2F%2Fa.example&callback=evil", "bad_request"),
        ("/?url=", "bad_url"),
        ("/http://", "bad_url"),
        ("/https://user@a.example/", "bad_url"),
        ("/api/fetch?url=https%3A%2F%2Fa.example", "not_allowed"),
    ],
)
async def test_what_cannot_be_asked_says_why(proxy: Running, path: str, code: str) -> None:
    answer = await proxy.client.get(path)
    body = answer.json()
    assert (answer.headers["x-kontor-error"], body["error"], body["sent"]) == (code, code, False)
    assert body["detail"] and body["remedy"]


async def test_only_listed_headers_go_up(proxy: Running, peer: Peer) -> None:
    dropped = {
        name: "evil"
        for name in "cookie referer x-forwarded-for x-real-ip sec-fetch-site proxy-authorization te forwarded via x-other x-cors-api-key dnt upgrade".split()
    }
    kept = {"authorization": "Bearer t", "x-api": "k", "accept-language": "de", "if-none-match": '"a"', "range": "bytes=0-3"}
    await proxy.fetch(peer.url("/echo"), headers=dropped | kept | {"sec-fetch-dest": "empty"})
    hit = peer.hits[0]
    assert {name: hit[name] for name in kept} == kept
    assert {name for name, _ in hit.headers} == {*kept, "host", "user-agent", "accept", "accept-encoding"}
    assert (hit["host"], hit["user-agent"], hit["accept-encoding"]) == (f"127.0.0.1:{peer.port}", "kontor-proxy", "identity")


async def test_what_connection_names_is_not_passed_on(proxy: Running, peer: Peer) -> None:
    await proxy.fetch(peer.url("/echo"), headers={"connection": "close, X-Api", "x-api": "k"})
    assert peer.hits[0]["x-api"] is None


async def test_authorization_only_where_the_rule_says_so(peer: Peer) -> None:
    async with running(config_for(peer.port)) as proxy:
        await proxy.fetch(peer.url("/echo"), headers={"authorization": "Bearer t", "x-api": "k"})
    assert (peer.hits[0]["authorization"], peer.hits[0]["x-api"]) == (None, None)


async def test_only_harmless_headers_come_down(proxy: Running, peer: Peer) -> None:
    answer = await proxy.fetch(peer.url("/nasty?application/json"))
    assert not [name for name, value in answer.headers.items() if "evil" in value]
    assert (answer.headers["x-ratelimit-remaining"], answer.headers["etag"], answer.headers["cache-control"]) == ("7", '"a"', "max-age=9")
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["x-kontor-url"] == peer.url("/nasty")


ACTIVE = ["text/html", "TEXT/HTML;charset=utf-8", "image/svg+xml", "application/xml", "text/xml", "application/xhtml+xml", "application/rss+xml"]


@pytest.mark.parametrize("kind", ACTIVE)
async def test_what_could_run_is_to_be_saved(proxy: Running, peer: Peer, kind: str) -> None:
    answer = await proxy.fetch(peer.url(f"/nasty?{kind}"))
    assert answer.headers.get_list("content-disposition") == ["attachment"]


async def test_an_answer_without_a_type_is_bytes(proxy: Running, peer: Peer) -> None:
    assert (await proxy.fetch(peer.url("/nasty"))).headers["content-type"] == "application/octet-stream"


async def test_an_answer_to_a_credential_is_not_stored(proxy: Running, peer: Peer) -> None:
    answer = await proxy.fetch(peer.url("/nasty?text/plain"), headers={"authorization": "Bearer t"})
    assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_gzip_is_handed_on_to_who_takes_it_and_unpacked_for_others(proxy: Running, peer: Peer) -> None:
    async with proxy.client.stream("GET", f"/raw?url={quote(peer.url('/packed/fine'), safe='')}", headers={"accept-encoding": "gzip, br"}) as answer:
        data = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
    assert data == PACKED["fine"][1] and gzip.decompress(data) == TEXT
    assert peer.hits[0]["accept-encoding"] == "gzip"
    plain = await proxy.fetch(peer.url("/packed/fine"))
    assert plain.content == TEXT and "content-encoding" not in plain.headers
    assert (await proxy.fetch(peer.url("/packed/members"))).content == b"onetwo"
    assert (await proxy.fetch(peer.url("/packed/empty"))).content == b""
    assert (await proxy.fetch(peer.url("/raw/no-length"))).content == b"until the end"


async def test_the_reader_leaving_ends_the_request(proxy: Running, peer: Peer) -> None:
    async with proxy.client.stream("GET", f"/raw?url={quote(peer.url('/endless'), safe='')}") as answer:
        await anext(answer.aiter_raw())
    await asyncio.wait_for(peer.left.wait(), 5)


async def test_the_reader_leaving_before_an_answer_ends_the_request(proxy: Running, peer: Peer) -> None:
    asked = asyncio.create_task(proxy.fetch(peer.url("/silent")))
    await asyncio.wait_for(peer.begun.wait(), 5)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await until(lambda: any(line["outcome"] == "left" for line in proxy.lines))


async def test_the_reader_leaving_in_the_middle_of_an_upload_ends_it(proxy: Running, peer: Peer) -> None:
    for large in (False, True):
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        size = 500_000 if large else 100
        lines = [
            f"POST /api/fetch?url={quote(peer.url('/echo'), safe='')} HTTP/1.1",
            f"Host: 127.0.0.1:{proxy.port}",
            f"Origin: {proxy.url}",
            "X-Kontor: 1",
            f"Content-Length: {size}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + b"x" * (size // 2))
        await writer.drain()
        await until(lambda: peer.connections or not large)  # noqa: B023 - asked at once
        writer.close()
    await until(lambda: any(line["outcome"] == "left" for line in proxy.lines))
    assert peer.hits == []
