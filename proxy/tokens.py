"""What is said to a provider's endpoints, and what its answers mean.

One bounded request at a time through the proxy's guarded session, never following a redirect. An answer is read by what is in it, not
by its status: GitHub fails with 200, others with 400, cTrader in camelCase, some form-encoded. Nothing is repeated that may have
had an effect: only a connection that never came about, and a request refused for the way the client named itself.
Logs nothing and keeps nothing.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import aiohttp
from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from yarl import URL

from .call import Steps
from .config import Config
from .errors import Refused
from .guard import Target, check_name, parse_target
from .providers import BadDiscovery, Directory, Endpoints, Provider

MAX_ANSWER = 256 * 1024
_ONCE: Any = {"allow_redirects": False, "auto_decompress": True, "timeout": aiohttp.ClientTimeout()}  # the deadline is the caller's
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
TRY_AGAIN = "Try again; if it goes on, look at the provider's status page."
SIGN_IN_AGAIN = "Sign in again."
# What a provider's error asks of somebody. By the error's name in lower case; others get the last one.
REMEDIES = {
    "access_denied": "It was declined at the provider. Sign in again and accept.",
    "redirect_uri_mismatch": "Register this desk's callback address, to the letter, in the app's settings at the provider.",
    "invalid_client": "The client id or secret in the proxy's environment is not the provider's.",
    "incorrect_client_credentials": "The client id or secret in the proxy's environment is not the provider's.",
    "invalid_grant": "The code was used or is too old. Sign in again.",
    "bad_verification_code": "The code was used or is too old. Sign in again.",
    "invalid_scope": "The provider does not give this scope to the app. Choose fewer scopes.",
    "device_flow_disabled": "Switch the device flow on in the app's settings at the provider.",
    "application_suspended": "The app is suspended at the provider. Ask the provider.",
}


class ProviderError(Refused):
    """The provider said no. ``name`` is its own error name, in lower case."""

    def __init__(self, name: str, description: str, provider: str, answered: int | None = None, interval: int | None = None) -> None:
        said = f": {description}" if description else ""
        http = f" (HTTP {answered})" if answered else ""
        super().__init__("provider_error", f"{provider} answered {name}{http}{said}", REMEDIES.get(name, SIGN_IN_AGAIN), status=502)
        self.name = name
        self.interval = interval  # seconds between polls from now on, which GitHub tells with slow_down


class Grant(NamedTuple):
    """What a token endpoint gave. Times are seconds from now; ``scope`` is None when it says nothing (then: as asked)."""

    access: str
    expires_in: int | None
    scope: tuple[str, ...] | None
    refresh: str | None
    refresh_expires_in: int | None
    id_token: str | None


def scopes_of(text: str) -> tuple[str, ...]:
    """Scopes from a text; providers separate by spaces or by commas."""
    return tuple(part for part in re.split(r"[\s,]+", text) if part)


class Speaker:
    """Speaks to the token, device and revocation endpoints of any provider."""

    def __init__(self, config: Config, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._config = config
        self._session = session
        self.directory = Directory(self._document)

    async def endpoints(self, provider: Provider, steps: Steps) -> Endpoints:
        """Where the provider is spoken to; Refused when its discovery document does not serve."""
        if not provider.discovery:
            return await self.directory.endpoints(provider)
        with steps.step("discover", f"{provider.issuer} says where it is spoken to"):
            try:
                return await self.directory.endpoints(provider)
            except BadDiscovery as error:
                said = f"The discovery document of {provider.name} cannot be used: {error}."
                raise Refused("bad_discovery", said, "Check issuer in kontor.toml.", status=502) from error

    async def grant(self, provider: Provider, url: str, form: dict[str, str], steps: Steps) -> Grant:
        """Ask a token endpoint. Raises ProviderError with the provider's own error name, or Refused."""
        return _grant(provider, await self.ask(provider, url, form, steps, provider.token_method))

    async def ask(self, provider: Provider, url: str, form: dict[str, str], steps: Steps, method: str = "POST") -> dict[str, Any]:
        """Send a form in the client's name; the answer's fields in snake_case. An error in it is raised, whatever its HTTP status."""
        other = {"post": "basic", "basic": "post"}.get(provider.token_auth)
        try:
            return await self._asked(provider, url, form, steps, method, provider.token_auth, "ask the provider")
        except ProviderError as error:
            if error.name != "invalid_client" or other is None:
                raise
        return await self._asked(provider, url, form, steps, method, other, f"ask again with the client named by {other}")

    async def _asked(self, provider: Provider, url: str, form: dict[str, str], steps: Steps, method: str, way: str, step: str) -> dict[str, Any]:
        with steps.step(step) as entry:
            headers, fields = self._named(provider, way, form)
            status, body, kind = await self._send(method, url, headers, fields, entry)
            return _fields(provider, status, body, kind)

    async def revoke(self, provider: Provider, endpoints: Endpoints, token: str, hint: str, steps: Steps) -> None:
        """Make a token worthless at the provider. Raises Refused when that is not certain."""
        with steps.step(f"revoke the {hint.replace('_', ' ')}") as entry:
            where = endpoints.revoke or ""
            if provider.revoke == "github":
                url = where.replace("{client_id}", quote(self._id(provider), safe=""))
                headers = {"authorization": self._basic(provider), "content-type": "application/json"}
                status, _, _ = await self._send("DELETE", url, headers, json.dumps({"access_token": token}), entry)
                good = status in (204, 404, 422)  # 404 and 422: it is not there any more
            else:
                headers, fields = self._named(provider, provider.token_auth, {"token": token, "token_type_hint": hint})
                status, _, _ = await self._send("POST", where, headers, fields, entry)
                good = status == 200
            if not good:
                raise Refused("not_revoked", f"{provider.name} answered HTTP {status}", "Remove the app in the provider's account settings.", status=502)

    async def identify(self, provider: Provider, endpoints: Endpoints, grant: Grant, nonce: str | None, steps: Steps) -> str:
        """Who signed in (``sub``), once the ID token's signature, issuer, audience, times, nonce and token hash are right. Raises Refused."""
        with steps.step("check the ID token", "signature, issuer, audience, times, nonce"):
            try:
                token = grant.id_token or ""
                header = jws.extract_compact(token.encode()).headers()
                keys = await self.directory.keys(endpoints, header.get("kid"))
                found = jwt.decode(token, keys, endpoints.algorithms)
                options: Any = {"iss": {"essential": True, "value": provider.issuer}, "aud": {"essential": True, "value": self._id(provider)}}
                claims = CodeIDToken(found.claims, found.header, options, {"nonce": nonce, "client_id": self._id(provider), "access_token": grant.access})
                claims.validate(leeway=60)
                if not isinstance(claims["sub"], str) or not re.fullmatch("[ -~]{1,255}", claims["sub"]):
                    raise ValueError("sub is no text of at most 255 ASCII characters")
                return claims["sub"]
            except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                why = str(error) or type(error).__name__
                raise Refused("bad_id_token", f"The ID token of {provider.name} is not right: {why}", SIGN_IN_AGAIN, status=502) from error

    def _id(self, provider: Provider) -> str:
        return self._config.secret(provider.client_id_env) or ""

    def _basic(self, provider: Provider) -> str:
        pair = f"{quote(self._id(provider), safe='')}:{quote(self._config.secret(provider.client_secret_env) or '', safe='')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _named(self, provider: Provider, way: str, form: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and fields with the client's name, and its secret where there is one."""
        secret = self._config.secret(provider.client_secret_env)
        if way == "basic" and secret:
            return {"authorization": self._basic(provider)}, form
        return {}, form | {"client_id": self._id(provider)} | ({"client_secret": secret} if way == "post" and secret else {})

    async def _document(self, url: str) -> dict[str, Any]:
        """A JSON document of an issuer."""
        status, body, _ = await self._send("GET", url, {}, {}, {})
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadDiscovery(f"{_where(url)} is not JSON (HTTP {status})") from error
        if status != 200 or not isinstance(document, dict):
            raise BadDiscovery(f"{_where(url)} answered HTTP {status}")
        return document

    async def _send(self, method: str, url: str, headers: dict[str, str], body: dict[str, str] | str, entry: dict[str, Any]) -> tuple[int, bytes, str]:
        """(status, body, content type). Connecting is tried twice: nothing was said before. Raises Refused."""
        target = parse_target(url)
        check_name(self._config, target)
        # A connection of its own: one that was kept may turn out closed, and then nobody knows whether the code was used.
        headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "kontor-proxy", "connection": "close"} | headers
        data: str | None = body if isinstance(body, str) else urlencode(body)
        if method == "GET":
            url, data = url + ("&" if target.query else "?") * bool(data) + (data or ""), None
        elif not isinstance(body, str):
            headers["content-type"] = "application/x-www-form-urlencoded"
        request = {"method": method, "url": URL(url, encoded=True), "headers": headers, "data": data, **_ONCE}
        try:
            status, answered, kind = await self._once(target, request)
            which = ""
        except Refused as error:
            if error.code != "refused":
                raise
            status, answered, kind = await self._once(target, request)
            which = " at the second connection"
        entry["detail"] = f"{method} {target.shown} answered {status}{which}"
        return status, answered, kind

    async def _once(self, target: Target, request: dict[str, Any]) -> tuple[int, bytes, str]:
        try:
            async with self._session().request(**request) as answer:
                return answer.status, await _bounded(answer), answer.content_type
        except aiohttp.ClientConnectorDNSError as error:
            raise Refused("dns", f"The name {target.host} cannot be resolved.", "Check the network of the proxy.") from error
        except aiohttp.ClientSSLError as error:
            raise Refused("tls", f"{target.host} shows no certificate that is trusted.", "Check the proxy's clock and certificates.") from error
        except aiohttp.ClientConnectorError as error:
            raise Refused("refused", f"No connection to {target.peer}: {error.strerror or error}.", TRY_AGAIN) from error
        except (aiohttp.ClientError, ValueError) as error:
            raise Refused("bad_answer", f"{target.host} broke off or answered nonsense ({type(error).__name__}).", TRY_AGAIN) from error


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            raise ValueError(f"more than {MAX_ANSWER} bytes")
    return body


def _where(url: str) -> str:
    return urlsplit(url).netloc + urlsplit(url).path


def _fields(provider: Provider, status: int, body: bytes, kind: str) -> dict[str, Any]:
    """The fields of an answer in snake_case. Raises ProviderError for an error in it."""
    try:
        text = body.decode()
        fields = dict(parse_qsl(text, strict_parsing=True)) if kind == "application/x-www-form-urlencoded" else json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise Refused("bad_answer", f"{provider.name} answered HTTP {status} with {len(body)} bytes of {kind} that hold no fields.", TRY_AGAIN)
    fields = {re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower(): value for name, value in fields.items()}
    name = fields.get("error") or fields.get("error_code")
    if name or status >= 300:
        shown = re.sub(r"[^a-z0-9_.-]", "", str(name or f"http_{status}").lower())[:64]
        told = fields.get("error_description") or fields.get("description") or fields.get("message") or ""
        raise ProviderError(shown, "".join(c for c in str(told) if c.isprintable())[:300], provider.name, status, seconds(fields.get("interval")))
    return fields


def seconds(value: Any) -> int | None:
    """A count of seconds, also from digits; None for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if math.isfinite(number) and 0 < number < 1e10 else None


def _grant(provider: Provider, fields: dict[str, Any]) -> Grant:
    access, refresh, told = fields.get("access_token"), fields.get("refresh_token"), fields.get("scope")
    for token in (access, refresh):
        if token is not None and not (isinstance(token, str) and re.fullmatch(r"[!-~]{1,16384}", token)):
            access = None
    if access is None or str(fields.get("token_type") or "bearer").lower() != "bearer":
        raise Refused("bad_answer", f"{provider.name} gave no usable bearer token.", TRY_AGAIN)
    if isinstance(told, str) and not told.isascii():
        raise Refused("bad_answer", f"{provider.name} gave a scope that is none.", TRY_AGAIN)
    granted = scopes_of(told) if isinstance(told, str) and told else None
    identity = fields.get("id_token")
    return Grant(
        access,
        seconds(fields.get("expires_in")),
        granted,
        refresh if provider.refresh else None,
        seconds(fields.get("refresh_token_expires_in")),
        identity if isinstance(identity, str) else None,
    )
