"""The vault's header: its id, epoch and key slots, in the clear but authenticated.

Parsing enforces the limits on everything a hostile file could abuse (work, sizes, counts) before any
key is derived. Slots of kinds this version does not know are carried along untouched.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

from app.platform.interfaces import ARGON2ID, HKDF_SHA256, PBKDF2, Kdf
from app.vault.format import NONCE_BYTES, TAG_BYTES, VAULT_ID_BYTES, FormatError, read_hex, read_whole
from app.vault.kdf import KdfPolicy, kdf_json, read_kdf

MAGIC = b"KONTORVH"
VERSION = 2
VERSIONS = (1, 2)
MAC_BYTES = 32
PASSPHRASE, RECOVERY, PASSKEY = "passphrase", "recovery", "passkey"
KDFS = {PASSPHRASE: (PBKDF2, ARGON2ID), RECOVERY: (HKDF_SHA256,), PASSKEY: (HKDF_SHA256,)}
KINDS = {1: (PASSPHRASE,), 2: (PASSPHRASE, RECOVERY, PASSKEY)}
MAX_SLOTS = 16
MAX_LABEL = 60
MAX_CREDENTIAL = 1_023
PRF_SALT_BYTES = 32
SLOT_ID_BYTES = 8
_LEAD = struct.Struct(">8sBI")
_MAX_HEADER = 64 * 1024
_WRAPPED_BYTES = 32 + TAG_BYTES


@dataclass(frozen=True, slots=True)
class Wrap:
    """The data key of one epoch, wrapped under the slot's key."""

    epoch: int
    nonce: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Slot:
    """One way to open the vault. `credential` and `prf_salt` are a passkey's."""

    id: bytes
    kind: str
    kdf: Kdf
    wraps: tuple[Wrap, ...]
    label: str = ""
    created_ns: int = 0
    credential: bytes = b""
    prf_salt: bytes = b""

    def wrap_of(self, epoch: int) -> Wrap | None:
        """The wrapped data key of an epoch, if this slot has it."""
        return next((wrap for wrap in self.wraps if wrap.epoch == epoch), None)


@dataclass(frozen=True, slots=True)
class Header:
    """What must be known before anything can be opened. `revision` grows with every change of it. `leaving`: the epoch whose
    records are being sealed anew under `epoch`; 0 while the vault is not being rekeyed."""

    vault_id: bytes
    created_ns: int
    epoch: int
    revision: int
    slots: tuple[Slot, ...]
    other_slots: tuple[dict[str, Any], ...] = field(default=())
    leaving: int = 0
    version: int = VERSION


def encode_body(header: Header) -> bytes:
    """The authenticated part: magic, version, length, canonical JSON. The MAC is appended by the caller."""
    slots = [_slot_json(slot, header.version) for slot in header.slots] + list(header.other_slots)
    body = {
        "created_ns": header.created_ns,
        "epoch": header.epoch,
        "revision": header.revision,
        "slots": slots,
        "vault": header.vault_id.hex(),
    }
    if header.version > 1:
        body["leaving"] = header.leaving
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    if _LEAD.size + len(text) + MAC_BYTES > _MAX_HEADER:
        raise FormatError("header size")
    return _LEAD.pack(MAGIC, header.version, len(text)) + text


def split(stored: bytes) -> tuple[bytes, bytes]:
    """(authenticated part, MAC) of a stored header. Raises FormatError."""
    if not _LEAD.size + MAC_BYTES < len(stored) <= _MAX_HEADER:
        raise FormatError("header size")
    magic, version, length = _LEAD.unpack_from(stored)
    if magic != MAGIC or version not in VERSIONS:
        raise FormatError("not a vault header of a known version")
    if length != len(stored) - _LEAD.size - MAC_BYTES:
        raise FormatError("header length differs")
    return stored[:-MAC_BYTES], stored[-MAC_BYTES:]


def decode_body(body: bytes, policy: KdfPolicy) -> Header:
    """The header, with every limit enforced. Raises FormatError; nothing is authenticated yet."""
    version = _LEAD.unpack_from(body)[1]
    try:
        raw = json.loads(body[_LEAD.size :])
        slots, others = [], []
        if not 1 <= len(raw["slots"]) <= MAX_SLOTS:
            raise FormatError("number of slots")
        for entry in raw["slots"]:
            kind = entry["kind"]
            if kind in KINDS[version] and entry["kdf"]["name"] in KDFS[kind]:
                slots.append(_slot(entry, version, policy))
            else:
                others.append(entry)
        epoch = read_whole(raw["epoch"], 1, 2**32 - 1)
        header = Header(
            vault_id=read_hex(raw["vault"], VAULT_ID_BYTES, VAULT_ID_BYTES),
            created_ns=read_whole(raw["created_ns"], 0, 2**63 - 1),
            epoch=epoch,
            revision=read_whole(raw["revision"], 1, 2**63 - 1),
            slots=tuple(slots),
            other_slots=tuple(others),
            leaving=read_whole(raw["leaving"], 0, epoch - 1) if version > 1 else 0,
            version=version,
        )
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FormatError(f"header: {type(error).__name__}") from None
    return header


def _slot_json(slot: Slot, version: int) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "id": slot.id.hex(),
        "kind": slot.kind,
        "kdf": kdf_json(slot.kdf),
        "wraps": [{"epoch": wrap.epoch, "nonce": wrap.nonce.hex(), "key": wrap.key.hex()} for wrap in slot.wraps],
    }
    if version > 1:
        raw |= {"label": slot.label, "created_ns": slot.created_ns}
    if slot.kind == PASSKEY:
        raw |= {"credential": slot.credential.hex(), "prf_salt": slot.prf_salt.hex()}
    return raw


def _slot(raw: dict[str, Any], version: int, policy: KdfPolicy) -> Slot:
    wraps = tuple(
        Wrap(
            epoch=read_whole(wrap["epoch"], 1, 2**32 - 1),
            nonce=read_hex(wrap["nonce"], NONCE_BYTES, NONCE_BYTES),
            key=read_hex(wrap["key"], _WRAPPED_BYTES, _WRAPPED_BYTES),
        )
        for wrap in raw["wraps"]
    )
    if not 1 <= len(wraps) <= 2:
        raise FormatError("number of wrapped keys")
    slot_id, kind, kdf = read_hex(raw["id"], SLOT_ID_BYTES, SLOT_ID_BYTES), raw["kind"], read_kdf(raw["kdf"], policy)
    if version == 1:
        return Slot(slot_id, kind, kdf, wraps)
    label, created_ns = raw["label"], read_whole(raw["created_ns"], 0, 2**63 - 1)
    if not isinstance(label, str) or len(label) > MAX_LABEL:
        raise FormatError("label of a slot")
    if kind != PASSKEY:
        return Slot(slot_id, kind, kdf, wraps, label, created_ns)
    credential, prf_salt = read_hex(raw["credential"], 1, MAX_CREDENTIAL), read_hex(raw["prf_salt"], PRF_SALT_BYTES, PRF_SALT_BYTES)
    return Slot(slot_id, kind, kdf, wraps, label, created_ns, credential, prf_salt)
