"""What is particular to the account of one venue: its name, the kinds of key it takes, and how its execution is built and started."""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable
from typing import Any

from app.platform.interfaces import ED25519, HMAC_SHA256, SENT_AS_IS
from app.trading.marks import DeskView

from .errors import Refusal
from .settings import Settings
from .surroundings import Surroundings

_BINANCE_KEY = re.compile(r"[A-Za-z0-9]{8,128}\Z")
_ALPACA_KEY = re.compile(r"[A-Z0-9]{10,40}\Z")

OwnProxy = Callable[[], Awaitable[str]]
"""The address of this site's proxy while the trader has marked it as their own and it is there; else ""."""


class Account:
    """``title`` is the venue's name for people, ``algorithms`` the kinds of key it takes, the usual one first, ``currency`` what it counts in."""

    title = currency = ""
    algorithms: tuple[str, ...] = ()

    def execution(self, around: Surroundings, settings: Settings, view: DeskView, own_proxy: OwnProxy, **told: Any) -> Any:
        """The ExecutionVenue; ``told`` is ledger, report, changed, and refined for instruments whose rules are learnt."""
        raise NotImplementedError

    def record(self, settings: Settings, api_key: Any, algorithm: Any, live: Any) -> dict:
        """What is kept of a key beside its secret, as the vault keeps it. Raises Refusal."""
        raise NotImplementedError

    async def credentials(self, settings: Settings, record: dict, signer: Any) -> Any:
        """What the execution is started with. Raises ValueError in words for a key that does not fit this desk."""
        raise NotImplementedError


class BinanceAccount(Account):
    """Binance spot."""

    title, currency = "Binance", "USDT"
    algorithms = (HMAC_SHA256, ED25519)

    def execution(self, around: Surroundings, settings: Settings, view: DeskView, own_proxy: OwnProxy, **told: Any) -> Any:
        """Over the WebSocket API."""
        from app.venues.binance.trading import BinanceTrading

        told.pop("refined")  # its instruments' rules are known before
        url = settings.addresses.get("binance_trade", "")
        return BinanceTrading(sockets=around.sockets, **_common(around, view), url=url, **told)

    def record(self, settings: Settings, api_key: Any, algorithm: Any, live: Any) -> dict:
        """Kind of key and its name."""
        if not isinstance(api_key, str) or not _BINANCE_KEY.match(api_key):
            raise Refusal("bad_api_key", "an API key is 8 to 128 letters and digits", "copy it from the venue again", "api_key")
        return {"algorithm": _kind(self, algorithm), "api_key": api_key}

    async def credentials(self, settings: Settings, record: dict, signer: Any) -> Any:
        """Key and signer."""
        from app.venues.binance.api import Credentials

        return Credentials(record["api_key"], signer)


class AlpacaAccount(Account):
    """Alpaca: US equities."""

    title, currency = "Alpaca", "USD"
    algorithms = (SENT_AS_IS,)

    def execution(self, around: Surroundings, settings: Settings, view: DeskView, own_proxy: OwnProxy, **told: Any) -> Any:
        """Over REST and the stream of the account."""
        from app.venues.alpaca.trading import AlpacaTrading

        return AlpacaTrading(sockets=around.sockets, http=around.http, own_proxy=own_proxy, **_common(around, view), **told)

    def record(self, settings: Settings, api_key: Any, algorithm: Any, live: Any) -> dict:
        """Key, whether it is one for real money, and the addresses that may see its secret."""
        from app.venues.alpaca.places import Places

        if not isinstance(api_key, str) or not _ALPACA_KEY.match(api_key):
            raise Refusal("bad_api_key", "a key ID is 10 to 40 capital letters and digits", "copy it from Alpaca again", "api_key")
        if type(live) is not bool:
            raise Refusal("bad_live", "it is not said whether the key is for paper or for real money", "choose paper or live", "live")
        places = Places.of(live, settings.addresses)
        return {"algorithm": _kind(self, algorithm), "api_key": api_key, "live": live, "origins": list(places.origins)}

    async def credentials(self, settings: Settings, record: dict, signer: Any) -> Any:
        """Key, what puts its secret into requests, and where those go: nowhere else than when the key was kept."""
        from app.venues.alpaca.places import Credentials, Places

        places = Places.of(record["live"], settings.addresses)
        if not set(places.origins) <= set(record["origins"]):
            raise ValueError("it was kept for other addresses than those in this page's address")
        return Credentials(record["api_key"], await signer.injector(places.origins), places)


def _common(around: Surroundings, view: DeskView) -> dict[str, Any]:
    rng = random.Random(int.from_bytes(around.entropy.random_bytes(8), "big"))
    return {"clock": around.clock, "scheduler": around.scheduler, "rng": rng, "instruments": view.instruments}


def _kind(account: Account, algorithm: Any) -> str:
    if algorithm not in account.algorithms:
        raise Refusal("bad_algorithm", "the kind of key is not known", f"use {' or '.join(account.algorithms)}", "algorithm")
    return algorithm


_KINDS: dict[str, type[Account]] = {"binance": BinanceAccount, "alpaca": AlpacaAccount}


def account_of(name: str) -> Account:
    """What is particular to the account at a venue."""
    return _KINDS[name]()
