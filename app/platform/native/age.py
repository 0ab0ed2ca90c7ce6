"""The age format on CPython through the `cryptography` package: passphrase (scrypt) files, read and written.

The format is age-encryption.org/v1: a text head with one scrypt stanza and a MAC, then the payload in chunks of 64 KiB, each
sealed with ChaCha20-Poly1305 under a counter that also says which chunk is the last.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.platform.errors import FileLocked, FileRefused

VERSION_LINE = b"age-encryption.org/v1\n"
WORK_FACTOR = 18
MAX_WORK_FACTOR = 20  # 1 GiB of memory, as much as age's JavaScript library takes
CHUNK = 64 * 1024
_TAG = 16
_HEAD_LIMIT = 4096
_LABEL = b"age-encryption.org/v1/scrypt"
_STANZA = re.compile(rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]{0,5})\n([A-Za-z0-9+/]{43})\n(?=---)")
_MAC = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")


class _Head(NamedTuple):
    salt: bytes
    work_factor: int
    wrapped: bytes
    signed: bytes
    mac: bytes
    length: int


class NativeFiles:
    """`Files` over the `cryptography` package. ``work_factor``: log2 of scrypt's N for files that are made."""

    def __init__(self, work_factor: int = WORK_FACTOR) -> None:
        self._work_factor = work_factor

    def size(self, file: bytes) -> int:
        """Its bytes."""
        return len(file)

    def read(self, file: bytes) -> bytes:
        """The bytes of a plain file."""
        return bytes(file)

    def make(self, data: bytes) -> bytes:
        """A plain file of these bytes."""
        return data

    async def csv_of_parquet(self, data: bytes) -> bytes:
        """A Parquet file as CSV: only the browser has a reader. Raises FileRefused."""
        raise FileRefused("Parquet is read in the browser only; write the file as CSV to use it here.")

    async def seal(self, secret: bytearray | bytes, chunks: AsyncIterator[bytes]) -> bytes:
        """The file that holds what the chunks hold."""
        file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
        wrapping = await _stretched(secret, salt, self._work_factor)
        wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
        head = VERSION_LINE + b"-> scrypt %s %d\n%s\n---" % (_encoded(salt), self._work_factor, _encoded(wrapped))
        result = bytearray(head + b" " + _encoded(_mac(file_key, head).finalize()) + b"\n" + nonce)
        cipher, number, waiting = ChaCha20Poly1305(_hkdf(file_key, nonce, b"payload")), 0, bytearray()
        async for chunk in chunks:
            waiting += chunk
            while len(waiting) > CHUNK:  # the last chunk is sealed as such, so one is always held back
                result += cipher.encrypt(_nonce(number, False), bytes(waiting[:CHUNK]), None)
                del waiting[:CHUNK]
                number += 1
        return bytes(result + cipher.encrypt(_nonce(number, True), bytes(waiting), None))

    async def open(self, secret: bytearray | bytes, file: bytes) -> AsyncIterator[bytes]:
        """What it holds, piece by piece. Raises FileLocked, FileRefused."""
        try:
            head = _head(file)
            file_key = _unwrapped(await _stretched(secret, head.salt, head.work_factor), head)
        finally:
            _wipe(secret)
        body = memoryview(file)[head.length :]
        if len(body) < 16 + _TAG:
            raise FileRefused("The file is cut short.")
        cipher, sealed = ChaCha20Poly1305(_hkdf(file_key, bytes(body[:16]), b"payload")), body[16:]
        step = CHUNK + _TAG
        for number in range(-(-len(sealed) // step)):
            last = (number + 1) * step >= len(sealed)
            try:
                plain = cipher.decrypt(_nonce(number, last), bytes(sealed[number * step : (number + 1) * step]), None)
            except InvalidTag:
                raise FileRefused("The file was changed or cut short.") from None
            if last and number and not plain:
                raise FileRefused("The file's last part is empty, which no writer makes.")
            yield plain


def _head(file: bytes) -> _Head:
    if not file.startswith(VERSION_LINE):
        raise FileRefused("This is no file of the age format.")
    start = bytes(file[:_HEAD_LIMIT])
    stanza = _STANZA.match(start, len(VERSION_LINE))
    if stanza is None:
        raise FileRefused("This age file is not protected by a passphrase, or its head was changed.")
    mac = _MAC.match(start, stanza.end())
    if mac is None:
        raise FileRefused("The file's head was changed or cut short.")
    work_factor = int(stanza[2])
    if work_factor > MAX_WORK_FACTOR:
        raise FileRefused(f"Opening this file would take scrypt work factor {work_factor}; at most {MAX_WORK_FACTOR} is done.")
    signed = start[: stanza.end() + 3]
    return _Head(_decoded(stanza[1], 16), work_factor, _decoded(stanza[3], 32), signed, _decoded(mac[1], 32), mac.end())


def _unwrapped(wrapping: bytes, head: _Head) -> bytes:
    try:
        file_key = ChaCha20Poly1305(wrapping).decrypt(bytes(12), head.wrapped, None)
        _mac(file_key, head.signed).verify(head.mac)
    except (InvalidTag, InvalidSignature):
        raise FileLocked("The passphrase does not open this file, or the file's head was changed.") from None
    return file_key


async def _stretched(secret: bytearray | bytes, salt: bytes, work_factor: int) -> bytes:
    try:
        kdf = Scrypt(salt=_LABEL + salt, length=32, n=2**work_factor, r=8, p=1)
        return await asyncio.to_thread(kdf.derive, bytes(secret))
    except MemoryError:
        raise FileRefused("There is not enough memory to open this file.") from None
    finally:
        _wipe(secret)


def _wipe(secret: bytearray | bytes) -> None:
    if isinstance(secret, bytearray):
        secret[:] = bytes(len(secret))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _hkdf(key: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def _mac(file_key: bytes, signed: bytes) -> HMAC:
    mac = HMAC(_hkdf(file_key, None, b"header"), SHA256())
    mac.update(signed)
    return mac


def _encoded(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _decoded(text: bytes, length: int) -> bytes:
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        data = b""
    if len(data) != length or _encoded(data) != text:
        raise FileRefused("The file's head was changed.")
    return data
