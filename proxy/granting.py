"""What a grant is worth: which scopes may be asked for, whether what came back is no more than that, and what the desk is told.

The one place that makes an answer with tokens, whichever flow brought them. Speaks to nobody but to check an ID token.
"""

from __future__ import annotations

from typing import Any

from .call import Call
from .config import Config
from .errors import Refused
from .providers import Endpoints
from .sealing import Sealer
from .tokens import Grant, Speaker, scopes_of


class Granting:
    """Shared by the flows."""

    def __init__(self, config: Config, sealer: Sealer, speaker: Speaker) -> None:
        self._config, self._sealer, self._speaker = config, sealer, speaker

    def offered(self, call: Call, flow: str) -> None:
        """Refused unless this flow can be used here."""
        if flow not in call.provider.usable(self._config.secret):
            offered = " and ".join(call.provider.usable(self._config.secret))
            raise Refused("flow_unsupported", f"{call.provider.name} cannot be used with the {flow} flow here.", f"Use the {offered} flow.")

    def asked(self, call: Call) -> tuple[str, ...]:
        """The scopes asked for, each one listed in the provider table."""
        scope = scopes_of(call.body["scope"]) if "scope" in call.body else call.provider.default_scopes
        if extra := [name for name in scope if name not in call.provider.scopes]:
            raise Refused("scope_refused", f"scope: {extra[0][:64]!r} is not offered for {call.provider.name}.", "Choose from the scopes in /api/config.")
        return scope

    async def signed_in(self, call: Call, endpoints: Endpoints, grant: Grant, asked: tuple[str, ...], nonce: str | None) -> dict[str, Any]:
        """What the desk gets of a new grant, once it is no more than was asked for and is the right person's."""
        account = None
        if call.provider.discovery and "openid" in asked:
            account = await self._speaker.identify(call.provider, endpoints, grant, nonce, call.steps)
        end = self._sealer.now() + min(call.provider.keep_refresh_s, grant.refresh_expires_in or call.provider.keep_refresh_s)
        return self.tokens(call, grant, asked, end) | {"account": account}

    def tokens(self, call: Call, grant: Grant, asked: tuple[str, ...], end: float) -> dict[str, Any]:
        """The answer with tokens; the refresh token goes into its cookie (until ``end``) where the table says so."""
        told = dict.fromkeys(call.provider.scope_aliases.get(name, name) for name in grant.scope or asked)
        scope = tuple(told)
        if extra := set(scope) - set(asked) - {"openid"}:
            said = f"{call.provider.name} gave more than was asked for: {', '.join(sorted(extra))}."
            raise Refused("scope_widened", said, "Remove the app in the provider's account settings and sign in again.", status=502)
        now = self._sealer.now()
        cookie = call.provider.keep_refresh == "cookie"
        if cookie and grant.refresh:
            sealed = self._sealer.seal(call.renewal, {"token": grant.refresh, "scope": scope, "end": end}, end - now)
            call.keep(call.renewal, sealed, end - now)
        return {
            "status": "authorized",
            "provider": call.provider.id,
            "access_token": grant.access,
            "expires_at": int(now + grant.expires_in) if grant.expires_in else None,
            "scope": list(scope),
            "refresh_token": None if cookie else grant.refresh,
            "refresh": ("cookie" if cookie else "vault") if grant.refresh else "none",
            "refresh_expires_at": int(end) if grant.refresh else None,
        }
