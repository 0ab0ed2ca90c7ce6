"""Judging a whole class of opened records against the manifest.

A record that does not open is reported and left where it is; the records around it are judged on their own.
For a log the chain tells exactly where records are missing or do not belong; for a table the count and the
sum of tokens tell that they do, not which. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from app.platform.interfaces import Crypto, Opener, Store
from app.vault.errors import VaultDamaged
from app.vault.fetching import Opened, open_all, opened_of
from app.vault.format import (
    CHAIN_BYTES,
    FORM_CHUNK,
    FORM_LOG,
    FORM_TABLE,
    Chunk,
    FormatError,
    chain_next,
    chain_start,
    chunk_id,
    parse_chunk,
    parse_table,
)
from app.vault.keys import KeyRing
from app.vault.manifest import TOKEN_MODULUS, LogEntry, TableEntry

_PIECES_AT_ONCE = 16

DamageKind = Literal["unreadable", "missing", "unexpected", "stale", "manifest", "rollback"]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as the vault last wrote it. `id` is where: the record itself, or for missing records
    the one after them or the last that was written; empty for a table as a whole. `envelope` holds the stored
    bytes for export."""

    cls: str
    kind: DamageKind
    detail: str
    id: str = ""
    count: int = 1
    envelope: bytes | None = None


class Record(NamedTuple):
    """One verified record."""

    id: str
    data: bytes


@dataclass(slots=True)
class ScanResult:
    """The records that verified, in id order, and what did not. `kind`: what the class is, by manifest or records.
    `versions`: of each record by id, its position in a log or the manifest counter it was written with; `columns`:
    the same of those records that are columns. `last_id`: the highest id ever seen in a log; the next record must
    come after it."""

    cls: str
    records: list[Record] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    damaged: list[Damage] = field(default_factory=list)
    last_id: str = ""
    kind: Literal["log", "table"] = "table"

    @property
    def intact(self) -> bool:
        """Whether everything was as last written."""
        return not self.damaged


def unreadable(cls: str, record: Opened) -> Damage:
    """The report of a record that did not open."""
    return Damage(cls, "unreadable", "The record was changed or cut short.", record.id, envelope=record.stored)


class LogPlace(NamedTuple):
    """A place in a log: how many records are before it, the chain after them, the id of the last."""

    count: int
    chain: bytes
    last: str


@dataclass(slots=True)
class LogWalk:
    """A walk along a log; afterwards `position` and `chain` tell where its next record goes."""

    cls: str
    chain: bytes | None
    position: int
    result: ScanResult
    unread: int = 0

    @classmethod
    def begin(cls, name: str, vault_id: bytes, whole: bool) -> LogWalk:
        """Start at the log's beginning, or anywhere inside it when not `whole`."""
        return cls(name, chain_start(vault_id, name) if whole else None, 0, ScanResult(name, kind="log"))

    @classmethod
    def after(cls, name: str, place: LogPlace) -> LogWalk:
        """Start behind a place."""
        walk = cls(name, place.chain, place.count, ScanResult(name, kind="log"))
        walk.result.last_id = place.last
        return walk

    def take(self, records: Iterable[Opened]) -> None:
        """Take the next stored records."""
        found, versions, record_id = self.result.records, self.result.versions, self.result.last_id
        for record in records:
            record_id, form, version, _, plain, _ = record
            if plain is None or form != FORM_LOG or len(plain) < CHAIN_BYTES:
                self.result.damaged.append(unreadable(self.cls, record))
                self.unread += 1
                continue
            previous, payload = plain[:CHAIN_BYTES], plain[CHAIN_BYTES:]
            if self.chain is not None and (previous != self.chain or version != self.position + 1 or self.unread):
                self._judge(record_id, version, previous)
            self.position = version
            self.chain = chain_next(previous, version, record_id, payload)
            self.unread = 0
            found.append(Record(record_id, payload))
            versions[record_id] = version
        self.result.last_id = record_id

    def finish(self, entry: LogEntry | None) -> ScanResult:
        """Compare the end reached with what the manifest says it is."""
        last = "" if entry is None else entry.last
        self.result.last_id = max(self.result.last_id, last)
        if self.chain is None:
            return self.result
        reached = self.position + self.unread
        expected = 0 if entry is None else entry.count
        if reached < expected:
            lost = expected - reached
            self._report("missing", f"{lost} records are missing at the end.", last, lost)
        elif reached > expected:
            self._report("unexpected", "There are records after the end.", self.result.last_id, reached - expected)
        elif not self.unread and entry is not None and self.chain != entry.head:
            self._report("unexpected", "The last record is not the one last written.", last)
        return self.result

    def _judge(self, record_id: str, position: int, previous: bytes) -> None:
        gap = position - (self.position + 1 + self.unread)
        if gap > 0:
            self._report("missing", f"{gap} records are missing before this one.", record_id, gap)
        elif gap < 0 or (not self.unread and previous != self.chain):
            self._report("unexpected", "The record does not follow the one before it.", record_id)

    def _report(self, kind: DamageKind, detail: str, record_id: str, count: int = 1) -> None:
        self.result.damaged.append(Damage(self.cls, kind, detail, record_id, count))


def judge_log(vault_id: bytes, cls: str, opened: Iterable[Opened], entry: LogEntry | None, whole: bool) -> LogWalk:
    """Walk a log; `whole` unless the scan started inside it."""
    walk = LogWalk.begin(cls, vault_id, whole)
    walk.take(opened)
    walk.finish(entry)
    return walk


async def read_log(
    store: Store, crypto: Crypto, ring: KeyRing, cls: str, entry: LogEntry, from_id: str | None, opener: Opener, after: LogPlace | None = None
) -> ScanResult:
    """Walk a log while it is still being read; only what comes ``after`` a place, if one is given. Raises StoreError."""
    if after is None:
        walk = LogWalk.begin(cls, ring.vault_id, whole=from_id is None)
    else:
        walk, from_id = LogWalk.after(cls, after), after.last
    async for batch in store.scan_opened(crypto, cls, opener, from_id):
        opened = opened_of(batch)
        if after is not None and opened and opened[0].id == after.last:
            opened = opened[1:]
        if opened:
            walk.take(opened)
    return walk.finish(entry)


async def check_log(
    store: Store, crypto: Crypto, ring: KeyRing, cls: str, entry: LogEntry | None, opener: Opener
) -> tuple[int, list[Damage]]:
    """Walk a whole log, keeping nothing: (records that verify, damage). Raises StoreError."""
    walk, right = LogWalk.begin(cls, ring.vault_id, whole=True), 0
    async for batch in store.scan_opened(crypto, cls, opener):
        if opened := opened_of(batch):
            walk.take(opened)
        right += len(walk.result.records)
        walk.result.records.clear()
        walk.result.versions.clear()
    return right, walk.finish(entry).damaged


async def with_stored(store: Store, result: ScanResult) -> ScanResult:
    """Adds what is stored of records that opened and yet are not what they should be. Raises StoreError."""
    for place, damage in enumerate(result.damaged):
        if damage.kind == "unreadable" and damage.envelope is None:
            result.damaged[place] = replace(damage, envelope=await store.get(result.cls, damage.id))
    return result


def judge_table(
    cls: str, opened: Sequence[Opened], entry: TableEntry | None, whole: bool
) -> tuple[ScanResult, dict[str, tuple[int, int]]]:
    """Compare a table with its manifest entry; also gives (token, stored size) of each readable record."""
    result = ScanResult(cls)
    tokens: dict[str, tuple[int, int]] = {}
    columns: dict[str, list[Chunk]] = {}
    for record in opened:
        try:
            token, payload = _table_record(record, columns)
        except FormatError:
            result.damaged.append(unreadable(cls, record))
            continue
        tokens[record.id] = token, record.size
        if payload is None:
            result.columns[record.id.rpartition("/")[0]] = record.version
            continue
        result.records.append(Record(record.id, payload))
        result.versions[record.id] = record.version
    if whole:
        _compare_table(result, len(opened), sum(token for token, _ in tokens.values()) % TOKEN_MODULUS, entry)
    if columns:
        _join_columns(result, columns)
    return result, tokens


def _table_record(record: Opened, columns: dict[str, list[Chunk]]) -> tuple[int, bytes | None]:
    """(token, payload); a piece of a column goes to its column instead. Raises FormatError."""
    if record.plain is None or record.form not in (FORM_TABLE, FORM_CHUNK):
        raise FormatError("not a table record")
    if record.form == FORM_TABLE:
        return parse_table(record.plain)
    token, column, chunk = parse_chunk(record.id, record.plain)
    columns.setdefault(column, []).append(chunk)
    return token, None


def _join_columns(result: ScanResult, columns: dict[str, list[Chunk]]) -> None:
    """Columns whose pieces are all there, and of one write, become records; what lacks is reported."""
    for column, chunks in columns.items():
        data = joined_column(chunks)
        if data is not None:
            result.records.append(Record(column, data))
        else:
            del result.columns[column]
            detail = "The column is not whole: pieces of it are missing or of another time."
            result.damaged.append(Damage(result.cls, "missing", detail, column))
    result.records.sort()


def chunks_of(cls: str, column: str, opened: Iterable[Opened]) -> list[Chunk]:
    """Pieces of a column. Raises VaultDamaged when one does not open or is of something else."""
    chunks = []
    for record in opened:
        try:
            if record.plain is None or record.form != FORM_CHUNK:
                raise FormatError("not a piece")
            _, its_column, chunk = parse_chunk(record.id, record.plain)
            if its_column != column:
                raise FormatError("not of this column")
        except FormatError:
            raise VaultDamaged(f"The column {cls}/{column} was changed or cut short.") from None
        chunks.append(chunk)
    if not chunks:
        raise VaultDamaged(f"The column {cls}/{column} is not whole.")
    return chunks


async def read_column(store: Store, crypto: Crypto, ring: KeyRing, cls: str, column: str) -> bytes | None:
    """A column's bytes, None if there is none. Raises VaultDamaged if it is not whole, and StoreError."""
    chunks: list[Chunk] = []
    opener = await ring.opener(cls)
    from_id, wanted = f"{column}/", 1
    while len(chunks) < wanted:
        opened = await open_all(store, crypto, cls, opener, from_id, min(_PIECES_AT_ONCE, wanted - len(chunks)))
        if not chunks and not (opened and opened[0].id.startswith(from_id)):
            return None
        chunks += chunks_of(cls, column, opened)
        from_id, wanted = chunk_id(column, len(chunks)), chunks[0].count
    data = joined_column(chunks)
    if data is None:
        raise VaultDamaged(f"The column {cls}/{column} is not whole.")
    return data


def joined_column(chunks: Sequence[Chunk]) -> bytes | None:
    """The bytes of a column from its pieces in order; None unless they are all there and of one write."""
    first = chunks[0]
    for index, chunk in enumerate(chunks):
        if (chunk.write, chunk.index, chunk.count) != (first.write, index, first.count):
            return None
    return b"".join([chunk.data for chunk in chunks]) if len(chunks) == first.count else None


def _compare_table(result: ScanResult, found: int, total: int, entry: TableEntry | None) -> None:
    expected = entry if entry is not None else TableEntry()
    unread = len(result.damaged)
    if found < expected.count:
        lost = expected.count - found
        result.damaged.append(Damage(result.cls, "missing", f"{lost} records are missing.", count=lost))
    elif found > expected.count:
        extra = found - expected.count
        result.damaged.append(Damage(result.cls, "unexpected", f"{extra} records do not belong here.", count=extra))
    elif not unread and total != expected.total:
        result.damaged.append(Damage(result.cls, "stale", "Some records are older than those last written."))
