"""Signing in with a provider through the proxy: the desk's half of the flows.

The proxy holds client secret, state, verifier and code; here are only its answers. Tokens go to the `Tokens` store and to nobody
else: they are registered with the trace's secrets before anything is told of them. Every wait has an end; a failure says what failed,
why and what to do. Never opens a page: the caller sends the trader to ``authorize_url``.

    OAuthError          code, reason, remedy; ``steps`` are the proxy's
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from app.platform.errors import HttpError
from app.platform.interfaces import Clock, Http, HttpAnswer, HttpCall, Locks

from .trace import Trace

CALL_S = 35.0  # the proxy's own deadlines are at most 30 s
OVER_DEADLINE_S = 0.15  # what the way to the proxy may add to a deadline it told
FRESH_S = 60  # a token with less life left is renewed before it is used
LONGEST_POLL_S = 60
_REASONS = {
    "no_transaction": ("this browser has no such sign-in under way", "sign in again, within ten minutes; cookies have to be allowed"),
    "state_mismatch": ("the answer does not belong to the sign-in that was begun here", "sign in again, in one window only"),
    "issuer_mismatch": ("another provider answered than was asked", "do not go on; sign in again from the desk"),
    "replayed": ("this answer was used before", "sign in again"),
    "too_large": ("the provider's answer is too long to keep", "ask for fewer scopes"),
}
# The answer may be different in a moment; nothing was decided.
_PASSING = ("http", "timeout", "refused", "connect_timeout", "dns", "tls", "reset", "bad_answer", "busy", "rate_limited")


class OAuthError(Exception):
    """A sign-in that went no further."""

    def __init__(self, code: str, reason: str, remedy: str = "", steps: list[dict] | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy, self.steps = code, reason, remedy, steps or []


class Tokens(Protocol):
    """Where token records are kept; the desk's is the vault."""

    async def get(self, provider: str) -> dict | None:
        """The record of a provider, if it can be read now."""

    async def put(self, provider: str, tokens: dict) -> str:
        """Keep a record; tells where (vault, memory)."""

    async def delete(self, provider: str) -> None:
        """Forget a record."""


class OAuthClient:
    """One per desk. ``base`` is the site's address, ending with a slash; ``locks`` keep tabs from renewing the same token at once."""

    def __init__(
        self,
        http: Http,
        base: str,
        clock: Clock,
        tokens: Tokens,
        trace: Trace,
        locks: Locks | None = None,
        wait: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._http, self._base, self._clock, self._tokens, self._trace, self._locks, self._wait = http, base, clock, tokens, trace, locks, wait
        self._begun: dict[str, dict[str, Any]] = {}
        self._devices: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, asyncio.Task] = {}
        self._renewing: dict[str, asyncio.Lock] = {}
        self._signed: dict[str, dict[str, Any]] = {}

    # What is signed in

    def signed_in(self, provider: str) -> dict[str, Any] | None:
        """{scope, account, expires_at_ms, kept, since_ms} as last known, or None. `load` brings it up to date."""
        return self._signed.get(provider)

    async def load(self, provider: str) -> dict[str, Any] | None:
        """What the store says now: after the vault was opened or locked."""
        record = await self._tokens.get(provider)
        if record is None:
            self._signed.pop(provider, None)
        else:
            self._hide(record)
            self._know(provider, record, str(record.get("kept", "vault")))
        return self.signed_in(provider)

    async def access(self, provider: str) -> str:
        """A token that is good for a minute at least, renewed if needed. Raises OAuthError `signed_out` when there is none."""
        record = await self._record(provider)
        if not self._fresh(record):
            await self.refresh(provider)
            record = await self._record(provider)
        return record["access_token"]

    # The web flow

    async def start(self, provider: str, scope: str | None = None, how: str = "popup") -> dict[str, Any]:
        """{authorize_url, state}: send the trader there; the callback page tells `finish` what came of it."""
        fields = await self._post(provider, "start", {"scope": scope, "return": how}, "begin")
        url, state = _text(fields, "authorize_url"), _text(fields, "state")
        deadline = fields.get("deadline_s")
        self._begun[provider] = {"state": state, "timeout": deadline + OVER_DEADLINE_S if isinstance(deadline, int | float) else CALL_S}
        self._trace.add("oauth", "info", f"{provider}: waiting for the trader to agree at the provider", step="agree")
        return {"authorize_url": url, "state": state}

    async def finish(self, provider: str, outcome: str, state: str) -> dict[str, Any]:
        """Exchange what the callback page brought back for tokens. Raises OAuthError."""
        begun = self._begun.get(provider)
        if begun is not None and state and begun["state"] != state:
            raise self._failed(provider, OAuthError("state_mismatch", *_REASONS["state_mismatch"]))
        self._begun.pop(provider, None)
        if not state or outcome in _REASONS:
            reason, remedy = _REASONS.get(outcome, ("the provider's answer could not be used", "sign in again"))
            raise self._failed(provider, OAuthError(outcome or "failed", reason, remedy))
        fields = await self._post(provider, "token", {"state": state}, "exchange", timeout_s=begun["timeout"] if begun else CALL_S, repeat=False)
        return await self._keep(provider, fields)

    # The device flow

    async def device(self, provider: str, scope: str | None = None) -> dict[str, Any]:
        """{user_code, verification_uri, expires_in, interval, handle}: what the trader types where, on another device."""
        fields = await self._post(provider, "device", {"scope": scope}, "ask for a device code")
        shown = {name: _text(fields, name) for name in ("user_code", "verification_uri", "handle")}
        self._trace.secrets.add(shown["handle"])
        self._trace.secrets.add(shown["user_code"])
        lasts, interval = _seconds(fields, "expires_in"), _seconds(fields, "interval")
        self._devices[provider] = {"handle": shown["handle"], "until": self._now_s() + lasts, "interval": interval}
        return {**shown, "expires_in": lasts, "interval": interval}

    async def device_wait(self, provider: str, handle: str) -> dict[str, Any]:
        """Ask at the provider's pace until the trader has agreed. Raises OAuthError: denied, expired, cancelled."""
        self.device_cancel(provider)
        device = self._devices.get(provider)
        if device is None or device["handle"] != handle:
            device = {"handle": handle, "until": self._now_s() + 1800, "interval": 5}
        task = asyncio.ensure_future(self._poll(provider, device))
        self._waiting[provider] = task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise self._failed(provider, OAuthError("cancelled", "the waiting was ended", "begin again when ready")) from None
            task.cancel()  # the caller went away
            raise
        finally:
            if self._waiting.get(provider) is task:
                del self._waiting[provider]

    def device_cancel(self, provider: str) -> None:
        """End the waiting of `device_wait`."""
        task = self._waiting.get(provider)
        if task is not None:
            task.cancel()

    async def _poll(self, provider: str, device: dict[str, Any]) -> dict[str, Any]:
        pause = interval = device["interval"]
        while True:
            await self._wait(pause)
            if self._now_s() >= device["until"]:
                raise self._failed(provider, OAuthError("expired", "the code was not confirmed in time", "ask for a new code"))
            try:
                fields = await self._post(provider, "device/poll", {"handle": device["handle"]}, "poll")
            except OAuthError as error:
                if error.code not in _PASSING:
                    raise
                pause = min(pause * 2, LONGEST_POLL_S)
                continue
            status = fields.get("status")
            if status == "authorized":
                return await self._keep(provider, fields)
            if status == "denied":
                raise self._failed(provider, OAuthError("denied", "the trader declined on the other device", "begin again and accept"))
            if status == "expired":
                raise self._failed(provider, OAuthError("expired", "the code was not confirmed in time", "ask for a new code"))
            interval = max(interval, _seconds(fields, "interval"))
            pause = fields["wait"] if isinstance(fields.get("wait"), int | float) and 0 < fields["wait"] <= interval else interval

    # Renewal and the end

    async def refresh(self, provider: str) -> dict[str, Any]:
        """New tokens for the kept ones, once for all tabs. Raises OAuthError; `signed_out` when the provider ended it."""
        before = await self._record(provider)
        async with self._renewing.setdefault(provider, asyncio.Lock()):
            lease = await self._locks.acquire(f"kontor.oauth.{provider}") if self._locks else None
            try:
                record = await self._record(provider)
                if record["access_token"] != before["access_token"] and self._fresh(record):
                    return self._know(provider, record, str(record.get("kept", "vault")))  # another tab has done it
                return await self._renew(provider, record)
            finally:
                if lease is not None:
                    lease.release()

    async def _renew(self, provider: str, record: dict[str, Any]) -> dict[str, Any]:
        if record.get("refresh") == "none":
            raise self._failed(provider, OAuthError("no_refresh", "the provider gives nothing to renew this sign-in with", "sign in again"))
        if (record.get("ends_at") or self._now_s() + 1) <= self._now_s():
            await self._forget(provider)
            raise self._failed(provider, OAuthError("signed_out", "the sign-in has lasted as long as it may", "sign in again"))
        body = {} if record["refresh"] == "cookie" else {"refresh_token": record["refresh_token"], "scope": " ".join(record["scope"])}
        try:
            fields = await self._post(provider, "refresh", body, "renew", rerun={"do": "oauth.refresh", "provider": provider})
        except OAuthError as error:
            if error.code == "signed_out":
                await self._forget(provider)
            raise
        return await self._keep(provider, fields, record)

    async def logout(self, provider: str) -> None:
        """Revoke the tokens at the provider and forget them here, in any case. Raises OAuthError when the revocation is not certain."""
        record = await self._tokens.get(provider) or {}
        self._begun.pop(provider, None)
        self.device_cancel(provider)
        try:
            fields = await self._post(provider, "revoke", {"token": record.get("access_token"), "refresh_token": record.get("refresh_token")}, "revoke")
        except OAuthError as error:
            remedy = "remove the app in the provider's account settings"
            raise OAuthError("not_revoked", f"signed out here, but perhaps not at the provider: {error.reason}", remedy, error.steps) from error
        finally:
            await self._forget(provider)
        told = f"{provider}: signed out" if fields.get("revoked") else f"{provider}: signed out here. {fields.get('detail', '')} {fields.get('remedy', '')}"
        self._trace.add("oauth", "good" if fields.get("revoked") else "warn", told.strip())

    # The way to the proxy

    async def _post(
        self, provider: str, path: str, body: dict[str, Any], what: str, *, timeout_s: float = CALL_S, repeat: bool = True, rerun: dict | None = None
    ) -> dict[str, Any]:
        """The fields of an answer; its steps go to the trace. ``repeat``: whether it may be sent again when no answer came."""
        headers = {"x-kontor": "1", "content-type": "application/json"}
        sent = json.dumps({name: value for name, value in body.items() if value is not None}).encode()
        call = HttpCall("POST", f"{self._base}api/oauth/{provider}/{path}", headers, sent, "same-origin", timeout_s=timeout_s, max_bytes=200_000)
        started = self._clock.monotonic_ns()
        for again in (False, True):
            try:
                answer = await self._http.send(call)
                break
            except HttpError as error:
                ms = (self._clock.monotonic_ns() - started) / 1e6
                if not again and (repeat or not error.sent) and error.reason != "timeout":
                    self._trace.add("oauth", "warn", f"{provider}: {what}: the proxy gave no answer ({error.reason}); once more", ms, what)
                    continue
                remedy = "check that the proxy runs" + ("" if repeat else ", then sign in again: the code may have been used")
                raise self._failed(provider, OAuthError("http", f"the proxy gave no answer ({error.reason})", remedy), what, ms, rerun) from error
        ms = (self._clock.monotonic_ns() - started) / 1e6
        try:
            fields = _fields(answer)
        except ValueError as error:
            raise self._failed(provider, OAuthError("bad_answer", str(error), "check that the desk is served by its proxy"), what, ms, rerun) from error
        for name in ("access_token", "refresh_token", "handle"):
            if isinstance(fields.get(name), str):
                self._trace.secrets.add(fields[name])
        steps = [step for step in fields.get("steps") or [] if isinstance(step, dict)]
        for step in steps:
            told, good = f"{provider}: {step.get('name')}: {step.get('detail') or step.get('outcome')}", step.get("outcome") in ("ok", "pending")
            took = step.get("ms")
            self._trace.add("oauth", "info" if good else "warn", told, took if isinstance(took, int | float) else None, str(step.get("name")))
        if answer.status != 200:
            code, detail, remedy = (str(fields.get(name) or "") for name in ("error", "detail", "remedy"))
            raise self._failed(provider, OAuthError(code or "bad_answer", detail or f"HTTP {answer.status}", remedy, steps), what, ms, rerun)
        self._trace.add("oauth", "debug", f"{provider}: {what} done", ms, what)
        return fields

    def _failed(self, provider: str, error: OAuthError, what: str = "", ms: float | None = None, rerun: dict | None = None) -> OAuthError:
        """The error, told to the trace."""
        told = f"{provider}: {what + ' failed: ' if what else ''}{error.reason}{'. What to do: ' + error.remedy if error.remedy else ''}"
        self._trace.add("oauth", "error", told, ms, what or None, rerun, {"code": error.code})
        return error

    # Token records

    async def _keep(self, provider: str, fields: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check and keep an answer with tokens."""
        scope, end, refresh = fields.get("scope"), fields.get("expires_at"), fields.get("refresh_token")
        if not isinstance(scope, list) or not all(isinstance(name, str) for name in scope) or not isinstance(end, int | None):
            raise self._failed(provider, OAuthError("bad_answer", "the proxy's answer holds no tokens", "update desk and proxy together"))
        if not isinstance(refresh, str | None) or fields.get("refresh") not in ("vault", "cookie", "none"):
            raise self._failed(provider, OAuthError("bad_answer", "the proxy's answer holds no tokens", "update desk and proxy together"))
        if before is not None and not set(scope) <= set(before["scope"]):
            raise self._failed(provider, OAuthError("scope_widened", "the renewed token may do more than the first", "sign in again"))
        record = {
            "access_token": _text(fields, "access_token"),
            "refresh_token": refresh,
            "refresh": fields["refresh"],
            "expires_at": end,
            "scope": scope,
            "ends_at": fields.get("refresh_expires_at") if before is None else before.get("ends_at"),
            "account": fields.get("account") if before is None else before.get("account"),
            "since_ms": self._clock.now_ns() // 1_000_000 if before is None else before.get("since_ms"),
        }
        self._hide(record)
        kept = await self._tokens.put(provider, record)
        self._trace.add("oauth", "good", f"{provider}: {'signed in' if before is None else 'renewed'} with {' '.join(scope) or 'no scopes'}; kept in {kept}")
        return self._know(provider, record, kept)

    def _know(self, provider: str, record: dict[str, Any], kept: str) -> dict[str, Any]:
        end = record.get("expires_at")
        self._signed[provider] = {
            "scope": " ".join(record["scope"]),
            "account": record.get("account"),
            "expires_at_ms": None if end is None else end * 1000,
            "kept": "cookie" if record.get("refresh") == "cookie" else kept,
            "since_ms": record.get("since_ms"),
        }
        return self._signed[provider]

    async def _record(self, provider: str) -> dict[str, Any]:
        record = await self._tokens.get(provider)
        if record is None:
            raise self._failed(provider, OAuthError("signed_out", "there is no sign-in", "sign in, or open the vault that keeps it"))
        self._hide(record)
        return record

    async def _forget(self, provider: str) -> None:
        await self._tokens.delete(provider)
        self._signed.pop(provider, None)

    def _hide(self, record: dict[str, Any]) -> None:
        for name in ("access_token", "refresh_token"):
            if record.get(name):
                self._trace.secrets.add(record[name])

    def _fresh(self, record: dict[str, Any]) -> bool:
        return record["expires_at"] is None or record["expires_at"] - self._now_s() > FRESH_S

    def _now_s(self) -> float:
        return self._clock.now_ns() / 1e9


def _fields(answer: HttpAnswer) -> dict[str, Any]:
    """The JSON object of an answer. Raises ValueError in plain words."""
    try:
        fields = json.loads(answer.body)
    except ValueError as error:
        raise ValueError(f"HTTP {answer.status} without JSON: that is not the proxy") from error
    if not isinstance(fields, dict):
        raise ValueError(f"HTTP {answer.status} without fields: that is not the proxy")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 20_000:
        raise OAuthError("bad_answer", f"the proxy's answer has no usable {name}", "update desk and proxy together")
    return value


def _seconds(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or not 0 < value <= 3600:
        raise OAuthError("bad_answer", f"the proxy's answer has no usable {name}", "update desk and proxy together")
    return value
