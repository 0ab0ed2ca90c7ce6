"""Signing for venues where the key is: callers get signatures, never keys.

A venue's secret is kept wrapped inside an ordinary record, under a key of its own that the record class's key does not open. It
goes from the trader's buffer to the ciphertext and from there to a key that cannot be taken out; no Python sees it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.platform.errors import CryptoAuthError
from app.platform.interfaces import ED25519, HMAC_SHA256, SENT_AS_IS, Crypto, KeyHandle, Rewrap, Secret
from app.vault.errors import VaultDamaged, VaultLocked, VaultRefused
from app.vault.format import NONCE_BYTES, FormatError, joined, read_hex, read_whole
from app.vault.keys import KeyRing

if TYPE_CHECKING:
    from app.vault.staging import Sources

SECRETS = "secrets"
ALGORITHMS = (HMAC_SHA256, ED25519, SENT_AS_IS)
_MAX_WRAPPED = 5_000


class Signer:
    """Signs with one key, or stands for a secret that is sent as it is. After the vault was locked it raises VaultLocked."""

    def __init__(self, crypto: Crypto, algorithm: str, key: KeyHandle, public: bytes = b"") -> None:
        self.algorithm, self.public = algorithm, public
        self._crypto, self._key = crypto, key

    async def sign(self, data: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) or Ed25519 signature (64 bytes) of `data`. Raises VaultLocked."""
        if self._key is None:
            raise VaultLocked("The vault is locked.")
        return await self._crypto.keys.sign(self._key, data)

    async def injector(self, origins: Sequence[str]) -> KeyHandle:
        """For a secret that is sent as it is: what puts it into requests to these origins, outside Python. Raises VaultLocked."""
        if self._key is None:
            raise VaultLocked("The vault is locked.")
        return await self._crypto.keys.injector(self._key, origins)

    def forget(self) -> None:
        """Drop the key."""
        self._key = None


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A signing secret as its record holds it. `wrapped` opens under the epoch's key for secrets only."""

    algorithm: str
    epoch: int
    nonce: bytes
    wrapped: bytes

    def encode(self) -> bytes:
        """The record's payload; its length does not depend on the epoch."""
        raw = {"algorithm": self.algorithm, "epoch": f"{self.epoch:08x}", "key": self.wrapped.hex(), "nonce": self.nonce.hex()}
        return json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()


def decode(payload: bytes) -> KeptSecret:
    """The secret's record. Raises FormatError."""
    try:
        raw = json.loads(payload)
        if raw["algorithm"] not in ALGORITHMS:
            raise FormatError("algorithm")
        epoch = read_whole(int.from_bytes(read_hex(raw["epoch"], 4, 4), "big"), 1, 2**32 - 1)
        return KeptSecret(raw["algorithm"], epoch, read_hex(raw["nonce"], NONCE_BYTES, NONCE_BYTES), read_hex(raw["key"], 17, _MAX_WRAPPED))
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"signing secret: {type(error).__name__}") from None


def secret_aad(vault_id: bytes, record_id: str, algorithm: str, epoch: int) -> bytes:
    """Associated data of a wrapped signing secret."""
    return joined(vault_id, b"kontor-secret/1", SECRETS.encode(), record_id.encode(), algorithm.encode(), epoch.to_bytes(4, "big"))


async def wrapped_secret(sources: Sources, record_id: str, algorithm: str, secret: Secret) -> bytes:
    """The payload of a record that keeps a signing secret. Raises VaultRefused for what is no key."""
    ring, nonce = sources.ring, sources.entropy.random_bytes(NONCE_BYTES)
    key = await ring.wrapping_key(SECRETS, ring.epoch)
    aad = secret_aad(ring.vault_id, record_id, algorithm, ring.epoch)
    try:
        wrapped = await sources.crypto.keys.wrap_signer(key, nonce, aad, algorithm, secret)
    except ValueError as error:
        raise VaultRefused(f"The secret was refused: {error}.", remedy="Copy it from the venue again.") from None
    return KeptSecret(algorithm, ring.epoch, nonce, wrapped).encode()


async def opened_signer(crypto: Crypto, ring: KeyRing, record_id: str, payload: bytes) -> Signer:
    """A signer for a kept secret. Raises VaultDamaged."""
    try:
        kept = decode(payload)
        key = await ring.wrapping_key(SECRETS, kept.epoch)
        aad = secret_aad(ring.vault_id, record_id, kept.algorithm, kept.epoch)
        handle = await crypto.keys.unwrap_signer(key, kept.nonce, aad, kept.algorithm, kept.wrapped)
    except (FormatError, CryptoAuthError):
        raise VaultDamaged(f"The signing secret {record_id} cannot be used.", remedy="Enter it again from the venue.") from None
    return Signer(crypto, kept.algorithm, handle)


async def resealed(sources: Sources, record_id: str, payload: bytes) -> bytes:
    """The payload with its secret wrapped under the present epoch's key. Raises FormatError or CryptoAuthError."""
    ring, kept = sources.ring, decode(payload)
    aad = secret_aad(ring.vault_id, record_id, kept.algorithm, kept.epoch)
    nonce = sources.entropy.random_bytes(NONCE_BYTES)
    to = Rewrap(
        await ring.wrapping_key(SECRETS, ring.epoch), nonce, secret_aad(ring.vault_id, record_id, kept.algorithm, ring.epoch)
    )
    key = await ring.wrapping_key(SECRETS, kept.epoch)
    wrapped = await sources.crypto.keys.rewrap(key, kept.nonce, aad, kept.wrapped, to)
    return KeptSecret(kept.algorithm, ring.epoch, nonce, wrapped).encode()
