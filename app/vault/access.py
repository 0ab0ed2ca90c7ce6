"""Changing who can open an open vault, and giving it new keys.

Every change of slots asks for a secret that opens the vault now, so that nobody who finds it open can let himself in for later.
One transaction carries the header (both copies) and the manifest that goes with it. A rekey is begun by such a transaction; the
records are then sealed anew in small ones between the desk's own, and a last header ends it. Until then both keys are valid,
and whoever unlocks the vault goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.platform.errors import CryptoUnavailable
from app.platform.interfaces import Crypto, Secret
from app.vault.errors import VaultDamaged, VaultError, VaultLocked, VaultRefused
from app.vault.header import PASSPHRASE, RECOVERY, Header, Slot
from app.vault.kdf import KdfPolicy
from app.vault.keys import KeyRing, Proof, Way, prove, sealed_header
from app.vault.manifest import Entry
from app.vault.session import Session, digest_of, told
from app.vault.slots import NewSlot, SlotMaker, check_label, removed, renamed, settled
from app.vault.staging import RESERVED, Rehead, Reseal, Sources

_BATCH = 250
_BATCH_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rekeying:
    """What the start of a rekey came to: the slots that were left out, and the recovery code that replaces the old ones."""

    left_out: tuple[Slot, ...]
    code: Secret | None


class Access:
    """The slots and keys of one vault, as `Vault.access`. Secrets handed in are wiped, whatever the outcome.

    Everything raises VaultLocked while the vault is not open, VaultDamaged while it takes no writes, VaultAuthFailed for a wrong
    proof, VaultRefused for what cannot be done, and as `Vault.append`.
    """

    def __init__(
        self, session: Callable[[], Session], sources: Callable[[KeyRing], Sources], policy: KdfPolicy, crypto: Crypto
    ) -> None:
        self._session, self._sources, self._policy, self._crypto = session, sources, policy, crypto

    @property
    def leaving(self) -> bool:
        """Whether a rekey was begun and is not finished."""
        return bool(self._session().header.leaving)

    async def add(self, proof: Proof, wanted: NewSlot) -> tuple[Slot, Secret | None]:
        """Let another passphrase, recovery code or passkey open the vault; for a recovery slot also gives its code, once."""
        return await self._changed(proof, wanted.secret, lambda maker, header, way: maker.added(header, way, wanted))

    async def change(self, proof: Proof, slot_id: bytes, secret: Secret | None) -> tuple[Slot, Secret | None]:
        """Put another passphrase into a slot, or (`secret` None) a new recovery code, which it gives, once."""
        return await self._changed(proof, secret, lambda maker, header, way: maker.changed(header, way, slot_id, secret))

    async def rename(self, slot_id: bytes, label: str) -> None:
        """Give a slot another label."""
        check_label(label)
        session = self._writable()
        async with session.changing:
            await self._commit(session, renamed(session.header, slot_id, label))

    async def remove(self, proof: Proof, slot_id: bytes) -> None:
        """Take a slot away. Copies of the header made before can still be opened with it: only a rekey ends that."""
        try:
            session = self._writable()
            async with session.changing:
                after = removed(session.header, slot_id)
                await self._proven(session, proof)
                await self._commit(session, after)
        finally:
            self._wipe(proof.secret)

    async def begin_rekey(self, proofs: Sequence[Proof]) -> Rekeying:
        """Make a new data key, under which all is sealed from now on; `rekey` then seals the rest.

        One proof has to be of a passphrase or a recovery code. Passkeys that were not shown are left out; recovery codes
        that were not shown are replaced by one new code.
        """
        try:
            session = self._writable()
            async with session.changing:
                return await self._begin(session, proofs)
        finally:
            for proof in proofs:
                self._wipe(proof.secret)

    async def rekey(self, progress: Callable[[int, int], object] = lambda done, total: None) -> None:
        """Seal anew what is still under the old key, then drop it. Goes on where an earlier call stopped.

        `progress(records looked at, records there are)` after each step. May be called while the vault is in use.
        """
        session = self._writable()
        if not session.header.leaving:
            return
        with told():
            store = self._sources(session.ring).store
            classes = [cls for cls in await store.classes() if cls not in RESERVED]
            total, done = sum([await store.count(cls) for cls in classes]), 0
        for cls in classes:
            next_id, first = None, True
            while first or next_id is not None:
                step, first = Reseal(cls, next_id, _batch(session.writer.manifest.classes.get(cls))), False
                if session.ended:
                    return
                await session.writer.submit(step, False)  # the last header is durable, and with it what came before
                next_id, done = step.next_id, done + step.seen
                progress(min(done, total), total)
        async with session.changing:
            if session.ended or not session.header.leaving:
                return
            old = session.header.leaving
            await self._commit(session, settled(session.header))
            session.ring.drop(old)

    async def bring_up_to_date(self, session: Session, way: Way, secret: Secret) -> None:
        """At unlock: the newest form of header, the passphrase stretched as hard as is right. Failing to is no harm."""
        maker = self._maker(session)
        try:
            after = await maker.improved(session.header, way, secret)
            if after is not session.header:
                await self._commit(session, after)
        except VaultError as error:
            if session.writer.is_broken:
                raise error

    async def _changed(self, proof: Proof, secret: Secret | None, change: Callable) -> tuple[Slot, Secret | None]:
        try:
            session = self._writable()
            async with session.changing:
                way = await self._proven(session, proof)
                after, slot, code = await change(self._maker(session), session.header, way)
                await self._commit(session, after)
                return slot, code
        except CryptoUnavailable as error:
            raise VaultRefused(str(error), remedy=error.remedy) from error
        finally:
            self._wipe(proof.secret, secret)

    async def _begin(self, session: Session, proofs: Sequence[Proof]) -> Rekeying:
        header = session.header
        if header.leaving:
            raise VaultRefused("The vault is being given new keys already.", remedy="Wait until that is done.")
        if not any(proof.kind in (PASSPHRASE, RECOVERY) for proof in proofs):
            raise VaultRefused("A passphrase or a recovery code is needed for this.", remedy="Type the passphrase.")
        ways = {way.slot.id: way for way in [await self._proven(session, proof) for proof in proofs]}
        after, data_key, left_out, code = await self._maker(session).rekeyed(header, list(ways.values()))
        session.ring.hold(after.epoch, data_key)
        try:
            await self._commit(session, after)
        except BaseException:
            if session.ring.epoch != after.epoch:
                session.ring.drop(after.epoch)
            raise
        return Rekeying(tuple(left_out), code)

    async def _proven(self, session: Session, proof: Proof) -> Way:
        return await prove(self._crypto, self._sources(session.ring).clock, session.header, proof)

    async def _commit(self, session: Session, header: Header) -> None:
        stored = await sealed_header(self._crypto, header, session.ring)
        digest = digest_of(stored)
        if session.ended:  # while a secret was being stretched; the next session has a writer of its own
            raise VaultLocked("The vault was locked meanwhile.")
        await session.writer.submit(Rehead(stored, digest, header.epoch), True)
        session.header, session.digest = header, digest

    def _maker(self, session: Session) -> SlotMaker:
        sources = self._sources(session.ring)
        return SlotMaker(sources.crypto, sources.clock, sources.entropy, self._policy)

    def _writable(self) -> Session:
        session = self._session()
        if session.blocked is not None:
            raise VaultDamaged(session.blocked.detail)
        return session

    def _wipe(self, *secrets: Secret | None) -> None:
        for secret in secrets:
            if secret is not None:
                self._crypto.wipe(secret)


def _batch(entry: Entry | None) -> int:
    """How many records of a class to seal in one transaction: they are small, so that the desk's own writes come between."""
    if entry is None or not entry.count:
        return _BATCH
    return max(1, min(_BATCH, _BATCH_BYTES * entry.count // max(1, entry.bytes)))
