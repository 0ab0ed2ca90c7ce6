"""GitHub: the proxy gets on with its errors, its commas and its device flow, whether it answers in JSON or in forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .desk import Clock, agree, desk, github
from .emulators import GitHub, Server

pytestmark = pytest.mark.parametrize("form", [False, True], ids=["json", "form-encoded"])


class Forms(GitHub):
    """Answers as forms whatever is accepted, as GitHub does by default."""

    def step(self, handler: Any) -> Any:
        return super().step(lambda request, fields: handler(_Plain(request), fields))


class _Plain:
    """A request that accepts anything."""

    def __init__(self, request: Any) -> None:
        self.headers = {name: value for name, value in request.headers.items() if name != "accept"}
        self.path_params = request.path_params


def emulator(form: bool, *now: Any) -> GitHub:
    """GitHub, answering in JSON or in forms."""
    return (Forms if form else GitHub)(*now)


async def test_web_flow(tmp_path: Path, form: bool) -> None:
    emulated = emulator(form)
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url)) as page:
        status, tokens = await page.sign_in("github", scope="repo gist")
        assert status == 200, tokens
        assert tokens["scope"] == ["repo", "gist"] and tokens["access_token"] in emulated.live
        assert tokens["refresh"] == "none" and tokens["refresh_token"] is None and tokens["expires_at"] is None
        sent = next(fields for _, path, fields in emulated.asked if path.endswith("access_token"))
        assert sent["client_secret"] == "the-secret" and len(sent["code_verifier"]) == 43
        assert await page.post("github/revoke", {"token": tokens["access_token"]}) == (200, {"revoked": True, "steps": [_any_step("revoke the access token")]})
        assert not emulated.live


class _any_step(dict):
    """Equal to a step of that name that went well."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and other["name"] == self["name"] and other["outcome"] == "ok"

    __hash__ = None


@pytest.mark.parametrize("fault", ["used code", "wrong secret", "verifier", "redirect"])
async def test_errors_that_come_with_200(tmp_path: Path, form: bool, fault: str) -> None:
    emulated = emulator(form)
    secrets = {"APP_ID": "the-app", "APP_SECRET": "wrong" if fault == "wrong secret" else "the-secret"}
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url), secrets=secrets) as page:
        _, begun = await page.post("github/start")
        back = await agree(begun["authorize_url"])
        issued = next(iter(emulated.codes.values()))
        if fault == "used code":
            emulated.codes.clear()
        elif fault == "verifier":
            issued["code_challenge"] = "A" * 43
        elif fault == "redirect":
            issued["redirect_uri"] = "http://127.0.0.1/oauth/callback/other"
        await page.follow(back)
        status, refused = await page.post("github/token", {"state": begun["state"]})
    name = {"wrong secret": "incorrect_client_credentials", "redirect": "redirect_uri_mismatch"}.get(fault, "bad_verification_code")
    assert (status, refused["error"]) == (502, "provider_error")
    assert f"GitHub answered {name} (HTTP 200)" in refused["detail"] and refused["remedy"]
    assert refused["steps"][-1] == {**refused["steps"][-1], "name": "ask the provider", "outcome": "provider_error", "detail": refused["detail"]}
    assert "wrong" not in json.dumps(refused).replace("wrong_", "") and "the-secret" not in json.dumps(refused)


async def test_expiring_tokens_are_renewed_and_end(tmp_path: Path, form: bool) -> None:
    emulated = emulator(form)
    emulated.expiring = True
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url)) as page:
        _, tokens = await page.sign_in("github", scope="repo")
        assert tokens["expires_at"] and tokens["refresh"] == "vault"
        status, renewed = await page.post("github/refresh", {"refresh_token": tokens["refresh_token"], "scope": "repo"})
        assert status == 200 and renewed["refresh_token"] != tokens["refresh_token"]
        emulated.refreshes.clear()
        status, refused = await page.post("github/refresh", {"refresh_token": renewed["refresh_token"], "scope": "repo"})
        assert (status, refused["error"]) == (401, "signed_out") and "bad_refresh_token" in refused["detail"]


async def test_device_flow_pending_slow_down_and_tokens(tmp_path: Path, form: bool, clock: Clock) -> None:
    """Without a client secret anywhere."""
    emulated = emulator(form, clock)
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url), now=clock, secrets={"APP_ID": "the-app"}) as page:
        emulated.web = server.url
        status, begun = await page.post("github/device", {"scope": "gist"})
        assert status == 200 and (begun["interval"], begun["expires_in"]) == (5, 900)
        handle = {"handle": begun["handle"]}
        clock.at += 5
        assert (await page.post("github/device/poll", handle))[1]["status"] == "pending"
        clock.at += 5
        emulated.devices[next(iter(emulated.devices))]["interval"] = 12
        status, slower = await page.post("github/device/poll", handle)
        assert (slower["status"], slower["interval"]) == ("slow_down", 17)
        clock.at += 16
        asked = len(emulated.asked)
        assert (await page.post("github/device/poll", handle))[1] == {"status": "pending", "interval": 17, "wait": 1.0, "steps": []}
        assert len(emulated.asked) == asked
        clock.at += 1
        emulated.enter(begun["user_code"], "accept")
        status, tokens = await page.post("github/device/poll", handle)
        assert (status, tokens["status"], tokens["scope"]) == (200, "authorized", ["gist"]), tokens
        assert all("client_secret" not in fields for *_, fields in emulated.asked)


@pytest.mark.parametrize(("said", "later", "status"), [("deny", 5, "denied"), ("accept", 901, "expired"), (None, 899.9, "pending")])
async def test_device_flow_ends(tmp_path: Path, form: bool, clock: Clock, said: str | None, later: float, status: str) -> None:
    emulated = emulator(form, clock)
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url), now=clock) as page:
        emulated.web = server.url
        _, begun = await page.post("github/device")
        if said:
            emulated.enter(begun["user_code"], said)
        clock.at += later
        assert (await page.post("github/device/poll", {"handle": begun["handle"]}))[1]["status"] == status


async def test_device_code_that_ends_at_the_provider_first(tmp_path: Path, form: bool, clock: Clock) -> None:
    emulated = emulator(form, clock)
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url), now=clock) as page:
        emulated.web = server.url
        _, begun = await page.post("github/device")
        next(iter(emulated.devices.values()))["until"] = clock.at
        clock.at += 5
        assert (await page.post("github/device/poll", {"handle": begun["handle"]}))[1]["status"] == "expired"


async def test_device_flow_switched_off_and_unknown_code(tmp_path: Path, form: bool, clock: Clock) -> None:
    emulated = emulator(form, clock)
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url), now=clock) as page:
        emulated.web = server.url
        _, begun = await page.post("github/device")
        emulated.devices.clear()
        clock.at += 5
        status, refused = await page.post("github/device/poll", {"handle": begun["handle"]})
        assert (status, refused["error"]) == (502, "provider_error") and "incorrect_device_code" in refused["detail"]
        emulated.decision = "device_flow_disabled"
        status, refused = await page.post("github/device")
        assert (status, refused["error"]) == (502, "provider_error") and "Switch the device flow on" in refused["remedy"]


async def test_denied_at_the_consent_page(tmp_path: Path, form: bool) -> None:
    emulated = emulator(form)
    emulated.decision = "access_denied"
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url)) as page:
        _, begun = await page.post("github/start")
        assert await page.follow(await agree(begun["authorize_url"])) == ("github", "denied", begun["state"])
        status, refused = await page.post("github/token", {"state": begun["state"]})
        assert (status, refused["error"]) == (403, "denied") and "accept" in refused["remedy"]
        assert (await page.post("github/token", {"state": begun["state"]}))[1]["error"] == "no_transaction"
