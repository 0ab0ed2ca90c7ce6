"""The guard: which addresses are understood, which rules allow them, which addresses may be connected to."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import guard
from proxy.config import Config, Rule
from proxy.errors import Refused
from proxy.guard import GuardedResolver, check_address, guarded_connector, match_rule, parse_target

RULES = (
    Rule(name="exact", hosts=("api.example.com",), paths=("/v1/", "/v2/only"), methods=("GET", "POST")),
    Rule(name="below", hosts=("*.example.org",), ports=(443, 8443)),
    Rule(name="plain", hosts=("plain.example.com",), scheme="http", ports=(80,)),
)


def made(**fields) -> Config:
    """A configuration with these fields."""
    return Config(**{"folder": Path("."), "rules": RULES} | fields)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://api.example.com", ("https", "api.example.com", 443, "/", None)),
        ("HTTPS://API.Example.COM:8443/A/b?c=d&e=%20", ("https", "api.example.com", 8443, "/A/b", "c=d&e=%20")),
        ("http://xn--bcher-kva.example/", ("http", "xn--bcher-kva.example", 80, "/", None)),
        ("wss://stream.example.com:9443/ws/btc@trade", ("wss", "stream.example.com", 9443, "/ws/btc@trade", None)),
        ("https://8.8.8.8/", ("https", "8.8.8.8", 443, "/", None)),
        ("https://[2606:4700::0]/x", ("https", "[2606:4700::]", 443, "/x", None)),
        ("https://a.example/?", ("https", "a.example", 443, "/", "")),
        ("https://a.example?b=//c?d", ("https", "a.example", 443, "/", "b=//c?d")),
        ("https://a.example/x//y;z=1,2(3)'*!$&+:@=|{}~", ("https", "a.example", 443, "/x//y;z=1,2(3)'*!$&+:@=|{}~", None)),
    ],
)
def test_an_ordinary_address_is_understood(url: str, parts: tuple) -> None:
    target = parse_target(url)
    assert (target.scheme, target.host, target.port, target.path, target.query) == parts


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example", "//a.example", "/path", "ftp://a.example", "file:///etc/passwd", "gopher://a.example", "javascript:1", "data:,x", "https:a.example"),
        *("https:///a.example", "https:/a.example", "https://", "https://:443/", "https://a.example:/", "https://a.example:0/", "https://a.example:65536/"),
        *("https://user@a.example/", "https://user:password@a.example/", "https://a.example@b.example/", "https://@a.example/", "https://a.example:80@b.example"),
        *("https://a.example\\b", "https://a.example\\@b.example/", "https:\\\\a.example", "https://a.example/\\..\\x", "https://a.example#@b.example"),
        *("https://a.example/#fragment", "https://a .example/", " https://a.example", "https://a.example/ ", "https://a.example/a b"),
        *("https://a.example/\r\nHost: b", "https://a.example/\t", "https://a.exa\nmple/", "https://a.example/\x00", "https://a.example/\x7f"),
        *("https://ä.example/", "https://a.example/ä", "https://a。example/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://a.example/?é"),
        *("https://a%2eexample/", "https://%61.example/", "https://a.example%00.b.example/", "https://a.example./", "https://.a.example/", "https://a..example/"),
        *("https://-a.example/", "https://a-.example/", "https://" + "a" * 64 + ".example/", "https://" + "a." * 127 + "example/"),
        "https://a.example/" + "x" * 8192,
        *("http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://0x/"),
        *("http://0251.0376.0251.0376/", "http://1.2.3/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://127.0.0.01/", "http://a.0x7f/", "http://a.1/"),
        *("http://[::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1/", "http://::1/", "http://[12345::]/", "http://[]/", "http://[::1]x/", "http://[v1.a]/"),
        *("https://a.example/..", "https://a.example/v1/../x", "https://a.example/v1/%2e%2e/x", "https://a.example/v1/.%2E/x", "https://a.example/v1/./x"),
        *("https://a.example/v1/..%2fx", "https://a.example/v1/%252e%252e/x", "https://a.example/v1/..%5cx", "https://a.example/v1/..;/x"),
    ],
)
def test_what_could_be_read_two_ways_is_refused(url: str) -> None:
    with pytest.raises(Refused) as error:
        parse_target(url)
    assert (error.value.code, error.value.status) == ("bad_url", 400)
    assert error.value.detail and error.value.remedy


@given(st.text(max_size=60) | st.from_regex(r"https?://[!-~]{1,40}"))
def test_whatever_is_understood_means_the_same_to_others(url: str) -> None:
    """A differential check: what passes is read alike by yarl, which makes the request."""
    try:
        target = parse_target(url)
    except Refused:
        return
    again = aiohttp.client.URL(target.url, encoded=True)
    assert (again.scheme, f"[{again.host}]" if ":" in again.host else again.host, again.port) == (target.scheme, target.host, target.port)
    assert again.raw_path == target.path and again.user is None


@pytest.mark.parametrize(
    ("url", "method", "rule"),
    [
        ("https://api.example.com/v1/a", "GET", "exact"),
        ("wss://api.example.com/v1/a", "GET", "exact"),
        ("https://api.example.com/v2/only?x", "POST", "exact"),
        ("https://a.example.org/", "GET", "below"),
        ("https://a.b.example.org:8443/", "HEAD", "below"),
        ("http://plain.example.com/", "GET", "plain"),
    ],
)
def test_a_rule_allows_what_it_lists(url: str, method: str, rule: str) -> None:
    assert match_rule(made(), parse_target(url), method).name == rule


@pytest.mark.parametrize(
    ("url", "method"),
    [
        *(("https://api.example.com/", "GET"), ("https://api.example.com/v2/", "GET"), ("https://api.example.com/v1/a", "DELETE")),
        *(("https://api.example.com/v1/", "TRACE"), ("http://api.example.com/v1/a", "GET"), ("https://api.example.com:8443/v1/", "GET")),
        *(("https://example.org/", "GET"), ("https://xexample.org/", "GET"), ("https://api.example.com.evil.example/v1/", "GET")),
        *(("https://a.example.org:80/", "GET"), ("https://8.8.8.8/", "GET"), ("https://127.0.0.1/", "GET")),
    ],
)
def test_everything_else_is_refused(url: str, method: str) -> None:
    with pytest.raises(Refused) as error:
        match_rule(made(), parse_target(url), method)
    assert error.value.code == "not_allowed"
    assert "?" not in error.value.detail


@pytest.mark.parametrize(
    "url",
    [
        *("https://localhost/", "http://LOCALHOST/", "https://a.localhost/", "https://router/", "https://printer.local/", "http://metadata.google.internal/"),
        *("http://metadata/", "http://instance-data/", "https://box.home.arpa/", "https://nas.lan/", "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest"),
    ],
)
def test_the_open_mode_keeps_away_from_the_own_network(url: str) -> None:
    with pytest.raises(Refused) as error:
        match_rule(made(open=True), parse_target(url), "GET")
    assert error.value.code == "private_address"


def test_the_open_mode_reaches_public_hosts_on_their_own_ports() -> None:
    assert match_rule(made(open=True), parse_target("https://anything.example.net/x"), "DELETE").name == "open-https"
    assert match_rule(made(open=True), parse_target("http://8.8.8.8/"), "GET").name == "open-http"
    with pytest.raises(Refused):
        match_rule(made(open=True), parse_target("https://anything.example.net:22/"), "GET")


def test_a_private_peer_is_allowed_by_its_exact_name_only() -> None:
    config = made(open=True, allow_private=["127.0.0.1:9000", "localhost:9001"])
    assert match_rule(config, parse_target("http://127.0.0.1:9000/"), "GET").name == "open-http"
    assert match_rule(config, parse_target("http://localhost:9001/"), "GET").name == "open-http"
    for url in ("http://127.0.0.1:9001/", "http://localhost:9000/", "http://127.0.0.2:9000/", "http://[::1]:9000/"):
        with pytest.raises(Refused):
            match_rule(config, parse_target(url), "GET")


PUBLIC = ["8.8.8.8", "1.1.1.1", "140.82.112.3", "2606:4700:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.169.254", "169.254.170.2"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1"),
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::"),
    *("2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "::ffff:8.8.8.8", "::808:808"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_every_other_address_is_refused(address: str) -> None:
    with pytest.raises(Refused) as error:
        check_address(address)
    assert error.value.code == "private_address"


def test_denied_networks_and_own_addresses_are_refused(monkeypatch) -> None:
    own = {text: guard._own(ipaddress.ip_address(text)) for text in ("127.0.0.1", "192.0.2.1", "2001:db8::1")}
    assert own == {"127.0.0.1": True, "192.0.2.1": False, "2001:db8::1": False}
    with pytest.raises(Refused):
        check_address("8.8.8.8", made(deny=["8.8.8.0/24"]))
    check_address("8.8.4.4", made(deny=["8.8.8.0/24"]))
    monkeypatch.setattr("proxy.guard._own", lambda address: str(address) == "8.8.4.4")
    with pytest.raises(Refused):
        check_address("8.8.4.4")


class Names(aiohttp.abc.AbstractResolver):
    """Answers from a table."""

    def __init__(self, **table: list[str]) -> None:
        self._table = {name.replace("_", "."): addresses for name, addresses in table.items()}
        self.closed = False

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[dict]:
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [{"hostname": host, "host": text, "port": port, "family": family[":" in text], "proto": 0, "flags": 0} for text in self._table[host]]

    async def close(self) -> None:
        self.closed = True


async def test_one_bad_answer_spoils_the_name() -> None:
    names = Names(good_example=["8.8.8.8", "2606:4700::1"], mixed_example=["8.8.8.8", "127.0.0.1"], six_example=["::ffff:10.0.0.1"])
    resolver = GuardedResolver(made(resolver=names))
    assert [answer["host"] for answer in await resolver.resolve("good.example", 443)] == ["8.8.8.8", "2606:4700::1"]
    for name in ("mixed.example", "six.example"):
        with pytest.raises(Refused, match="private_address"):
            await resolver.resolve(name, 443)
    await resolver.close()
    assert names.closed


async def test_the_socket_is_checked_once_more() -> None:
    config = made(resolver=Names(emulator_example=["127.0.0.1"]), allow_private=["emulator.example:9000", "127.0.0.1:9001"])
    resolver = GuardedResolver(config)

    def open_socket(address: str, port: int) -> None:
        resolver.socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, port))).close()

    for port in (80, 9000):
        with pytest.raises(PermissionError, match="not on the open internet"):
            open_socket("127.0.0.1", port)
    open_socket("8.8.8.8", 443)
    open_socket("127.0.0.1", 9001)
    await resolver.resolve("emulator.example", 9000)
    open_socket("127.0.0.1", 9000)
    with pytest.raises(Refused):
        await resolver.resolve("emulator.example", 9001)


async def test_the_connector_trusts_further_authorities(tmp_path: Path) -> None:
    import trustme

    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    for config in (made(), made(ca_file=file)):
        await guarded_connector(config).close()
    with pytest.raises(OSError):
        guarded_connector(made(ca_file=tmp_path / "nothing.pem"))
