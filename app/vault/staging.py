"""Building one transaction: what a change does to the manifest, and which records it seals.

A `Stage` reads the store where it must (the token of a record that is replaced) but writes nothing. Changes are
checked here, so a refused one leaves the stage as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from app.platform.errors import CryptoAuthError
from app.platform.interfaces import Clock, Crypto, Entropy, Store, Write
from app.platform.records import check_class, check_id
from app.vault import manifest as manifests
from app.vault.errors import VaultRefused
from app.vault.fetching import Opened, open_all, open_one
from app.vault.format import (
    ENVELOPE_HEAD,
    FORM_CHUNK,
    FORM_LOG,
    FORM_TABLE,
    TAG_BYTES,
    TOKEN_BYTES,
    Chunk,
    FormatError,
    chain_next,
    chain_start,
    chunk_id,
    pack_chunk,
    pack_log,
    pack_table,
)
from app.vault.keys import KeyRing
from app.vault.manifest import TOKEN_MODULUS, Manifest, TableEntry
from app.vault.reading import judge_table
from app.vault.signing import SECRETS, resealed

HEADER = "header"
HEADER_IDS = ("vault", "copy")
MANIFEST = "manifest"
MANIFEST_IDS = (MANIFEST, "copy")
QUARANTINE = "quarantine"
RESERVED = frozenset({HEADER, MANIFEST, QUARANTINE})
MAX_ID = 150
CHUNK_BYTES = 256 * 1024
MAX_PIECES = 4_096
_MAX_SEALS = 2**32
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Append:
    """Records to add at the end of a log, ids ascending."""

    cls: str
    records: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Put:
    """Records to write into a table."""

    cls: str
    records: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Delete:
    """Records to remove from a table."""

    cls: str
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class PutColumn:
    """Bytes too many for one record, to write into a table in pieces; `data` None: to remove."""

    cls: str
    column: str
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Rehead:
    """Another header in place of the present one; `epoch`: the one that is written under from this commit on."""

    stored: bytes
    digest: bytes
    epoch: int
    cls: str = HEADER


@dataclass(slots=True)
class Reseal:
    """Seal records of a class anew, those from `from_id` on, as many as `limit`. Afterwards `next_id` tells where to go on (None:
    the class is done), `seen` and `sealed` how many there were."""

    cls: str
    from_id: str | None
    limit: int
    next_id: str | None = None
    seen: int = 0
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class Replace:
    """Records, ids ascending, that a log holds from now on instead of everything before."""

    cls: str
    records: Sequence[tuple[str, bytes]]


Change = Append | Put | Delete | PutColumn | Replace | Rehead | Reseal
ALONE = (PutColumn, Rehead, Reseal)
"""Changes that share their transaction with no other."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Changes that are taken all or none."""

    changes: Sequence[Change]


Known = tuple[int, int] | None  # (token, stored size) of a table record; None: there is none
Tokens = dict[tuple[str, str], Known]


class Plain(NamedTuple):
    """A record still to be sealed, or a delete in its place among them."""

    op: Literal["put", "add", "delete"]
    cls: str
    id: str
    form: int
    version: int
    plain: bytes


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a stage looks things up."""

    store: Store
    crypto: Crypto
    clock: Clock
    entropy: Entropy
    ring: KeyRing


class Stage:
    """One transaction being built on top of the last committed manifest."""

    def __init__(self, sources: Sources, manifest: Manifest, tokens: Tokens) -> None:
        self.manifest = manifest.draft()
        self.tokens: Tokens = {}
        self.plains: list[Plain] = []
        self.raw_writes: list[Write] = []
        self.epoch = sources.ring.epoch
        self._sources = sources
        self._committed = tokens

    async def take(self, change: Change | Bundle) -> None:
        """Add a change. Raises VaultRefused and stays as it was when the change is not acceptable."""
        if isinstance(change, Rehead):
            self._rehead(change)
            return
        if isinstance(change, Reseal):
            await self._reseal(change)
            return
        changes = change.changes if isinstance(change, Bundle) else (change,)
        classes, plains, raw = dict(self.manifest.classes), len(self.plains), len(self.raw_writes)
        touched: dict[tuple[str, str], Any] = {}
        try:
            for part in changes:
                await self._take(part, touched)
        except (ValueError, TypeError) as error:
            self.manifest.classes = classes
            del self.plains[plains:], self.raw_writes[raw:]
            for key, known in touched.items():
                if known is _ABSENT:
                    self.tokens.pop(key, None)
                else:
                    self.tokens[key] = known
            raise VaultRefused(f"The write was refused: {error}.") from error

    async def _take(self, change: Change, touched: dict[tuple[str, str], Any]) -> None:
        if check_class(change.cls) in RESERVED:
            raise ValueError(f"{change.cls} belongs to the vault itself")
        if isinstance(change, Append):
            self._append(change)
        elif isinstance(change, Put):
            await self._put(change, touched)
        elif isinstance(change, Replace):
            await self._replace(change)
        elif isinstance(change, PutColumn):
            await self._put_column(change, touched)
        else:
            await self._delete(change, touched)
        entry = self.manifest.classes.get(change.cls)
        if entry is not None:
            now_ns = self._sources.clock.now_ns()
            self.manifest.classes[change.cls] = manifests.written_at(entry, now_ns)

    async def _replace(self, change: Replace) -> None:
        """Start the log anew. It must not have been appended to before in the same transaction."""
        entry = self.manifest.log(change.cls, self._sources.ring.vault_id)
        for record_id, _ in await self._sources.store.scan(change.cls):
            self.plains.append(Plain("delete", change.cls, record_id, FORM_LOG, 0, b""))
        start = chain_start(self._sources.ring.vault_id, change.cls)
        self.manifest.classes[change.cls] = replace(entry, count=0, head=start, last="", bytes=0)
        self._append(Append(change.cls, change.records))

    def _append(self, change: Append) -> None:
        entry = self.manifest.log(change.cls, self._sources.ring.vault_id)
        position, head, last, size = entry.count, entry.head, entry.last, entry.bytes
        for record_id, payload in change.records:
            _check_record(record_id, payload)
            if record_id <= last:
                raise ValueError(f"log ids must ascend, was {record_id!r} after {last!r}")
            position += 1
            plain = pack_log(head, payload)
            self.plains.append(Plain("add", change.cls, record_id, FORM_LOG, position, plain))
            head = chain_next(head, position, record_id, payload)
            last = record_id
            size += _stored_size(plain)
        seals = entry.seals + len(change.records)
        _check_seals(change.cls, seals)
        self.manifest.classes[change.cls] = replace(
            entry, count=position, head=head, last=last, bytes=size, seals=seals
        )

    async def _put(self, change: Put, touched: dict[tuple[str, str], Any]) -> None:
        self.manifest.table(change.cls)
        for record_id, payload in change.records:
            _check_record(record_id, payload)
            token = self._sources.entropy.random_bytes(TOKEN_BYTES)
            await self._put_one(change.cls, record_id, FORM_TABLE, token, pack_table(token, payload), touched)

    async def _put_one(
        self, cls: str, record_id: str, form: int, token: bytes, plain: bytes, touched: dict[tuple[str, str], Any]
    ) -> None:
        old = await self._old(cls, record_id, touched)
        known = int.from_bytes(token, "big"), _stored_size(plain)
        entry = manifests.with_record(self.manifest.table(cls), *known, old)
        _check_seals(cls, entry.seals)
        self.manifest.classes[cls] = entry
        self.tokens[cls, record_id] = known
        self.plains.append(Plain("put", cls, record_id, form, self.manifest.counter, plain))

    async def _put_column(self, change: PutColumn, touched: dict[tuple[str, str], Any]) -> None:
        """The pieces of a column, all of one write; pieces of a longer one before it go."""
        cls, column, entropy = change.cls, change.column, self._sources.entropy
        self.manifest.table(cls)
        check_id(column)
        _check_record(chunk_id(column, 0), change.data or b"")
        pieces = [] if change.data is None else _pieces(change.data)
        if len(pieces) > MAX_PIECES:
            raise ValueError(f"a column has at most {MAX_PIECES * CHUNK_BYTES // 2**20} MiB")
        write = entropy.random_bytes(TOKEN_BYTES)
        for index, piece in enumerate(pieces):
            token = entropy.random_bytes(TOKEN_BYTES)
            plain = pack_chunk(token, Chunk(write, index, len(pieces), piece))
            await self._put_one(cls, chunk_id(column, index), FORM_CHUNK, token, plain, touched)
        surplus = []
        from_id = chunk_id(column, len(pieces))
        while found := await self._sources.store.scan(cls, from_id, 1):
            if not found[0][0].startswith(f"{column}/"):
                break
            surplus.append(found[0][0])
            from_id = found[0][0] + " "
        await self._delete(Delete(cls, surplus), touched)

    async def _delete(self, change: Delete, touched: dict[tuple[str, str], Any]) -> None:
        self.manifest.table(change.cls)
        for record_id in change.ids:
            check_id(record_id)
            old = await self._old(change.cls, record_id, touched)
            if old is not None:
                entry = self.manifest.table(change.cls)
                self.manifest.classes[change.cls] = manifests.without_record(entry, old)
            self.tokens[change.cls, record_id] = None
            self.plains.append(Plain("delete", change.cls, record_id, FORM_TABLE, 0, b""))

    def _rehead(self, change: Rehead) -> None:
        self.raw_writes += [Write("put", HEADER, copy, change.stored) for copy in HEADER_IDS]
        self.manifest.header = change.digest
        if change.epoch != self.epoch:  # other keys begin to count anew
            self.epoch = change.epoch
            for cls, entry in self.manifest.classes.items():
                self.manifest.classes[cls] = replace(entry, seals=0)

    async def _reseal(self, change: Reseal) -> None:
        """Seal again what is not yet under the present epoch; plaintext, place and version of each record stay."""
        sources, ring, cls = self._sources, self._sources.ring, change.cls
        opener = await ring.opener(cls, but=ring.epoch)
        found = await open_all(sources.store, sources.crypto, cls, opener, change.from_id, change.limit + 1)
        found, more = found[: change.limit], found[change.limit :]
        change.next_id, change.seen = more[0].id if more else None, len(found)
        for record in found:
            if record.plain is None:
                continue  # of the present epoch, or damaged: that stays as it is, and is reported when it is read
            plain = record.plain
            if cls == SECRETS:
                plain = await self._secret_resealed(record.id, plain)
            self.plains.append(Plain("put", cls, record.id, record.form, record.version, plain))
            change.sealed += 1
        entry = self.manifest.classes.get(cls)
        if entry is not None:
            _check_seals(cls, entry.seals + change.sealed)
            self.manifest.classes[cls] = replace(entry, seals=entry.seals + change.sealed)

    async def _secret_resealed(self, record_id: str, plain: bytes) -> bytes:
        """A signing secret is wrapped anew too; one that cannot be is kept as it is and reported when it is used."""
        try:
            payload = await resealed(self._sources, record_id, plain[TOKEN_BYTES:])
        except (FormatError, CryptoAuthError):
            return plain
        return plain[:TOKEN_BYTES] + payload

    async def _old(self, cls: str, record_id: str, touched: dict[tuple[str, str], Any]) -> Known:
        """What is now under an id; a damaged record is moved to quarantine and counts as nothing."""
        key = (cls, record_id)
        touched.setdefault(key, self.tokens.get(key, _ABSENT))
        for tokens in (self.tokens, self._committed):
            if key in tokens:
                return tokens[key]
        sources = self._sources
        record = await open_one(sources.store, sources.crypto, sources.ring, cls, record_id)
        if record is None:
            return None
        known = _readable(cls, [record]).get(record_id)
        if known is None:
            stored = record.stored if record.stored is not None else await sources.store.get(cls, record_id)
            kept_as = f"{cls}/{record_id}/{self.manifest.counter}"
            self.raw_writes.append(Write("add", QUARANTINE, kept_as, stored or b""))
            self.manifest.classes[cls] = await self._resummed(cls, record_id)
        return known

    async def _resummed(self, cls: str, without: str) -> TableEntry:
        """The table's entry from what can be read: the token of a damaged record is not known any more."""
        sources = self._sources
        found = await open_all(sources.store, sources.crypto, cls, await sources.ring.opener(cls))
        found = [record for record in found if record.id != without]
        readable, sizes = _readable(cls, found), {record.id: record.size for record in found}
        for (its_class, record_id), known in self.tokens.items():
            if its_class != cls:
                continue
            readable.pop(record_id, None)
            sizes.pop(record_id, None)
            if known is not None:
                readable[record_id] = known
                sizes[record_id] = known[1]
        total = sum(token for token, _ in readable.values()) % TOKEN_MODULUS
        entry = self.manifest.table(cls)
        return replace(entry, count=len(sizes), total=total, bytes=sum(sizes.values()))


def _readable(cls: str, found: Sequence[Opened]) -> dict[str, tuple[int, int]]:
    return judge_table(cls, found, None, whole=False)[1]


def _check_record(record_id: str, payload: object) -> None:
    check_id(record_id)
    if len(record_id) > MAX_ID:
        raise ValueError(f"record ids may have {MAX_ID} characters, had {len(record_id)}")
    if not isinstance(payload, (bytes, bytearray)):
        raise TypeError(f"a payload must be bytes, was {type(payload).__name__}")


def _check_seals(cls: str, seals: int) -> None:
    if seals > _MAX_SEALS:
        raise ValueError(f"the key of {cls} has sealed as many records as is safe; the vault must be rekeyed")


def _stored_size(plain: bytes) -> int:
    return ENVELOPE_HEAD + len(plain) + TAG_BYTES


def _pieces(data: bytes) -> list[bytes]:
    return [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)] or [b""]
