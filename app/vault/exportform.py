"""What an export holds inside its encryption: lines of JSON, specified in docs/export.md. Pure; no keys, no storage.

Written line by line, so that nobody needs the whole of it as text; app.vault.exportreader reads it the same way.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from app.vault.format import joined
from app.vault.reading import Damage, ScanResult

FORM = 1
PIECE = 1024 * 1024
_CHUNK = 256 * 1024

Kind = Literal["log", "table"]


class ExportRecord(NamedTuple):
    """One record: id, version (position in a log, counter of its commit in a table), payload; whether it is a column of a table."""

    id: str
    version: int
    data: bytes
    column: bool = False

    @property
    def key(self) -> tuple[bool, str]:
        """What no two records of a class share, and their order: columns come last."""
        return self.column, self.id


@dataclass(frozen=True, slots=True)
class Lost:
    """Damage that the vault had when it was exported; `id` as in `Damage`, `stored` the undecryptable bytes if any."""

    kind: str
    detail: str
    id: str
    count: int
    stored: bytes | None


@dataclass(slots=True)
class ExportClass:
    """One class of an export, records in id order."""

    name: str
    kind: Kind
    records: list[ExportRecord] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExportHead:
    """Which vault (hex id) at which commit, when it was made and exported (ns UTC), and by which version of the desk."""

    vault: str
    counter: int
    created_ns: int
    exported_ns: int
    app: str


@dataclass(slots=True)
class Export:
    """A whole export that was read and found right."""

    head: ExportHead
    classes: dict[str, ExportClass]

    @property
    def records(self) -> int:
        """How many records are in it."""
        return sum(len(item.records) for item in self.classes.values())


class Digest:
    """Count, bytes and SHA-256 of a class's records in order."""

    def __init__(self) -> None:
        self.count = self.bytes = 0
        self._hash = hashlib.sha256()

    def add(self, record: ExportRecord) -> None:
        """Take the next record."""
        self.count += 1
        self.bytes += len(record.data)
        kind = (b"column",) if record.column else ()
        self._hash.update(joined(record.id.encode(), record.version.to_bytes(8, "big"), record.data, *kind))

    def wire(self) -> dict[str, Any]:
        """As the last line of an export has it."""
        return {"count": self.count, "bytes": self.bytes, "sha256": self._hash.hexdigest()}


def record_lines(cls: str, record: ExportRecord) -> Iterator[bytes]:
    """The line of one record, or those of a column's pieces, without their ends."""
    if not record.column:
        yield _line({"class": cls, "id": record.id, "version": record.version, **_payload(record.data)})
        return
    pieces = -(-len(record.data) // PIECE) or 1
    for number in range(pieces):
        data = record.data[number * PIECE : (number + 1) * PIECE]
        yield _line({"class": cls, "column": record.id, "piece": number, "of": pieces, "version": record.version, **_payload(data)})


def records_of(found: ScanResult) -> list[ExportRecord]:
    """What a scan of a class found, in the order of an export."""
    records = []
    for record in found.records:
        column = record.id not in found.versions or (bool(records) and records[-1].id == record.id)
        version = found.columns[record.id] if column else found.versions[record.id]
        records.append(ExportRecord(record.id, version, record.data, column))
    return sorted(records, key=lambda record: record.key) if found.columns else records


def lost_line(cls: str, found: Lost) -> bytes:
    """The line of damage, without its end."""
    row: dict[str, Any] = {"damaged": cls, "kind": found.kind, "id": found.id, "count": found.count, "detail": found.detail}
    if found.stored is not None:
        row["base64"] = base64.b64encode(found.stored).decode()
    return _line(row)


class Writer:
    """Makes the lines of an export; `add` and `lost` class by class, ids ascending within each."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._digests: dict[str, Digest] = {}
        self._kinds: dict[str, Kind] = {}
        self._lost = 0
        self._waiting: list[bytes] = []
        self._size = 0

    @property
    def records(self) -> int:
        """How many records were added."""
        return sum(digest.count for digest in self._digests.values())

    def begin(self, head: ExportHead) -> None:
        """The first line."""
        self._add(
            {
                "kontor-export": FORM,
                "vault": head.vault,
                "counter": head.counter,
                "created_ns": head.created_ns,
                "exported_ns": head.exported_ns,
                "app": head.app,
            }
        )

    def add_class(self, name: str, kind: Kind, records: Iterable[ExportRecord], damaged: Sequence[Damage]) -> Iterator[bytes]:
        """Everything of one class; yields what is ready."""
        digest = self._digests[name] = Digest()
        self._kinds[name] = kind
        for record in records:
            digest.add(record)
            for line in record_lines(name, record):
                self._put(line)
                yield from self._ready(_CHUNK)
        for damage in damaged:
            self._lost += 1
            self._put(lost_line(name, Lost(damage.kind, damage.detail, damage.id, damage.count, damage.envelope)))
            yield from self._ready(_CHUNK)

    def finish(self) -> Iterator[bytes]:
        """The last line, and what was still waiting."""
        classes = {name: {"kind": self._kinds[name], **digest.wire()} for name, digest in self._digests.items()}
        self._add({"end": classes, "records": self.records, "damaged": self._lost, "sha256": self._hash.hexdigest()})
        yield from self._ready(0)

    def _add(self, row: dict[str, Any]) -> None:
        self._put(_line(row))

    def _put(self, line: bytes) -> None:
        line += b"\n"
        self._hash.update(line)
        self._waiting.append(line)
        self._size += len(line)

    def _ready(self, least: int) -> Iterator[bytes]:
        if self._size > least:
            yield b"".join(self._waiting)
            self._waiting, self._size = [], 0


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def _payload(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
