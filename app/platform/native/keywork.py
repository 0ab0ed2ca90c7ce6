"""Recovery codes, rewrapping and signing on CPython; what each does is written in docs/vault.md."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from app.platform.errors import CryptoAuthError
from app.platform.interfaces import ED25519, HMAC_SHA256, SECRET_MARK, SENT_AS_IS, Rewrap
from app.platform.native.crypto import NativeKey

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = {"O": "0", "I": "1", "L": "1"}
_RANDOM_BYTES, _CHECK_BYTES, _GROUP = 17, 3, 4
_CHECK = b"kontor-recovery/1"
_SEED_BYTES = 32
_MAX_HMAC_SECRET = 4_096
_MAX_SENT = 512
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class NativeSigner:
    """A signing key handle."""

    algorithm: str
    raw: bytes | Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"NativeSigner({self.algorithm})"


@dataclass(frozen=True, slots=True)
class NativeInjector:
    """Puts a secret into what goes to some origins."""

    raw: bytes
    origins: frozenset[str]

    def __repr__(self) -> str:
        return f"NativeInjector({sorted(self.origins)})"

    def fill(self, url: str, text: str) -> str:
        """``text`` with the secret. Raises ValueError for another address."""
        at = urlsplit(url)
        if at.hostname in _LOOPBACK and at.path.endswith("/api/fetch"):  # what this desk's own proxy is asked to fetch, as in injecting.mjs
            name, _, asked = at.query.partition("=")
            plain = name == "url" and "&" not in asked and not re.match(r"/https?(:|%3a)", at.path, re.IGNORECASE)
            at = urlsplit(unquote(asked) if plain else "")
        if f"{at.scheme}://{at.netloc}" not in self.origins:
            raise ValueError("the secret does not go to this address")
        return text.replace(SECRET_MARK, self.raw.decode("ascii"))


class NativeKeyWork:
    """`KeyWork` over the `cryptography` package."""

    async def rewrap(self, kek: NativeKey, nonce: bytes, aad: bytes, wrapped: bytes, to: Rewrap) -> bytes:
        """What is wrapped under `kek`, wrapped under another key. Raises CryptoAuthError."""
        return AESGCM(to.kek.raw).encrypt(to.nonce, _unwrapped(kek, nonce, aad, wrapped), to.aad)

    async def new_recovery(self) -> bytearray:
        """A fresh recovery code as it is shown."""
        raw = os.urandom(_RANDOM_BYTES)
        number = int.from_bytes(raw + _check(raw), "big")
        count = (_RANDOM_BYTES + _CHECK_BYTES) * 8 // 5
        text = "".join(ALPHABET[number >> 5 * (count - 1 - index) & 31] for index in range(count))
        return bytearray("-".join(text[at : at + _GROUP] for at in range(0, count, _GROUP)).encode())

    async def read_recovery(self, typed: bytearray) -> bytearray | None:
        """The random bytes of a recovery code as somebody typed it; None where its check does not match."""
        symbols = [_MISREAD.get(symbol, symbol) for symbol in typed.decode("ascii", "replace").upper() if symbol not in " -\t\r\n"]
        if len(symbols) != (_RANDOM_BYTES + _CHECK_BYTES) * 8 // 5 or not all(symbol in ALPHABET for symbol in symbols):
            return None
        number = 0
        for symbol in symbols:
            number = number << 5 | ALPHABET.index(symbol)
        both = number.to_bytes(_RANDOM_BYTES + _CHECK_BYTES, "big")
        raw = both[:_RANDOM_BYTES]
        return bytearray(raw) if _check(raw) == both[_RANDOM_BYTES:] else None

    async def wrapping_key(self, data_key: NativeKey, salt: bytes, info: bytes) -> NativeKey:
        """An AES-256-GCM subkey by HKDF-SHA256 that wraps and unwraps keys."""
        return NativeKey(HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(data_key.raw))

    async def wrap_signer(self, key: NativeKey, nonce: bytes, aad: bytes, algorithm: str, secret: bytearray) -> bytes:
        """A signing secret wrapped. Raises ValueError for what is no key of this algorithm."""
        return AESGCM(key.raw).encrypt(nonce, _key_bytes(algorithm, bytes(secret)), aad)

    async def unwrap_signer(self, key: NativeKey, nonce: bytes, aad: bytes, algorithm: str, wrapped: bytes) -> NativeSigner:
        """The signing key. Raises CryptoAuthError."""
        raw = _unwrapped(key, nonce, aad, wrapped)
        return NativeSigner(algorithm, _ed25519(raw) if algorithm == ED25519 else raw)

    async def injector(self, key: NativeSigner, origins: Sequence[str]) -> NativeInjector:
        """What puts the secret into requests to these origins and nowhere else."""
        return NativeInjector(key.raw, frozenset(origins))

    async def new_signing_pair(self) -> tuple[NativeSigner, bytes]:
        """A fresh Ed25519 key and its public half."""
        key = Ed25519PrivateKey.generate()
        return NativeSigner(ED25519, key), key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    async def sign(self, key: NativeSigner, data: bytes) -> bytes:
        """HMAC-SHA256 or Ed25519 signature, by the kind of key."""
        if isinstance(key.raw, Ed25519PrivateKey):
            return key.raw.sign(data)
        return hmac.digest(key.raw, data, "sha256")


def _unwrapped(kek: NativeKey, nonce: bytes, aad: bytes, wrapped: bytes) -> bytes:
    try:
        return AESGCM(kek.raw).decrypt(nonce, wrapped, aad)
    except InvalidTag:
        raise CryptoAuthError("The key could not be unwrapped.") from None


def _check(raw: bytes) -> bytes:
    return hashlib.sha256(_CHECK + raw).digest()[:_CHECK_BYTES]


def _key_bytes(algorithm: str, secret: bytes) -> bytes:
    if algorithm == HMAC_SHA256:
        if not 1 <= len(secret) <= _MAX_HMAC_SECRET:
            raise ValueError(f"an HMAC secret has 1 to {_MAX_HMAC_SECRET} bytes")
        return secret
    if algorithm == SENT_AS_IS:
        trimmed = secret.strip(b" \t\r\n")
        if not 1 <= len(trimmed) <= _MAX_SENT or not all(32 < byte < 127 and byte not in b'"\\' for byte in trimmed):
            raise ValueError(f"it has to be up to {_MAX_SENT} letters, digits and signs, without blanks between them")
        return trimmed
    if algorithm != ED25519:
        raise ValueError("the algorithm is HMAC-SHA256 or Ed25519")
    return _ed25519(secret).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _ed25519(secret: bytes) -> Ed25519PrivateKey:
    try:
        if len(secret) == _SEED_BYTES:
            return Ed25519PrivateKey.from_private_bytes(secret)
        load = load_pem_private_key if secret.lstrip().startswith(b"-----") else load_der_private_key
        key = load(secret, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("this is no Ed25519 private key (a PKCS#8 file, or a seed of 32 bytes)")
    return key
