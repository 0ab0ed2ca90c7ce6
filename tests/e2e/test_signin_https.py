"""What only a browser decides about sign-in over TLS: that it keeps the guarded cookies, sends them back from the provider and to nobody else."""

from __future__ import annotations

import io
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from proxy.config import Config
from proxy.observe import Observer
from proxy.server import create_app, server_config
from tests.e2e.serving import free_port
from tests.oauth.desk import oidc, oidc_provider

pytestmark = pytest.mark.e2e

POST = """async ([path, body]) => {
  const headers = { 'x-kontor': '1', 'content-type': 'application/json' };
  const answer = await fetch(`/api/oauth/oidc/${path}`, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'same-origin' });
  return [answer.status, await answer.json()];
}"""
FROM_ELSEWHERE = """async ([url, headers, mode]) => {
  try {
    const answer = await fetch(url, { method: 'POST', credentials: 'include', mode, headers, body: '{}' });
    return answer.type;
  } catch (error) { return error.name; }
}"""


@dataclass
class World:
    """The desk's address, the issuer's, and the proxy's log."""

    home: str
    issuer: str
    log: io.StringIO

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """What was asked of sign-in and what came of it."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [(line["form"], line["outcome"]) for line in lines if line["form"].startswith("oauth")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A proxy behind TLS that keeps refresh tokens in its cookie."""
    folder: Path = tmp_path_factory.mktemp("site")
    for name in ("index.html", "callback.html"):
        (folder / name).write_text(f"<!doctype html><title>{name}</title>")
    port, log = free_port(), io.StringIO()
    home = f"https://localhost:{port}"
    with oidc_provider(home=home) as issuer:
        table = oidc(issuer, keep_refresh="cookie", trading=True)
        known = {"oauth": [table], "secrets": {"APP_ID": "desk", "APP_SECRET": "desk-secret"}, "allow_private": {urlsplit(issuer).netloc}}
        config = Config(folder=folder, port=port, url=home, **known)
        settings = server_config(config, create_app(config, Observer(log)))
        settings.load()
        settings.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("localhost").configure_cert(settings.ssl)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield World(home, issuer, log)
        server.should_exit = True
        thread.join()


@pytest.fixture
def trader(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile that takes the test's certificate."""
    made = browser.new_context(ignore_https_errors=True)
    yield made
    made.close()


def cookies(trader: BrowserContext, world: World) -> dict[str, dict[str, Any]]:
    """The desk's cookies by name."""
    return {cookie["name"]: cookie for cookie in trader.cookies(world.home)}


def sign_in(page: Page, world: World) -> dict[str, Any]:
    """The web flow in this page; what `token` answers."""
    page.goto(world.home)
    status, begun = page.evaluate(POST, ["start", {"scope": "openid trade"}])
    assert status == 200, begun
    page.goto(begun["authorize_url"])
    page.get_by_placeholder("Enter any login").fill("trader")
    page.get_by_placeholder("and password").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/callback.html*")
    assert page.url == f"{world.home}/callback.html#oidc:ok:{begun['state']}"
    status, tokens = page.evaluate(POST, ["token", {"state": begun["state"]}])
    assert status == 200, tokens
    return tokens


def test_cookies_are_kept_sent_back_and_deleted(trader: BrowserContext, world: World):
    page = trader.new_page()
    page.goto(world.home)
    page.evaluate(POST, ["start", {}])
    (name, begun), = cookies(trader, world).items()
    assert name.startswith("__Host-kontor-tx-oidc-")
    assert (begun["secure"], begun["httpOnly"], begun["sameSite"], begun["path"]) == (True, True, "Lax", "/")
    tokens = sign_in(page, world)
    assert tokens["refresh_token"] is None and tokens["account"] == "trader"
    kept = {name: cookie for name, cookie in cookies(trader, world).items() if "refresh" in name}
    assert list(kept) == ["__Host-kontor-refresh-oidc"]
    assert [(cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) for cookie in kept.values()] == [(True, True, "Strict")]
    assert page.evaluate("() => document.cookie") == ""
    status, ended = page.evaluate(POST, ["revoke", {"token": tokens["access_token"]}])
    assert (status, ended["revoked"]) == (200, True)
    assert not any("refresh" in name for name in cookies(trader, world))
    assert page.evaluate(POST, ["refresh", {}])[1]["error"] == "signed_out"


def test_two_tabs_renew_at_once(trader: BrowserContext, world: World):
    first = trader.new_page()
    sign_in(first, world)
    both = f"() => Promise.all([1, 2, 3, 4].map(() => ({POST})(['refresh', {{}}])))"
    answers = first.evaluate(both)
    assert [status for status, _ in answers] == [200] * 4
    assert len({fields["access_token"] for _, fields in answers}) < 4  # who came with the same cookie got the same answer
    second = trader.new_page()
    second.goto(world.home)
    status, fields = second.evaluate(POST, ["refresh", {}])  # with the rotated cookie: the family of tokens lives
    assert status == 200 and fields["access_token"] not in {answer["access_token"] for _, answer in answers}


def test_a_page_elsewhere_can_do_nothing_with_them(trader: BrowserContext, world: World):
    sign_in(trader.new_page(), world)
    elsewhere = trader.new_page()
    elsewhere.goto(f"{world.issuer}/.well-known/openid-configuration")
    before = len(world.outcomes)
    url = f"{world.home}/api/oauth/oidc/refresh"
    assert elsewhere.evaluate(FROM_ELSEWHERE, [url, {"x-kontor": "1"}, "cors"]) == "TypeError"  # the browser's own question is refused
    assert elsewhere.evaluate(FROM_ELSEWHERE, [url, {}, "no-cors"]) == "opaque"  # what is sent without asking is refused by the proxy
    assert world.outcomes[before:] == [("oauth refresh", "needs_header")]
    form = """(url) => {
      const form = document.createElement('form');
      form.method = 'POST'; form.action = url;
      document.body.append(form); form.submit();
    }"""
    elsewhere.evaluate(form, url.replace("refresh", "revoke"))
    elsewhere.wait_for_url("**/oidc/revoke")
    assert "needs_header" in elsewhere.content()
    assert world.outcomes[before + 1 :] == [("oauth revoke", "needs_header")]
    assert any("refresh" in name for name in cookies(trader, world))
