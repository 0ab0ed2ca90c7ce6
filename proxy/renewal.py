"""What comes after a sign-in: new tokens for a refresh token, and the end of all of them.

A renewal is one request however many tabs ask, and its answer is remembered for some seconds: a rotating token that is spent twice would
end the whole sign-in. A renewed sign-in never lasts longer than the first one was to last.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from .call import Call
from .errors import Refused
from .granting import Granting
from .sealing import Sealer, Unsealed
from .tokens import SIGN_IN_AGAIN, Grant, ProviderError, Speaker

REFRESHED_S = 20  # a second tab that comes with the old token gets the first one's answer


class Renewal:
    """Refresh and revocation."""

    def __init__(self, sealer: Sealer, speaker: Speaker, granting: Granting) -> None:
        self._sealer, self._speaker, self._granting = sealer, speaker, granting
        self._refreshing: dict[str, tuple[float, asyncio.Task[Grant]]] = {}

    async def refresh(self, call: Call) -> dict[str, Any]:
        """New tokens for a refresh token, from its cookie or from the vault; one request however many tabs ask."""
        if not call.provider.refresh:
            raise Refused("no_refresh", f"{call.provider.name} gives no refresh tokens.", SIGN_IN_AGAIN)
        token, scope, end = self._refresh_token(call)
        key = hashlib.sha256(f"{call.provider.id} {token}".encode()).hexdigest()
        now = self._sealer.now()
        self._refreshing = {name: entry for name, entry in self._refreshing.items() if _counts(*entry, now)}
        _, task = self._refreshing.get(key, (0.0, None))
        if task is None:
            task = asyncio.create_task(self._refreshed(call, token))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its tabs may all be gone
            self._refreshing[key] = (now + REFRESHED_S, task)
        else:
            call.steps.note("ask the provider", "another tab has just done it: its answer is shared")
        try:
            grant = await asyncio.shield(task)
        except ProviderError as error:
            if error.name not in call.provider.gone_errors:
                raise
            call.keep(call.renewal, "", 0)
            raise Refused("signed_out", error.detail, SIGN_IN_AGAIN, status=401) from error
        return self._granting.tokens(call, grant._replace(refresh=grant.refresh or token), scope, end)

    async def _refreshed(self, call: Call, token: str) -> Grant:
        async with asyncio.timeout(call.provider.deadline_s):
            endpoints = await self._speaker.endpoints(call.provider, call.steps)
            return await self._speaker.grant(call.provider, endpoints.token, {"grant_type": "refresh_token", "refresh_token": token}, call.steps)

    def _refresh_token(self, call: Call) -> tuple[str, tuple[str, ...], float]:
        """(refresh token, its scope, end of its life). Refused with `signed_out` when there is none."""
        if call.provider.keep_refresh == "vault":
            if not call.body.get("refresh_token"):
                raise Refused("bad_request", "refresh_token is missing.", SIGN_IN_AGAIN)
            return call.body["refresh_token"], self._granting.asked(call), self._sealer.now() + call.provider.keep_refresh_s
        try:
            claims = self._sealer.open(call.renewal, call.cookie(call.renewal) or "")
        except Unsealed as error:
            call.keep(call.renewal, "", 0)
            raise Refused("signed_out", "There is no sign-in that could be renewed.", SIGN_IN_AGAIN, status=401) from error
        return claims["token"], tuple(claims["scope"]), claims["end"]

    async def revoke(self, call: Call) -> dict[str, Any]:
        """Sign out: the cookie goes in any case; the tokens are made worthless at the provider where it can do that."""
        provider = call.provider
        tokens = [(call.body.get("refresh_token"), "refresh_token"), (call.body.get("token"), "access_token")]
        if provider.keep_refresh == "cookie":
            call.keep(call.renewal, "", 0)
            try:
                tokens[0] = (self._sealer.open(call.renewal, call.cookie(call.renewal) or "")["token"], "refresh_token")
            except Unsealed:
                call.steps.note("open the cookie", "no refresh token is kept")
        endpoints = await self._speaker.endpoints(provider, call.steps)
        if provider.revoke == "none" or endpoints.revoke is None:
            said = f"{provider.name} offers no revocation: the tokens are forgotten here, and end by themselves."
            return {"revoked": False, "detail": said, "remedy": "Remove the app in the provider's account settings."}
        failed: Refused | None = None
        for token, hint in tokens:
            if token and (provider.revoke == "rfc7009" or hint == "access_token"):
                try:
                    await self._speaker.revoke(provider, endpoints, token, hint, call.steps)
                except Refused as error:
                    failed = error  # the other one is revoked all the same
        if failed:
            raise failed
        return {"revoked": True}


def _counts(until: float, task: asyncio.Task[Grant], now: float) -> bool:
    """Whether a renewal under way, or one that has brought something, is still to be shared."""
    return not task.done() or (until > now and not task.cancelled() and task.exception() is None)
