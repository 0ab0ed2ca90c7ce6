"""What the server answers for the files of a site."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import httpx
import pytest

from proxy.config import Config
from proxy.policy import page_policy, worker_policy
from proxy.server import create_app

GUARDS = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
FILES = {
    "index.html": ("text/html; charset=utf-8", "page"),
    "worker/desk.mjs": ("text/javascript; charset=utf-8", "script"),
    "sw.js": ("text/javascript; charset=utf-8", "script"),
    "vendor/pyodide.asm.wasm": ("application/wasm", "page"),
    "app/a.css": ("text/css; charset=utf-8", "page"),
    "app/icons/kontor.svg": ("image/svg+xml", "page"),
    "manifest.webmanifest": ("application/manifest+json", "page"),
    "recordings/one.jsonl.gz": ("application/octet-stream", "page"),
    "snapshot.bin": ("application/octet-stream", "page"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small site; index.html has its packed twin."""
    for name in FILES:
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"the content of {name}".encode())
    page = tmp_path / "site" / "index.html"
    page.with_name("index.html.gz").write_bytes(gzip.compress(page.read_bytes()))
    (tmp_path / "site" / ".hidden").write_text("not for the web")
    (tmp_path / "secret.txt").write_text("beside the site")
    return tmp_path / "site"


@pytest.fixture
async def client(folder: Path):
    """A client of the application itself; it sends what it is told, nothing more."""
    transport = httpx.ASGITransport(create_app(Config(folder=folder, connect=("ws://127.0.0.1:9000",))))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test", headers={"accept-encoding": "identity"}) as made:
        yield made


@pytest.mark.parametrize("name", FILES)
async def test_every_file_has_its_type_and_the_guards(client: httpx.AsyncClient, name: str) -> None:
    kind, policy = FILES[name]
    answer = await client.get(f"/{name}")
    assert answer.status_code == 200
    assert answer.text == f"the content of {name}"
    assert answer.headers["content-type"] == kind
    assert {key: answer.headers.get(key) for key in GUARDS} == GUARDS
    assert answer.headers["content-security-policy"] == (page_policy() if policy == "page" else worker_policy(("ws://127.0.0.1:9000",)))
    assert "content-encoding" not in answer.headers


async def test_the_root_is_the_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/")).text == "the content of index.html"


async def test_the_page_reaches_itself_only_and_workers_reach_the_venues(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).headers["content-security-policy"]
    worker = (await client.get("/worker/desk.mjs")).headers["content-security-policy"]
    assert "connect-src 'self';" in page
    assert "wss://stream.binance.com:9443" in worker
    assert "ws://127.0.0.1:9000" in worker
    for policy in (page, worker):
        assert policy.startswith("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
        assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
        assert "unsafe-inline" not in policy
        assert "*" not in policy


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret.txt", "/app/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2Fetc/passwd", "//etc/passwd"),
        *("/.hidden", "/app", "/app/", "/a%00b", "/nothing", "/" + "x" * 5000),
    ],
)
async def test_nothing_outside_the_site_is_given_out(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(httpx.URL("http://desk.test").copy_with(raw_path=path.encode()))
    assert answer.status_code == 404
    assert answer.text == "Not found"
    assert answer.headers["content-security-policy"] == page_policy()


async def test_a_link_out_of_the_site_is_not_followed(client: httpx.AsyncClient, folder: Path) -> None:
    os.symlink(folder.parent / "secret.txt", folder / "inside.txt")
    assert (await client.get("/inside.txt")).status_code == 404


async def test_only_reading_is_allowed(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await client.request(method, "/index.html")).status_code == 405
    head = await client.head("/index.html")
    assert (head.status_code, head.content) == (200, b"")


async def test_unchanged_files_are_not_sent_again(client: httpx.AsyncClient, folder: Path) -> None:
    first = await client.get("/index.html")
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get("/index.html", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["content-security-policy"] == page_policy()
    (folder / "index.html").write_text("another page, another length")
    changed = await client.get("/index.html", headers={"if-none-match": first.headers["etag"]})
    assert (changed.status_code, changed.text) == (200, "another page, another length")


async def test_the_packed_twin_goes_to_those_who_take_it(client: httpx.AsyncClient) -> None:
    plain = await client.get("/index.html")
    packed = await client.get("/index.html", headers={"accept-encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["x-kontor-bytes"] == str(len(plain.content))
    assert packed.headers["vary"] == "accept-encoding"
    assert packed.text == plain.text
    assert packed.headers["content-type"] == plain.headers["content-type"]


async def test_a_recording_is_not_taken_for_a_packed_twin(client: httpx.AsyncClient) -> None:
    answer = await client.get("/recordings/one.jsonl.gz", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers


async def test_health_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_without_a_desk_there_are_no_files() -> None:
    transport = httpx.ASGITransport(create_app(Config(folder=None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for path in ("/", "/index.html"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (404, "Not found")
        assert (await client.get("/health")).json() == {"status": "ok"}


async def test_workers_may_ask_what_is_configured_and_the_page_only_itself(folder: Path) -> None:
    rules = [
        {"name": "one", "hosts": ["api.example.com", "*.example.org", "[2606:4700::1]"], "ports": [443, 8443]},
        {"name": "plain", "hosts": ["127.0.0.1"], "scheme": "http", "ports": [9001]},
        {"name": "any", "hosts": ["*"]},
    ]
    config = Config(folder=folder, connect=("ws://127.0.0.1:9000",), rules=rules, open=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(config)), base_url="http://desk.test") as client:
        worker = (await client.get("/worker/desk.mjs")).headers["content-security-policy"]
        page = (await client.get("/")).headers["content-security-policy"]
    listed = re.search("connect-src ([^;]*)", worker)[1].split()
    https = ["https://api.example.com", "https://api.example.com:8443", "https://*.example.org", "https://*.example.org:8443"]
    assert listed[-5:] == ["ws://127.0.0.1:9000", *https]
    assert page == page_policy()
