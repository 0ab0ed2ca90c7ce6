"""The manifest: what the vault should hold, kept sealed and written with every change, in its transaction.

It is what makes deleted, swapped, duplicated or rolled-back records visible. A log is summed up by the chain
over its records; a table by the sum of the secret random tokens inside its records, which nobody without
the keys can steer. Pure values; sealing and storing are the writer's work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from app.vault.format import FormatError, chain_start

TOKEN_MODULUS = 2**128
_COMMON = ("count", "bytes", "seals", "oldest_ns", "newest_ns")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log: how many records, the chain after the last, its id, stored bytes, seals made with its key, and when
    it was first and last written."""

    count: int
    head: bytes
    last: str
    bytes: int = 0
    seals: int = 0
    oldest_ns: int = 0
    newest_ns: int = 0


@dataclass(frozen=True, slots=True)
class TableEntry:
    """A table: how many records, the sum of their tokens, stored bytes, seals made with its key, and when it was
    first and last written."""

    count: int = 0
    total: int = 0
    bytes: int = 0
    seals: int = 0
    oldest_ns: int = 0
    newest_ns: int = 0


Entry = LogEntry | TableEntry


@dataclass(slots=True)
class Manifest:
    """Counter of commits, digest of the header it goes with, one entry a class."""

    counter: int
    header: bytes
    classes: dict[str, Entry] = field(default_factory=dict)
    texts: dict[str, tuple[Entry, str]] = field(default_factory=dict, repr=False, compare=False)
    """Of each class the entry that was encoded last, and how: most stay as they are from commit to commit."""

    def draft(self) -> Manifest:
        """The next manifest, to be changed and committed."""
        return Manifest(self.counter + 1, self.header, dict(self.classes), self.texts)

    def log(self, cls: str, vault_id: bytes) -> LogEntry:
        """The entry of a log, known or new in this vault. Raises TypeError if the class is a table."""
        entry = self.classes.get(cls)
        if entry is None:
            return LogEntry(0, chain_start(vault_id, cls), "")
        if not isinstance(entry, LogEntry):
            raise TypeError(f"{cls} is a table; use put")
        return entry

    def table(self, cls: str) -> TableEntry:
        """The entry of a table, new or known. Raises TypeError if the class is a log."""
        entry = self.classes.get(cls, TableEntry())
        if not isinstance(entry, TableEntry):
            raise TypeError(f"{cls} is a log; use append")
        return entry


def written_at(entry: Entry, now_ns: int) -> Entry:
    """The entry with the time of its latest write, and of its first if this is it."""
    return replace(entry, oldest_ns=entry.oldest_ns or now_ns, newest_ns=now_ns)


def with_record(entry: TableEntry, token: int, size: int, old: tuple[int, int] | None) -> TableEntry:
    """The entry after a put; `old` is (token, size) of the record it replaces."""
    entry = without_record(entry, old) if old is not None else entry
    return replace(
        entry,
        count=entry.count + 1,
        total=(entry.total + token) % TOKEN_MODULUS,
        bytes=entry.bytes + size,
        seals=entry.seals + 1,
    )


def without_record(entry: TableEntry, old: tuple[int, int]) -> TableEntry:
    """The entry after a delete of a record of (token, size)."""
    token, size = old
    total = (entry.total - token) % TOKEN_MODULUS
    return replace(entry, count=entry.count - 1, total=total, bytes=entry.bytes - size)


def encode(manifest: Manifest) -> bytes:
    """Canonical JSON (sorted keys, no spaces), to be sealed; put together by hand, because it is written with every change."""
    texts = manifest.texts
    for cls, entry in manifest.classes.items():
        if (known := texts.get(cls)) is None or known[0] is not entry:
            texts[cls] = entry, f"{json.dumps(cls)}:{_text(entry)}"
    classes = ",".join([texts[cls][1] for cls in sorted(manifest.classes)])
    return f'{{"classes":{{{classes}}},"counter":{manifest.counter},"header":"{manifest.header.hex()}"}}'.encode()


def _text(entry: Entry) -> str:
    sums = f'"bytes":{entry.bytes},"count":{entry.count}'
    times = f'"newest_ns":{entry.newest_ns},"oldest_ns":{entry.oldest_ns},"seals":{entry.seals}'
    if isinstance(entry, LogEntry):
        return f'{{{sums},"head":"{entry.head.hex()}","kind":"log","last":{json.dumps(entry.last)},{times}}}'
    return f'{{{sums},"kind":"table",{times},"sum":"{entry.total:032x}"}}'


def decode(plain: bytes) -> Manifest:
    """The manifest from its opened bytes. Raises FormatError."""
    try:
        raw = json.loads(plain)
        classes: dict[str, Entry] = {}
        for cls, entry in raw["classes"].items():
            common = {name: _whole(entry[name]) for name in _COMMON}
            if entry["kind"] == "log":
                classes[cls] = LogEntry(head=bytes.fromhex(entry["head"]), last=str(entry["last"]), **common)
            elif entry["kind"] == "table":
                classes[cls] = TableEntry(total=int(entry["sum"], 16), **common)
            else:
                raise FormatError("manifest: unknown kind of class")
        return Manifest(_whole(raw["counter"]), bytes.fromhex(raw["header"]), classes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"manifest: {type(error).__name__}") from None


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise FormatError("manifest: a number is not whole")
    return value
