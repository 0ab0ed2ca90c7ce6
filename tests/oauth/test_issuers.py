"""Issuers that lie or err: every word of discovery, keys, ID token and answer that must not be believed."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from .desk import Clock, desk, oidc
from .emulators import Issuer, Server

SCOPE = {"scope": "openid read"}


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://elsewhere.example"}, "iss"),
        ({"aud": "another-app"}, "aud"),
        ({"aud": ["the-app", "another-app"]}, "azp"),
        ({"aud": ["the-app", "another-app"], "azp": "another-app"}, "azp"),
        ({"nonce": "of another sign-in"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": 1_500_000_000}, "expired"),
        ({"iat": 4_000_000_000}, "in the future"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "at_hash"),
        ({"sub": None}, "sub"),
        ({"exp": None}, "exp"),
        ({"sub": 5}, "sub"),
        ({"sub": "tr\u00e4der"}, "sub"),
        ({"aud": {}}, "aud"),
    ],
)
async def test_claims_that_are_not_right(tmp_path: Path, claims: dict[str, Any], told: str) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.claims = server.url, claims
        status, refused = await page.sign_in("oidc", **SCOPE)
    assert (status, refused["error"]) == (502, "bad_id_token")
    assert told in refused["detail"] and refused["steps"][-1]["name"] == "check the ID token"
    assert "access_token" not in refused


@pytest.mark.parametrize("kind", ["other key", "hmac with the public key", "none", "missing", "not a token", "unknown key id", "algorithm not offered"])
async def test_signatures_that_are_not_right(tmp_path: Path, kind: str) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url = server.url
        if kind == "other key":
            issuer.key = ECKey.generate_key("P-256", {"kid": "first"})
        elif kind == "hmac with the public key":
            issuer.hmac = issuer.key.as_pem(private=False)
        elif kind == "none":
            issuer.fields = {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0cmFkZXIifQ."}
        elif kind == "missing":
            issuer.fields = {"id_token": None}
        elif kind == "not a token":
            issuer.fields = {"id_token": "text"}
        elif kind == "unknown key id":
            issuer.key = ECKey.generate_key("P-256", {"kid": "never published"})
        else:
            issuer.document = {"id_token_signing_alg_values_supported": ["RS256"]}
        status, refused = await page.sign_in("oidc", **SCOPE)
    assert (status, refused["error"]) == (502, "bad_id_token"), refused


async def test_the_issuer_changes_its_keys(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url = server.url
        assert (await page.sign_in("oidc", **SCOPE))[0] == 200
        issuer.key = ECKey.generate_key("P-256", {"kid": "second", "use": "sig", "alg": "ES256"})
        issuer.published.append(issuer.key)
        page.oauth._speaker.directory._keys_again_s = 0
        status, tokens = await page.sign_in("oidc", **SCOPE)
        assert (status, tokens.get("account")) == (200, "trader"), tokens
        asked = [path for _, path, _ in issuer.asked]
        assert asked.count("/.well-known/openid-configuration") == 1 and asked.count("/jwks") == 2


async def test_discovery_is_asked_for_once_however_many_come(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url = server.url
        answers = await asyncio.gather(*(page.post("oidc/start", browser=page.new_browser()) for _ in range(8)))
        assert {status for status, _ in answers} == {200}
        assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"issuer": "https://elsewhere.example"}, "another issuer"),
        ({"issuer": None}, '"issuer" is required'),
        ({"token_endpoint": "http://elsewhere.example/token"}, "https"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"revocation_endpoint": "http://elsewhere.example/revoke"}, "https"),
        ({"device_authorization_endpoint": 5}, "https"),
        ({"jwks_uri": None}, "jwks_uri"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"subject_types_supported": 7}, "subject_types_supported"),
    ],
)
async def test_discovery_that_is_not_right(tmp_path: Path, document: dict[str, Any], told: str) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.document = server.url, document
        status, refused = await page.post("oidc/start")
    assert (status, refused["error"]) == (502, "bad_discovery")
    assert told in refused["detail"] and refused["steps"][0]["outcome"] == "bad_discovery"


@pytest.mark.parametrize("answer", [PlainTextResponse("<html>", 200), PlainTextResponse("{}", 503), PlainTextResponse("[]", 200), RedirectResponse("/else")])
async def test_discovery_that_is_none(tmp_path: Path, answer: Response) -> None:
    issuer = Issuer()

    async def fault(_: Any) -> Response:
        return answer

    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.fault = fault
        assert (await page.post("oidc/start"))[1]["error"] == "bad_discovery"


async def test_an_issuer_that_leads_inside(tmp_path: Path) -> None:
    """An endpoint on the own network is not reached, though discovery names it."""
    issuer, inside = Issuer(), Issuer()
    async with Server(issuer.app) as server, Server(inside.app) as other, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.document = server.url, {"token_endpoint": f"{other.url}/token"}
        status, refused = await page.sign_in("oidc", **SCOPE)
        assert (status, refused["error"]) == (403, "private_address") and not inside.asked


@pytest.mark.parametrize("keys", [{"keys": []}, {"keys": "none"}, {"keys": [5]}, {}])
async def test_key_sets_that_hold_no_keys(tmp_path: Path, keys: dict[str, Any]) -> None:
    issuer = Issuer()

    async def fault(request: Any) -> Response | None:
        from starlette.responses import JSONResponse

        return JSONResponse(keys) if request.url.path == "/jwks" else None

    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fault = server.url, fault
        status, refused = await page.sign_in("oidc", **SCOPE)
    assert (status, refused["error"]) == (502, "bad_id_token") and "holds no keys" in refused["detail"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"scope": "openid read trade"}, "scope_widened"),
        ({"access_token": None}, "bad_answer"),
        ({"access_token": ""}, "bad_answer"),
        ({"access_token": "a b"}, "bad_answer"),
        ({"access_token": 5}, "bad_answer"),
        ({"access_token": "line\nbreak"}, "bad_answer"),
        ({"refresh_token": {}}, "bad_answer"),
        ({"token_type": "DPoP"}, "bad_answer"),
        ({"scope": "r\u00e9ad"}, "bad_answer"),
        ({"error": "server_error"}, "provider_error"),
        ({"error": {"code": 1}}, "provider_error"),
    ],
)
async def test_tokens_that_are_not_right(tmp_path: Path, fields: dict[str, Any], error: str) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fields = server.url, fields
        status, refused = await page.sign_in("oidc", **SCOPE)
    assert (status, refused["error"]) == (502, error), refused


@pytest.mark.parametrize(("expires", "known"), [("3600", True), (0, False), ("never", False), (float("1e300"), False), (None, False), (True, True)])
async def test_odd_lifetimes(tmp_path: Path, expires: Any, known: bool) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fields = server.url, {"expires_in": expires}
        _, tokens = await page.sign_in("oidc", **SCOPE)
    assert (tokens["expires_at"] is not None) is known


async def test_fewer_scopes_than_asked_are_told(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fields = server.url, {"scope": "openid"}
        assert (await page.sign_in("oidc", **SCOPE))[1]["scope"] == ["openid"]
        issuer.fields = {"scope": None}
        assert (await page.sign_in("oidc", **SCOPE))[1]["scope"] == ["openid", "read"]


async def test_scopes_by_another_name(tmp_path: Path) -> None:
    issuer = Issuer()
    aliases = {"https://provider.example/auth/trade": "trade", "https://provider.example/auth/all": "all"}
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, scope_aliases=aliases)) as page:
        issuer.url, issuer.fields = server.url, {"scope": "openid trade https://provider.example/auth/trade"}
        assert (await page.sign_in("oidc", scope="openid trade"))[1]["scope"] == ["openid", "trade"]
        issuer.fields = {"scope": "openid https://provider.example/auth/all"}
        assert (await page.sign_in("oidc", scope="openid trade"))[1]["error"] == "scope_widened"


async def test_a_refresh_does_not_widen(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, keep_refresh="cookie")) as page:
        issuer.url, issuer.fields = server.url, {"refresh_token": "first"}
        await page.sign_in("oidc", **SCOPE)
        issuer.fields = {"refresh_token": "second", "scope": "read trade"}
        assert (await page.post("oidc/refresh"))[1]["error"] == "scope_widened"


async def test_a_refresh_never_outlives_the_first_sign_in(tmp_path: Path, clock: Clock) -> None:
    issuer = Issuer(clock)
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, keep_refresh="cookie", keep_refresh_s=3600), now=clock) as page:
        issuer.url, issuer.fields = server.url, {"refresh_token": "first"}
        _, tokens = await page.sign_in("oidc", scope="read")
        end = tokens["refresh_expires_at"]
        for number in range(3):
            clock.at += 1000
            issuer.fields = {"refresh_token": f"next {number}".replace(" ", "-"), "scope": "read"}
            status, tokens = await page.post("oidc/refresh")
            assert (status, tokens["refresh_expires_at"]) == (200, end)
        clock.at += 601
        assert (await page.post("oidc/refresh"))[1]["error"] == "signed_out"


async def test_a_refresh_token_that_fits_no_cookie(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, keep_refresh="cookie")) as page:
        issuer.url, issuer.fields = server.url, {"refresh_token": "x" * 4000}
        status, refused = await page.sign_in("oidc", **SCOPE)
        assert (status, refused["error"]) == (502, "too_large") and 'keep_refresh = "vault"' in refused["remedy"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "http://elsewhere.example/"},
        {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "javascript:alert(1)"},
        {"device_code": "d", "user_code": "<b>ABCD", "verification_uri": "https://elsewhere.example/"},
        {"device_code": "d", "user_code": "ABCD-EFGH", "verification_uri": "https://else where.example/"},
        {"user_code": "ABCD-EFGH", "verification_uri": "https://elsewhere.example/"},
    ],
)
async def test_device_codes_that_are_not_right(tmp_path: Path, fields: dict[str, Any]) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fields = server.url, fields
        assert (await page.post("oidc/device"))[1]["error"] == "bad_answer"
        assert (await page.post("oidc/device/poll", {"handle": "made up"}))[1]["error"] == "bad_request"


async def test_a_device_answer_with_lifetimes_of_its_own(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url = server.url
        issuer.fields = {"device_code": "d", "user_code": "ABCD EFGH", "verification_uri": "https://elsewhere.example/x", "expires_in": 99999, "interval": "7"}
        _, begun = await page.post("oidc/device")
        assert (begun["expires_in"], begun["interval"]) == (1800, 7) and "verification_uri_complete" not in begun


async def test_the_other_way_of_naming_the_client(tmp_path: Path) -> None:
    """Refused by post, the same question is asked by basic; refused by both, that is told."""
    issuer = Issuer()

    async def fault(request: Any) -> Response | None:
        from starlette.responses import JSONResponse

        known = request.headers.get("authorization") == "Basic dGhlLWFwcDp0aGUtc2VjcmV0"
        return JSONResponse({"error": "invalid_client"}, 401) if request.url.path == "/token" and not known else None

    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fault = server.url, fault
        status, tokens = await page.sign_in("oidc", **SCOPE)
        assert status == 200, tokens
        asked = [(step["name"], step["outcome"]) for step in tokens["steps"] if step["name"].startswith("ask")]
        assert asked == [("ask the provider", "provider_error"), ("ask again with the client named by basic", "ok")]


async def test_revocation_that_is_refused_still_ends_the_cookie(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url, keep_refresh="cookie")) as page:
        issuer.url, issuer.fields = server.url, {"refresh_token": "first"}
        await page.sign_in("oidc", **SCOPE)
        assert page.browser.cookies

        async def fault(_: Any) -> Response:
            return PlainTextResponse("no", 503)

        issuer.fault = fault
        status, refused = await page.post("oidc/revoke")
        assert (status, refused["error"]) == (502, "not_revoked") and "account settings" in refused["remedy"]
        assert not page.browser.cookies


async def test_an_issuer_without_revocation_and_device_flow(tmp_path: Path) -> None:
    issuer = Issuer()
    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.document = server.url, {"revocation_endpoint": None, "device_authorization_endpoint": None}
        assert (await page.post("oidc/revoke", {"token": "x"}))[1]["revoked"] is False
        assert (await page.post("oidc/device"))[1]["error"] == "flow_unsupported"


async def test_a_refused_revocation_does_not_keep_the_other_token(tmp_path: Path) -> None:
    issuer = Issuer()
    asked = []

    async def fault(request: Any) -> Response | None:
        asked.append(b"token_type_hint=access_token" in await request.body())
        return PlainTextResponse("no", 503) if request.url.path == "/revoke" and not asked[-1] else None

    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fault = server.url, fault
        assert (await page.post("oidc/revoke", {"refresh_token": "x", "token": "y"}))[1]["error"] == "not_revoked"
    assert asked == [False, False, True]  # discovery, the refresh token, the access token


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=4)
NAMES = ("access_token", "token_type", "expires_in", "scope", "refresh_token", "refresh_token_expires_in", "id_token", "error", "error_description", "interval")
DEVICE = ("device_code", "user_code", "verification_uri", "expires_in", "interval", "error", "description")


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(["\ud800", "10" * 400, 10**400, "x" * 20_000])),
    st.dictionaries(st.sampled_from(DEVICE), JSON | st.sampled_from(["\ud800", "ABCD", "https://x.example/\ud800", 10**400])),
)
def test_whatever_an_issuer_says_is_taken_or_refused(fields: dict[str, Any], device: dict[str, Any]) -> None:
    """Never a failure of the proxy's own, never an answer that is no JSON."""

    async def run() -> None:
        issuer = Issuer()

        async def fault(request: Any) -> Response | None:
            said = {"/token": fields, "/device": device}.get(request.url.path)
            return None if said is None else Response(json.dumps(said), media_type="application/json")

        with tempfile.TemporaryDirectory() as folder:
            async with Server(issuer.app) as server, desk(Path(folder), oidc(server.url)) as page:
                issuer.url, issuer.fault = server.url, fault
                for status, answer in (await page.sign_in("oidc", scope="read"), await page.post("oidc/device")):
                    assert status == 200 or answer["error"] in ("bad_answer", "provider_error", "scope_widened"), answer

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token", "/device"])
async def test_answers_nested_too_deep(tmp_path: Path, path: str) -> None:
    issuer = Issuer()

    async def fault(request: Any) -> Response | None:
        return Response("[" * 200_000, media_type="application/json") if request.url.path == path else None

    async with Server(issuer.app) as server, desk(tmp_path, oidc(server.url)) as page:
        issuer.url, issuer.fault = server.url, fault
        answer = await (page.post("oidc/device") if path in ("/device", "/.well-known/openid-configuration") else page.sign_in("oidc", **SCOPE))
        assert answer[0] == 502 and answer[1]["error"] in ("bad_discovery", "bad_answer", "bad_id_token")
