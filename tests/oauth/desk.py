"""A browser with a cookie jar before the real endpoints, which reach real servers on loopback through the guarded connector."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx
from starlette.applications import Starlette

from proxy.access import Access
from proxy.config import Config
from proxy.guard import guarded_connector
from proxy.oauth import OAuth
from proxy.observe import Observer

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"APP_ID": "the-app", "APP_SECRET": "the-secret"}
TYPES = {"client_id_env": "APP_ID", "client_secret_env": "APP_SECRET"}


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


def github(url: str, **more: Any) -> dict[str, Any]:
    """GitHub's table, at an emulator."""
    return {
        "id": "github",
        "name": "GitHub",
        **TYPES,
        "authorize_url": f"{url}/login/oauth/authorize",
        "token_url": f"{url}/login/oauth/access_token",
        "device_url": f"{url}/login/device/code",
        "revoke": "github",
        "revoke_url": f"{url}/api/v3/applications/{{client_id}}/token",
        "scopes": ["repo", "gist", "read:user"],
        "default_scopes": ["read:user"],
        "flows": ["web", "device"],
        **more,
    }


def ctrader(url: str, **more: Any) -> dict[str, Any]:
    """cTrader's table, at an emulator."""
    return {
        "id": "ctrader",
        "name": "cTrader",
        **TYPES,
        "authorize_url": f"{url}/my/settings/openapi/grantingaccess/",
        "token_url": f"{url}/apps/token",
        "token_method": "GET",
        "pkce": False,
        "state": "optional",
        "scopes": ["accounts", "trading"],
        "default_scopes": ["accounts"],
        "authorize_extra": {"product": "web"},
        "gone_errors": ["access_denied"],
        "trading": True,
        "keep_refresh": "cookie",
        "code_s": 60,
        **more,
    }


def alpaca(url: str, **more: Any) -> dict[str, Any]:
    """Alpaca's table, at an emulator."""
    return {
        "id": "alpaca",
        "name": "Alpaca",
        **TYPES,
        "authorize_url": f"{url}/oauth/authorize",
        "token_url": f"{url}/oauth/token",
        "pkce": False,
        "refresh": False,
        "scopes": ["account:write", "trading", "data"],
        "default_scopes": ["data"],
        "authorize_extra": {"env": "paper"},
        "trading": True,
        **more,
    }


def oidc(url: str, **more: Any) -> dict[str, Any]:
    """A generic OpenID issuer."""
    return {
        "id": "oidc",
        "name": "OpenID",
        **TYPES,
        "issuer": url,
        "discovery": True,
        "scopes": ["openid", "offline_access", "trade", "read"],
        "default_scopes": ["openid", "read"],
        "flows": ["web", "device"],
        "revoke": "rfc7009",
        **more,
    }


class Desk:
    """One browser at one proxy. `post` answers (status, fields) of an endpoint."""

    def __init__(self, oauth: OAuth, home: str, connector: aiohttp.TCPConnector, log: io.StringIO) -> None:
        self.oauth = oauth
        self.log = log
        self.connector = connector
        self.home = home
        self._app = Starlette(routes=oauth.routes)
        self.browser = self.new_browser()

    def new_browser(self) -> httpx.AsyncClient:
        """A browser without cookies."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=self.home)

    async def post(self, path: str, body: Any = None, *, browser: httpx.AsyncClient | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """What an endpoint answers to the desk's own page."""
        given = {"x-kontor": "1", "origin": self.home, **headers}
        answer = await (browser or self.browser).post(f"/api/oauth/{path}", json={} if body is None else body, headers=given)
        assert answer.headers["cache-control"] == "no-store"
        assert ("x-kontor-error" in answer.headers) == (answer.status_code >= 400)
        return answer.status_code, answer.json()

    async def follow(self, url: str, browser: httpx.AsyncClient | None = None) -> tuple[str, str, str]:
        """The trader is sent back: what the callback page's address says (provider, outcome, state)."""
        answer = await (browser or self.browser).get(url)
        assert answer.status_code == 303, answer.text
        assert answer.headers["referrer-policy"] == "no-referrer"
        page, _, fragment = answer.headers["location"].partition("#")
        assert page == "/callback.html"
        provider, outcome, state = fragment.split(":")
        return provider, outcome, state

    async def sign_in(self, provider: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """The whole web flow at a provider that agrees at once; what `token` answers."""
        _, begun = await self.post(f"{provider}/start", body)
        _, outcome, state = await self.follow(await agree(begun["authorize_url"]))
        assert outcome == "ok"
        return await self.post(f"{provider}/token", {"state": state})


@asynccontextmanager
async def desk(
    folder: Path, *tables: Mapping[str, Any], now: Any = None, secrets: Mapping[str, str] | None = None, home: str = "http://127.0.0.1:8000", **more: Any
) -> AsyncIterator[Desk]:
    """A desk whose proxy knows these providers; loopback servers named in the tables may be reached."""
    reached = {urlsplit(value).netloc for table in tables for value in table.values() if isinstance(value, str) and value.startswith("http://")}
    config = Config(folder=folder, oauth=tables, secrets=SECRETS if secrets is None else secrets, allow_private=reached | set(more.pop("reached", ())), **more)
    log = io.StringIO()
    async with aiohttp.ClientSession(connector=guarded_connector(config), cookie_jar=aiohttp.DummyCookieJar()) as session:
        session._retry_connection = False  # aiohttp would send a GET again; a code in it may have been used
        oauth = OAuth(config, lambda: session, Access(config).act, Observer(log), **({"now": now} if now else {}))
        made = Desk(oauth, home, session.connector, log)
        async with made.browser:
            yield made


class _Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.declinable = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = given.get("action") or ""
        if tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value") or ""
        self.declinable |= tag == "button" and given.get("name") == "abort"


async def agree(url: str, trader: httpx.AsyncClient | None = None, decline: bool = False, **typed: str) -> str:
    """Go through a provider's pages as a trader does, signing in and agreeing; the address it sends back to, or the last page's text."""
    typed = {"login": "trader", "password": "anything", **typed}
    async with trader or httpx.AsyncClient(verify=False) as client:
        answer = await client.get(url)
        for _ in range(20):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if "/oauth/callback/" in url:
                    return url
                answer = await client.get(url)
                continue
            form = _Form(answer.text)
            if form.action is None or answer.status_code >= 400:
                return answer.text
            filled = form.fields | {name: typed[name] for name in form.fields if name in typed}
            if decline and form.declinable:
                return (await client.post(urljoin(str(answer.url), form.action), data=filled | {"abort": "yes"})).text
            answer = await client.post(urljoin(str(answer.url), form.action), data=filled)
    raise AssertionError(f"no end at {url}")


@contextmanager
def oidc_provider(home: str = "http://127.0.0.1:8000", port: int = 0) -> Iterator[str]:
    """The certified provider in a process of its own; its issuer."""
    script = Path(__file__).with_name("oidc_provider.mjs")
    process = subprocess.Popen(["node", str(script), str(port), home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        yield json.loads(process.stdout.readline())["issuer"]
    finally:
        process.communicate()
