"""The vault as the desk uses it: create, unlock, lock, and typed access to logs and tables.

Owns which state it is in and what an unlocked session holds. Never keeps a passphrase: it is stretched and
wiped before `create` or `unlock` return, whatever the outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from app.platform.errors import CryptoUnavailable
from app.platform.interfaces import ED25519, Clock, Crypto, Entropy, Secret, Store, Write
from app.vault.access import Access
from app.vault.contents import Contents, listed
from app.vault.errors import (
    VaultAbsent,
    VaultAuthFailed,
    VaultDamaged,
    VaultError,
    VaultExists,
    VaultLocked,
    VaultRefused,
)
from app.vault.fetching import open_all, open_one
from app.vault.format import FormatError
from app.vault.header import PASSPHRASE, Slot
from app.vault.kdf import KdfPolicy
from app.vault.keys import KeyRing, Proof, check_passphrase, new_header, read_header
from app.vault.manifest import LogEntry, Manifest
from app.vault.opening import marked_counter, open_any, read_manifest, stored_headers
from app.vault.reading import Damage, LogPlace, Record, ScanResult, check_log, judge_log, judge_table, read_column, read_log, with_stored
from app.vault.rebuild import looks_like_log, rebuilt_manifest
from app.vault.session import Session, digest_of, told
from app.vault.signing import SECRETS, Signer, opened_signer, wrapped_secret
from app.vault.staging import HEADER, HEADER_IDS, MANIFEST, RESERVED, Append, Bundle, Change, Delete, Put, PutColumn, Sources
from app.vault.writing import MARK, Writer

Records = Sequence[tuple[str, bytes]]


REKEY_SEALS = 2**28

StateKind = Literal["absent", "locked", "open", "damaged"]


class Machine(Protocol):
    """The part of a platform the vault uses."""

    store: Store
    crypto: Crypto
    clock: Clock
    entropy: Entropy


class Vault:
    """One vault in one store. `state` is absent, locked, open or damaged, `detail` says why in words.

    Everything but `refresh`, `create`, `unlock` and `wipe` needs it open and raises VaultLocked otherwise.
    """

    def __init__(
        self, store: Store, crypto: Crypto, clock: Clock, entropy: Entropy, kdf: KdfPolicy | None = None
    ) -> None:
        self.state: StateKind = "absent"
        self.detail = ""
        self.cause = ""
        """Why a vault that was here cannot be opened: `evicted` (its data is gone) or `header`; else empty."""
        self.vault_id = ""
        self.created_ns = 0
        self.mended = 0
        """How many damaged records were put right from the store's second copy."""
        self._store, self._crypto, self._clock, self._entropy = store, crypto, clock, entropy
        self._kdf = kdf if kdf is not None else KdfPolicy()
        self._session: Session | None = None
        self._locked_slots: tuple[Slot, ...] = ()
        self.access = Access(self._open_session, self._sources, self._kdf, crypto)

    @classmethod
    async def find(cls, platform: Machine, kdf: KdfPolicy | None = None) -> Vault:
        """Open the platform's store and look at what vault, if any, is in it. Raises StoreError."""
        await platform.store.open()
        vault = cls(platform.store, platform.crypto, platform.clock, platform.entropy, kdf)
        await vault.refresh()
        return vault

    @classmethod
    async def create(
        cls,
        store: Store,
        crypto: Crypto,
        clock: Clock,
        entropy: Entropy,
        passphrase: Secret,
        records: Sequence[tuple[str, str, bytes]] = (),
        *,
        tables: Mapping[str, Records] | None = None,
        more: Sequence[Change] = (),
        kdf: KdfPolicy | None = None,
    ) -> Vault:
        """A new open vault holding log `records` of (class, id, payload), `tables` and what `more` changes put in, made in one
        transaction.

        Raises VaultExists, VaultDamaged (something is left of an earlier one: see `wipe`), VaultRefused,
        VaultFull. The passphrase is wiped.
        """
        vault = cls(store, crypto, clock, entropy, kdf)
        try:
            check_passphrase(crypto, passphrase)
            await vault.refresh()
            if vault.state == "damaged":
                raise VaultDamaged(f"There are remains of an earlier vault: {vault.detail}")
            if vault.state != "absent":
                raise VaultExists("There is already a vault here.")
            stored, header, ring = await new_header(crypto, clock, entropy, passphrase, vault._kdf)
        finally:
            crypto.wipe(passphrase)
        logs: dict[str, list[tuple[str, bytes]]] = {}
        for log, record_id, payload in records:
            logs.setdefault(log, []).append((record_id, payload))
        changes: list[Change] = [Append(log, items) for log, items in logs.items()]
        changes += [Put(table, items) for table, items in (tables or {}).items()]
        changes += more
        writer = Writer(vault._sources(ring), Manifest(0, digest_of(stored)), None)
        with told():
            await writer.create([Write("add", HEADER, copy, stored) for copy in HEADER_IDS], changes)
            await writer.mark()
        vault._opened(Session(ring, writer, header, digest_of(stored), []))
        return vault

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Who can open it. While it is locked that is what the header says, which nothing vouches for yet."""
        return self._session.header.slots if self._session is not None else self._locked_slots

    @property
    def problems(self) -> tuple[Damage, ...]:
        """Damage to the vault's own records found at unlock."""
        return tuple(self._session.problems) if self._session is not None else ()

    @property
    def commits(self) -> int:
        """The counter of the last commit; 0 while it is not open."""
        return self._session.writer.manifest.counter if self._session is not None else 0

    @property
    def read_only(self) -> bool:
        """Whether that damage is such that writes are refused until `accept_damage`."""
        return self._session is not None and self._session.blocked is not None

    @property
    def rekey_due(self) -> bool:
        """Whether a key has sealed so many records that a rekey should be made; far below what is refused."""
        entries = self._session.writer.manifest.classes.values() if self._session is not None else ()
        return any(entry.seals >= REKEY_SEALS for entry in entries)

    async def refresh(self) -> StateKind:
        """Look again, without any key. Tells a vault whose header was lost from one that never was."""
        if self._session is not None:
            return self.state
        with told():
            copies = await stored_headers(self._store)
            if not copies:
                left, mark = await self._store.count(), await self._store.meta_get(MARK)
                self.state, self.detail, self.cause = _headless(left, mark)
                return self.state
        for stored in copies:
            try:
                header = read_header(stored, self._kdf)
            except FormatError as error:
                self.state, self.detail, self.cause = "damaged", f"The vault's header cannot be read ({error}).", "header"
            else:
                self.state, self.detail, self.cause = "locked", "", ""
                self._locked_slots = header.slots
                self.vault_id, self.created_ns = header.vault_id.hex(), header.created_ns
                break
        return self.state

    async def unlock(self, secret: Secret, kind: str = PASSPHRASE, slot: bytes | None = None) -> tuple[Damage, ...]:
        """Open the vault; gives the damage found in its own records, if any. The secret is wiped.

        `kind` is that of the slot: a passphrase, a recovery code as typed, or a passkey's PRF output; `slot` the one to try.
        A vault of an earlier format, or one whose passphrase this device could stretch harder, is brought up to date.
        Raises VaultAbsent, VaultAuthFailed (wrong secret or tampering), VaultRefused (no recovery code), VaultDamaged (no header).
        """
        problems: list[Damage] = []
        try:
            with told():
                copies = await stored_headers(self._store)
                if not copies:
                    raise await self._missing()
                proof = Proof(secret, kind, slot)
                try:
                    header, ring, way, stored = await open_any(self._crypto, self._clock, copies, proof, self._kdf, problems)
                except VaultAuthFailed:
                    if not await self._mend(HEADER):
                        raise
                    copies = await stored_headers(self._store)
                    header, ring, way, stored = await open_any(self._crypto, self._clock, copies, proof, self._kdf, problems)
                digest = digest_of(stored)
                manifest, guard = await read_manifest(self._store, self._crypto, ring, digest, problems)
                if problems and await self._mend(HEADER) + await self._mend(MANIFEST):
                    problems.clear()
                    manifest, guard = await read_manifest(self._store, self._crypto, ring, digest, problems)
            session = Session(ring, Writer(self._sources(ring), manifest, guard), header, digest, problems)
            if session.blocked is None:
                await self.access.bring_up_to_date(session, way, secret)
        except CryptoUnavailable as error:
            raise VaultRefused(f"{error}", remedy=error.remedy) from error
        finally:
            self._crypto.wipe(secret)
        self._opened(session)
        return tuple(problems)

    def lock(self) -> asyncio.Future[None]:
        """Take no more; what is being written is finished, then the keys are gone. Awaiting the result waits for it."""
        session, self._session = self._session, None
        if session is None:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        self.state, self.detail = "locked", ""
        self._locked_slots = session.header.slots
        return asyncio.get_running_loop().create_task(session.end())

    async def append(self, cls: str, records: Records, strict: bool = True) -> None:
        """Add records at the end of a log, ids ascending; all of them durable on return, or none.

        Raises VaultRefused, VaultFull, VaultConflict, VaultClosed, VaultDamaged.
        """
        await self._writable().submit(Append(cls, records), strict)

    async def put(self, cls: str, record_id: str, payload: bytes, strict: bool = True) -> None:
        """Write one record of a table. Raises as `append`."""
        await self.put_many(cls, [(record_id, payload)], strict)

    async def put_many(self, cls: str, records: Records, strict: bool = True) -> None:
        """Write several records of a table in one transaction. Raises as `append`."""
        session, writer = self._open_session(), self._writable()
        try:
            await writer.submit(Put(cls, records), strict)
        finally:
            session.recent.drop(cls, [record_id for record_id, _ in records])

    async def delete(self, cls: str, record_id: str, strict: bool = True) -> None:
        """Remove a record of a table; nothing happens if it is not there. Raises as `append`."""
        session, writer = self._open_session(), self._writable()
        try:
            await writer.submit(Delete(cls, [record_id]), strict)
        finally:
            session.recent.drop(cls, [record_id])

    async def apply(self, changes: Sequence[Change]) -> None:
        """Make several changes in one transaction: all of them or none. Raises as `append`."""
        await self._writable().submit(Bundle(changes), True)

    async def claim(self) -> None:
        """Commit the next manifest and nothing else: whoever opened the vault before, and is still there, cannot write any more. Fails
        with VaultConflict where somebody else has claimed it or written. Raises as `append`."""
        await self.apply(())

    async def put_column(self, cls: str, column: str, data: bytes, strict: bool = False) -> None:
        """Write a column: bytes too many for one record, such as a history, kept in a table in pieces whose order is sealed in.

        One transaction replaces all of an earlier column of this name. Raises as `append`.
        """
        await self._writable().submit(PutColumn(cls, column, data), strict)

    async def delete_column(self, cls: str, column: str, strict: bool = False) -> None:
        """Remove a column; nothing happens if it is not there. Raises as `append`."""
        await self._writable().submit(PutColumn(cls, column, None), strict)

    async def get_column(self, cls: str, column: str) -> bytes | None:
        """A column's bytes, None if there is none. Raises VaultDamaged if it is not whole."""
        session = self._open_session()
        with told():
            return await read_column(self._store, self._crypto, session.ring, cls, column)

    async def get(self, cls: str, record_id: str, fresh: bool = False) -> bytes | None:
        """One record's payload, None if there is none. Raises VaultDamaged if it does not verify.

        What was read lately is held in memory until the lock; `fresh` reads and verifies it again.
        """
        session = self._open_session()
        if not fresh and (held := session.recent.get(cls, record_id)) is not None:
            return held
        commits = session.writer.commits
        with told():
            opened = await open_one(self._store, self._crypto, session.ring, cls, record_id)
        if opened is None:
            return None
        if isinstance(session.writer.manifest.classes.get(cls), LogEntry):
            result = judge_log(session.ring.vault_id, cls, [opened], None, whole=False).result
        else:
            result, tokens = judge_table(cls, [opened], None, whole=False)
            session.writer.learn(cls, tokens)
        if not result.records:
            if await self._mend(cls):
                return await self.get(cls, record_id, fresh)
            raise VaultDamaged(f"The record {cls}/{record_id} was changed or cut short.")
        if session.writer.commits == commits and not session.ended:  # else it may have been written anew meanwhile
            session.recent.keep(cls, record_id, result.records[0].data)
        return result.records[0].data

    def log_place(self, cls: str) -> LogPlace | None:
        """Where a log ends that has been written completely; None where there is none."""
        entry = self._open_session().writer.manifest.classes.get(cls)
        return LogPlace(entry.count, entry.head, entry.last) if isinstance(entry, LogEntry) else None

    async def read(self, cls: str, from_id: str, limit: int) -> list[Record]:
        """At most `limit` records of a log from `from_id` on, each verified by itself; those that do not verify are left out."""
        session = self._open_session()
        with told():
            opened = await open_all(self._store, self._crypto, cls, await session.ring.opener(cls), from_id, limit)
        return judge_log(session.ring.vault_id, cls, opened, None, whole=False).result.records if opened else []

    async def scan(self, cls: str, from_id: str | None = None, after: LogPlace | None = None) -> ScanResult:
        """All records of a class in id order, and everything that is not as last written.

        A log may be read from `from_id` on, or `after` a place; from there to its end it is verified as strictly.
        """
        result = await self._scan(cls, from_id, after)
        return await self._scan(cls, from_id, after) if result.damaged and await self._mend(cls) else result

    async def _scan(self, cls: str, from_id: str | None, after: LogPlace | None) -> ScanResult:
        session = self._open_session()
        ring, whole = session.ring, from_id is None
        opener = await ring.opener(cls)
        await session.writer.drain()
        entry = session.writer.manifest.classes.get(cls)  # from here to the first read nothing else runs: they are of one moment
        with told():
            if isinstance(entry, LogEntry):
                return await with_stored(self._store, await read_log(self._store, self._crypto, ring, cls, entry, from_id, opener, after))
            opened = await open_all(self._store, self._crypto, cls, opener, from_id)
            if entry is None and looks_like_log(opened):
                return await with_stored(self._store, judge_log(ring.vault_id, cls, opened, None, whole).result)
            result, tokens = judge_table(cls, opened, entry, whole)
            session.writer.learn(cls, tokens)
            return await with_stored(self._store, result)

    async def check_log(self, cls: str) -> tuple[int, list[Damage]]:
        """Verify a log from its beginning without keeping what is read: how many records are right, and what is not."""
        count, damaged = await self._check_log(cls)
        return await self._check_log(cls) if damaged and await self._mend(cls) else (count, damaged)

    async def _check_log(self, cls: str) -> tuple[int, list[Damage]]:
        session = self._open_session()
        opener = await session.ring.opener(cls)
        await session.writer.drain()
        entry = session.writer.manifest.classes.get(cls)
        with told():
            return await check_log(self._store, self._crypto, session.ring, cls, entry if isinstance(entry, LogEntry) else None, opener)

    async def contents(self) -> Contents:
        """Classes with counts and stored bytes, number of commits, storage estimate."""
        session = self._open_session()
        manifest = session.writer.manifest
        with told():
            return Contents(listed(manifest), manifest.counter, await self._store.estimate())

    async def keep_signing_secret(self, name: str, algorithm: str, secret: Secret) -> None:
        """Keep a venue's secret under a name; from then on `signer` signs with it. The secret is wiped.

        `algorithm`: HMAC-SHA256, Ed25519 or SENT_AS_IS. Raises VaultRefused, and as `append`.
        """
        self._writable()
        try:
            payload = await wrapped_secret(self._sources(self._open_session().ring), name, algorithm, secret)
        finally:
            self._crypto.wipe(secret)
        await self.put(SECRETS, name, payload)

    async def signer(self, name: str) -> Signer:
        """What signs with the secret kept under a name. Raises VaultRefused if there is none, VaultDamaged."""
        session = self._open_session()
        payload = await self.get(SECRETS, name, fresh=True)  # rekeying wraps it anew behind what was read lately
        if payload is None:
            raise VaultRefused(f"No signing secret {name!r} is kept here.", remedy="Enter the venue's secret first.")
        return session.lent(await opened_signer(self._crypto, session.ring, name, payload))

    async def session_signer(self) -> Signer:
        """An Ed25519 key of this session, made when first asked for and gone with the lock; `public` is its public half."""
        session = self._open_session()
        if session.own_signer is None:
            key, public = await self._crypto.keys.new_signing_pair()
            session.own_signer = session.own_signer or session.lent(Signer(self._crypto, ED25519, key, public))
        return session.own_signer

    async def examine(self) -> tuple[Damage, ...]:
        """What is wrong now with the vault's own records, header and manifest, in both copies of each."""
        session = self._open_session()
        await session.writer.drain()
        problems: list[Damage] = []
        with told():
            copies = await stored_headers(self._store)
            header = session.writer.manifest.header
            right = sum(digest_of(stored) == header for stored in copies)
            if right < len(HEADER_IDS):
                detail = f"{len(HEADER_IDS) - right} of {len(HEADER_IDS)} copies of the header are missing or changed."
                problems.append(Damage(HEADER, "unreadable", detail))
            await read_manifest(self._store, self._crypto, session.ring, header, problems)
        if session.blocked is not None and session.blocked.kind not in {problem.kind for problem in problems}:
            problems.append(session.blocked)
        return tuple(problems)

    async def note(self, key: str) -> str | None:
        """A small text kept beside the vault, neither secret nor authenticated; it outlives a lost database, not a wipe."""
        with told():
            return await self._store.meta_get(key)

    async def set_note(self, key: str, value: str) -> None:
        """Keep such a text, and the vault's mark with it."""
        with told():
            await self._open_session().writer.mark()
            await self._store.meta_put(key, value)

    async def classes(self) -> list[str]:
        """Every class that should have records or has some, sorted; not the vault's own."""
        session = self._open_session()
        with told():
            stored = await self._store.classes()
        return sorted((set(stored) | session.writer.manifest.classes.keys()) - RESERVED)

    async def accept_damage(self) -> None:
        """Take what is readable as what the vault holds from now on. Nothing is removed.

        Lets writing go on after the manifest was lost or does not match; export first.
        """
        session = self._open_session()
        await session.writer.drain()
        sources = self._sources(session.ring)
        with told():
            known = max(session.writer.manifest.counter, await marked_counter(self._store, session.ring))
            manifest = await rebuilt_manifest(sources, session.writer.manifest, known, session.digest)
            await session.writer.replace_manifest(manifest)
            session.recent.clear()
            session.problems.clear()
            await session.writer.mark()

    async def wipe(self) -> None:
        """Remove the vault and everything in it. Cannot be undone."""
        await self.lock()
        with told():
            await self._store.clear()
        await self.refresh()

    async def _mend(self, cls: str) -> int:
        """Take a class from the store's second copy, if that has another: how many records that were."""
        with told():
            count = await self._store.mend(cls)
        self.mended += count
        return count

    def _sources(self, ring: KeyRing) -> Sources:
        return Sources(self._store, self._crypto, self._clock, self._entropy, ring)

    def _open_session(self) -> Session:
        if self._session is None:
            raise VaultLocked("The vault is locked.")
        return self._session

    def _writable(self) -> Writer:
        session = self._open_session()
        if session.blocked is not None:
            raise VaultDamaged(session.blocked.detail)
        return session.writer

    def _opened(self, session: Session) -> None:
        self._session = session
        self.state, self.detail, self.cause = "open", "", ""
        self.vault_id, self.created_ns = session.header.vault_id.hex(), session.header.created_ns

    async def _missing(self) -> VaultError:
        if await self.refresh() == "absent":
            return VaultAbsent("There is no vault here.")
        return VaultDamaged(
            self.detail,
            kept="Whatever records are left were not touched, but cannot be opened without it.",
            remedy="Restore your last export; the browser may have evicted this site's data.",
        )


def _headless(left: int, mark: str | None) -> tuple[StateKind, str, str]:
    if left:
        return "damaged", "The vault's header is gone; its records are still there.", "header"
    if mark is not None:
        return "damaged", "A vault was here, but the browser removed its data.", "evicted"
    return "absent", "", ""
