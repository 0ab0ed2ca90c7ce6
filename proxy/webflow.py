"""The code flow with PKCE: the trader goes to the provider with this browser and comes back with a code.

Owns the transaction: state, nonce and verifier, later the code, sealed into a cookie of the browser that began it and taken once. With
several proxies behind one address, a code replayed to another of them is stopped by the provider, where it counts once as well.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Any

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from starlette.responses import RedirectResponse, Response

from .call import Call
from .config import Config
from .errors import Refused
from .granting import Granting
from .sealing import Once, Sealer
from .tokens import SIGN_IN_AGAIN, ProviderError, Speaker

TRANSACTION_S = 600
OPEN_TRANSACTIONS = 4  # of one browser at one provider


class WebFlow:
    """Begin, come back, exchange."""

    def __init__(self, config: Config, sealer: Sealer, speaker: Speaker, granting: Granting) -> None:
        self._config, self._sealer, self._speaker, self._granting = config, sealer, speaker, granting
        self._issuers = {provider.issuer for provider in config.oauth}
        self._once = Once(sealer.now)

    async def start(self, call: Call) -> dict[str, Any]:
        """Begin: the sealed transaction, and where to send the trader."""
        self._granting.offered(call, "web")
        provider = call.provider
        scope = self._granting.asked(call)
        endpoints = await self._speaker.endpoints(provider, call.steps)
        with call.steps.step("prepare", "state, nonce and PKCE verifier made and sealed"):
            state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
            back = f"{call.home}/oauth/callback/{provider.id}"
            claims = {"state": state, "nonce": nonce, "verifier": verifier, "scope": scope, "back": back, "iss": endpoints.iss_required}
            for name in list(call.transactions(self._sealer))[: 1 - OPEN_TRANSACTIONS]:
                call.keep(name, "", 0, "Lax")
            self._keep_transaction(call, claims, TRANSACTION_S)
            extra = dict(provider.authorize_extra)
            if provider.pkce:
                extra |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
            if provider.discovery:
                extra["nonce"] = nonce
            client = self._config.secret(provider.client_id_env)
            url = prepare_grant_uri(endpoints.authorize, client, "code", back, " ".join(scope) or None, state, **extra)
        return {"authorize_url": url, "state": state, "expires_in": TRANSACTION_S, "deadline_s": provider.deadline_s}

    async def callback(self, call: Call) -> Response:
        """The trader comes back: check, seal the code away, and go on to the static page. No code is in any page's address."""
        code, state = "", ""
        try:
            with call.steps.step("callback", "the provider sent the trader back"):
                claims = self._transaction(call, call.request.query_params.get("state"))
                state = claims["state"]
                code = self._checked(call, claims)
            self._keep_transaction(call, {**claims, "steps": call.steps}, call.provider.code_s)
        except Refused as error:
            code = error.code
        where = f"/callback.html#{call.provider.id}:{code}:{state}"
        return call.answer(RedirectResponse(where, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"}))

    def _checked(self, call: Call, claims: dict[str, Any]) -> str:
        """Put the callback's answer into the claims; what the page is told of it. Raises Refused for one that is not this transaction's."""
        query = call.request.query_params
        if any(len(query.getlist(name)) > 1 for name in ("code", "state", "iss", "error")):
            raise Refused("bad_request", "The callback names a field twice.", SIGN_IN_AGAIN)
        issuer, expected = query.get("iss"), call.provider.issuer
        others = self._issuers - {expected}
        if (claims["iss"] and issuer is None) or (issuer is not None and (issuer in others or (expected is not None and issuer != expected))):
            raise Refused("issuer_mismatch", "The answer comes from another provider than was asked.", SIGN_IN_AGAIN, status=403)
        if "code" in claims or "failed" in claims or not self._once.take(f"callback {claims['state']}", claims["exp"]):
            raise Refused("replayed", "This callback was used before.", SIGN_IN_AGAIN, status=403)
        if query.get("error") or not query.get("code"):
            name = re.sub(r"[^a-z0-9_.-]", "", query.get("error", "no_code").lower())[:64]
            told = "".join(c for c in query.get("error_description", "") if c.isprintable())[:200]
            claims["failed"] = [name, told]
            return "denied" if name == "access_denied" else "provider_error"
        claims["code"] = query["code"]
        return "ok"

    async def token(self, call: Call) -> dict[str, Any]:
        """Exchange the sealed code. The transaction is used up whatever comes of it."""
        with call.steps.step("open the transaction"):
            claims = self._transaction(call, call.body.get("state") or "")
            if "code" not in claims and "failed" not in claims:
                raise Refused("not_back", "The provider has not sent the trader back yet.", "Finish signing in at the provider.", status=409)
            call.keep(call.transaction + claims["state"][:8], "", 0, "Lax")
            if not self._once.take(f"token {claims['state']}", claims["exp"]):
                raise Refused("replayed", "This sign-in was used before.", SIGN_IN_AGAIN, status=403)
        call.steps[:0] = claims.get("steps", [])
        if "failed" in claims:
            denied = claims["failed"][0] == "access_denied"
            error = ProviderError(*claims["failed"], call.provider.name)
            raise Refused("denied", error.detail, error.remedy, status=403) if denied else error
        provider = call.provider
        endpoints = await self._speaker.endpoints(provider, call.steps)
        form = {"grant_type": "authorization_code", "code": claims["code"], "redirect_uri": claims["back"]}
        if provider.pkce:
            form["code_verifier"] = claims["verifier"]
        grant = await self._speaker.grant(provider, endpoints.token, form, call.steps)
        return await self._granting.signed_in(call, endpoints, grant, tuple(claims["scope"]), claims["nonce"])

    def _keep_transaction(self, call: Call, claims: dict[str, Any], seconds: float) -> None:
        call.keep(call.transaction + claims["state"][:8], self._sealer.seal(call.transaction, claims, seconds), seconds, "Lax")

    def _transaction(self, call: Call, state: str | None) -> dict[str, Any]:
        """The transaction of ``state``, or the only open one when the provider does not return the state. Raises Refused."""
        if state is None and call.provider.state == "required":
            raise Refused("state_mismatch", "The answer carries no state.", SIGN_IN_AGAIN, status=403)
        under_way = call.transactions(self._sealer).values()
        found = [claims for claims in under_way if state is None or hmac.compare_digest(claims["state"].encode(), state.encode())]
        if len(found) == 1:
            return found[0]
        if under_way:
            raise Refused("state_mismatch", "The answer belongs to no sign-in that this browser has under way.", SIGN_IN_AGAIN, status=403)
        remedy = "Sign in again, within ten minutes; cookies have to be allowed."
        raise Refused("no_transaction", "This browser has no sign-in under way.", remedy, status=403)
