"""Where sign-in tokens are: in the open vault, else in this tab's memory; nowhere else, and never in a message to the page.

A token that comes while the vault is locked or there is none stays in memory until the tab closes. Locking the vault forgets the
tokens that it keeps.
"""

from __future__ import annotations

import json
from typing import Any

CLASS = "oauth"


class VaultTokens:
    """Token records by provider. ``keeping`` is the desk's: it says whether there is an open vault."""

    def __init__(self, keeping: Any) -> None:
        self._keeping = keeping
        self._memory: dict[str, dict] = {}

    async def get(self, provider: str) -> dict | None:
        """The record, or None when there is none that can be read now."""
        if self._open:
            data = await self._keeping.vault.get(CLASS, provider)
            if data is not None:
                return json.loads(data)
        return self._memory.get(provider)

    async def put(self, provider: str, tokens: dict) -> str:
        """Keep a record in place of an older one; tells where: vault or memory."""
        if self._open:
            await self._keeping.vault.put(CLASS, provider, json.dumps(tokens, separators=(",", ":")).encode())
            self._memory.pop(provider, None)
            return "vault"
        self._memory[provider] = tokens
        return "memory"

    async def delete(self, provider: str) -> None:
        """Forget the record everywhere."""
        self._memory.pop(provider, None)
        if self._open and await self._keeping.vault.get(CLASS, provider) is not None:
            await self._keeping.vault.delete(CLASS, provider)

    async def settle(self) -> None:
        """Move into the vault, once it is open, what had to wait in memory."""
        for provider, tokens in list(self._memory.items()) if self._open else ():
            await self.put(provider, tokens)

    @property
    def _open(self) -> bool:
        return self._keeping.state == "unlocked" and not self._keeping.vault.read_only
