"""The key hierarchy: a slot's secret -> wrapping key -> random data key -> one subkey a record class.

Handles only: which bytes are behind them is the platform's business. `KeyRing` is what an unlocked vault
holds and what locking drops.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.platform.errors import CryptoAuthError
from app.platform.interfaces import HKDF_SHA256, Clock, Crypto, Entropy, Kdf, KeyHandle, Rewrap, Sealing, Secret
from app.vault import header as headers
from app.vault.errors import VaultAuthFailed, VaultRefused
from app.vault.format import (
    FORMS,
    NONCE_BYTES,
    VAULT_ID_BYTES,
    FormatError,
    aad_prefix,
    key_info,
    parse_envelope,
    record_aad,
    wrap_aad,
)
from app.vault.header import PASSKEY, PASSPHRASE, RECOVERY, SLOT_ID_BYTES, Header, Slot, Wrap
from app.vault.kdf import KdfPolicy, kdf_bytes, stretch, stretched

MIN_PASSPHRASE_BYTES = 8
MAX_PASSPHRASE_BYTES = 1024
PRF_BYTES = 32
_SALT_BYTES = 32
_NAMES = {PASSPHRASE: "passphrase", RECOVERY: "recovery code", PASSKEY: "passkey"}


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows to open the vault or to change its slots. `secret`: a passphrase, a recovery code as typed, or the
    32 bytes of a passkey's PRF. `slot`: only this one is tried; None: all of the kind."""

    secret: Secret
    kind: str = PASSPHRASE
    slot: bytes | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """A slot that a proof fits: its wrapping key, and how long that took to make."""

    slot: Slot
    kek: KeyHandle
    took_s: float


@dataclass(frozen=True, slots=True)
class ClassOpener:
    """`Opener` of one class: the keys of the epochs that count, the associated data's prefix of each form from the first on."""

    keys: tuple[tuple[int, KeyHandle], ...]
    prefixes: tuple[bytes, ...]

    def sealing(self, record_id: str, stored: bytes) -> Sealing | None:
        """How to open what is stored under an id; None if it is no record or not of these epochs."""
        try:
            form, epoch, version, nonce, sealed = parse_envelope(stored)
        except FormatError:
            return None
        for known, key in self.keys:
            if known == epoch:
                return Sealing(key, nonce, record_aad(self.prefixes[form - 1], record_id, version, epoch), sealed)
        return None


class KeyRing:
    """The open data keys and the subkeys derived from them so far. `epoch` is the one that new records are sealed under."""

    def __init__(self, crypto: Crypto, vault_id: bytes, epoch: int, data_key: KeyHandle) -> None:
        self.vault_id = vault_id
        self.epoch = epoch
        self._crypto = crypto
        self._data_keys = {epoch: data_key}
        self._record_keys: dict[tuple[str, int], KeyHandle] = {}
        self._prefixes: dict[str, tuple[bytes, ...]] = {}

    def hold(self, epoch: int, data_key: KeyHandle) -> None:
        """Another epoch's key, beside those there are."""
        self._data_keys[epoch] = data_key

    def drop(self, epoch: int) -> None:
        """Forget an epoch's key."""
        self._data_keys.pop(epoch, None)
        self._record_keys = {at: key for at, key in self._record_keys.items() if at[1] != epoch}

    async def record_key(self, cls: str, epoch: int) -> KeyHandle | None:
        """The sealing key of a class; None for an epoch this ring has no data key of."""
        key = self._record_keys.get((cls, epoch))
        if key is None and (data_key := self._data_keys.get(epoch)) is not None:
            key = await self._crypto.record_key(data_key, self.vault_id, key_info("record", cls, epoch))
            self._record_keys[cls, epoch] = key
        return key

    async def header_key(self, epoch: int | None = None) -> KeyHandle:
        """The key of the header's MAC."""
        epoch = self.epoch if epoch is None else epoch
        return await self._crypto.mac_key(self._data_keys[epoch], self.vault_id, key_info("header", "", epoch))

    async def wrapping_key(self, cls: str, epoch: int) -> KeyHandle:
        """The key that wraps signing secrets. Raises CryptoAuthError for an epoch this ring has no data key of."""
        if epoch not in self._data_keys:
            raise CryptoAuthError("The key of that time is gone.")
        info = key_info("secret", cls, epoch)
        return await self._crypto.keys.wrapping_key(self._data_keys[epoch], self.vault_id, info)

    async def opener(self, cls: str, but: int = 0) -> ClassOpener:
        """What opens the records of a class; those of epoch `but` are left closed."""
        keys = [(epoch, await self.record_key(cls, epoch)) for epoch in sorted(self._data_keys) if epoch != but]
        return ClassOpener(tuple((epoch, key) for epoch, key in keys if key is not None), self._prefixes_of(cls))

    def aad_prefix(self, cls: str, form: int) -> bytes:
        """The constant part of a class's associated data."""
        return self._prefixes_of(cls)[form - 1]

    def _prefixes_of(self, cls: str) -> tuple[bytes, ...]:
        prefixes = self._prefixes.get(cls)
        if prefixes is None:
            prefixes = self._prefixes[cls] = tuple(aad_prefix(self.vault_id, cls, form) for form in FORMS)
        return prefixes


def check_passphrase(crypto: Crypto, passphrase: Secret) -> None:
    """Raises VaultRefused when the length is not acceptable; the page checks strength."""
    length = crypto.secret_length(passphrase)
    if not MIN_PASSPHRASE_BYTES <= length <= MAX_PASSPHRASE_BYTES:
        raise VaultRefused(
            "The passphrase is too short." if length < MIN_PASSPHRASE_BYTES else "The passphrase is too long.",
            remedy=f"Use {MIN_PASSPHRASE_BYTES} to {MAX_PASSPHRASE_BYTES} bytes; several words are best.",
        )


def check_prf(crypto: Crypto, secret: Secret) -> None:
    """Raises VaultRefused when this is not what a passkey's PRF gives."""
    if crypto.secret_length(secret) != PRF_BYTES:
        raise VaultRefused("The passkey gave no secret.", remedy="Use an authenticator that supports PRF, or another slot.")


def new_kdf(kind_salt: bytes) -> Kdf:
    """The parameters for a secret that is random already."""
    return Kdf(HKDF_SHA256, 0, kind_salt)


def slot_aad(vault_id: bytes, slot: Slot, epoch: int) -> bytes:
    """Associated data of a slot's wrapped key: it binds who, what and with which parameters."""
    return wrap_aad(vault_id, slot.id, slot.kind, kdf_bytes(slot.kdf), epoch)


def salt_of(entropy: Entropy) -> bytes:
    """A salt for a new slot."""
    return entropy.random_bytes(_SALT_BYTES)


async def new_header(
    crypto: Crypto, clock: Clock, entropy: Entropy, passphrase: Secret, policy: KdfPolicy
) -> tuple[bytes, Header, KeyRing]:
    """A fresh vault's header as stored, the same parsed, and its open keys."""
    vault_id = entropy.random_bytes(VAULT_ID_BYTES)
    slot_id, nonce = entropy.random_bytes(SLOT_ID_BYTES), entropy.random_bytes(NONCE_BYTES)
    kek, kdf = await stretch(crypto, clock, passphrase, salt_of(entropy), policy)
    epoch, now_ns = 1, clock.now_ns()
    slot = Slot(slot_id, PASSPHRASE, kdf, (), "Passphrase", now_ns)
    data_key, wrapped = await crypto.new_data_key(kek, nonce, slot_aad(vault_id, slot, epoch))
    slot = Slot(slot_id, PASSPHRASE, kdf, (Wrap(epoch, nonce, wrapped),), "Passphrase", now_ns)
    header = Header(vault_id, now_ns, epoch, 1, (slot,))
    ring = KeyRing(crypto, vault_id, epoch, data_key)
    return await sealed_header(crypto, header, ring), header, ring


async def sealed_header(crypto: Crypto, header: Header, ring: KeyRing) -> bytes:
    """The header as it is stored."""
    body = headers.encode_body(header)
    return body + await crypto.mac(await ring.header_key(header.epoch), body)


def read_header(stored: bytes, policy: KdfPolicy) -> Header:
    """The header with its limits enforced but not yet authenticated. Raises FormatError."""
    body, _ = headers.split(stored)
    return headers.decode_body(body, policy)


async def open_header(
    crypto: Crypto, clock: Clock, stored: bytes, proof: Proof, policy: KdfPolicy
) -> tuple[Header, KeyRing, Way]:
    """The authenticated header, its keys and the slot that opened it. Raises VaultAuthFailed for a wrong secret and for
    changed bytes alike."""
    try:
        body, mac = headers.split(stored)
        header = headers.decode_body(body, policy)
    except FormatError:
        raise auth_failed(proof.kind) from None

    async def fits(ring: KeyRing) -> bool:
        return await crypto.mac_matches(await ring.header_key(), body, mac)

    way, ring = await _found(crypto, clock, header, proof, fits)
    if header.leaving and (old := way.slot.wrap_of(header.leaving)) is not None:
        aad = slot_aad(header.vault_id, way.slot, old.epoch)
        ring.hold(old.epoch, await crypto.unwrap_data_key(way.kek, old.nonce, aad, old.key))
    return header, ring, way


async def prove(crypto: Crypto, clock: Clock, header: Header, proof: Proof) -> Way:
    """The slot of an authenticated header that a proof fits. Raises VaultAuthFailed."""
    return (await _found(crypto, clock, header, proof, None))[0]


async def rewrapped(crypto: Crypto, entropy: Entropy, header: Header, way: Way, slot: Slot, kek: KeyHandle) -> tuple[Wrap, ...]:
    """The data keys that one slot holds, wrapped for another."""
    wraps = []
    for wrap in way.slot.wraps:
        to = Rewrap(kek, entropy.random_bytes(NONCE_BYTES), slot_aad(header.vault_id, slot, wrap.epoch))
        aad = slot_aad(header.vault_id, way.slot, wrap.epoch)
        key = await crypto.keys.rewrap(way.kek, wrap.nonce, aad, wrap.key, to)
        wraps.append(Wrap(wrap.epoch, to.nonce, key))
    return tuple(wraps)


def auth_failed(kind: str) -> VaultAuthFailed:
    """One error for a wrong secret and for changed bytes."""
    name = _NAMES[kind]
    return VaultAuthFailed(
        f"The {name} does not open this vault, or the vault's keys were changed.",
        remedy=None if kind == PASSPHRASE else "Use another slot. If this one is surely right, the stored keys were changed: restore an export.",
    )


async def _found(
    crypto: Crypto, clock: Clock, header: Header, proof: Proof, fits: Callable[[KeyRing], Awaitable[bool]] | None
) -> tuple[Way, KeyRing]:
    secret = proof.secret
    if proof.kind not in _NAMES:
        raise VaultRefused(f"There is no kind of slot {proof.kind[:40]!r}.", remedy=f"Use one of {', '.join(_NAMES)}.")
    if proof.kind == RECOVERY:
        secret = await crypto.keys.read_recovery(secret)
        if secret is None:
            raise VaultRefused(
                "This is not a recovery code as Kontor gives them.", remedy="Compare it with your print, group by group."
            )
    try:
        for slot in header.slots:
            wrap = slot.wrap_of(header.epoch)
            if wrap is None or slot.kind != proof.kind or proof.slot not in (None, slot.id):
                continue
            kek, took_s = await stretched(crypto, clock, secret, slot.kdf)
            try:
                aad = slot_aad(header.vault_id, slot, wrap.epoch)
                data_key = await crypto.unwrap_data_key(kek, wrap.nonce, aad, wrap.key)
            except CryptoAuthError:
                continue
            ring = KeyRing(crypto, header.vault_id, header.epoch, data_key)
            if fits is None or await fits(ring):
                return Way(slot, kek, took_s), ring
    finally:
        if proof.kind == RECOVERY:
            crypto.wipe(secret)
    raise auth_failed(proof.kind)
