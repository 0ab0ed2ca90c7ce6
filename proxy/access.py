"""Who may ask: pages of this desk and of the origins listed, by requests that a browser makes for scripts only.

A page elsewhere must not be able to use the proxy with the reader's address, nor a rebound name with the desk's own. So Host has to
be the desk's, Origin the desk's or a listed one, and a header has to be there that no form, image or script element can send.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from .config import LOOPBACK, Config
from .errors import Refused

_LOCAL = re.compile(rf"({'|'.join(re.escape(f'[{name}]' if ':' in name else name) for name in LOOPBACK)})(:[0-9]{{1,5}})?")
_REMEDY = "Whoever runs the proxy sets KONTOR_URL to the address the desk is opened at and lists other pages in KONTOR_ORIGINS."


def identity(connection: HTTPConnection) -> str:
    """Who is asking, for limits: the client's address; of IPv6 the network that one subscriber has."""
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


class Access:
    """The checks, each raising `Refused`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._netloc = urlsplit(config.url).netloc if config.url else None
        self._local = config.host in LOOPBACK

    def act(self, connection: HTTPConnection) -> None:
        """For everything under /api that acts: the header x-kontor, and an Origin for all that is not reading."""
        if connection.headers.get("x-kontor") != "1":
            raise Refused("needs_header", "The header x-kontor: 1 is missing.", "Send it; a page elsewhere cannot without being asked about.")
        self._page(connection)

    def compatible(self, connection: HTTPConnection) -> None:
        """For the compatible forms: Origin, x-requested-with or x-kontor, as cors-anywhere asks for."""
        if not any(connection.headers.get(name) for name in ("origin", "x-requested-with", "x-kontor")):
            raise Refused("needs_header", "One of the headers Origin, X-Requested-With and X-Kontor is needed.", "Fetch from a script of a page.")
        self._page(connection)

    def socket(self, connection: HTTPConnection) -> None:
        """For WebSockets: the Origin a browser always sends."""
        if not connection.headers.get("origin"):
            raise Refused("bad_origin", "A socket needs an Origin.", _REMEDY)
        self._page(connection)

    def _page(self, connection: HTTPConnection) -> None:
        headers = connection.headers
        if sum(len(name) + len(value) for name, value in headers.raw) > self._config.limits.header_bytes:
            raise Refused("bad_request", "The head of the request is too large.", "Send fewer or shorter headers.", status=431)
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not (host == self._netloc or (self._local and _LOCAL.fullmatch(host))):
            raise Refused("bad_origin", f"The proxy is not known as {host!r}.", _REMEDY)
        if headers.get("sec-fetch-dest", "empty") not in ("empty", "websocket") or "service-worker" in headers:
            raise Refused("bad_origin", "This is for fetch from a script, not for elements, frames or workers.", "Use fetch.")
        if origin is None:
            if connection.scope.get("method") not in ("GET", "HEAD"):
                raise Refused("bad_origin", "An Origin is needed for all that is not reading.", _REMEDY)
        elif len(headers.getlist("origin")) != 1 or not self._allowed(origin, host):
            raise Refused("bad_origin", f"The page {origin} may not use this proxy.", _REMEDY)

    def _allowed(self, origin: str, host: str) -> bool:
        own = origin == self._config.url if host == self._netloc else origin in (f"http://{host}", f"https://{host}")
        return own or origin in self._config.origins
