"""The desk's half against the proxy's half and the emulators: every flow to its end, every failure in plain words, no secret told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.net.oauth import OAuthClient, OAuthError
from app.net.trace import Trace
from app.platform.errors import HttpError
from app.platform.interfaces import HttpAnswer, HttpCall
from app.platform.native.basics import LocalLocks, ManualClock

from .desk import Desk, agree, alpaca, ctrader, desk, github, oidc
from .emulators import Alpaca, CTrader, GitHub, Issuer, Server


class BrowserHttp:
    """What a browser's fetch does with a same-origin POST: it names the page's origin and keeps cookies. Can be made to fail."""

    routes = frozenset({"here"})
    hides_causes = True

    def __init__(self, browser: httpx.AsyncClient) -> None:
        self.browser = browser
        self.fail: Callable[[HttpCall], Any] = lambda _: None
        self.calls: list[HttpCall] = []

    async def send(self, call: HttpCall, via: str = "here") -> HttpAnswer:
        self.calls.append(call)
        if (instead := self.fail(call)) is not None:
            if isinstance(instead, Exception):
                raise instead
            return instead
        headers = {**call.headers, "origin": str(self.browser.base_url).rstrip("/")}
        answer = await asyncio.wait_for(self.browser.request(call.method, call.url, content=call.body, headers=headers), call.timeout_s)
        return HttpAnswer(answer.status_code, dict(answer.headers), answer.content, call.url)


class Kept(dict):
    """A store of token records, like the vault's."""

    async def get(self, provider: str) -> dict | None:
        return dict.get(self, provider)

    async def put(self, provider: str, tokens: dict) -> str:
        self[provider] = json.loads(json.dumps(tokens))
        return "vault"

    async def delete(self, provider: str) -> None:
        self.pop(provider, None)


class Tab:
    """A desk in one tab. Waiting moves the clocks on instead."""

    def __init__(self, page: Desk, kept: Kept, clock: ManualClock, locks: LocalLocks | None = None, on_wait: Callable[[], Any] = lambda: None) -> None:
        self.page, self.kept, self.clock = page, kept, clock
        self.http = BrowserHttp(page.browser)
        self.trace = Trace(lambda: clock.now_ns() / 1e6)
        self.waited: list[float] = []

        async def wait(seconds: float) -> None:
            self.waited.append(seconds)
            clock.advance(int(seconds * 1e9))
            result = on_wait()
            if asyncio.iscoroutine(result):
                await result

        self.client = OAuthClient(self.http, f"{page.home}/", clock, kept, self.trace, locks, wait)

    @property
    def told(self) -> str:
        """All that the terminal shows."""
        return json.dumps(self.trace.since(0))

    async def sign_in(self, provider: str, scope: str | None = None) -> dict[str, Any]:
        """The whole web flow."""
        begun = await self.client.start(provider, scope)
        return await self.client.finish(*await self.page.follow(await agree(begun["authorize_url"])))


@asynccontextmanager
async def tab(folder: Path, *tables: Any, on_wait: Callable[[], Any] = lambda: None, **more: Any) -> AsyncIterator[Tab]:
    """One tab at a proxy whose clock is the tab's."""
    clock = ManualClock(1_800_000_000 * 10**9)
    more = {"limits": {"sign_in": 10_000}} | more  # the proxy's limit is by the real clock
    async with desk(folder, *tables, now=lambda: clock.now_ns() / 1e9, **more) as page:
        yield Tab(page, Kept(), clock, on_wait=on_wait)


async def test_web_flow_renewal_and_sign_out(tmp_path: Path) -> None:
    emulated = GitHub()
    emulated.expiring = True
    async with Server(emulated.app) as server, tab(tmp_path, github(server.url)) as one:
        entry = await one.sign_in("github", "repo gist")
        assert entry == one.client.signed_in("github")
        assert (entry["scope"], entry["kept"], entry["since_ms"]) == ("repo gist", "vault", 1_800_000_000_000)
        assert entry["expires_at_ms"] == (1_800_000_000 + 28800) * 1000
        first = one.kept["github"]
        assert first["access_token"] in emulated.live and await one.client.access("github") == first["access_token"]

        one.clock.advance(28_750 * 10**9)  # less than a minute is left
        renewed = await one.client.access("github")
        assert renewed != first["access_token"] and one.kept["github"]["scope"] == ["repo", "gist"]
        assert one.kept["github"]["since_ms"] == first["since_ms"]

        await one.client.logout("github")
        assert renewed not in emulated.live and not one.kept and one.client.signed_in("github") is None
        secrets = [first["access_token"], first["refresh_token"], renewed, "the-secret"]
        assert not any(secret in one.told for secret in secrets)
        assert "signed in with repo gist" in one.told and "ask the provider" in one.told and "answered 200" in one.told


async def test_a_sign_in_is_not_renewed_beyond_its_life(tmp_path: Path) -> None:
    emulated = GitHub()
    emulated.expiring = True
    async with Server(emulated.app) as server, tab(tmp_path, github(server.url, keep_refresh_s=3600)) as one:
        await one.sign_in("github")
        for _ in range(3):
            one.clock.advance(1000 * 10**9)
            await one.client.refresh("github")
        one.clock.advance(601 * 10**9)
        with pytest.raises(OAuthError) as caught:
            await one.client.refresh("github")
        assert caught.value.code == "signed_out" and not one.kept


async def test_what_is_kept_is_known_again(tmp_path: Path) -> None:
    async with Server(Alpaca().app) as server, tab(tmp_path, alpaca(server.url)) as one:
        await one.sign_in("alpaca", "data")
        reloaded = Tab(one.page, one.kept, one.clock)
        assert reloaded.client.signed_in("alpaca") is None
        entry = await reloaded.client.load("alpaca")
        assert entry["scope"] == "data" and entry["expires_at_ms"] is None
        assert await reloaded.client.access("alpaca") == one.kept["alpaca"]["access_token"]
        with pytest.raises(OAuthError) as caught:
            await reloaded.client.refresh("alpaca")
        assert caught.value.code == "no_refresh"
        await reloaded.client.logout("alpaca")  # nothing to revoke with: forgotten here, and said so
        assert "account settings" in reloaded.told
        assert await reloaded.client.load("alpaca") is None
        with pytest.raises(OAuthError) as caught:
            await reloaded.client.access("alpaca")
        assert caught.value.code == "signed_out"


async def test_a_refresh_token_in_the_cookie_never_comes_here(tmp_path: Path) -> None:
    emulated = CTrader()
    async with Server(emulated.app) as server, tab(tmp_path, ctrader(server.url)) as one:
        entry = await one.sign_in("ctrader", "trading")
        assert entry["kept"] == "cookie" and one.kept["ctrader"]["refresh_token"] is None
        before = one.kept["ctrader"]["access_token"]
        assert (await one.client.refresh("ctrader"))["kept"] == "cookie"
        assert one.kept["ctrader"]["access_token"] != before
        emulated.refreshes.clear()
        one.clock.advance(60 * 10**9)
        with pytest.raises(OAuthError) as caught:
            await one.client.refresh("ctrader")
        assert caught.value.code == "signed_out" and not one.kept and one.client.signed_in("ctrader") is None
        assert "What to do: Sign in again." in one.told


async def test_two_tabs_renew_at_once(tmp_path: Path) -> None:
    """With a rotating token and a shared vault, under the tabs' lock and without one."""
    for locks in (LocalLocks(), None):
        emulated = GitHub()
        emulated.expiring = True
        async with Server(emulated.app) as server, tab(tmp_path, github(server.url)) as one:
            await one.sign_in("github")
            tabs = [Tab(one.page, one.kept, one.clock, locks) for _ in range(3)]
            one.clock.advance(28_790 * 10**9)
            tokens = await asyncio.gather(*(each.client.access("github") for each in tabs), tabs[0].client.access("github"))
            assert len(set(tokens)) == 1
            asked = [fields for _, _, fields in emulated.asked if fields.get("grant_type") == "refresh_token"]
            assert len(asked) == 1


async def test_device_flow(tmp_path: Path) -> None:
    emulated = GitHub()
    shown: dict[str, Any] = {}
    rounds: list[int] = []

    def on_wait() -> None:
        rounds.append(1)
        emulated.now = one.clock_s
        if len(rounds) == 2:
            next(iter(emulated.devices.values()))["interval"] = 9  # the provider wants it slower
        if len(rounds) == 4:
            emulated.enter(shown["user_code"], "accept")

    async with Server(emulated.app) as server, tab(tmp_path, github(server.url), secrets={"APP_ID": "the-app"}, on_wait=on_wait) as one:
        one.clock_s = lambda: one.clock.now_ns() / 1e9
        emulated.now, emulated.web = one.clock_s, server.url
        shown |= await one.client.device("github", "gist")
        assert shown["verification_uri"] == f"{server.url}/login/device"
        entry = await one.client.device_wait("github", shown["handle"])
        assert entry["scope"] == "gist" and one.waited == [5, 5, 14, 14]
        assert shown["user_code"] not in one.told and shown["handle"] not in one.told


@pytest.mark.parametrize(("said", "code"), [("deny", "denied"), (None, "expired")])
async def test_device_flow_without_a_yes(tmp_path: Path, said: str | None, code: str) -> None:
    emulated = GitHub()
    async with Server(emulated.app) as server, tab(tmp_path, github(server.url)) as one:
        emulated.now, emulated.web = lambda: one.clock.now_ns() / 1e9, server.url
        shown = await one.client.device("github")
        if said:
            emulated.enter(shown["user_code"], said)
        with pytest.raises(OAuthError) as caught:
            await one.client.device_wait("github", shown["handle"])
        assert caught.value.code == code and caught.value.remedy
        assert sum(one.waited) <= 905 and not one.kept


async def test_a_handle_of_before_the_reload(tmp_path: Path) -> None:
    """A tab that did not begin it goes on with the usual pace, and hears from the proxy that it is over."""
    emulated = GitHub()
    async with Server(emulated.app) as server, tab(tmp_path, github(server.url)) as one:
        emulated.now, emulated.web = lambda: one.clock.now_ns() / 1e9, server.url
        shown = await one.client.device("github")
        emulated.devices.clear()
        other = Tab(one.page, one.kept, one.clock)
        with pytest.raises(OAuthError) as caught:
            await other.client.device_wait("github", shown["handle"])
        assert caught.value.code == "provider_error" and "incorrect_device_code" in caught.value.reason
        one.clock.advance(901 * 10**9)
        with pytest.raises(OAuthError) as caught:
            await other.client.device_wait("github", shown["handle"])
        assert caught.value.code == "expired"


async def test_the_network_goes_away_while_waiting(tmp_path: Path) -> None:
    """The pauses grow and the waiting goes on."""
    emulated = GitHub()
    async with Server(emulated.app) as server, tab(tmp_path, github(server.url)) as one:
        emulated.now, emulated.web = lambda: one.clock.now_ns() / 1e9, server.url
        shown = await one.client.device("github")
        emulated.enter(shown["user_code"], "accept")
        one.http.fail = lambda _: HttpError("gone", "offline") if len(one.waited) < 5 else None
        assert (await one.client.device_wait("github", shown["handle"]))["kept"] == "vault"
        assert one.waited == [5, 10, 20, 40, 60]


async def test_waiting_is_ended_by_the_trader(tmp_path: Path) -> None:
    emulated, waiting = GitHub(), asyncio.Event()

    async def hang() -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with Server(emulated.app) as server, tab(tmp_path, github(server.url), on_wait=hang) as one:
        emulated.web = server.url
        shown = await one.client.device("github")
        one.client.device_cancel("github")  # nothing is waited for yet
        for end in (lambda _: one.client.device_cancel("github"), lambda task: task.cancel()):
            waiting.clear()
            task = asyncio.create_task(one.client.device_wait("github", shown["handle"]))
            await waiting.wait()
            end(task)
            with pytest.raises((OAuthError, asyncio.CancelledError)) as caught:
                await task
            assert getattr(caught.value, "code", "cancelled") == "cancelled"
        assert not [task for task in asyncio.all_tasks() if "_poll" in repr(task)]


@pytest.mark.parametrize(("outcome", "state"), [("ok", "another"), ("no_transaction", ""), ("strange", ""), ("issuer_mismatch", "own")])
async def test_callbacks_that_are_not_ours(tmp_path: Path, outcome: str, state: str) -> None:
    async with Server(GitHub().app) as server, tab(tmp_path, github(server.url)) as one:
        begun = await one.client.start("github")
        asked = len(one.http.calls)
        with pytest.raises(OAuthError) as caught:
            await one.client.finish("github", outcome, begun["state"] if state == "own" else state)
        assert caught.value.code == ("state_mismatch" if state == "another" else outcome) and caught.value.remedy and len(one.http.calls) == asked


async def test_a_denied_sign_in_is_told_in_the_providers_words(tmp_path: Path) -> None:
    emulated = GitHub()
    emulated.decision = "access_denied"
    async with Server(emulated.app) as server, tab(tmp_path, github(server.url)) as one:
        with pytest.raises(OAuthError) as caught:
            await one.sign_in("github")
        assert caught.value.code == "denied" and "The user has denied" in caught.value.reason and caught.value.steps
        reloaded = Tab(one.page, one.kept, one.clock)  # the redirect landed in a desk that knows of nothing
        begun = await one.client.start("github")
        with pytest.raises(OAuthError):
            await reloaded.client.finish(*await one.page.follow(await agree(begun["authorize_url"])))


@pytest.mark.parametrize(("reason", "sent", "tries"), [("network", False, 2), ("network", True, 1), ("timeout", True, 1), ("timeout", False, 1)])
async def test_an_exchange_is_repeated_only_when_nothing_left(tmp_path: Path, reason: str, sent: bool, tries: int) -> None:
    async with Server(GitHub().app) as server, tab(tmp_path, github(server.url)) as one:
        begun = await one.client.start("github")
        back = await one.page.follow(await agree(begun["authorize_url"]))
        one.http.fail = lambda _: HttpError("no", reason, sent=sent)
        asked = len(one.http.calls)
        with pytest.raises(OAuthError) as caught:
            await one.client.finish(*back)
        assert caught.value.code == "http" and "sign in again" in caught.value.remedy
        assert len(one.http.calls) - asked == tries
        assert one.http.calls[-1].timeout_s < 3  # the proxy told its deadline: 2.8 s and the way there


async def test_reading_steps_are_repeated_once(tmp_path: Path) -> None:
    async with Server(GitHub().app) as server, tab(tmp_path, github(server.url)) as one:
        failures = [HttpError("no", "network")]
        one.http.fail = lambda _: failures.pop() if failures else None
        assert (await one.client.start("github"))["authorize_url"].startswith(server.url)
        assert "once more" in one.told


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (404, b"not here"),
        (200, b"[]"),
        (500, b"{}"),
        (200, b"{}"),
        (200, b'{"authorize_url": 5, "state": "x"}'),
        (200, b'{"authorize_url": "https://x.example", "state": ""}'),
    ],
)
async def test_answers_of_something_else(tmp_path: Path, status: int, body: bytes) -> None:
    async with tab(tmp_path, github("http://127.0.0.1:9")) as one:
        one.http.fail = lambda call: HttpAnswer(status, {}, body, call.url)
        with pytest.raises(OAuthError) as caught:
            await one.client.start("github")
        assert caught.value.code == "bad_answer"
        body = b'{"user_code": "A", "verification_uri": "https://x.example", "handle": "h", "expires_in": 0, "interval": 1}'
        one.http.fail = lambda call: HttpAnswer(200, {}, body, call.url)
        with pytest.raises(OAuthError) as caught:
            await one.client.device("github")
        assert caught.value.code == "bad_answer"


RIGHT = {"access_token": "a" * 20, "scope": ["read"], "expires_at": None, "refresh": "vault", "refresh_token": "r" * 20}


@pytest.mark.parametrize(
    "change",
    [{"scope": "read"}, {"scope": [1]}, {"expires_at": "soon"}, {"refresh": "elsewhere"}]
    + [{"refresh_token": 5}, {"access_token": ""}, {"scope": ["read", "trade"]}],
)
async def test_token_answers_that_are_not_right(tmp_path: Path, change: dict[str, Any]) -> None:
    async with tab(tmp_path, oidc("http://127.0.0.1:9")) as one:
        await one.kept.put("oidc", {**RIGHT, "expires_at": 5, "since_ms": 0, "account": None})
        one.http.fail = lambda call: HttpAnswer(200, {}, json.dumps(RIGHT | change).encode(), call.url)
        with pytest.raises(OAuthError) as caught:
            await one.client.refresh("oidc")
        assert caught.value.code in ("bad_answer", "scope_widened") and one.kept["oidc"]["expires_at"] == 5


async def test_sign_out_without_the_provider_forgets_all_the_same(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, tab(tmp_path, oidc(server.url)) as one:
        issuer.url, issuer.now = server.url, lambda: one.clock.now_ns() / 1e9
        await one.sign_in("oidc", "read")
        one.http.fail = lambda _: HttpError("gone", "offline")
        with pytest.raises(OAuthError) as caught:
            await one.client.logout("oidc")
        assert caught.value.code == "not_revoked" and "account settings" in caught.value.remedy
        assert not one.kept and one.client.signed_in("oidc") is None
