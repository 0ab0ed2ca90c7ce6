"""The vault's primitives over WebCrypto.

Keys are non-extractable CryptoKeys; only the data key is made as one that can be wrapped, and dropped once it is. Its
bytes never show: from key to ciphertext and back it goes inside the browser. Passphrases are JS
Uint8Arrays handed through. Records are sealed and opened in bulk: the bytes of many cross into JS at
once, and their promises are made and awaited there together.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import js
from pyodide.ffi import JsException, JsProxy, to_js

from app.platform.errors import CryptoAuthError
from app.platform.interfaces import ARGON2ID, HKDF_SHA256, KEK_INFO, Kdf, Sealing

_WRAPS = ["encrypt", "decrypt", "wrapKey", "unwrapKey"]
_TAG_BYTES = 16


def plain_object(**fields: Any) -> Any:
    """A JS object; bytes and lists become JS values."""
    result = js.Object.new()
    for name, value in fields.items():
        setattr(result, name, to_js(value) if isinstance(value, (bytes, list)) else value)
    return result


class BrowserCrypto:
    """`Crypto` over crypto.subtle. ``site``: absolute address of the site's folder; without it there is no Argon2id."""

    def __init__(self, site: str = "") -> None:
        self._site = site
        self._keys: Any = None
        self._subtle = js.crypto.subtle
        self._aes = plain_object(name="AES-GCM", length=256)
        self._hmac = plain_object(name="HMAC", hash="SHA-256", length=256)

    @property
    def keys(self) -> Any:
        """Rewrapping, recovery codes, signing; loaded when first asked for."""
        if self._keys is None:
            from app.platform.browser.keywork import BrowserKeyWork

            self._keys = BrowserKeyWork(self._site)
        return self._keys

    def secret_length(self, secret: JsProxy) -> int:
        """Length of a secret in bytes."""
        return int(secret.byteLength)

    def wipe(self, secret: JsProxy) -> None:
        """Overwrite a secret with zeros; one that was given away to another thread is no longer here."""
        if secret.byteLength:
            secret.fill(0)

    async def derive_kek(self, secret: JsProxy, kdf: Kdf) -> Any:
        """Stretch a secret into a 256-bit wrapping key; the work runs off this thread. Raises CryptoUnavailable."""
        if kdf.name == ARGON2ID:
            return await self.keys.argon2id(secret, kdf)
        if kdf.name == HKDF_SHA256:
            base = await self._subtle.importKey("raw", secret, "HKDF", False, to_js(["deriveKey"]))
            return await self._subtle.deriveKey(hkdf(kdf.salt, KEK_INFO), base, self._aes, False, to_js(_WRAPS))
        base = await self._subtle.importKey("raw", secret, "PBKDF2", False, to_js(["deriveKey"]))
        how = plain_object(name="PBKDF2", hash="SHA-256", salt=kdf.salt, iterations=kdf.iterations)
        return await self._subtle.deriveKey(how, base, self._aes, False, to_js(_WRAPS))

    async def new_data_key(self, kek: Any, nonce: bytes, aad: bytes) -> tuple[Any, bytes]:
        """A fresh random data key, and its 48 bytes wrapped under `kek`."""
        made = await self._subtle.generateKey(self._aes, True, to_js(["encrypt"]))
        wrapped = (await self._subtle.wrapKey("raw", made, kek, gcm(nonce, aad))).to_bytes()
        return await self.unwrap_data_key(kek, nonce, aad, wrapped), wrapped

    async def unwrap_data_key(self, kek: Any, nonce: bytes, aad: bytes, wrapped: bytes) -> Any:
        """The data key. Raises CryptoAuthError for a wrong key or changed bytes alike."""
        how = gcm(nonce, aad)
        try:
            return await self._subtle.unwrapKey(
                "raw", to_js(wrapped), kek, how, "HKDF", False, to_js(["deriveKey"])
            )
        except JsException as error:
            if error.name != "OperationError":
                raise
            raise CryptoAuthError("The key could not be unwrapped.") from None

    async def record_key(self, data_key: Any, salt: bytes, info: bytes) -> Any:
        """An AES-256-GCM subkey by HKDF-SHA256."""
        return await self._subtle.deriveKey(
            hkdf(salt, info), data_key, self._aes, False, to_js(["encrypt", "decrypt"])
        )

    async def mac_key(self, data_key: Any, salt: bytes, info: bytes) -> Any:
        """An HMAC-SHA256 subkey (32 bytes) by HKDF-SHA256."""
        return await self._subtle.deriveKey(hkdf(salt, info), data_key, self._hmac, False, to_js(["sign", "verify"]))

    async def mac(self, key: Any, data: bytes) -> bytes:
        """HMAC-SHA256, 32 bytes."""
        result: bytes = (await self._subtle.sign("HMAC", key, to_js(data))).to_bytes()
        return result

    async def mac_matches(self, key: Any, data: bytes, mac: bytes) -> bool:
        """Whether `mac` is right, in constant time."""
        return bool(await self._subtle.verify("HMAC", key, to_js(mac), to_js(data)))

    async def seal_many(self, items: Sequence[Sealing]) -> list[bytes]:
        """Ciphertext with its 16-byte tag for each item."""
        return [sealed for sealed in await self._each(js.kontor.bulk.seal, items) if sealed is not None]

    async def open_many(self, items: Sequence[Sealing]) -> list[bytes | None]:
        """Plaintext for each item; None where authentication failed."""
        return await self._each(js.kontor.bulk.open, items)

    async def _each(self, operation: Any, items: Sequence[Sealing]) -> list[bytes | None]:
        if not items:
            return []
        first = items[0].key
        same = all(item.key is first for item in items)
        keys = to_js([first] if same else [item.key for item in items])
        pieces = [piece for item in items for piece in item[1:]]
        return apart(await operation(keys, to_js(b"".join(pieces)), to_js(array("i", map(len, pieces)))))


def apart(joined: Any) -> list[bytes | None]:
    """Values that crossed from JavaScript in one piece; None where one failed."""
    data, end, result = joined.bytes.to_bytes(), 0, []
    for length in joined.lengths.to_py():
        if length < 0:
            result.append(None)
            continue
        result.append(data[end : end + length])
        end += length
    return result


def gcm(nonce: bytes, aad: bytes) -> Any:
    """AES-GCM's parameters."""
    return plain_object(name="AES-GCM", iv=nonce, additionalData=aad, tagLength=_TAG_BYTES * 8)


def hkdf(salt: bytes, info: bytes) -> Any:
    """HKDF-SHA256's parameters."""
    return plain_object(name="HKDF", hash="SHA-256", salt=salt, info=info)
