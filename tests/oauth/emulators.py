"""Providers that no package emulates: GitHub, cTrader and Alpaca, each with its published shapes and quirks, and an issuer
that can be made to lie. Strict where the real ones are: secrets, redirects, PKCE, single use, intervals.

`Server(app)` serves any of them on loopback. `python -m tests.oauth.emulators PORT` serves all, for trying things by hand.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import secrets
import socket
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

Clock = Callable[[], float]


class Server:
    """An ASGI application on a free port of loopback."""

    def __init__(self, app: Any, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1))

    async def __aenter__(self) -> Server:
        self._serving = asyncio.create_task(self._server._serve([self._listener]))  # without taking over the process's signals
        while not self._server.started:
            await asyncio.sleep(0.005)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._serving


class Base:
    """What the emulators share: registered app, issued codes, tokens, and a log of requests."""

    def __init__(self, now: Clock = time.time) -> None:
        self.now = now
        self.client, self.secret = "the-app", "the-secret"
        self.callback = re.compile(r"http://127\.0\.0\.1(:\d+)?/oauth/callback/[a-z]+")
        self.decision: str | None = None  # an error instead of a code
        self.codes: dict[str, dict[str, Any]] = {}
        self.refreshes: dict[str, str] = {}
        self.live: set[str] = set()
        self.asked: list[tuple[str, str, dict[str, str]]] = []  # method, path, fields
        self.fault: Callable[[Request], Any] | None = None

    def routes(self) -> list[Route]:
        """The emulator's addresses."""
        raise NotImplementedError

    @property
    def app(self) -> Starlette:
        """The emulator as an ASGI application."""
        return Starlette(routes=self.routes())

    def step(self, handler: Callable[[Request, dict[str, str]], Response]) -> Callable:
        """An endpoint that gets its fields from query, form or JSON, after a fault that was asked for."""

        async def endpoint(request: Request) -> Response:
            fields = dict(request.query_params)
            body = await request.body()
            if "json" in request.headers.get("content-type", "") and body:
                fields |= json.loads(body)
            elif body:
                fields |= dict(parse_qsl(body.decode()))
            self.asked.append((request.method, request.url.path, fields))
            if self.fault and (answer := await self.fault(request)) is not None:
                return answer
            return handler(request, fields)

        return endpoint

    def issue(self, fields: dict[str, str], lasts_s: float) -> str:
        """A code for an authorization request."""
        code = secrets.token_hex(10)
        self.codes[code] = {**fields, "until": self.now() + lasts_s}
        return code

    def token(self, prefix: str = "") -> str:
        """A live access token."""
        token = prefix + secrets.token_hex(18)
        self.live.add(token)
        return token


def _answer(request: Request, fields: dict[str, Any], status: int = 200) -> Response:
    """JSON when it is asked for, else a form, as GitHub does it."""
    if "json" in request.headers.get("accept", ""):
        return JSONResponse(fields, status)
    return PlainTextResponse(urlencode(fields), status, media_type="application/x-www-form-urlencoded")


class GitHub(Base):
    """github.com: errors with HTTP 200, comma-separated scopes, PKCE beside the secret, a device flow without one."""

    interval, expires_in, expiring = 5, 900, False
    DOCS = "https://docs.github.com/developers/apps/troubleshooting"

    def __init__(self, now: Clock = time.time) -> None:
        super().__init__(now)
        self.devices: dict[str, dict[str, Any]] = {}
        self.web = ""  # its own address, set by whoever serves it

    def routes(self) -> list[Route]:
        return [
            Route("/login/oauth/authorize", self.step(self.authorize)),
            Route("/login/oauth/access_token", self.step(self.access_token), methods=["POST"]),
            Route("/login/device/code", self.step(self.device_code), methods=["POST"]),
            Route("/api/v3/applications/{client}/token", self.step(self.revoke), methods=["DELETE"]),
            Route("/api/v3/user", self.step(self.user)),
        ]

    def error(self, request: Request, name: str, text: str, **more: Any) -> Response:
        return _answer(request, {"error": name, "error_description": text, "error_uri": f"{self.DOCS}/#{name}", **more})

    def authorize(self, _: Request, fields: dict[str, str]) -> Response:
        back, state = fields.get("redirect_uri", ""), fields.get("state", "")
        if not self.callback.fullmatch(back):
            return PlainTextResponse("redirect_uri is not associated with this application", 400)
        if self.decision:
            error = {"error": self.decision, "error_description": "The user has denied your application access.", "state": state}
            return RedirectResponse(f"{back}?{urlencode(error)}", 302)
        if ("code_challenge" in fields) != (fields.get("code_challenge_method") == "S256") or len(fields.get("code_challenge", "-" * 43)) != 43:
            return PlainTextResponse("bad code challenge", 400)
        return RedirectResponse(f"{back}?{urlencode({'code': self.issue(fields, 600), 'state': state})}", 302)

    def access_token(self, request: Request, fields: dict[str, str]) -> Response:
        if fields.get("client_id") != self.client:
            return self.error(request, "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        kind = fields.get("grant_type", "authorization_code")
        if kind == "urn:ietf:params:oauth:grant-type:device_code":
            return self.device_token(request, fields)
        if fields.get("client_secret") != self.secret:
            return self.error(request, "incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        if kind == "refresh_token":
            scope = self.refreshes.pop(fields.get("refresh_token", ""), None)
            if scope is None:
                return self.error(request, "bad_refresh_token", "The refresh token passed is incorrect or expired.")
            return self.tokens(request, scope)
        if kind != "authorization_code":
            return self.error(request, "unsupported_grant_type", "The grant type is not supported.")
        code = self.codes.pop(fields.get("code", ""), None)
        if code is None or code["until"] < self.now():
            return self.error(request, "bad_verification_code", "The code passed is incorrect or expired.")
        if fields.get("redirect_uri", code["redirect_uri"]) != code["redirect_uri"]:
            return self.error(request, "redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL.")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(fields.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if "code_challenge" in code and code["code_challenge"] != challenge:
            return self.error(request, "bad_verification_code", "The code verifier does not match.")
        return self.tokens(request, code.get("scope", ""))

    def tokens(self, request: Request, scope: str) -> Response:
        fields: dict[str, Any] = {"access_token": self.token("gho_"), "scope": ",".join(scope.split()), "token_type": "bearer"}
        if self.expiring:
            refresh = "ghr_" + secrets.token_hex(20)
            self.refreshes[refresh] = scope
            fields |= {"expires_in": 28800, "refresh_token": refresh, "refresh_token_expires_in": 15897600}
        return _answer(request, fields)

    def device_code(self, request: Request, fields: dict[str, str]) -> Response:
        if fields.get("client_id") != self.client:
            return self.error(request, "incorrect_client_credentials", "The client_id passed is incorrect.")
        if self.decision == "device_flow_disabled":
            return self.error(request, "device_flow_disabled", "Device Flow must be explicitly enabled for this App")
        code, shown = secrets.token_hex(20), f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
        self.devices[code] = {"user_code": shown, "scope": fields.get("scope", ""), "said": None, "last": 0.0, "interval": self.interval}
        self.devices[code]["until"] = self.now() + self.expires_in
        page = f"{self.web}/login/device"
        return _answer(request, {"device_code": code, "user_code": shown, "verification_uri": page, "expires_in": self.expires_in, "interval": self.interval})

    def enter(self, user_code: str, said: str) -> None:
        """The trader types the code and says `accept` or `deny`."""
        next(device for device in self.devices.values() if device["user_code"] == user_code)["said"] = said

    def device_token(self, request: Request, fields: dict[str, str]) -> Response:
        device = self.devices.get(fields.get("device_code", ""))
        if device is None:
            return self.error(request, "incorrect_device_code", "The device_code provided is not valid.")
        early, device["last"] = self.now() - device["last"] < device["interval"] - 0.01, self.now()
        if device["until"] <= self.now():
            return self.error(request, "expired_token", "The device code has expired.")
        if early:
            device["interval"] += 5
            return self.error(request, "slow_down", "Too many requests have been made in the same timeframe.", interval=device["interval"])
        if device["said"] is None:
            return self.error(request, "authorization_pending", "The authorization request is still pending.")
        self.devices.pop(fields["device_code"])
        if device["said"] == "deny":
            return self.error(request, "access_denied", "The authorization request was denied.")
        return self.tokens(request, device["scope"])

    def revoke(self, request: Request, fields: dict[str, str]) -> Response:
        pair = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}" or request.path_params["client"] != self.client:
            return JSONResponse({"message": "Requires authentication"}, 401)
        if fields.get("access_token") not in self.live:
            return JSONResponse({"message": "Not Found"}, 404)
        self.live.discard(fields["access_token"])
        return Response(status_code=204)

    def user(self, request: Request, _: dict[str, str]) -> Response:
        token = request.headers.get("authorization", "").split(" ")[-1]
        return JSONResponse({"id": 1, "login": "octocat"}) if token in self.live else JSONResponse({"message": "Bad credentials"}, 401)


class CTrader(Base):
    """cTrader Open API: GET, camelCase, no PKCE, no state returned, codes of one minute, refresh tokens of one use."""

    def routes(self) -> list[Route]:
        return [Route("/my/settings/openapi/grantingaccess/", self.step(self.authorize)), Route("/apps/token", self.step(self.tokens))]

    def authorize(self, _: Request, fields: dict[str, str]) -> Response:
        back = fields.get("redirect_uri", "")
        if not self.callback.fullmatch(back) or fields.get("scope") not in ("trading", "accounts") or fields.get("product") != "web":
            return PlainTextResponse("bad request", 400)
        return RedirectResponse(f"{back}?{urlencode({'code': self.issue(fields, 60)})}", 302)

    def error(self, code: str, text: str) -> Response:
        return JSONResponse({"accessToken": None, "tokenType": None, "expiresIn": None, "refreshToken": None, "errorCode": code, "description": text})

    def tokens(self, _: Request, fields: dict[str, str]) -> Response:
        if (fields.get("client_id"), fields.get("client_secret")) != (self.client, self.secret):
            return self.error("CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect")
        if fields.get("grant_type") == "refresh_token":
            if self.refreshes.pop(fields.get("refresh_token", ""), None) is None:
                return self.error("ACCESS_DENIED", "Access denied. Make sure the credentials are valid.")
        else:
            code = self.codes.pop(fields.get("code", ""), None)
            if code is None or code["until"] < self.now() or code["redirect_uri"] != fields.get("redirect_uri"):
                return self.error("INVALID_REQUEST", "The authorization code is not valid")
        refresh = secrets.token_hex(20)
        self.refreshes[refresh] = "trading"
        return JSONResponse({"accessToken": self.token(), "tokenType": "bearer", "expiresIn": 2628000, "refreshToken": refresh, "errorCode": None})


class Alpaca(Base):
    """Alpaca: a form with the secret, no PKCE, no expiry, no refresh token, errors without an `error` field."""

    def routes(self) -> list[Route]:
        return [Route("/oauth/authorize", self.step(self.authorize)), Route("/oauth/token", self.step(self.tokens), methods=["POST"])]

    def authorize(self, _: Request, fields: dict[str, str]) -> Response:
        back = fields.get("redirect_uri", "")
        if not self.callback.fullmatch(back) or fields.get("response_type") != "code":
            return PlainTextResponse("bad request", 400)
        return RedirectResponse(f"{back}?{urlencode({'code': self.issue(fields, 600), 'state': fields.get('state', '')})}", 302)

    def tokens(self, request: Request, fields: dict[str, str]) -> Response:
        if request.headers.get("content-type") != "application/x-www-form-urlencoded" or fields.get("client_secret") != self.secret:
            return JSONResponse({"code": 40110000, "message": "client authentication failed"}, 401)
        code = self.codes.pop(fields.get("code", ""), None)
        if code is None or fields.get("redirect_uri") != code["redirect_uri"]:
            return JSONResponse({"code": 42210000, "message": "invalid code"}, 422)
        return JSONResponse({"access_token": self.token(), "token_type": "bearer", "scope": code["scope"]})


class Issuer(Base):
    """An OpenID issuer whose every word can be changed: `document`, `claims`, `header`, `key`, `fields` are merged over the right ones."""

    def __init__(self, now: Clock = time.time) -> None:
        super().__init__(now)
        self.url = ""
        self.key = ECKey.generate_key("P-256", {"kid": "first", "use": "sig", "alg": "ES256"})
        self.published = [self.key]
        self.document: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self.iss: str | None = None  # the callback's, when it is not the right one
        self.hmac: bytes | None = None  # sign by HS256 with this instead

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.step(self.discovery)),
            Route("/jwks", self.step(lambda *_: JSONResponse({"keys": [key.as_dict(private=False) for key in self.published]}))),
            Route("/auth", self.step(self.authorize)),
            Route("/token", self.step(self.tokens), methods=["POST"]),
            Route("/revoke", self.step(lambda *_: Response(status_code=200)), methods=["POST"]),
            Route("/device", self.step(lambda *_: JSONResponse(self.fields)), methods=["POST"]),
        ]

    def discovery(self, _: Request, __: dict[str, str]) -> Response:
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "device_authorization_endpoint": f"{self.url}/device",
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return JSONResponse({name: value for name, value in {**document, **self.document}.items() if value is not None})

    def authorize(self, _: Request, fields: dict[str, str]) -> Response:
        answer = {"code": self.issue(fields, 60), "state": fields["state"], "iss": self.url if self.iss is None else self.iss}
        return RedirectResponse(f"{fields['redirect_uri']}?{urlencode({name: value for name, value in answer.items() if value})}", 302)

    def tokens(self, _: Request, fields: dict[str, str]) -> Response:
        code = self.codes.pop(fields.get("code", ""), {})
        now = int(self.now())
        access = self.token()
        half = hashlib.sha256(access.encode()).digest()[:16]
        right = {"iss": self.url, "aud": self.client, "sub": "trader", "iat": now, "exp": now + 300, "nonce": code.get("nonce")}
        right |= {"at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode()}
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.hmac is not None:
            parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "HS256", "kid": "first"}, claims)]
            mark = hmac.new(self.hmac, b".".join(parts), "sha256").digest()
            identity = b".".join([*parts, base64.urlsafe_b64encode(mark).rstrip(b"=")]).decode()
        else:
            identity = jwt.encode({"alg": "ES256", "kid": self.key.kid, **self.header}, claims, self.key, ["ES256"])
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": identity, "scope": code.get("scope")}
        return JSONResponse({name: value for name, value in {**answer, **self.fields}.items() if value is not None})


async def _main(port: int) -> None:
    github = GitHub()
    routes = [*github.routes(), *CTrader().routes(), *Alpaca().routes()]
    async with Server(Starlette(routes=routes), port) as server:
        github.web = server.url
        print(json.dumps({"url": server.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
