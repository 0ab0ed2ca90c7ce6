"""Where Alpaca is: the addresses of a paper or a live account, and the key that is used there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from app.platform.interfaces import SECRET_MARK

TRADE = {False: "https://paper-api.alpaca.markets", True: "https://api.alpaca.markets"}
DATA = "https://data.alpaca.markets"
MARKET = "wss://stream.data.alpaca.markets/v2/iex"
_SOCKET = {"http": "ws", "https": "wss"}


class Places(NamedTuple):
    """``trade`` and ``data`` are bases of REST, ``market`` is the socket of market data; without slashes at their ends."""

    trade: str
    data: str
    market: str

    @classmethod
    def of(cls, live: bool, addresses: Mapping[str, str]) -> Places:
        """The public ones, but where settings (alpaca_trade, alpaca_rest, alpaca_ws) name others."""
        chosen = addresses.get("alpaca_trade") or TRADE[live], addresses.get("alpaca_rest") or DATA, addresses.get("alpaca_ws") or MARKET
        return cls(*(each.rstrip("/") for each in chosen))

    @property
    def updates(self) -> str:
        """The socket of the account."""
        scheme, _, rest = self.trade.partition("://")
        return f"{_SOCKET[scheme]}://{rest}/stream"

    @property
    def origins(self) -> tuple[str, ...]:
        """Scheme, host and port of everything that may see the secret."""
        parts = [urlsplit(each) for each in (self.trade, self.updates, self.data, self.market)]
        return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))


class Credentials(NamedTuple):
    """``injector`` puts the secret of ``key_id`` into requests to ``places``, outside Python."""

    key_id: str
    injector: Any
    places: Places

    @property
    def headers(self) -> dict[str, str]:
        """What a REST request says of itself, the secret's place marked."""
        return {"APCA-API-KEY-ID": self.key_id, "APCA-API-SECRET-KEY": SECRET_MARK}
