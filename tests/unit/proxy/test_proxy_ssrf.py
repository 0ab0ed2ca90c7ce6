"""Nothing on the own computer or network can be reached: the oracle is a listener on every address here that counts connections.

The forms of addresses are those of PayloadsAllTheThings (Server Side Request Forgery) and of what getaddrinfo was seen to accept.
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import quote

import pytest

from proxy.guard import GuardedResolver

from .names import dns
from .peer import Peer, running_peer
from .running import Running, config_for, running

LOOPBACK = [
    *("127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.254", "127.1", "127.0.1", "0", "0.0.0.0", "00", "0x0", "0.0", "2130706433", "0x7f000001", "0x7f.1"),
    *("0177.0.0.1", "017700000001", "0x7f.0x0.0x0.0x1", "0177.0x0.0.1", "127.0.0.1.", "127.000.000.001", "0000000127.0.0.1", "6425673729", "127.0.0.01"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]"),
    *("[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]", "[fec0::1]", "[ff02::1]", "[::ffff:0:127.0.0.1]"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "１２７.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhost", "LOCALHOST", "localhost.", "a.localhost"),
    *("localhost.localdomain"),
    *("ip6-localhost", "%6c%6f%63%61%6c%68%6f%73%74", "127%2e0%2e0%2e1", "127.0.0.1%00.example.com", "127.0.0.1%0d%0a", "localhost%00"),
    *("127.0.0.1;", "127.0.0.1,"),
]
ELSEWHERE = [
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    *("198.18.0.1"),
    *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]"),
    *("[fd20:ce::254]"),
    *("[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "metadata.google.internal", "metadata", "instance-data", "metadata.azure.internal"),
    *("kubernetes.default.svc", "255.255.255.255"),
]
# What some parser takes for the host is the listener; what another takes for it is harmless.
CONFUSED = [
    "http://127.0.0.1:{port}@good.example/",
    "http://good.example@127.0.0.1:{port}/",
    "http://good.example:80@127.0.0.1:{port}/",
    "http://good.example:@127.0.0.1:{port}/",
    "http://good.example\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@good.example/",
    "http://127.0.0.1:{port}#@good.example/",
    "http://good.example#@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\t.good.example/",
    "http://127.0.0.1:{port}\r\nHost: good.example/",
    "http://127.0.0.1 &@good.example# @127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "\\\\127.0.0.1:{port}\\x",
    "http://[::1]:{port}:80/",
    "http://0:{port}/",
    "http://127.0.0.1:{port}:80/",
    "http://127.0.0.1:0{port}/",
    "http://127.0.0.1:+{port}/",
    "http://127.0.0.1: {port}/",
    "url:http://127.0.0.1:{port}/",
    "0://127.0.0.1:{port}/",
    *(f"{scheme}://127.0.0.1:{{port}}/x" for scheme in "ftp gopher dict file ldap tftp sftp jar:http netdoc ws wss blob:http http+unix".split()),
]
FORMS = ["/api/fetch?url={quoted}", "/get?url={quoted}", "/raw?url={quoted}", "/?url={quoted}", "/?{quoted}", "/{quoted}"]
REFUSALS = {"bad_url", "private_address", "not_allowed", "bad_request"}


@pytest.fixture
async def everywhere():
    """A listener on every address of this computer."""
    async with running_peer("*") as first:
        yield first


@pytest.fixture
async def proxy(everywhere: Peer, reached: list[str]):
    """The proxy in open mode, allowed to use the listener's port on any host; names are those of a DNS server that rebinds."""
    names = {
        "flip.example": [["8.8.8.8"], ["127.0.0.1"]],
        "second.example": [["127.0.0.1"], ["8.8.8.8"]],
        "both.example": [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]],
        "six.example": [["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"]],
        "mixed.example": [["8.8.8.8", "::1"], ["2606:4700::1111", "10.0.0.1"]],
        "own.example": [[own_address()]],
        "good.example": [["8.8.8.8"]],
        "kubernetes.default.svc": [["10.96.0.1"]],
        **{f"127.0.0.1.{name}": [["127.0.0.1"]] for name in ("nip.example", "xip.example")},
    }
    with dns(names) as (_, resolver):
        rule = {"name": "any", "hosts": ["*"], "scheme": "http", "ports": [everywhere.port], "methods": ["GET", "POST"]}
        config = config_for(everywhere.port, rules=[rule], open=True, allow_private=[], resolver=resolver)
        async with running(config) as made:
            yield made


@pytest.fixture
def reached(monkeypatch) -> list[str]:
    """The addresses for which a socket would be made; it is stopped there, so that no test sends anything to the internet."""
    addresses: list[str] = []
    check = GuardedResolver.socket

    def stop(self: GuardedResolver, info: tuple) -> socket.socket:
        check(self, info).close()
        addresses.append(info[4][0])
        raise ConnectionRefusedError("stopped by the test")

    monkeypatch.setattr(GuardedResolver, "socket", stop)
    return addresses


def own_address() -> str:
    """An address of this computer that is not loopback where there is one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a route
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


async def test_no_form_of_address_reaches_this_computer(proxy: Running, everywhere: Peer, reached: list[str]) -> None:
    urls = [f"http://{host}:{everywhere.port}/" for host in (*LOOPBACK, *ELSEWHERE, own_address())] + [form.format(port=everywhere.port) for form in CONFUSED]
    for url in urls:
        answer = await proxy.fetch(url)
        assert answer.headers.get("x-kontor-error") in REFUSALS, (url, answer.status_code, answer.text)
        assert answer.status_code in (400, 403)
        assert answer.json()["sent"] is False
    assert (everywhere.connections, reached) == (0, [])


async def test_what_is_read_one_way_only_goes_there(proxy: Running, everywhere: Peer, reached: list[str]) -> None:
    answer = await proxy.fetch(f"http://good.example:{everywhere.port}?@127.0.0.1:{everywhere.port}/")
    assert (everywhere.connections, reached, answer.headers["x-kontor-error"]) == (0, ["8.8.8.8"], "refused")


@pytest.mark.parametrize("form", FORMS)
async def test_all_forms_have_the_same_guard(proxy: Running, everywhere: Peer, reached: list[str], form: str) -> None:
    for host in LOOPBACK:
        answer = await proxy.client.get(form.format(quoted=quote(f"http://{host}:{everywhere.port}/", safe="")))
        assert answer.status_code in (400, 403), (host, answer.text)
    assert (everywhere.connections, reached) == (0, [])


async def test_addresses_in_the_path_as_they_stand(proxy: Running, everywhere: Peer) -> None:
    """The path form with the characters a client may send raw, percent-encoded twice, and with merged slashes."""
    plain = ("/http://127.0.0.1:{}/", "/http:/127.0.0.1:{}/", "/https://[::1]:{}/")
    for path in (*plain, "/http:%2f%2f127.0.0.1:{}/", "/http%3A%2F%2F127.0.0.1%3A{}%2F", "/http%253A%252F%252F127.0.0.1"):
        answer = await proxy.client.get(path.format(everywhere.port))
        assert answer.status_code in (400, 403, 404), path
    assert everywhere.connections == 0


@pytest.mark.parametrize("name", ["flip.example", "second.example", "both.example", "six.example", "mixed.example", "own.example", "127.0.0.1.nip.example"])
async def test_a_name_that_rebinds_never_leads_here(proxy: Running, everywhere: Peer, reached: list[str], name: str) -> None:
    """One after the other and all at once: between the check and the connection there is no second question."""
    url = f"http://{name}:{everywhere.port}/"
    answers = [await proxy.fetch(url) for _ in range(12)] + await asyncio.gather(*(proxy.fetch(url) for _ in range(24)))
    assert everywhere.connections == 0
    assert set(reached) <= {"8.8.8.8", "2606:4700::1111"}
    codes = {answer.headers["x-kontor-error"] for answer in answers}
    assert codes <= {"private_address", "refused"}
    assert "private_address" in codes
    assert (len(reached) > 0) == (name in ("flip.example", "second.example")), "an honest answer would be connected to"


async def test_each_connection_asks_once(everywhere: Peer, reached: list[str]) -> None:
    with dns({"flip.example": [["8.8.8.8"], ["127.0.0.1"]]}) as (zone, resolver):
        rule = {"name": "any", "hosts": ["*"], "scheme": "http", "ports": [everywhere.port]}
        async with running(config_for(everywhere.port, rules=[rule], open=True, allow_private=[], resolver=resolver)) as proxy:
            for _ in range(10):
                await proxy.fetch(f"http://flip.example:{everywhere.port}/")
    assert len(zone.asked) == 10
    assert reached == ["8.8.8.8"] * 5


async def test_the_listener_would_have_been_reached(everywhere: Peer) -> None:
    """The control: named in allow_private, the same listener answers, by address and by name."""
    with dns({"emulator.example": [["127.0.0.1"]]}) as (_, resolver):
        allowed = [f"127.0.0.1:{everywhere.port}", f"emulator.example:{everywhere.port}"]
        rule = {"name": "any", "hosts": ["127.0.0.1", "*.example"], "scheme": "http", "ports": [everywhere.port]}
        async with running(config_for(everywhere.port, rules=[rule], allow_private=allowed, resolver=resolver)) as proxy:
            assert (await proxy.fetch(everywhere.url("/echo"))).status_code == 200
            assert (await proxy.fetch(everywhere.url("/echo", "emulator.example"))).status_code == 200
            assert everywhere.hits[1]["host"] == f"emulator.example:{everywhere.port}"
            before = everywhere.connections
            assert (await proxy.fetch(everywhere.url("/echo", "127.0.0.2"))).headers["x-kontor-error"] == "not_allowed"
    assert everywhere.connections == before


async def test_the_environment_s_proxies_are_not_used(monkeypatch) -> None:
    async with running_peer() as trap, running_peer() as peer:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, trap.url(""))
        async with running(config_for(peer.port)) as proxy:
            assert (await proxy.fetch(peer.url("/echo"))).status_code == 200
    assert (trap.connections, len(peer.hits)) == (0, 1)


INSIDE = ["http://127.0.0.1:{other}/", "http://localhost:{other}/", "http://[::1]:{port}/", "//127.0.0.2:{port}/x", "http://169.254.169.254/latest/meta-data/"]
BAD = [
    *("https://127.0.0.1:{port}@evil.example/", "javascript:alert(1)", "ftp://127.0.0.1/", "ws://127.0.0.1:{port}/", "http://127.1:{port}/"),
    *("http:\\\\127.0.0.1:{other}", "/a/../b", "http://[::1", "http://[nonsense]/"),
]


@pytest.mark.parametrize("to", INSIDE + BAD)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_checked_like_a_request(status: int, to: str) -> None:
    async with running_peer() as peer, running_peer() as other, running(config_for(peer.port)) as proxy:
        answer = await proxy.fetch(peer.url(f"/redirect/{status}?to={quote(to.format(port=peer.port, other=other.port), safe='')}"))
        if to.startswith("/a/"):  # the reference is resolved as browsers do
            assert (answer.status_code, answer.json()["path"]) == (200, "/b")
            return
        assert (answer.status_code, answer.headers["x-kontor-error"], answer.json()["sent"]) == (502, "bad_redirect", True)
        assert (len(peer.hits), other.connections) == (1, 0)


async def test_redirects_end() -> None:
    async with running_peer() as peer, running(config_for(peer.port)) as proxy:

        def chain(length: int) -> str:
            url = peer.url("/echo")
            for _ in range(length):
                url = peer.url(f"/redirect/302?to={quote(url, safe='')}")
            return url

        answer = await proxy.fetch(chain(3))
        assert (answer.status_code, answer.headers["x-kontor-url"]) == (200, peer.url("/echo"))
        peer.hits.clear()
        answer = await proxy.fetch(chain(4))
        assert answer.headers["x-kontor-error"] == "bad_redirect"
        assert len(peer.hits) == 4


async def test_credentials_stay_with_the_origin_they_were_for() -> None:
    credentials = {"authorization": "Bearer t", "x-api": "k"}
    async with running_peer() as first, running_peer() as second:
        config = config_for(first.port, second.port, request_headers=["x-api"], authorization=True)
        async with running(config) as proxy:
            same = first.url(f"/redirect/307?to={quote('/echo#there', safe='')}")
            await proxy.fetch(same, headers=credentials)
            assert (first.hits[-1]["authorization"], first.hits[-1]["x-api"]) == ("Bearer t", "k")
            back = second.url(f"/redirect/302?to={quote(first.url('/echo'), safe='')}")
            answer = await proxy.fetch(first.url(f"/redirect/302?to={quote(back, safe='')}"), headers=credentials | {"accept": "text/x"})
            assert answer.headers["x-kontor-url"] == first.url("/echo")
            assert "cache-control" not in answer.headers
            for hit in (second.hits[0], first.hits[-1]):
                assert (hit["authorization"], hit["x-api"], hit["accept"]) == (None, None, "text/x")


WRITES = [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"data"), (308, "POST", b"data")]


@pytest.mark.parametrize(("status", "method", "body"), WRITES)
async def test_a_redirected_write(status: int, method: str, body: bytes) -> None:
    async with running_peer() as peer, running(config_for(peer.port)) as proxy:
        url = peer.url(f"/redirect/{status}?to=/echo")
        await proxy.fetch(url, "POST", content=b"data", headers={"content-type": "text/x"})
        hit = peer.hits[-1]
        assert (hit.path, hit.method, hit.body, hit["content-type"]) == ("/echo", method, body, "text/x" if body else None)
        answer = await proxy.fetch(url, "POST", content=b"x" * 100_000)
        if body:
            assert answer.headers["x-kontor-error"] == "bad_redirect"
            assert "upload" in answer.json()["detail"]
