"""Independent clients of the emulated exchange's account, for the tests that compare them with our own."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

with warnings.catch_warnings():
    # The SDKs import deprecated parts of websockets; nothing of ours does.
    warnings.simplefilter("ignore")
    import ccxt.async_support as ccxt
    from binance import AsyncClient
    from binance.ws.websocket_api import WebsocketAPI

from tests.venues.binance_sim.private import ed25519_account, hmac_account
from tests.venues.binance_sim.server import Emulator

KEY, SECRET = "hmacKey0123456789", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ED_KEY = "ed25519Key0123456789"
ED_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ED_PEM = ED_PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
ED_PUBLIC = ED_PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
BALANCES = {"USDT": "100000", "BTC": "2"}


def open_accounts(emulator: Emulator) -> None:
    """One account with an HMAC key, one with an Ed25519 key."""
    for account in (hmac_account(KEY, SECRET, 4711, BALANCES), ed25519_account(ED_KEY, ED_PUBLIC, 4712, BALANCES)):
        emulator.exchange.accounts[account.api_key] = account


@asynccontextmanager
async def ccxt_account(emulator: Emulator) -> AsyncIterator[ccxt.binance]:
    """ccxt with the HMAC key."""
    options = {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    client = ccxt.binance({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": options})
    for name in ("public", "private", "v1"):
        client.urls["api"][name] = f"{emulator.http}/api/v3"
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def python_binance_account(emulator: Emulator, ed25519: bool = False) -> AsyncIterator[AsyncClient]:
    """python-binance, REST and WebSocket API, with either key."""
    about = {"api_key": ED_KEY, "private_key": ED_PEM.decode()} if ed25519 else {"api_key": KEY, "api_secret": SECRET}
    client = AsyncClient(**about)
    client.API_URL = f"{emulator.http}/api"
    client.ws_api = WebsocketAPI(url=emulator.api)
    try:
        yield client
    finally:
        await client.close_connection()
