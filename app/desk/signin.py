"""Sign-ins with providers, for the page: entries as the page shows them, errors as the page can show them.

The protocol is app.net.oauth's; tokens go to the vault by `VaultTokens` and never to the page. Providers are those that the proxy of
this site names in its configuration.
"""

from __future__ import annotations

from typing import Any

from app.net.oauth import OAuthClient

from .errors import Refusal
from .tokens import VaultTokens


class SignIn:
    """One per desk; made when first asked for."""

    def __init__(self, desk: Any) -> None:
        around = desk.around
        self._network = desk.network
        self._tokens = VaultTokens(desk.keeping)
        self._client = OAuthClient(around.http, around.base, around.clock, self._tokens, desk.trace, locks=around.locks)

    def providers(self, config: dict) -> list[dict]:
        """Who can be signed in to, with what is signed in now."""
        listed = config.get("providers")
        return [self._entry(item) for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []

    async def load(self) -> None:
        """Look again what is signed in: the vault was opened or locked, or the providers are known now."""
        await self._tokens.settle()
        for item in self._network.chain.proxies.config.get("providers") or []:
            if isinstance(item, dict):
                await self._client.load(str(item.get("id")))

    async def start(self, provider: str, scope: str | None, how: str) -> dict:
        """{authorize_url, state}."""
        await self._known(provider)
        return await self._client.start(provider, scope, how)

    async def finish(self, provider: str, outcome: str, state: str) -> dict:
        """The provider's entry once its tokens are kept."""
        return await self._after(provider, self._client.finish(provider, outcome, state))

    async def device(self, provider: str, scope: str | None) -> dict:
        """{user_code, verification_uri, expires_in, interval, handle}."""
        await self._known(provider)
        return await self._client.device(provider, scope)

    async def device_wait(self, provider: str, handle: str) -> dict:
        """The provider's entry once the code was confirmed on the other device."""
        return await self._after(provider, self._client.device_wait(provider, handle))

    async def device_cancel(self, provider: str) -> None:
        """End the waiting."""
        self._client.device_cancel(provider)

    async def refresh(self, provider: str) -> dict:
        """The provider's entry with fresh tokens."""
        return await self._after(provider, self._client.refresh(provider))

    async def logout(self, provider: str) -> dict:
        """The provider's entry once its tokens are revoked and gone."""
        return await self._after(provider, self._client.logout(provider))

    async def _after(self, provider: str, work: Any) -> dict:
        try:
            entry = await self._known(provider)
            await work
        finally:
            if hasattr(work, "close"):
                work.close()
            self._network.changed()
        return self._entry(entry)

    async def _known(self, provider: str) -> dict:
        """The provider's line of the proxy's configuration. Raises Refusal."""
        proxies = self._network.chain.proxies
        if not await proxies.present():
            raise Refusal("proxy_down", f"a sign-in needs the proxy: {proxies.detail}", "serve this desk by a Kontor proxy, such as `make run`", "provider")
        for item in proxies.config.get("providers") or []:
            if isinstance(item, dict) and item.get("id") == provider:
                return item
        raise Refusal("unknown_provider", f"the proxy knows no provider {provider[:40]!r}", "add it to the proxy's configuration", "provider")

    def _entry(self, item: dict) -> dict:
        return {**item, "signed_in": self._client.signed_in(str(item.get("id")))}
