"""Against a certified provider: code flow with PKCE, device flow, rotation, revocation, and what it refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from .desk import agree, desk, oidc

KEYS = {"APP_ID": "desk", "APP_SECRET": "desk-secret"}


async def introspect(issuer: str, token: str) -> bool:
    """Whether the provider holds a token for live."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{issuer}/token/introspection", data={"token": token, "client_id": "desk", "client_secret": "desk-secret"})
    return answer.json()["active"]


async def test_code_flow_refresh_and_sign_out(issuer: str, tmp_path: Path) -> None:
    async with desk(tmp_path, oidc(issuer), secrets=KEYS) as page:
        status, begun = await page.post("oidc/start", {"scope": "openid trade"})
        assert status == 200, begun
        asked = {name: values[0] for name, values in parse_qs(urlsplit(begun["authorize_url"]).query).items()}
        assert asked["code_challenge_method"] == "S256" and asked["nonce"] and asked["scope"] == "openid trade"
        assert asked["redirect_uri"] == "http://127.0.0.1:8000/oauth/callback/oidc"
        back = await agree(begun["authorize_url"])
        assert f"iss={issuer.replace(':', '%3A').replace('/', '%2F')}" in back
        assert await page.follow(back) == ("oidc", "ok", begun["state"])
        status, tokens = await page.post("oidc/token", {"state": begun["state"]})
        assert status == 200, tokens
        assert tokens["account"] == "trader" and tokens["scope"] == ["openid", "trade"] and tokens["refresh"] == "vault"
        names = ["callback", "open the transaction", "discover", "ask the provider", "check the ID token"]
        assert [step["name"] for step in tokens["steps"]] == names
        assert all(step["outcome"] == "ok" for step in tokens["steps"])
        assert await introspect(issuer, tokens["access_token"])

        status, renewed = await page.post("oidc/refresh", {"refresh_token": tokens["refresh_token"], "scope": "openid trade"})
        assert status == 200, renewed
        assert renewed["refresh_token"] != tokens["refresh_token"]

        status, ended = await page.post("oidc/revoke", {"refresh_token": renewed["refresh_token"], "token": renewed["access_token"]})
        assert status == 200 and ended["revoked"] is True
        assert not await introspect(issuer, renewed["access_token"])
        status, refused = await page.post("oidc/refresh", {"refresh_token": renewed["refresh_token"], "scope": "openid trade"})
        assert (status, refused["error"]) == (401, "signed_out")


@pytest.mark.parametrize(
    ("name", "keys", "more"),
    [
        ("public", {"APP_ID": "public"}, {"token_auth": "none", "client_secret_env": None}),
        ("basic", {"APP_ID": "basic", "APP_SECRET": "basic-secret"}, {"token_auth": "basic"}),
    ],
)
async def test_ways_a_client_is_named(issuer: str, tmp_path: Path, name: str, keys: dict[str, str], more: dict[str, Any]) -> None:
    async with desk(tmp_path, oidc(issuer, id=name, **more), secrets=keys) as page:
        status, tokens = await page.sign_in(name)
        assert status == 200, tokens
        assert [step["outcome"] for step in tokens["steps"] if step["name"].startswith("ask")] == ["ok"]


async def test_a_wrong_secret_is_told(issuer: str, tmp_path: Path) -> None:
    async with desk(tmp_path, oidc(issuer), secrets={"APP_ID": "desk", "APP_SECRET": "wrong"}) as page:
        status, refused = await page.sign_in("oidc")
        assert (status, refused["error"]) == (502, "provider_error")
        assert "invalid_client" in refused["detail"] and "environment" in refused["remedy"]
        assert refused["steps"][-1]["outcome"] == "provider_error"


async def test_device_flow(issuer: str, tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    async with desk(tmp_path, oidc(issuer), secrets=KEYS, now=lambda: now[0]) as page:
        status, begun = await page.post("oidc/device", {"scope": "openid read"})
        assert status == 200, begun
        assert begun["interval"] == 5  # the provider names none
        handle = {"handle": begun["handle"]}
        assert "device_code" not in str(begun) and urlsplit(begun["verification_uri"]).path == "/device"
        assert (await page.post("oidc/device/poll", handle))[1]["status"] == "pending"
        status, early = await page.post("oidc/device/poll", handle)
        assert (early["status"], early["steps"]) == ("pending", []) and 0 < early["wait"] <= 5  # not asked again so soon
        text = await agree(begun["verification_uri"], user_code=begun["user_code"])
        assert "Sign-in Success" in text
        now[0] += 5
        status, tokens = await page.post("oidc/device/poll", handle)
        assert (status, tokens["status"], tokens["account"]) == (200, "authorized", "trader"), tokens


async def test_device_flow_declined(issuer: str, tmp_path: Path) -> None:
    async with desk(tmp_path, oidc(issuer), secrets=KEYS) as page:
        _, begun = await page.post("oidc/device")
        await agree(begun["verification_uri"], user_code=begun["user_code"], decline=True)
        status, polled = await page.post("oidc/device/poll", {"handle": begun["handle"]})
        assert (status, polled["status"], polled["steps"][-1]["outcome"]) == (200, "denied", "denied")


async def test_two_tabs_refresh_at_once_with_rotation(issuer: str, tmp_path: Path) -> None:
    """Spending a rotating refresh token twice would end the whole family of tokens."""
    table = oidc(issuer, keep_refresh="cookie", trading=True)
    async with desk(tmp_path, table, secrets=KEYS) as page:
        status, tokens = await page.sign_in("oidc", scope="openid trade")
        assert tokens["refresh"] == "cookie" and tokens["refresh_token"] is None
        answers = await asyncio.gather(*(page.post("oidc/refresh") for _ in range(5)))
        assert {status for status, _ in answers} == {200}
        assert len({fields["access_token"] for _, fields in answers}) == 1
        assert sum(step["detail"].startswith("another tab") for _, fields in answers for step in fields["steps"]) == 4
        status, later = await page.post("oidc/refresh")  # with the rotated cookie
        assert status == 200 and later["access_token"] != answers[0][1]["access_token"]
        assert await introspect(issuer, later["access_token"])


async def test_replayed_code_is_refused_by_the_provider_too(issuer: str, tmp_path: Path) -> None:
    """Two proxies behind one address: what the first has used up, the second learns from the provider."""
    keys = {"sealing_keys": (("one", bytes(32)),), "secrets": KEYS}
    async with desk(tmp_path, oidc(issuer), **keys) as page, desk(tmp_path, oidc(issuer), **keys) as other:
        _, begun = await page.post("oidc/start")
        await page.follow(await agree(begun["authorize_url"]))
        for name, value in page.browser.cookies.items():
            other.browser.cookies.set(name, value, "127.0.0.1")
        assert (await page.post("oidc/token", {"state": begun["state"]}))[0] == 200
        status, refused = await other.post("oidc/token", {"state": begun["state"]})
        assert (status, refused["error"]) == (502, "provider_error")
        assert "invalid_grant" in refused["detail"]
