"""The whole proxy over a socket: sign-in beside everything else, what it logs and counts, and that it asks once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from proxy.config import Config
from tests.unit.proxy.running import Running, running

from .desk import SECRETS, agree, alpaca, ctrader, github, oidc
from .emulators import CTrader, GitHub, Server


def config(folder: Path, *tables: dict, **more: object) -> Config:
    """A proxy that knows these providers on loopback."""
    reached = {urlsplit(value).netloc for table in tables for value in table.values() if isinstance(value, str) and value.startswith("http://")}
    return Config(**{"folder": folder, "oauth": tables, "secrets": SECRETS, "allow_private": reached} | more)


async def sign_in(proxy: Running, provider: str) -> tuple[int, dict]:
    """The web flow over the socket; what `token` answers."""
    begun = (await proxy.client.post(f"/api/oauth/{provider}/start", json={})).json()
    answer = await proxy.client.get(await agree(begun["authorize_url"]))
    assert answer.headers["location"] == f"/callback.html#{provider}:ok:{begun['state']}"
    answer = await proxy.client.post(f"/api/oauth/{provider}/token", json={"state": begun["state"]})
    return answer.status_code, answer.json()


async def test_sign_in_at_a_certified_provider(issuer: str, tmp_path: Path) -> None:
    secrets = {"APP_ID": "desk", "APP_SECRET": "desk-secret"}
    async with running(config(tmp_path, oidc(issuer), alpaca(issuer), secrets=secrets)) as proxy:
        told = (await proxy.client.get("/api/config")).json()["providers"]
        assert [(line["id"], line["ready"]) for line in told] == [("oidc", True), ("alpaca", True)] and "desk-secret" not in json.dumps(told)
        status, tokens = await sign_in(proxy, "oidc")
        assert (status, tokens["account"]) == (200, "trader"), tokens
        assert "desk-secret" not in json.dumps(tokens)


async def test_what_is_logged_and_counted(tmp_path: Path) -> None:
    emulated = GitHub()
    async with Server(emulated.app) as server, running(config(tmp_path, github(server.url))) as proxy:
        status, tokens = await sign_in(proxy, "github")
        assert status == 200
        state = parse_qs(urlsplit((await proxy.client.post("/api/oauth/github/start", json={})).json()["authorize_url"]).query)["state"][0]
        await proxy.client.post("/api/oauth/github/token", json={"state": "wrong"})
        lines = [(line["form"], line["rule"], line["outcome"]) for line in proxy.lines if line["form"].startswith("oauth")]
        assert lines == [("oauth start", "github", "ok"), ("oauth token", "github", "ok")] + [
            ("oauth start", "github", "ok"),
            ("oauth token", "github", "state_mismatch"),
        ]
        sent = [value for _, _, fields in emulated.asked for name, value in fields.items() if name in ("code", "code_verifier", "client_secret")]
        assert len(sent) == 3 and not any(secret in proxy.log for secret in [*sent, tokens["access_token"], state])
        metrics = (await proxy.client.get("/metrics")).text
        assert 'kontor_requests_total{form="oauth token",outcome="ok",rule="github"} 1.0' in metrics
        assert 'kontor_refused_total{code="state_mismatch"} 1.0' in metrics


async def test_an_exchange_by_get_is_not_sent_again(tmp_path: Path) -> None:
    """A client library that repeats GETs would spend the code twice."""
    emulated, came = CTrader(), []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    breaking = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Server(emulated.app) as honest, running(config(tmp_path, ctrader(honest.url, token_url=f"{breaking}/apps/token"))) as proxy:
        status, refused = await sign_in(proxy, "ctrader")
    assert (status, refused["error"]) == (502, "bad_answer") and len(came) == 1
    assert b"GET /apps/token?grant_type=authorization_code&code=" in came[0] and b"connection: close" in came[0].lower()


async def test_a_page_elsewhere_cannot_begin(tmp_path: Path) -> None:
    async with running(config(tmp_path, github("http://127.0.0.1:9"))) as proxy:
        answer = await proxy.client.post("/api/oauth/github/start", json={}, headers={"origin": "https://elsewhere.example"})
        assert (answer.status_code, answer.json()["error"]) == (403, "bad_origin") and "set-cookie" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        assert (await proxy.client.get("/oauth/callback/nobody?code=x")).status_code == 404
