"""Bytes of a stored record: associated data, key info, the envelope, the chain. No keys, no storage.

Everything here is specified in docs/vault.md, byte by byte; a change here is a new format number.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

FORMAT = 1
FORM_TABLE = 1
FORM_LOG = 2
FORM_CHUNK = 3
FORMS = (FORM_TABLE, FORM_LOG, FORM_CHUNK)
NONCE_BYTES = 12
TAG_BYTES = 16
TOKEN_BYTES = 16
CHAIN_BYTES = 32
VAULT_ID_BYTES = 16

_ENVELOPE = struct.Struct(">BBIIQ12s")
ENVELOPE_HEAD = _ENVELOPE.size
_AAD_TAIL = struct.Struct(">IQII")
_CHUNK = struct.Struct(">16sII")
_U32 = struct.Struct(">I")
_PLACE = struct.Struct(">QI")


class FormatError(ValueError):
    """Stored bytes that do not have the shape of what they should be."""


def read_whole(value: object, low: int, high: int) -> int:
    """A whole number within its limits. Raises FormatError."""
    if type(value) is not int or not low <= value <= high:
        raise FormatError("a number is out of its limits")
    return value


def read_hex(value: object, low: int, high: int) -> bytes:
    """Bytes from hex digits, within limits on how many. Raises FormatError or ValueError."""
    if not isinstance(value, str) or not low * 2 <= len(value) <= high * 2:
        raise FormatError("bytes are out of their limits")
    return bytes.fromhex(value)


def joined(*fields: bytes) -> bytes:
    """Fields, each after its length as u32, so that no two lists of fields join to the same bytes."""
    return b"".join([_U32.pack(len(field)) + field for field in fields])


def key_info(purpose: str, cls: str, epoch: int) -> bytes:
    """HKDF info of a subkey; the salt is the vault id."""
    return joined(b"kontor-vault/1", purpose.encode(), cls.encode(), _U32.pack(epoch))


def wrap_aad(vault_id: bytes, slot_id: bytes, kind: str, kdf: bytes, epoch: int) -> bytes:
    """Associated data of a wrapped data key."""
    return joined(vault_id, b"kontor-wrap/1", slot_id, kind.encode(), kdf, _U32.pack(epoch))


def aad_prefix(vault_id: bytes, cls: str, form: int) -> bytes:
    """The part of a record's associated data that is the same for its whole class."""
    return joined(vault_id, b"kontor-record/%d.%d" % (FORMAT, form), cls.encode())


def record_aad(prefix: bytes, record_id: str, version: int, epoch: int) -> bytes:
    """Associated data of one record: id, version and epoch joined as `joined` does, at once because there are many."""
    encoded = record_id.encode()
    return prefix + _U32.pack(len(encoded)) + encoded + _AAD_TAIL.pack(8, version, 4, epoch)


class Envelope(NamedTuple):
    """A stored record taken apart; nothing in it is trusted until it opens.

    `version` is a log record's position from 1, and the manifest counter of the commit that wrote a table record.
    """

    form: int
    epoch: int
    version: int
    nonce: bytes
    sealed: bytes


def envelope_head(form: int, epoch: int, version: int, nonce: bytes, plain_bytes: int) -> bytes:
    """What is stored before the ciphertext and tag of so many bytes of plaintext; it ends with the nonce."""
    return _ENVELOPE.pack(FORMAT, form, ENVELOPE_HEAD + plain_bytes + TAG_BYTES, epoch, version, nonce)


def parse_heads(heads: bytes) -> Iterator[tuple[int, int, int, int, int, bytes]]:
    """(format, form, length, epoch, version, nonce) of many heads, one after another."""
    return _ENVELOPE.iter_unpack(heads)


def parse_envelope(stored: bytes) -> Envelope:
    """Take stored bytes apart. Raises FormatError for anything but a whole envelope of a known form."""
    if len(stored) < ENVELOPE_HEAD + TAG_BYTES:
        raise FormatError("too short")
    number, form, length, epoch, version, nonce = _ENVELOPE.unpack_from(stored)
    if number != FORMAT or form not in FORMS:
        raise FormatError("unknown format")
    if length != len(stored):
        raise FormatError("length differs")
    return Envelope(form, epoch, version, nonce, stored[ENVELOPE_HEAD:])


def pack_log(previous: bytes, payload: bytes) -> bytes:
    """Plaintext of a log record: the chain before it, the payload."""
    return previous + payload


def pack_table(token: bytes, payload: bytes) -> bytes:
    """Plaintext of a table record: its secret token, the payload."""
    return token + payload


def parse_table(plain: bytes) -> tuple[int, bytes]:
    """(token as an integer, payload) of a table record's plaintext."""
    if len(plain) < TOKEN_BYTES:
        raise FormatError("table record too short")
    return int.from_bytes(plain[:TOKEN_BYTES], "big"), plain[TOKEN_BYTES:]


class Chunk(NamedTuple):
    """A piece of a column: which write it belongs to, its place from 0 among how many, its bytes."""

    write: bytes
    index: int
    count: int
    data: bytes


def chunk_id(column: str, index: int) -> str:
    """The record id of a piece."""
    return f"{column}/{index:06d}"


def pack_chunk(token: bytes, chunk: Chunk) -> bytes:
    """Plaintext of a piece of a column."""
    return token + _CHUNK.pack(chunk.write, chunk.index, chunk.count) + chunk.data


def parse_chunk(record_id: str, plain: bytes) -> tuple[int, str, Chunk]:
    """(token as an integer, name of the column, piece) of a piece's plaintext; its place has to be the one of its id."""
    token, rest = parse_table(plain)
    if len(rest) < _CHUNK.size:
        raise FormatError("piece of a column too short")
    write, index, count = _CHUNK.unpack_from(rest)
    column = record_id.rpartition("/")[0]
    if index >= count or record_id != chunk_id(column, index):
        raise FormatError("piece of a column out of place")
    return token, column, Chunk(write, index, count, rest[_CHUNK.size :])


def chain_start(vault_id: bytes, cls: str) -> bytes:
    """The chain of a log before its first record."""
    return hashlib.sha256(joined(b"kontor-chain/1", vault_id, cls.encode())).digest()


def chain_next(previous: bytes, position: int, record_id: str, payload: bytes) -> bytes:
    """The chain after one more record; it speaks of plaintext, so a change of keys leaves it as it is."""
    encoded = record_id.encode()
    return hashlib.sha256(previous + _PLACE.pack(position, len(encoded)) + encoded + payload).digest()
