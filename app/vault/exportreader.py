"""Reading an export line by line (docs/export.md). Pure; no keys, no storage.

Whatever is not exactly the form of an export is an ExportRefused that names the line; nothing is ever reserved for a number that a
file claims.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from app.platform.records import check_class, check_id
from app.vault.errors import VaultError
from app.vault.exportform import FORM, Digest, Export, ExportClass, ExportHead, ExportRecord, Lost
from app.vault.staging import MAX_ID, RESERVED

MAX_LINE = 32 * 1024 * 1024
MAX_BYTES = 256 * 1024 * 1024
MAX_CLASSES = 1_000
_MAX_NUMBER = 2**63


class ExportRefused(VaultError):
    """The content of a file is not an export, or not one that can be trusted."""

    code = "export-refused"
    kept = "Nothing was taken from the file; everything stored is as it was."
    remedy = "Choose another export."


class Reader:
    """Reads an export piece by piece. `finish` gives it once it was complete and everything in it agreed."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit, self._size, self._number = limit, 0, 0
        self._rest = bytearray()
        self._hash = hashlib.sha256()
        self._head: ExportHead | None = None
        self._classes: dict[str, ExportClass] = {}
        self._digests: dict[str, Digest] = {}
        self._lost = 0
        self._pieces: list[bytes] = []
        self._piece_of: tuple[object, ...] = ()
        self._end: dict[str, Any] | None = None

    def feed(self, piece: bytes) -> None:
        """Take the next bytes. Raises ExportRefused."""
        self._size += len(piece)
        if self._size > self._limit:
            raise ExportRefused(
                f"The export holds more than {self._limit >> 20} MB, which this desk does not read at once.",
                remedy="Restore it with `python -m app.vault restore`.",
            )
        begin, seen = 0, len(self._rest)
        self._rest += piece
        while (end := self._rest.find(b"\n", max(begin, seen))) >= 0:
            self._take(bytes(self._rest[begin : end + 1]))
            begin = end + 1
        del self._rest[:begin]
        if len(self._rest) > MAX_LINE:
            raise self._wrong("the line is too long")

    def finish(self) -> Export:
        """The export. Raises ExportRefused when it is not whole."""
        if self._head is None or self._end is None or self._rest:
            raise ExportRefused("The export is cut short: its last line is missing.")
        said: dict[str, Any] = self._end["end"]
        for name, entry in said.items():
            found = self._digests.get(name, Digest())
            if not isinstance(entry, dict) or entry != {"kind": entry.get("kind"), **found.wire()}:
                raise ExportRefused(f"The export's records of the class {name} are not those that its last line lists.")
            kind = entry["kind"]
            if kind not in ("log", "table"):
                raise ExportRefused(f"The export's class {name} is of an unknown kind.")
            self._classes.setdefault(name, ExportClass(name, kind)).kind = kind
            if kind == "log" and any(record.column for record in self._classes[name].records):
                raise ExportRefused(f"The export's log {name} holds a column, which only tables have.")
        if self._classes.keys() - said.keys():
            raise ExportRefused("The export holds classes that its last line does not list.")
        records = sum(digest.count for digest in self._digests.values())
        if (self._end["records"], self._end["damaged"]) != (records, self._lost):
            raise ExportRefused("The export does not hold as many records as its last line says.")
        return Export(self._head, self._classes)

    def _take(self, line: bytes) -> None:
        self._number += 1
        if len(line) > MAX_LINE:
            raise self._wrong("the line is too long")
        if self._end is not None:
            raise self._wrong("there is something after the end")
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise self._wrong("it is not JSON") from None
        if not isinstance(row, dict):
            raise self._wrong("it is not an object")
        try:
            if self._pieces and "piece" not in row:
                raise ValueError("pieces of a column are missing")
            if self._head is None:
                self._take_head(row)
            elif "piece" in row:
                self._take_piece(row)
            elif "class" in row:
                self._take_record(row)
            elif "damaged" in row and "end" not in row:
                self._take_lost(row)
            else:
                self._take_end(row)
        except (ValueError, TypeError, KeyError) as error:
            raise self._wrong(str(error) if type(error) is ValueError else "a field is missing or of the wrong kind") from None
        self._hash.update(line)

    def _take_head(self, row: dict[str, Any]) -> None:
        if "kontor-export" not in row:
            raise ValueError("this is not the start of an export of Kontor")
        if row["kontor-export"] != FORM:
            raise ValueError(f"the export has form {row['kontor-export']!r:.20}, this desk reads form {FORM}")
        vault = row["vault"]
        if not isinstance(vault, str) or len(vault) != 32 or len(bytes.fromhex(vault)) != 16:
            raise ValueError("the vault's id is not 16 bytes in hex")
        numbers = [_whole(row[name]) for name in ("counter", "created_ns", "exported_ns")]
        self._head = ExportHead(vault, *numbers, _text(row["app"], 40))

    def _take_record(self, row: dict[str, Any]) -> None:
        data = _bytes(row, {"class", "id", "version"})
        self._keep(self._class(row["class"]), ExportRecord(_id(row["id"]), _whole(row["version"]), data))

    def _take_piece(self, row: dict[str, Any]) -> None:
        """Pieces of a column follow one another, from 0 to the last."""
        item = self._class(row["class"])
        piece = _bytes(row, {"class", "column", "piece", "of", "version"})
        about = (item.name, _id(row["column"]), _whole(row["of"]), _whole(row["version"]))
        if _whole(row["piece"]) != len(self._pieces) or (self._pieces and about != self._piece_of) or not about[2]:
            raise ValueError("a piece of a column is out of place")
        self._pieces.append(piece)
        self._piece_of = about
        if len(self._pieces) == row["of"]:
            data, self._pieces = b"".join(self._pieces), []
            self._keep(item, ExportRecord(row["column"], row["version"], data, True))

    def _keep(self, item: ExportClass, record: ExportRecord) -> None:
        if item.records and record.key <= item.records[-1].key:
            raise ValueError("the id comes twice or is out of order")
        item.records.append(record)
        self._digests.setdefault(item.name, Digest()).add(record)

    def _take_lost(self, row: dict[str, Any]) -> None:
        item = self._class(row["damaged"])
        known = {"damaged", "kind", "id", "count", "detail"}
        stored = _bytes(row, known) if "base64" in row else None
        if stored is None and row.keys() != known:
            raise ValueError("there are unknown fields")
        found = _text(row["id"], MAX_ID)
        item.lost.append(Lost(_text(row["kind"], 40), _text(row["detail"], 400), found, _whole(row["count"]), stored))
        self._lost += 1

    def _take_end(self, row: dict[str, Any]) -> None:
        if row.keys() != {"end", "records", "damaged", "sha256"} or not isinstance(row["end"], dict):
            raise ValueError("it is neither a record nor the end")
        if row["sha256"] != self._hash.hexdigest():
            raise ValueError("the lines before are not those that the digest is of")
        for name in row["end"]:
            self._class(name)
        self._end = row

    def _class(self, name: object) -> ExportClass:
        if not isinstance(name, str):
            raise ValueError("a class is not a text")
        if name not in self._classes:
            if check_class(name) in RESERVED:
                raise ValueError(f"the class {name} belongs to the vault itself")
            if len(self._classes) >= MAX_CLASSES:
                raise ValueError("there are too many classes")
            self._classes[name] = ExportClass(name, "table")
        return self._classes[name]

    def _wrong(self, why: str) -> ExportRefused:
        return ExportRefused(f"The export cannot be read, line {self._number}: {why[:200]}.")


def _bytes(row: dict[str, Any], known: set[str]) -> bytes:
    if row.keys() == known | {"text"}:
        return _text(row["text"], MAX_LINE).encode()
    if row.keys() == known | {"base64"}:
        return base64.b64decode(_text(row["base64"], MAX_LINE), validate=True)
    raise ValueError("a record needs its text or its base64, and nothing unknown")


def _id(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_ID:
        raise ValueError(f"an id has to be a text of at most {MAX_ID} characters")
    return check_id(value)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MAX_NUMBER:
        raise ValueError("a number is not whole or out of range")
    return value


def _text(value: object, most: int) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"a text is missing or longer than {most} characters")
    return value
