"""The vault's primitives on CPython through the `cryptography` package, byte for byte as WebCrypto makes them.

Key bytes do live in this process's heap here; that is the accepted price of a native recovery tool and of a
second implementation in tests. The browser's implementation never sees them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from app.platform.errors import CryptoAuthError, CryptoUnavailable
from app.platform.interfaces import ARGON2ID, HKDF_SHA256, KEK_INFO, Kdf, KeyWork, Sealing

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class NativeKey:
    """A key handle; its bytes do not show in repr or logs."""

    raw: bytes

    def __repr__(self) -> str:
        return "NativeKey(...)"


class NativeCrypto:
    """`Crypto` over the `cryptography` package."""

    @property
    def keys(self) -> KeyWork:
        """Rewrapping, recovery codes, signing."""
        from app.platform.native.keywork import NativeKeyWork

        return NativeKeyWork()

    def secret_length(self, secret: bytearray | bytes) -> int:
        """Length of a secret in bytes."""
        return len(secret)

    def wipe(self, secret: bytearray | bytes) -> None:
        """Overwrite a bytearray with zeros; immutable bytes cannot be wiped and are left."""
        if isinstance(secret, bytearray):
            secret[:] = bytes(len(secret))

    async def derive_kek(self, secret: bytearray | bytes, kdf: Kdf) -> NativeKey:
        """Stretch a secret into a 256-bit wrapping key, off the event loop."""
        stretch: PBKDF2HMAC | Argon2id
        if kdf.name == HKDF_SHA256:
            return NativeKey(HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=kdf.salt, info=KEK_INFO).derive(bytes(secret)))
        if kdf.name == ARGON2ID:
            try:
                stretch = Argon2id(
                    salt=kdf.salt, length=_KEY_BYTES, iterations=kdf.iterations, lanes=kdf.lanes, memory_cost=kdf.memory_kib
                )
            except UnsupportedAlgorithm:
                raise CryptoUnavailable("This machine's OpenSSL has no Argon2id.") from None
        else:
            stretch = PBKDF2HMAC(algorithm=SHA256(), length=_KEY_BYTES, salt=kdf.salt, iterations=kdf.iterations)
        return NativeKey(await asyncio.to_thread(stretch.derive, bytes(secret)))

    async def new_data_key(self, kek: NativeKey, nonce: bytes, aad: bytes) -> tuple[NativeKey, bytes]:
        """A fresh random data key, and its 48 bytes wrapped under `kek`."""
        raw = os.urandom(_KEY_BYTES)
        return NativeKey(raw), AESGCM(kek.raw).encrypt(nonce, raw, aad)

    async def unwrap_data_key(self, kek: NativeKey, nonce: bytes, aad: bytes, wrapped: bytes) -> NativeKey:
        """The data key. Raises CryptoAuthError for a wrong key or changed bytes alike."""
        try:
            return NativeKey(AESGCM(kek.raw).decrypt(nonce, wrapped, aad))
        except InvalidTag:
            raise CryptoAuthError("The key could not be unwrapped.") from None

    async def record_key(self, data_key: NativeKey, salt: bytes, info: bytes) -> AESGCM:
        """An AES-256-GCM subkey by HKDF-SHA256."""
        return AESGCM(_hkdf(data_key, salt, info))

    async def mac_key(self, data_key: NativeKey, salt: bytes, info: bytes) -> NativeKey:
        """An HMAC-SHA256 subkey (32 bytes) by HKDF-SHA256."""
        return NativeKey(_hkdf(data_key, salt, info))

    async def mac(self, key: NativeKey, data: bytes) -> bytes:
        """HMAC-SHA256, 32 bytes."""
        mac = HMAC(key.raw, SHA256())
        mac.update(data)
        return mac.finalize()

    async def mac_matches(self, key: NativeKey, data: bytes, mac: bytes) -> bool:
        """Whether `mac` is right, in constant time."""
        check = HMAC(key.raw, SHA256())
        check.update(data)
        try:
            check.verify(mac)
        except InvalidSignature:
            return False
        return True

    async def seal_many(self, items: Sequence[Sealing]) -> list[bytes]:
        """Ciphertext with its 16-byte tag for each item."""
        return [key.encrypt(nonce, data, aad) for key, nonce, aad, data in items]

    async def open_many(self, items: Sequence[Sealing]) -> list[bytes | None]:
        """Plaintext for each item; None where authentication failed."""
        return [_open(item) for item in items]


def _open(item: Sealing) -> bytes | None:
    try:
        plain: bytes = item.key.decrypt(item.nonce, item.data, item.aad)
    except InvalidTag:
        return None
    return plain


def _hkdf(key: NativeKey, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=info).derive(key.raw)
