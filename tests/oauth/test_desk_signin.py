"""Signing in as the page asks the desk for it: the whole desk, the real proxy, GitHub's emulator; tokens end up in the vault only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from app.platform.native.http import NativeHttp
from proxy.config import Config
from tests.oauth.desk import SECRETS, github
from tests.oauth.emulators import GitHub, Server
from tests.unit.desk.conftest import Page, start_desk
from tests.unit.proxy.running import running

WORDS = b"correct horse battery staple"


@pytest.fixture
async def emulated() -> GitHub:
    return GitHub()


@pytest.fixture
async def page(emulated: GitHub, tmp_path) -> AsyncIterator[Page]:
    """A desk on the site of a proxy that knows the emulator as GitHub."""
    async with Server(emulated.app) as server:
        emulated.web, emulated.interval = server.url, 1
        config = Config(folder=tmp_path, oauth=[github(server.url)], secrets=SECRETS, allow_private={urlsplit(server.url).netloc})
        async with running(config) as proxy:
            started = await start_desk()
            started.desk.around.base = f"{proxy.url}/"
            started.desk.around.http = NativeHttp(proxy.url)
            yield started
            await started.desk.network.save()
            await started.desk.stop()
            await started.desk.around.http.close()


async def sign_in(page: Page, emulated: GitHub) -> dict:
    code = await page.ask("oauth.device", provider="github", scope=None)
    assert code["verification_uri"] and code["interval"] >= 1
    emulated.enter(code["user_code"], "accept")
    return await page.ask("oauth.device_wait", provider="github", handle=code["handle"])


async def test_tokens_go_to_the_vault_and_nowhere_else(page: Page, emulated: GitHub) -> None:
    assert [(item["id"], item["signed_in"]) for item in (await page.ask("net.state"))["providers"]] == [("github", None)]
    await page.ask("vault.create", secret=bytearray(WORDS))
    entry = await asyncio.wait_for(sign_in(page, emulated), 20)
    assert entry["id"] == "github" and entry["signed_in"]["kept"] == "vault"
    token = json.loads(await page.desk.keeping.vault.get("oauth", "github"))["access_token"]
    assert token and page.desk.trace.secrets.within(token)
    everything = json.dumps(page.messages) + json.dumps(page.desk.trace.since(0)) + str(page.desk.around.store.meta)
    assert token not in everything and token.encode() not in b"".join(page.desk.around.store.records.values())
    await page.ask("vault.lock")
    assert (await page.ask("net.state"))["providers"][0]["signed_in"] is None
    await page.ask("vault.unlock", secret=bytearray(WORDS))
    assert (await page.ask("net.state"))["providers"][0]["signed_in"]["kept"] == "vault"
    left = await page.ask("oauth.logout", provider="github")
    assert left["signed_in"] is None and await page.desk.keeping.vault.get("oauth", "github") is None


async def test_without_a_vault_tokens_wait_in_memory_and_move_in_later(page: Page, emulated: GitHub) -> None:
    entry = await asyncio.wait_for(sign_in(page, emulated), 20)
    assert entry["signed_in"]["kept"] == "memory"
    await page.ask("vault.create", secret=bytearray(WORDS))
    assert (await page.ask("net.state"))["providers"][0]["signed_in"]["kept"] == "vault"
    assert await page.desk.keeping.vault.get("oauth", "github") is not None


async def test_an_unknown_provider_and_plain_files_are_refused_with_a_remedy(page: Page) -> None:
    for do in ("oauth.device", "oauth.refresh", "oauth.logout"):
        error = (await page.ask(do, provider="nobody"))["error"]
        assert error["code"] == "unknown_provider" and error["remedy"] and error["field"] == "provider"
    page.desk.network.chain.proxies.failed("this desk is served as plain files", missing=True)
    error = (await page.ask("oauth.start", provider="github", scope=None, **{"return": "popup"}))["error"]
    assert error["code"] == "proxy_down" and "plain files" in error["reason"]
