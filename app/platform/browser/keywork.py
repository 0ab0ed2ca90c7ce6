"""Recovery codes, Argon2id, rewrapping and signing in a browser.

What WebCrypto cannot do is done in JavaScript by a worker of one job (worker/secrets.mjs). Secrets are JS buffers and keys
CryptoKeys throughout: a wrapped key that is to be wrapped under another goes from key to key inside the browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import js
from pyodide.ffi import JsException, JsNull, create_once_callable, to_js

from app.platform.errors import CryptoAuthError, CryptoUnavailable
from app.platform.interfaces import ED25519, HMAC_SHA256, SENT_AS_IS, Kdf, Rewrap

from .crypto import gcm, hkdf, plain_object

_MAX_HMAC_SECRET = 4_096


class BrowserKeyWork:
    """`KeyWork` over crypto.subtle. ``site``: absolute address of the site's folder."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._subtle = js.crypto.subtle
        # What passes from one wrapping to another is any bytes at all, which is what a key of HMAC may be.
        self._any = plain_object(name="HMAC", hash="SHA-256")

    async def argon2id(self, secret: Any, kdf: Kdf) -> Any:
        """A wrapping key by Argon2id. Raises CryptoUnavailable."""
        if not self._site:
            raise CryptoUnavailable("There is no Argon2id here.")
        copy = js.Uint8Array.new(secret)
        job = plain_object(job="argon2id", salt=kdf.salt, passes=kdf.iterations, memory=kdf.memory_kib, lanes=kdf.lanes)
        try:
            return await self._done(job, copy)
        except _JobFailed as error:
            raise CryptoUnavailable(f"This browser could not run Argon2id with {kdf.memory_kib // 1024} MiB ({error}).") from None

    async def rewrap(self, kek: Any, nonce: bytes, aad: bytes, wrapped: bytes, to: Rewrap) -> bytes:
        """What is wrapped under `kek`, wrapped under another key. Raises CryptoAuthError."""
        held = await self._unwrapped("raw", kek, nonce, aad, wrapped, self._any, True)
        result: bytes = (await self._subtle.wrapKey("raw", held, to.kek, gcm(to.nonce, to.aad))).to_bytes()
        return result

    async def new_recovery(self) -> Any:
        """A fresh recovery code as it is shown."""
        return await self._done(plain_object(job="newRecovery"))

    async def read_recovery(self, typed: Any) -> Any:
        """The random bytes of a recovery code as somebody typed it; None where its check does not match."""
        return await self._done(plain_object(job="readRecovery"), js.Uint8Array.new(typed))

    async def wrapping_key(self, data_key: Any, salt: bytes, info: bytes) -> Any:
        """An AES-256-GCM subkey by HKDF-SHA256 that wraps and unwraps keys."""
        how, usages = plain_object(name="AES-GCM", length=256), to_js(["encrypt", "wrapKey", "unwrapKey"])
        return await self._subtle.deriveKey(hkdf(salt, info), data_key, how, False, usages)

    async def wrap_signer(self, key: Any, nonce: bytes, aad: bytes, algorithm: str, secret: Any) -> bytes:
        """A signing secret wrapped. Raises ValueError for what is no key of this algorithm."""
        made = None
        if algorithm == HMAC_SHA256:
            if not 1 <= secret.byteLength <= _MAX_HMAC_SECRET:
                raise ValueError(f"an HMAC secret has 1 to {_MAX_HMAC_SECRET} bytes")
        elif algorithm == SENT_AS_IS:
            made = (await _injecting()).fit(secret)
            if made is None or isinstance(made, JsNull):
                raise ValueError("it has to be up to 512 letters, digits and signs, without blanks between them")
        elif algorithm != ED25519:
            raise ValueError("the algorithm is HMAC-SHA256 or Ed25519")
        else:
            try:
                made = await self._done(plain_object(job="pkcs8"), js.Uint8Array.new(secret))
            except _JobFailed:
                raise ValueError("this is no Ed25519 private key (a PKCS#8 file, or a seed of 32 bytes)") from None
        try:
            wrapped = await self._subtle.encrypt(gcm(nonce, aad), key, secret if made is None else made)
        finally:
            if made is not None:
                made.fill(0)
        result: bytes = wrapped.to_bytes()
        return result

    async def unwrap_signer(self, key: Any, nonce: bytes, aad: bytes, algorithm: str, wrapped: bytes) -> Any:
        """The signing key. Raises CryptoAuthError."""
        if algorithm in (HMAC_SHA256, SENT_AS_IS):
            return await self._unwrapped("raw", key, nonce, aad, wrapped, self._any, algorithm == SENT_AS_IS)
        return await self._unwrapped("pkcs8", key, nonce, aad, wrapped, plain_object(name=ED25519), False)

    async def injector(self, key: Any, origins: Sequence[str]) -> Any:
        """What puts the secret into requests to these origins and nowhere else."""
        return (await _injecting()).injector(key, to_js(list(origins)))

    async def new_signing_pair(self) -> tuple[Any, bytes]:
        """A fresh Ed25519 key and its public half."""
        pair = await self._subtle.generateKey(plain_object(name=ED25519), False, to_js(["sign", "verify"]))
        return pair.privateKey, (await self._subtle.exportKey("raw", pair.publicKey)).to_bytes()

    async def sign(self, key: Any, data: bytes) -> bytes:
        """HMAC-SHA256 or Ed25519 signature, by the kind of key."""
        result: bytes = (await self._subtle.sign(key.algorithm.name, key, to_js(data))).to_bytes()
        return result

    async def _unwrapped(self, form: str, kek: Any, nonce: bytes, aad: bytes, wrapped: bytes, what: Any, out: bool) -> Any:
        try:
            return await self._subtle.unwrapKey(form, to_js(wrapped), kek, gcm(nonce, aad), what, out, to_js(["sign"]))
        except JsException as error:
            if error.name not in ("OperationError", "DataError"):
                raise
            raise CryptoAuthError("The key could not be unwrapped.") from None

    async def _done(self, job: Any, secret: Any = None) -> Any:
        """What a worker made of a job; the secret's buffer is given away to it."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        worker = js.Worker.new(f"{self._site}worker/secrets.mjs", plain_object(type="module"))

        def heard(event: Any) -> None:
            if done.done():
                return
            data = getattr(event, "data", None)
            if data is None or hasattr(data, "error"):
                done.set_exception(_JobFailed("it did not start" if data is None else data.error))
            else:
                result = data.result
                done.set_result(None if isinstance(result, JsNull) else result)

        worker.onmessage = worker.onerror = create_once_callable(heard)
        try:
            if secret is None:
                worker.postMessage(job)
            else:
                job.secret = secret
                worker.postMessage(job, to_js([secret.buffer]))
            return await done
        finally:
            worker.terminate()


async def _injecting() -> Any:
    """The module of secrets that are sent as they are; fetched when one is used."""
    return await getattr(js.kontor, "import")("app/platform/injecting.mjs")


class _JobFailed(Exception):
    """A worker could not do its job; the text is the name of the error."""
