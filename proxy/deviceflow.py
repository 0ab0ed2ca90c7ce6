"""The device flow (RFC 8628): the trader types a short code on another device while the desk asks at the provider's pace.

The device code stays sealed in a handle that the desk keeps. Remembers when each handle may be asked for next, so that no tab is too fast.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from .call import Call
from .config import Config
from .errors import Refused
from .granting import Granting
from .sealing import Sealer, Unsealed
from .tokens import DEVICE_GRANT, SIGN_IN_AGAIN, TRY_AGAIN, ProviderError, Speaker, seconds

USUAL_S, LONGEST_S = 600, 1800  # of a device code's life
POLLED = {
    "authorization_pending": "pending",
    "slow_down": "slow_down",
    "access_denied": "denied",
    "expired_token": "expired",
    "token_expired": "expired",
}


class DeviceFlow:
    """Begin, and ask until there is an answer."""

    def __init__(self, config: Config, sealer: Sealer, speaker: Speaker, granting: Granting) -> None:
        self._config, self._sealer, self._speaker, self._granting = config, sealer, speaker, granting
        self._polls: dict[str, tuple[float, int, float]] = {}  # device handle: next poll, interval, end

    async def begin(self, call: Call) -> dict[str, Any]:
        """Begin on another device: the code to type there. The device code stays sealed in the handle."""
        self._granting.offered(call, "device")
        scope = self._granting.asked(call)
        endpoints = await self._speaker.endpoints(call.provider, call.steps)
        if endpoints.device is None:
            raise Refused("flow_unsupported", f"{call.provider.name} publishes no device flow.", "Use the web flow.")
        fields = await self._speaker.ask(call.provider, endpoints.device, {"scope": " ".join(scope)} if scope else {}, call.steps)
        shown, where, code = (str(fields.get(name, "")) for name in ("user_code", "verification_uri", "device_code"))
        parts = urlsplit(where)
        trusted = parts.scheme == "https" or (parts.scheme == "http" and parts.netloc in self._config.allow_private)
        sound = re.fullmatch(r"[A-Za-z0-9 -]{4,32}", shown) and re.fullmatch(r"[!-~]{1,512}", where) and re.fullmatch(r"[!-~]{1,4096}", code)
        if not sound or not trusted:
            raise Refused("bad_answer", f"{call.provider.name} gave no usable device code.", TRY_AGAIN)
        lasts = min(seconds(fields.get("expires_in")) or USUAL_S, LONGEST_S)
        interval = seconds(fields.get("interval")) or 5
        handle = self._sealer.seal(f"device-{call.provider.id}", {"id": secrets.token_hex(8), "code": code, "scope": scope, "interval": interval}, lasts)
        return {"user_code": shown, "verification_uri": where, "expires_in": lasts, "interval": interval, "handle": handle}

    async def poll(self, call: Call) -> dict[str, Any]:
        """Ask whether the trader has agreed: status pending, slow_down, authorized, denied or expired. Never sooner than the provider allows."""
        try:
            claims = self._sealer.open(f"device-{call.provider.id}", call.body.get("handle", ""))
        except Unsealed as error:
            if error.code == "expired":
                return {"status": "expired"}
            raise Refused("bad_request", "handle is not one of this proxy's for this provider.", SIGN_IN_AGAIN) from error
        key, now = claims["id"], self._sealer.now()
        self._polls = {name: poll for name, poll in self._polls.items() if poll[2] > now}
        due, interval, _ = self._polls.get(key, (0.0, claims["interval"], 0.0))
        if now < due:
            return {"status": "pending", "interval": interval, "wait": round(due - now, 3)}
        self._polls[key] = (now + interval, interval, claims["exp"])
        endpoints = await self._speaker.endpoints(call.provider, call.steps)
        try:
            grant = await self._speaker.grant(call.provider, endpoints.token, {"grant_type": DEVICE_GRANT, "device_code": claims["code"]}, call.steps)
        except ProviderError as error:
            status = POLLED.get(error.name)
            if status is None:
                raise
            call.steps[-1]["outcome"] = status
            if status == "slow_down":
                interval = max(error.interval or 0, interval + 5)
                self._polls[key] = (self._sealer.now() + interval, interval, claims["exp"])
            return {"status": status, "interval": interval}
        return await self._granting.signed_in(call, endpoints, grant, tuple(claims["scope"]), None)
