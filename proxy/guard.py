"""What may be reached: strict addresses, the rules, and connections only to addresses that were checked.

A URL is parsed once, by a grammar that leaves nothing to interpretation. A name is resolved once for a connection, every answer is
checked, and the socket is made for a checked address only; TLS and Host go on to use the name. Nothing here sends a byte.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from .config import Config, Rule
from .errors import Refused

_URL = re.compile(
    r"(?P<scheme>https?|wss?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!-\"$->@-\[\]-~]*)?(?:\?(?P<query>[!-\"$-\[\]-~]*))?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PORTS = {"https": 443, "http": 80, "wss": 443, "ws": 80}
# Names that mean the own network wherever they are asked for, the metadata services of clouds among them.
_LOCAL_NAMES = re.compile(r"(.*\.)?(localhost|local|localdomain|internal|intranet|lan|home\.arpa|onion|test|invalid)")
# What ipaddress calls global although it is not the open internet, or may not be.
_DENIED = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24"),
        *("64:ff9b:1::/48", "100::/64", "fec0::/10", "3fff::/20", "5f00::/16", "2001::/23", "2001:db8::/32"),
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address: ``path`` and ``query`` are as received, ``query`` without its question mark."""

    scheme: str
    host: str
    port: int
    path: str
    query: str | None

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port only when it is not the scheme's own."""
        return f"{self.scheme}://{self.host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def shown(self) -> str:
        """The address without its query: what may be logged and told."""
        return self.origin + self.path

    @property
    def url(self) -> str:
        """The whole address. May hold secrets: never logged."""
        return self.shown + ("" if self.query is None else f"?{self.query}")

    @property
    def peer(self) -> str:
        """host:port."""
        return f"{self.host}:{self.port}"


def _bad(detail: str, remedy: str = "Give an absolute address such as https://host/path, encoded as a browser does it.") -> Refused:
    return Refused("bad_url", detail, remedy)


def parse_target(url: str) -> Target:
    """``url`` taken apart, or `Refused`: only http(s)/ws(s), plain ASCII, no user, no fragment, no odd host."""
    if len(url) > 8192:
        raise _bad("The address is longer than 8192 characters.")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise _bad("The address is not an absolute http(s) or ws(s) address in plain ASCII without user, fragment, spaces or backslashes.")
    scheme, host = parts["scheme"].lower(), parts["host"].lower()
    port = int(parts["port"]) if parts["port"] else _PORTS[scheme]
    if not 1 <= port <= 65535:
        raise _bad(f"{port} is not a port.")
    path = parts["path"] or "/"
    if any(segment in (".", "..") for segment in re.split(r"[/\\;]", unquote(unquote(path)))):
        raise _bad("The path has dot segments.", "Write the path without . and .. parts.")
    return Target(scheme, _host(host), port, path, parts["query"])


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            raise _bad("The host is not an IPv6 address.") from None
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad("The host is not a name of the internet.")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _bad("The host is a number but not an IPv4 address with four decimal parts.") from None
    return host


def literal(host: str) -> str | None:
    """The address when ``host`` is one and not a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def match_rule(config: Config, target: Target, method: str) -> Rule:
    """The first rule that allows ``method`` on ``target``, or `Refused` with what would have to be allowed. Checks names, not addresses."""
    secure = {"wss": "https", "ws": "http"}.get(target.scheme, target.scheme)
    for rule in config.all_rules:
        if (
            rule.scheme == secure
            and (target.port in rule.ports or (rule.hosts == ("*",) and target.peer in config.allow_private))
            and method in rule.methods
            and any(_fits(pattern, target.host) for pattern in rule.hosts)
            and any(target.path.startswith(prefix) for prefix in rule.paths)
        ):
            check_name(config, target)
            return rule
    raise Refused("not_allowed", f"No rule allows {method} {target.shown}.", "Whoever runs the proxy can add a rule for this host to kontor.toml.")


def _fits(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def check_name(config: Config, target: Target) -> None:
    """`Refused` when the host by itself tells that it is not on the open internet."""
    if target.peer in config.allow_private:
        return
    address = literal(target.host)
    if address is not None:
        check_address(address, config)
    elif "." not in target.host or _LOCAL_NAMES.fullmatch(target.host):
        raise _private(target.host)


def _private(what: str) -> Refused:
    return Refused("private_address", f"{what} is not on the open internet.", "Only public hosts are reached; local ones have to be named in allow_private.")


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in _COMPATIBLE:
        return ipaddress.IPv4Address(address.packed[-4:])
    return None


def check_address(text: str, config: Config | None = None) -> None:
    """`Refused` unless ``text`` is an address on the open internet and not one of this computer."""
    if "%" in text:
        raise _private(text)
    address = ipaddress.ip_address(text)
    if address in _NAT64:  # an IPv4 host as networks without IPv4 see it
        return check_address(str(ipaddress.IPv4Address(address.packed[-4:])), config)
    if isinstance(address, ipaddress.IPv6Address) and (inner := _inner(address)) is not None:
        check_address(str(inner), config)
    denied = _DENIED + (config.deny if config else ())
    if not address.is_global or address.is_multicast or address.is_reserved or any(address in network for network in denied) or _own(address):
        raise _private(text)
    return None


def _own(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether ``address`` belongs to this computer: only then can a socket be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


class GuardedResolver(AbstractResolver):
    """Resolves once and refuses a name when any of its addresses is not public. Exempt are the peers named in allow_private."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._inner: AbstractResolver = config.resolver or aiohttp.ThreadedResolver()
        self._exempt = {(literal(host) or host, int(port)) for host, _, port in (peer.rpartition(":") for peer in config.allow_private)}

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """All addresses of ``host``, each checked."""
        found = await self._inner.resolve(host, port, family)
        for answer in found:
            if f"{host}:{port}" in self._config.allow_private:
                self._exempt.add((answer["host"], port))
            else:
                check_address(answer["host"], self._config)
        return found

    async def close(self) -> None:
        """Let go of the resolver inside."""
        await self._inner.close()

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket for one address: the last check, right where the connection is made."""
        family, kind, protocol, _, (address, port, *_) = info
        if (address, port) not in self._exempt:
            try:
                check_address(address, self._config)
            except Refused as error:
                raise PermissionError(errno.EACCES, error.detail) from error
        return socket.socket(family, kind, protocol)


def guarded_connector(config: Config) -> aiohttp.TCPConnector:
    """The only way out: every connection of the proxy is made here. Needs a running event loop."""
    context = ssl.create_default_context()
    if config.ca_file is not None:
        context.load_verify_locations(config.ca_file)
    resolver = GuardedResolver(config)
    return aiohttp.TCPConnector(resolver=resolver, socket_factory=resolver.socket, ssl=context, use_dns_cache=False, limit=0, limit_per_host=0)
