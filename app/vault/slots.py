"""Changing who can open the vault: each function makes the next header from the one before. Nothing is stored here.

The data key is wrapped anew for the slot concerned, from a slot that was proven a moment ago; records are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.platform.interfaces import Clock, Crypto, Entropy, KeyHandle, Rewrap, Secret
from app.vault.errors import VaultRefused
from app.vault.format import NONCE_BYTES
from app.vault.header import (
    MAX_CREDENTIAL,
    MAX_LABEL,
    MAX_SLOTS,
    PASSKEY,
    PASSPHRASE,
    PRF_SALT_BYTES,
    RECOVERY,
    SLOT_ID_BYTES,
    VERSION,
    Header,
    Slot,
    Wrap,
)
from app.vault.kdf import KdfPolicy, outgrown, restretch, stretch
from app.vault.keys import Way, check_passphrase, check_prf, new_kdf, rewrapped, salt_of, slot_aad

_LABELS = {PASSPHRASE: "Passphrase", RECOVERY: "Recovery code", PASSKEY: "Passkey"}
_REMAINING = (PASSPHRASE, RECOVERY)


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot to be made. `secret`: a passphrase or a passkey's PRF output; a recovery code is made here. `credential` and
    `prf_salt` are a passkey's, as the page needs them to ask for it."""

    kind: str
    label: str = ""
    secret: Secret = None
    credential: bytes = b""
    prf_salt: bytes = b""


class SlotMaker:
    """Makes headers out of headers."""

    def __init__(self, crypto: Crypto, clock: Clock, entropy: Entropy, policy: KdfPolicy) -> None:
        self._crypto, self._clock, self._entropy, self._policy = crypto, clock, entropy, policy

    def check(self, wanted: NewSlot) -> None:
        """Refuse what cannot be a slot, before any work. Raises VaultRefused."""
        check_label(wanted.label)
        if wanted.kind == PASSPHRASE:
            check_passphrase(self._crypto, wanted.secret)
        elif wanted.kind == PASSKEY:
            check_prf(self._crypto, wanted.secret)
            if not 1 <= len(wanted.credential) <= MAX_CREDENTIAL or len(wanted.prf_salt) != PRF_SALT_BYTES:
                raise VaultRefused("The passkey's credential or salt is not as it should be.", remedy="Make the passkey again.")
        elif wanted.kind != RECOVERY:
            raise VaultRefused(f"There is no kind of slot {wanted.kind[:40]!r}.", remedy=f"Use one of {', '.join(_LABELS)}.")

    async def added(self, header: Header, way: Way, wanted: NewSlot) -> tuple[Header, Slot, Secret | None]:
        """With one slot more; for a recovery slot also its code."""
        self.check(wanted)
        if len(header.slots) + len(header.other_slots) >= MAX_SLOTS:
            raise VaultRefused(f"A vault has at most {MAX_SLOTS} slots.", remedy="Remove a slot first.")
        if any(slot.credential == wanted.credential for slot in header.slots if slot.kind == PASSKEY):
            raise VaultRefused("This passkey opens the vault already.", remedy="Use another one, or remove its slot first.")
        slot, kek, code = await self._blank(wanted)
        slot = replace(slot, wraps=await rewrapped(self._crypto, self._entropy, header, way, slot, kek))
        return _next(header, (*header.slots, slot)), slot, code

    async def changed(self, header: Header, way: Way, slot_id: bytes, secret: Secret) -> tuple[Header, Slot, Secret | None]:
        """With another secret in a slot: a new passphrase, or a new recovery code (`secret` is then None)."""
        old = find(header, slot_id)
        if old.kind == PASSKEY:
            raise VaultRefused("A passkey's secret cannot be changed.", remedy="Add the new passkey, then remove this one.")
        if (secret is None) != (old.kind == RECOVERY):
            raise VaultRefused("A passphrase is chosen, a recovery code is made.", remedy="Ask for the change that fits this slot.")
        wanted = NewSlot(old.kind, old.label, secret)
        self.check(wanted)
        slot, kek, code = await self._blank(wanted)
        slot = replace(slot, wraps=await rewrapped(self._crypto, self._entropy, header, way, slot, kek))
        return _next(header, _replaced(header.slots, slot_id, slot)), slot, code

    async def improved(self, header: Header, way: Way, secret: Secret) -> Header:
        """As today's version writes it: the newest form, and the passphrase stretched as hard as is right on this device."""
        upgraded = header if header.version == VERSION else replace(header, version=VERSION, revision=header.revision + 1)
        slot = way.slot
        if slot.kind == PASSPHRASE and outgrown(slot.kdf, way.took_s, self._policy):
            kdf = replace(slot.kdf, salt=salt_of(self._entropy))
            found = await restretch(self._crypto, self._clock, secret, kdf, way.took_s, self._policy)
            if found is not None:
                kek, kdf = found
                better = replace(slot, kdf=kdf)
                better = replace(better, wraps=await rewrapped(self._crypto, self._entropy, header, way, better, kek))
                return _next(upgraded, _replaced(upgraded.slots, slot.id, better))
        return upgraded

    async def rekeyed(
        self, header: Header, ways: Sequence[Way]
    ) -> tuple[Header, KeyHandle, list[Slot], Secret | None]:
        """With a new data key beside the old: header, the new key, the slots that were left out, the new recovery code.

        Slots that were proven keep; recovery codes are replaced by one new code; other slots cannot be given the new
        key without their secret and are left out.
        """
        epoch, proven = header.epoch + 1, {way.slot.id for way in ways}
        first = ways[0]
        nonce = self._entropy.random_bytes(NONCE_BYTES)
        aad = slot_aad(header.vault_id, first.slot, epoch)
        data_key, wrapped = await self._crypto.new_data_key(first.kek, nonce, aad)
        made = Wrap(epoch, nonce, wrapped)
        slots = [_wrapped_too(first.slot, header.epoch, made)]
        for way in ways[1:]:
            slots.append(_wrapped_too(way.slot, header.epoch, await self._again(header, first, made, way.slot, way.kek)))
        left_out = [slot for slot in header.slots if slot.id not in proven and slot.kind != RECOVERY]
        code = None
        if any(slot.kind == RECOVERY and slot.id not in proven for slot in header.slots):
            slot, kek, code = await self._blank(NewSlot(RECOVERY))
            source = replace(first, slot=slots[0])
            slots.append(replace(slot, wraps=await rewrapped(self._crypto, self._entropy, header, source, slot, kek)))
        require_remaining(slots)
        left = replace(_next(header, tuple(slots)), other_slots=())
        return replace(left, epoch=epoch, leaving=header.epoch), data_key, left_out, code

    async def _again(self, header: Header, way: Way, wrap: Wrap, slot: Slot, kek: KeyHandle) -> Wrap:
        """A wrapped key, wrapped for another slot too."""
        to = Rewrap(kek, self._entropy.random_bytes(NONCE_BYTES), slot_aad(header.vault_id, slot, wrap.epoch))
        aad = slot_aad(header.vault_id, way.slot, wrap.epoch)
        return Wrap(wrap.epoch, to.nonce, await self._crypto.keys.rewrap(way.kek, wrap.nonce, aad, wrap.key, to))

    async def _blank(self, wanted: NewSlot) -> tuple[Slot, KeyHandle, Secret | None]:
        """A slot without wraps, its wrapping key, and the recovery code if it is one."""
        salt, code = salt_of(self._entropy), None
        if wanted.kind == PASSPHRASE:
            kek, kdf = await stretch(self._crypto, self._clock, wanted.secret, salt, self._policy)
        else:
            kdf, secret = new_kdf(salt), wanted.secret
            if wanted.kind == RECOVERY:
                code = await self._crypto.keys.new_recovery()
                secret = await self._crypto.keys.read_recovery(code)
            kek = await self._crypto.derive_kek(secret, kdf)
            self._crypto.wipe(secret)
        slot_id, now_ns = self._entropy.random_bytes(SLOT_ID_BYTES), self._clock.now_ns()
        label = wanted.label or _LABELS[wanted.kind]
        return Slot(slot_id, wanted.kind, kdf, (), label, now_ns, wanted.credential, wanted.prf_salt), kek, code


def find(header: Header, slot_id: bytes) -> Slot:
    """The slot of this id. Raises VaultRefused."""
    for slot in header.slots:
        if slot.id == slot_id:
            return slot
    raise VaultRefused("There is no such slot.", remedy="Look at the list of slots again.")


def check_label(label: str) -> None:
    """Raises VaultRefused for what cannot be a label."""
    if len(label) > MAX_LABEL or not label.isprintable():
        raise VaultRefused(f"A label has at most {MAX_LABEL} printable characters.", remedy="Choose a shorter one.")


def renamed(header: Header, slot_id: bytes, label: str) -> Header:
    """With another label on a slot."""
    check_label(label)
    slot = find(header, slot_id)
    return _next(header, _replaced(header.slots, slot_id, replace(slot, label=label or _LABELS[slot.kind])))


def removed(header: Header, slot_id: bytes) -> Header:
    """Without a slot. Raises VaultRefused when it is the last that does not depend on a device."""
    gone = find(header, slot_id)
    left = tuple(slot for slot in header.slots if slot is not gone)
    require_remaining(left)
    return _next(header, left)


def require_remaining(slots: Sequence[Slot]) -> None:
    """Raises VaultRefused unless a passphrase or a recovery code is among them."""
    if not any(slot.kind in _REMAINING for slot in slots):
        raise VaultRefused(
            "A passphrase or a recovery code has to remain: a passkey alone can be lost with its device.",
            remedy="Add a passphrase or a recovery code first.",
        )


def settled(header: Header) -> Header:
    """After every record was sealed anew: only the new data key is left."""
    slots = tuple(replace(slot, wraps=tuple(wrap for wrap in slot.wraps if wrap.epoch == header.epoch)) for slot in header.slots)
    return replace(_next(header, slots), leaving=0)


def _next(header: Header, slots: tuple[Slot, ...]) -> Header:
    return replace(header, slots=slots, revision=header.revision + 1, version=VERSION)


def _replaced(slots: tuple[Slot, ...], slot_id: bytes, new: Slot) -> tuple[Slot, ...]:
    return tuple(new if slot.id == slot_id else slot for slot in slots)


def _wrapped_too(slot: Slot, epoch: int, wrap: Wrap) -> Slot:
    old = slot.wrap_of(epoch)
    assert old is not None
    return replace(slot, wraps=(old, wrap))
