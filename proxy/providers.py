"""The fixed table of sign-in providers, and what is discovered about those that publish it.

A provider's endpoints come from this table or from the issuer's own discovery document, never from a page. Secrets come
from the environment by name. What differs between providers (PKCE, camelCase, GET, comma-separated scopes, no refresh) is a
field here, so that proxy/oauth.py has one flow for all. Never talks to the network itself: discovery is handed a getter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from authlib.common.security import is_secure_transport
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SIGNING = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
GetJson = Callable[[str], Awaitable[dict[str, Any]]]


class Provider(BaseModel):
    """One provider. URLs are https, or http on loopback. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    name: str = Field(min_length=1, max_length=64)
    issuer: str | None = None
    discovery: bool = False
    authorize_url: str | None = None
    token_url: str | None = None
    device_url: str | None = None
    revoke_url: str | None = None
    client_id_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    client_secret_env: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")
    scopes: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] = ()
    scope_aliases: dict[str, str] = {}  # what the provider calls a scope in its answer: what it was asked for as
    flows: tuple[Literal["web", "device"], ...] = ("web",)
    pkce: bool = True
    state: Literal["required", "optional"] = "required"
    token_method: Literal["POST", "GET"] = "POST"
    token_auth: Literal["post", "basic", "none"] = "post"
    refresh: bool = True
    revoke: Literal["rfc7009", "github", "none"] = "none"
    authorize_extra: dict[str, str] = {}
    gone_errors: tuple[str, ...] = ("invalid_grant", "bad_refresh_token")
    trading: bool = False
    keep_refresh: Literal["vault", "cookie"] = "vault"
    keep_refresh_s: int = Field(default=30 * 86400, ge=60, le=400 * 86400)
    code_s: int = Field(default=600, ge=10, le=600)
    deadline_s: float = Field(default=2.8, gt=0, le=30)

    @field_validator("issuer", "authorize_url", "token_url", "device_url", "revoke_url")
    @classmethod
    def _secure(cls, url: str | None) -> str | None:
        if url is not None and (not is_secure_transport(url) or "#" in url or "@" in url):
            raise ValueError("has to be an https address (http only on loopback) without user name or fragment")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Provider:
        if self.discovery and not self.issuer:
            raise ValueError("issuer: discovery needs the issuer's address")
        if not self.discovery and not self.token_url:
            raise ValueError("token_url: needed unless discovery = true")
        if not self.discovery and "web" in self.flows and not self.authorize_url:
            raise ValueError("authorize_url: needed for the web flow unless discovery = true")
        if not self.discovery and "device" in self.flows and not self.device_url:
            raise ValueError("device_url: needed for the device flow unless discovery = true")
        if not set(self.default_scopes) <= set(self.scopes):
            raise ValueError("default_scopes: each has to be listed in scopes")
        if self.token_auth != "none" and "web" in self.flows and not self.client_secret_env:
            raise ValueError('client_secret_env: needed for the web flow, or token_auth = "none" for a public client')
        if self.revoke != "none" and not self.discovery and not self.revoke_url:
            raise ValueError('revoke_url: needed unless revoke = "none"')
        return self

    def usable(self, secret: Callable[[str | None], str | None]) -> tuple[str, ...]:
        """The flows that can be used with what the environment holds; the device flow does without a client secret."""
        named, trusted = bool(secret(self.client_id_env)), bool(secret(self.client_secret_env)) or self.token_auth == "none"
        return tuple(flow for flow in self.flows if named and (trusted or flow == "device"))

    def public(self, secret: Callable[[str | None], str | None]) -> dict[str, Any]:
        """What a page may know; ``missing`` names the environment variables that would enable more."""
        return {
            "id": self.id,
            "name": self.name,
            "flows": list(self.usable(secret)),
            "scopes": list(self.scopes),
            "default_scopes": list(self.default_scopes),
            "trading": self.trading,
            "refresh": self.keep_refresh if self.refresh else "none",
            "ready": bool(self.usable(secret)),
            "missing": [name for name in (self.client_id_env, self.client_secret_env) if name and not secret(name)],
        }


class Endpoints(NamedTuple):
    """Where a provider is spoken to, and what it promises. ``iss_required``: its callbacks carry ``iss`` (RFC 9207)."""

    authorize: str | None
    token: str
    device: str | None
    revoke: str | None
    jwks: str | None
    algorithms: tuple[str, ...]
    iss_required: bool


class BadDiscovery(ValueError):
    """The issuer's document cannot be used; the text says why."""


class Directory:
    """Endpoints and keys of every provider: from the table at once, by discovery once an hour, asked for one at a time."""

    def __init__(self, get_json: GetJson, now: Callable[[], float] = time.monotonic, keep_s: float = 3600, keys_again_s: float = 30) -> None:
        self._get_json = get_json
        self._now = now
        self._keep_s = keep_s
        self._keys_again_s = keys_again_s
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def endpoints(self, provider: Provider) -> Endpoints:
        """Raises BadDiscovery, and whatever the getter raises."""
        if not provider.discovery:
            return Endpoints(provider.authorize_url, provider.token_url or "", provider.device_url, provider.revoke_url, None, (), False)
        found = await self._get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration", self._keep_s, lambda document: _check(provider, document))
        return Endpoints(
            provider.authorize_url or found.get("authorization_endpoint"),
            provider.token_url or found["token_endpoint"],
            provider.device_url or found.get("device_authorization_endpoint"),
            provider.revoke_url or found.get("revocation_endpoint"),
            found["jwks_uri"],
            tuple(name for name in found.get("id_token_signing_alg_values_supported", ["RS256"]) if name in SIGNING) or ("RS256",),
            found.get("authorization_response_iss_parameter_supported") is True,
        )

    async def keys(self, endpoints: Endpoints, kid: str | None) -> KeySet:
        """The issuer's signing keys; asked for again when ``kid`` is unknown, at most every ``keys_again_s`` seconds."""
        found = await self._get(endpoints.jwks, self._keep_s, _check_keys)
        if kid is not None and all(key.get("kid") != kid for key in found["keys"]):
            found = await self._get(endpoints.jwks, self._keys_again_s, _check_keys)
        return KeySet.import_key_set(found)

    async def _get(self, url: str, keep_s: float, check: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        async with self._locks.setdefault(url, asyncio.Lock()):
            at, document = self._kept.get(url, (-1e9, {}))
            if self._now() - at >= keep_s:
                document = await self._get_json(url)
                check(document)
                self._kept[url] = (self._now(), document)
            return document


def _check(provider: Provider, document: dict[str, Any]) -> None:
    try:
        OpenIDProviderMetadata(document).validate()
    except (ValueError, TypeError, AttributeError) as error:
        raise BadDiscovery(str(error)) from error
    if document["issuer"] != provider.issuer:
        raise BadDiscovery(f"the document at {provider.issuer} speaks for another issuer")
    endpoints = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "revocation_endpoint", "jwks_uri")
    if any(name in document and not (isinstance(document[name], str) and is_secure_transport(document[name])) for name in endpoints):
        raise BadDiscovery("an endpoint of it is not an https address")
    methods = document.get("code_challenge_methods_supported")
    if provider.pkce and methods is not None and "S256" not in methods:
        raise BadDiscovery("it does not offer PKCE with S256; set pkce = false only if you trust that")


def _check_keys(document: dict[str, Any]) -> None:
    keys = document.get("keys")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise BadDiscovery("its key set holds no keys")
