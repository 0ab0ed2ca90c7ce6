"""GET /openapi.json: every endpoint over HTTP, what it takes and what it may answer. The sockets are described in README.md."""

from __future__ import annotations

from typing import Any

from .config import METHODS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_KONTOR = {"name": "x-kontor", "in": "header", "required": True, "schema": {"const": "1"}, "description": "Shows that a script asks."}
_ASKER = {"name": "x-requested-with", "in": "header", "required": True, "schema": {"const": "kontor"}, "description": "Not needed where Origin is sent."}
_URL = {"name": "url", "in": "query", "required": True, "schema": _TEXT | {"format": "uri"}, "description": "The absolute address, percent-encoded."}
_PROVIDER = {"name": "provider", "in": "path", "required": True, "schema": _TEXT | {"pattern": "^[a-z][a-z0-9-]{0,31}$"}}
_FORWARDED = {"x-kontor-url": {"schema": _TEXT, "description": "The last address asked, without its query."}, "x-kontor-ms": {"schema": _TEXT}}


def _object(required: dict[str, Schema], **more: Schema) -> Schema:
    return {"type": "object", "properties": required | more, "required": list(required)}


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


REFUSAL = _object({"error": _TEXT, "detail": _TEXT, "remedy": _TEXT, "sent": {"type": "boolean"}})
_STEPS = {"type": "array", "items": _object({"name": _TEXT, "ms": {"type": "number"}, "outcome": _TEXT, "detail": _TEXT})}


def _refusals(*statuses: int, steps: bool = False) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/SignInRefusal" if steps else "#/components/schemas/Refusal"}
    header = {"x-kontor-error": {"schema": _TEXT, "required": True}}
    return {str(status): _json("Refused; the code and the remedy are in the body.", schema) | {"headers": header} for status in statuses}


def _forwarding(form: str, *parameters: dict[str, Any], methods: tuple[str, ...] = METHODS) -> dict[str, Any]:
    said = "The upstream's answer with x-kontor-url, or a refusal with x-kontor-error and a body as in Refusal."
    answers = {f"{kind}XX": {"description": said, "headers": _FORWARDED if kind == 2 else {}, "content": {"*/*": {}}} for kind in (2, 3, 4, 5)}
    one: dict[str, Any] = {"summary": form, "parameters": list(parameters), "responses": answers}
    body = {"requestBody": {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}}
    return {method.lower(): one | (body if method in ("POST", "PUT", "PATCH") else {}) for method in methods}


def _sign_in(summary: str, fields: Schema, answer: Schema) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": fields | {"additionalProperties": False}}}, "required": True}
    answers = {"200": _json("Done, with every step and its time.", answer | {"properties": answer["properties"] | {"steps": _STEPS}})}
    return {
        "post": {
            "summary": summary,
            "parameters": [_PROVIDER, _KONTOR],
            "requestBody": body,
            "responses": answers | _refusals(400, 401, 403, 404, 409, 413, 415, 429, 502, 503, 504, steps=True),
        }
    }


def _plain(summary: str, kind: str, schema: Schema | None = None) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {"200": {"description": summary, "content": {kind: {"schema": schema or _TEXT}}}}}}


_POLLED = ["pending", "slow_down", "authorized", "denied", "expired"]
_OPTIONAL = {"type": ["string", "null"]}
_WHEN = {"type": ["integer", "null"]}
_TOKENS = _object(
    {"status": _TEXT, "provider": _TEXT, "access_token": _TEXT, "expires_at": _WHEN, "scope": _TEXTS, "refresh_token": _OPTIONAL, "refresh": _TEXT}
)
_RULE = _object({"name": _TEXT, "hosts": _TEXTS, "methods": _TEXTS})
_LINE = _object({"id": _TEXT, "name": _TEXT, "flows": _TEXTS, "scopes": _TEXTS, "trading": {"type": "boolean"}})
_CONFIG = _object(
    {
        "version": _TEXT,
        "open": {"type": "boolean"},
        "rules": {"type": "array", "items": _RULE},
        "relays": _TEXTS,
        "providers": {"type": "array", "items": _LINE},
        "limits": {"type": "object", "additionalProperties": {"type": "number"}},
    }
)
_ENVELOPE = _object({"contents": _TEXT, "status": _object({"url": _TEXT, "content_type": _TEXT, "http_code": {"type": "integer"}})})


def document(version: str) -> dict[str, Any]:
    """The whole description."""
    allorigins = {"200": _json("The body as text, with what came with it.", _ENVELOPE) | {"headers": _FORWARDED}}
    scope = {"scope": _TEXT | {"description": "Separated by spaces; none: the provider's usual ones."}}
    paths: dict[str, Any] = {
        "/health": _plain("Whether it runs", "application/json", _object({"status": {"const": "ok"}})),
        "/metrics": _plain("Counters for Prometheus", "text/plain"),
        "/openapi.json": _plain("This description", "application/json", {"type": "object"}),
        "/api/config": _plain("What may be reached, without secrets", "application/json", _CONFIG),
        "/api/fetch": _forwarding("Kontor's own form", _URL, _KONTOR),
        "/get": {"get": {"summary": "AllOrigins", "parameters": [_URL, _ASKER], "responses": allorigins | _refusals(400, 403, 429, 431, 502, 503, 504)}},
        "/raw": _forwarding("AllOrigins, raw", _URL, _ASKER, methods=("GET",)),
        "/": _forwarding("CORSProxy (without a query: the desk)", _URL, _ASKER),
        "/api/oauth/{provider}/start": _sign_in(
            "Begin in the browser", _object({}, **scope), _object({"authorize_url": _TEXT, "state": _TEXT, "expires_in": {"type": "integer"}})
        ),
        "/api/oauth/{provider}/token": _sign_in("Exchange the code the provider sent back", _object({"state": _TEXT}), _TOKENS),
        "/api/oauth/{provider}/device": _sign_in(
            "Begin on another device",
            _object({}, **scope),
            _object({"user_code": _TEXT, "verification_uri": _TEXT, "expires_in": {"type": "integer"}, "interval": {"type": "integer"}, "handle": _TEXT}),
        ),
        "/api/oauth/{provider}/device/poll": _sign_in("Ask whether the trader has agreed", _object({"handle": _TEXT}), _object({"status": {"enum": _POLLED}})),
        "/api/oauth/{provider}/refresh": _sign_in("New tokens", _object({}, refresh_token=_TEXT, **scope), _TOKENS),
        "/api/oauth/{provider}/revoke": _sign_in("Sign out", _object({}, token=_TEXT, refresh_token=_TEXT), _object({"revoked": {"type": "boolean"}})),
        "/oauth/callback/{provider}": {
            "get": {
                "summary": "Where a provider sends the trader back to",
                "parameters": [_PROVIDER, *({"name": name, "in": "query", "schema": _TEXT} for name in ("code", "state", "iss", "error"))],
                "responses": {"303": {"description": "On to /callback.html, which says the outcome."}} | _refusals(403, 404, 503),
            }
        },
    }
    about = {"title": "Kontor proxy", "version": version, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    schemas = {"Refusal": REFUSAL, "SignInRefusal": {"allOf": [{"$ref": "#/components/schemas/Refusal"}, _object({"steps": _STEPS})]}}
    return {"openapi": "3.1.0", "info": about, "paths": paths, "components": {"schemas": schemas}}
