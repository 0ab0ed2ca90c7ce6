"""What a sign-in may not be bent into: replays, other browsers, other providers, other pages, other origins."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from .desk import Clock, Desk, agree, alpaca, ctrader, desk, github
from .emulators import Alpaca, CTrader, GitHub, Issuer, Server

KEYS = (("k1", b"1" * 32),)


async def begin(page: Desk, provider: str = "github") -> tuple[str, str]:
    """(state, where the provider sends the trader back to)."""
    status, begun = await page.post(f"{provider}/start")
    assert status == 200, begun
    return begun["state"], await agree(begun["authorize_url"])


async def test_a_code_is_exchanged_once(tmp_path: Path) -> None:
    emulated = GitHub()
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url)) as page:
        state, back = await begin(page)
        await page.follow(back)
        jar = dict(page.browser.cookies)
        copies = [page.new_browser() for _ in range(2)]
        for copy in copies:
            copy.cookies.update(jar)
        answers = await asyncio.gather(*(page.post("github/token", {"state": state}, browser=browser) for browser in (page.browser, *copies)))
        assert sorted(status for status, _ in answers) == [200, 403, 403]
        assert {fields.get("error") for _, fields in answers} == {None, "replayed"}
        assert not page.browser.cookies  # the transaction is gone from the browser
        page.browser.cookies.update(jar)  # and an old copy of it is worth nothing
        assert (await page.post("github/token", {"state": state}))[1]["error"] == "replayed"
        assert sum(path.endswith("access_token") for _, path, _ in emulated.asked) == 1


async def test_a_callback_is_followed_once(tmp_path: Path) -> None:
    async with Server(GitHub().app) as server, desk(tmp_path, github(server.url)) as page:
        state, back = await begin(page)
        before = dict(page.browser.cookies)
        assert (await page.follow(back))[1] == "ok"
        assert (await page.follow(back))[1:] == ("replayed", state)
        page.browser.cookies.update(before)
        assert (await page.follow(back))[1:] == ("replayed", state)


async def test_a_callback_counts_only_in_the_browser_that_began(tmp_path: Path) -> None:
    """Somebody else's answer cannot be planted: neither in a browser without a sign-in nor over one's own."""
    async with Server(GitHub().app) as server, desk(tmp_path, github(server.url)) as page:
        _, planted = await begin(page)
        async with page.new_browser() as victim:
            assert (await page.follow(planted, victim))[1:] == ("no_transaction", "")
            _, own = await page.post("github/start", browser=victim)
            assert (await page.follow(planted, victim))[1:] == ("state_mismatch", "")
            assert (await page.follow(await agree(own["authorize_url"]), victim))[1] == "ok"  # the attempt has not ended the real one


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda query: query | {"state": "x" * 43}, "state_mismatch"),
        (lambda query: query | {"state": "é"}, "state_mismatch"),
        (lambda query: query | {"state": ""}, "state_mismatch"),
        (lambda query: {"code": query["code"]}, "state_mismatch"),
        (lambda query: query | {"code": ["a", "b"]}, "bad_request"),
        (lambda query: {"state": query["state"]}, "provider_error"),
        (lambda query: query | {"code": ""}, "provider_error"),
        (lambda query: {"state": query["state"], "error": "redirect_uri_mismatch"}, "provider_error"),
        (lambda query: query | {"error": "access_denied"}, "denied"),
    ],
)
async def test_changed_callbacks(tmp_path: Path, change: object, outcome: str) -> None:
    async with Server(GitHub().app) as server, desk(tmp_path, github(server.url)) as page:
        state, back = await begin(page)
        query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        changed = f"{back.partition('?')[0]}?{urlencode(change(query), doseq=True)}"
        assert (await page.follow(changed))[1] == outcome
        status, refused = await page.post("github/token", {"state": state})
        assert status >= 400
        assert refused["error"] == ("not_back" if outcome in ("state_mismatch", "bad_request") else outcome)
        if "redirect_uri_mismatch" in changed:
            assert "to the letter" in refused["remedy"]


async def test_mix_up_of_providers(tmp_path: Path) -> None:
    """A code of one provider never goes to another: other path, other cookie, other issuer."""
    issuer, other = Issuer(), GitHub()
    async with Server(issuer.app) as honest, Server(other.app) as wicked:
        issuer.url = honest.url
        tables = (
            {**github(wicked.url, id="wicked", name="Wicked")},
            {"id": "honest", "name": "Honest", "issuer": honest.url, "discovery": True, "client_id_env": "APP_ID", "client_secret_env": "APP_SECRET"},
            {"id": "third", "name": "Third", "issuer": "https://third.example", "authorize_url": f"{wicked.url}/login/oauth/authorize"}
            | {"token_url": f"{wicked.url}/login/oauth/access_token", "client_id_env": "APP_ID", "client_secret_env": "APP_SECRET"},
        )
        async with desk(tmp_path, *tables) as page:
            state, back = await begin(page, "honest")
            assert (await page.follow(back.replace("/honest?", "/wicked?")))[1] == "no_transaction"
            assert (await page.follow(re.sub(r"&iss=[^&]*", "", back)))[1] == "issuer_mismatch"  # it promised to name itself
            assert (await page.follow(re.sub(r"&iss=[^&]*", "&iss=https%3A%2F%2Fthird.example", back)))[1] == "issuer_mismatch"
            state, back = await begin(page, "wicked")
            assert (await page.follow(f"{back}&iss={honest.url}"))[1] == "issuer_mismatch"
            assert (await page.follow(f"{back}&iss=https://fourth.example"))[1] == "ok"  # it has no issuer of its own to compare with
            state, back = await begin(page, "third")
            assert (await page.follow(f"{back}&iss=https://fourth.example"))[1] == "issuer_mismatch"
            assert (await page.follow(f"{back}&iss=https://third.example"))[1:] == ("ok", state)
        assert not any(path == "/token" for _, path, _ in issuer.asked) and not any("access_token" in path for _, path, _ in other.asked)


async def test_a_transaction_ends_after_ten_minutes(tmp_path: Path, clock: Clock) -> None:
    async with Server(GitHub(clock).app) as server, desk(tmp_path, github(server.url), now=clock) as page:
        _, back = await begin(page)
        clock.at += 601
        assert (await page.follow(back))[1] == "no_transaction"
        state, back = await begin(page)
        await page.follow(back)
        clock.at += 601
        assert (await page.post("github/token", {"state": state}))[1]["error"] == "no_transaction"


async def test_not_before_the_trader_is_back(tmp_path: Path) -> None:
    async with Server(GitHub().app) as server, desk(tmp_path, github(server.url)) as page:
        state, _ = await begin(page)
        assert (await page.post("github/token", {"state": state}))[1]["error"] == "not_back"
        assert (await page.post("github/token", {}))[1]["error"] == "state_mismatch"


async def test_several_tabs_sign_in_side_by_side_but_cookies_do_not_pile_up(tmp_path: Path, clock: Clock) -> None:
    async with Server(GitHub(clock).app) as server, desk(tmp_path, github(server.url), now=clock) as page:
        begun = []
        for _ in range(6):
            begun.append(await begin(page))
            clock.at += 1
        assert len(page.browser.cookies) == 4
        for state, back in begun[-4:]:
            assert (await page.follow(back))[1:] == ("ok", state)
        assert (await page.follow(begun[0][1]))[1] == "state_mismatch"
        for state, _ in begun[-4:]:
            assert (await page.post("github/token", {"state": state}))[0] == 200


async def test_keys_are_changed_without_ending_anything(tmp_path: Path) -> None:
    old, new = ("old", b"o" * 32), ("new", b"n" * 32)
    emulated = CTrader()
    async with Server(emulated.app) as server:
        table = ctrader(server.url)
        async with desk(tmp_path, table, sealing_keys=(old,)) as first, desk(tmp_path, table, sealing_keys=(new, old)) as second:
            _, back = await begin(first, "ctrader")
            second.browser.cookies.update(first.browser.cookies)
            _, outcome, state = await second.follow(back)
            assert outcome == "ok"
            assert (await second.post("ctrader/token", {"state": state}))[0] == 200
            status, renewed = await second.post("ctrader/refresh")
            assert status == 200, renewed
            async with desk(tmp_path, table, sealing_keys=(new,)) as third:
                third.browser.cookies.update(second.browser.cookies)
                assert (await third.post("ctrader/refresh"))[0] == 200
                async with desk(tmp_path, table, sealing_keys=(("else", b"e" * 32),)) as fourth:
                    fourth.browser.cookies.update(third.browser.cookies)
                    status, refused = await fourth.post("ctrader/refresh")
                    assert (status, refused["error"]) == (401, "signed_out")
                    assert not fourth.browser.cookies  # what cannot be opened is deleted


async def test_cookies_over_https_and_on_loopback(tmp_path: Path) -> None:
    async with Server(GitHub().app) as server:
        table = github(server.url)
        async with desk(tmp_path, table, url="https://desk.example", home="https://desk.example") as page:
            answer = await page.browser.post("/api/oauth/github/start", json={}, headers={"x-kontor": "1", "origin": "https://desk.example"})
            line = answer.headers["set-cookie"]
            assert re.fullmatch(r"__Host-kontor-tx-github-[\w-]{8}=[\w.-]+; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure", line)
            assert "redirect_uri=https%3A%2F%2Fdesk.example%2Foauth%2Fcallback%2Fgithub" in answer.json()["authorize_url"]
        async with desk(tmp_path, table) as page:
            answer = await page.browser.post("/api/oauth/github/start", json={}, headers={"x-kontor": "1", "origin": page.home})
            assert re.fullmatch(r"kontor-tx-github-[\w-]{8}=[\w.-]+; Path=/; Max-Age=600; HttpOnly; SameSite=Lax", answer.headers["set-cookie"])


@pytest.mark.parametrize("home", ["http://192.168.1.10:8000", "http://desk.example"])
async def test_without_tls_nothing_begins(tmp_path: Path, home: str) -> None:
    """Neither by what the Host header says nor by what is configured."""
    async with desk(tmp_path, github("http://127.0.0.1:9"), url=home, home=home) as page:
        status, refused = await page.post("github/start")
        assert (status, refused["error"]) == (403, "needs_tls") and "KONTOR_URL" in refused["remedy"]
        assert (await page.browser.get("/oauth/callback/github?code=x")).status_code == 403
    async with desk(tmp_path, github("http://127.0.0.1:9"), home=home) as page:
        status, refused = await page.post("github/start")
        assert status == 403 and refused["error"] in ("bad_origin", "needs_tls")


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"x-kontor": ""}, "needs_header"),
        ({"origin": "null"}, "bad_origin"),
        ({"origin": "https://elsewhere.example"}, "bad_origin"),
        ({"origin": "http://127.0.0.1:8001"}, "bad_origin"),
        ({"host": "rebound.example"}, "bad_origin"),
    ],
)
async def test_other_pages_are_refused(tmp_path: Path, headers: dict[str, str], error: str) -> None:
    async with desk(tmp_path, github("http://127.0.0.1:9")) as page:
        for step in ("start", "token", "device", "device/poll", "refresh", "revoke"):
            status, refused = await page.post(f"github/{step}", **headers)
            assert (status, refused["error"], refused["steps"]) == (403, error, [])
        answer = await page.browser.post("/api/oauth/github/start", json={}, headers={"x-kontor": "1"})  # no Origin at all
        assert answer.json()["error"] == "bad_origin"


async def test_unknown_unconfigured_and_unsuited_providers(tmp_path: Path) -> None:
    async with desk(tmp_path, github("http://127.0.0.1:9"), alpaca("http://127.0.0.1:9"), secrets={}) as page:
        assert (await page.post("gitlab/start"))[1]["error"] == "not_found"
        status, refused = await page.post("github/start")
        assert (status, refused["error"]) == (503, "not_configured") and "APP_ID" in refused["remedy"]
    async with desk(tmp_path, github("http://127.0.0.1:9"), alpaca("http://127.0.0.1:9"), secrets={"APP_ID": "x"}) as page:
        status, refused = await page.post("github/start")
        assert (status, refused["error"]) == (400, "flow_unsupported") and "device flow" in refused["remedy"]
    async with desk(tmp_path, alpaca("http://127.0.0.1:9")) as page:
        assert (await page.post("alpaca/device"))[1]["error"] == "flow_unsupported"
        assert (await page.post("alpaca/refresh"))[1]["error"] == "no_refresh"
        assert (await page.post("alpaca/start", {"scope": ""}))[0] == 200  # no scope is a scope too
    async with desk(tmp_path, github("http://127.0.0.1:9")) as page:
        status, refused = await page.post("github/refresh")
        assert (status, refused["error"]) == (400, "bad_request") and "refresh_token is missing" in refused["detail"]
    async with desk(tmp_path, alpaca("http://127.0.0.1:9")) as page:
        assert (await page.post("alpaca/start", {"scope": "data everything"}))[1]["error"] == "scope_refused"
        assert (await page.browser.head("/oauth/callback/alpaca")).status_code == 405


@pytest.mark.parametrize("body", ["[]", "{", '{"scope": 1}', '{"scope": {}}', '"text"', "\xff", "[" * 30_000, '{"scope": "\\ud800"}', '{"scope": "\\n"}'])
async def test_bodies_that_are_none(tmp_path: Path, body: str) -> None:
    async with desk(tmp_path, github("http://127.0.0.1:9")) as page:
        headers = {"x-kontor": "1", "origin": page.home}
        answer = await page.browser.post("/api/oauth/github/start", content=body.encode("latin1"), headers=headers)
        assert answer.json()["error"] == "bad_request"
        answer = await page.browser.post("/api/oauth/github/start", content=b"x" * 40_000, headers=headers)
        assert answer.json()["error"] == "body_too_large"


async def test_too_many_calls_have_to_wait(tmp_path: Path) -> None:
    async with desk(tmp_path, github("http://127.0.0.1:9"), limits={"sign_in": 3}) as page:
        answers = [await page.post("github/start") for _ in range(4)]
        assert [status for status, _ in answers] == [200, 200, 200, 429]
        assert answers[-1][1]["error"] == "rate_limited" and "Wait" in answers[-1][1]["remedy"]


async def test_foreign_cookies_do_no_harm(tmp_path: Path) -> None:
    async with Server(GitHub().app) as server, desk(tmp_path, github(server.url)) as page:
        for name in ("kontor-tx-github-AAAAAAAA", "kontor-tx-github-", "kontor-tx-github-AAAAAAAA-more", "kontor-refresh-github"):
            page.browser.cookies.set(name, "eyJhbGciOiJkaXIifQ.a.b.c.d", "127.0.0.1")
        state, back = await begin(page)
        assert (await page.follow(back))[1:] == ("ok", state)
        assert "kontor-tx-github-AAAAAAAA" not in page.browser.cookies


async def test_ctrader_get_camel_case_and_no_state(tmp_path: Path) -> None:
    emulated = CTrader()
    async with Server(emulated.app) as server, desk(tmp_path, ctrader(server.url)) as page:
        status, begun = await page.post("ctrader/start", {"scope": "trading"})
        back = await agree(begun["authorize_url"])
        assert "state" not in back and "code_challenge" not in begun["authorize_url"]
        assert await page.follow(back) == ("ctrader", "ok", begun["state"])
        status, tokens = await page.post("ctrader/token", {"state": begun["state"]})
        assert status == 200, tokens
        assert tokens["refresh_token"] is None and tokens["refresh"] == "cookie" and tokens["access_token"] in emulated.live
        assert all(fields["client_secret"] not in str(tokens) for method, path, fields in emulated.asked if path == "/apps/token")
        assert "refresh_token=" not in str(tokens["steps"]) and "?" not in tokens["steps"][-1]["detail"]
        (name, sealed), = page.browser.cookies.items()
        assert name == "kontor-refresh-ctrader" and next(iter(emulated.refreshes)) not in sealed
        answers = await asyncio.gather(*(page.post("ctrader/refresh", {"refresh_token": "planted"}) for _ in range(3)))
        assert [status for status, _ in answers] == [200] * 3
        emulated.refreshes.clear()
        status, refused = await page.post("ctrader/refresh")
        assert (status, refused["error"]) == (401, "signed_out") and not page.browser.cookies
        assert (await page.post("ctrader/refresh"))[1]["error"] == "signed_out"
        assert (await page.post("ctrader/revoke"))[1]["revoked"] is False


async def test_two_sign_ins_without_state_are_not_told_apart(tmp_path: Path) -> None:
    """Then neither is believed: better to begin again than to take the wrong one."""
    async with Server(CTrader().app) as server, desk(tmp_path, ctrader(server.url)) as page:
        await begin(page, "ctrader")
        _, back = await begin(page, "ctrader")
        assert (await page.follow(back))[1] == "state_mismatch"


async def test_ctrader_errors_with_200(tmp_path: Path, clock: Clock) -> None:
    emulated = CTrader(clock)
    async with Server(emulated.app) as server, desk(tmp_path, ctrader(server.url), now=clock) as page:
        state, back = await begin(page, "ctrader")
        await page.follow(back)
        clock.at += 59
        emulated.codes.clear()
        status, refused = await page.post("ctrader/token", {"state": state})
        assert (status, refused["error"]) == (502, "provider_error") and "invalid_request (HTTP 200)" in refused["detail"]
        state, back = await begin(page, "ctrader")
        await page.follow(back)
        clock.at += 61  # the code is dead at the provider; the proxy does not even try
        assert (await page.post("ctrader/token", {"state": state}))[1]["error"] == "no_transaction"


async def test_alpaca_gives_one_token_without_an_end(tmp_path: Path) -> None:
    emulated = Alpaca()
    async with Server(emulated.app) as server, desk(tmp_path, alpaca(server.url)) as page:
        status, begun = await page.post("alpaca/start", {"scope": "trading data"})
        assert "env=paper" in begun["authorize_url"]
        await page.follow(await agree(begun["authorize_url"]))
        status, tokens = await page.post("alpaca/token", {"state": begun["state"]})
        assert (status, tokens["expires_at"], tokens["refresh"], tokens["scope"]) == (200, None, "none", ["trading", "data"])
        status, ended = await page.post("alpaca/revoke", {"token": tokens["access_token"]})
        assert (status, ended["revoked"]) == (200, False) and "account settings" in ended["remedy"]
    async with Server(emulated.app) as server, desk(tmp_path, alpaca(server.url), secrets={"APP_ID": "the-app", "APP_SECRET": "wrong"}) as page:
        status, refused = await page.sign_in("alpaca")
        assert status == 502 and "http_401 (HTTP 401): client authentication failed" in refused["detail"]


async def test_the_page_never_sees_secret_verifier_or_code(tmp_path: Path) -> None:
    emulated = GitHub()
    emulated.expiring = True
    seen = []
    async with Server(emulated.app) as server, desk(tmp_path, github(server.url, keep_refresh="cookie")) as page:

        async def remember(answer: httpx.Response) -> None:
            seen.append(str(answer.headers) + (await answer.aread()).decode())

        page.browser.event_hooks["response"].append(remember)
        await page.sign_in("github", scope="repo")
        await page.post("github/refresh")
        fields = [fields for _, path, fields in emulated.asked if path.endswith("access_token")]
        hidden = {value for sent in fields for name, value in sent.items() if name in ("client_secret", "code", "code_verifier", "refresh_token")}
        assert len(hidden) == 4 and not any(value in text for value in hidden for text in seen)
