"""The key of a venue's account in the vault: kept, found again, removed. The secret goes from the page's buffer into the vault."""

from __future__ import annotations

import json
from typing import Any

from app.vault import VaultError, VaultRefused

from .errors import Refusal
from .realvenues import Account
from .settings import Settings

ACCOUNTS, SECRETS = "accounts", "secrets"


class AccountKeys:
    """The key of one account. ``keeping`` has the vault."""

    def __init__(self, name: str, account: Account, settings: Settings, keeping: Any) -> None:
        self.record: dict | None = None
        """What is kept beside the secret; None while there is no key in an open vault."""
        self._name, self._account, self._settings, self._keeping = name, account, settings, keeping

    async def credentials(self) -> Any:
        """What the venue is connected with; None without a key. Raises ValueError in words where it cannot be used."""
        vault = self._keeping.vault
        self.record = None
        try:
            kept = await vault.get(ACCOUNTS, self._name) if vault is not None and vault.state == "open" else None
            if kept is None:
                return None
            record = json.loads(kept)
            found = await self._account.credentials(self._settings, record, await vault.signer(self._name))
        except (VaultError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"the key in the vault cannot be used ({error}): enter it again") from None
        self.record = record
        return found

    async def keep(self, record: dict, secret: Any) -> None:
        """Put a key into the vault; the secret is wiped. A record never stands beside a secret that is not its own, wherever it breaks off."""
        vault = self.vault()
        before = await vault.get(ACCOUNTS, self._name)
        await vault.delete(ACCOUNTS, self._name)
        try:
            await vault.keep_signing_secret(self._name, record["algorithm"], secret)
        except VaultRefused:  # nothing was written: the key before stays
            if before is not None:
                await vault.put(ACCOUNTS, self._name, before)
            raise
        await vault.put(ACCOUNTS, self._name, json.dumps(record, sort_keys=True).encode())

    async def forget(self) -> None:
        """Remove it."""
        vault = self.vault()
        await vault.delete(ACCOUNTS, self._name)
        await vault.delete(SECRETS, self._name)
        self.record = None

    def vault(self) -> Any:
        """The open vault. Raises Refusal."""
        if self._keeping.state != "unlocked":
            raise Refusal("not_unlocked", "the key lies in the vault, which is not open", "make a vault or unlock it first")
        return self._keeping.vault
