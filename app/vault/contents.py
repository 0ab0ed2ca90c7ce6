"""What a vault holds, as its manifest tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.platform.interfaces import Estimate
from app.vault.manifest import LogEntry, Manifest


@dataclass(frozen=True, slots=True)
class ClassContents:
    """What the vault holds of one class; `bytes` as stored, times of its first and latest write."""

    cls: str
    kind: Literal["log", "table"]
    count: int
    bytes: int
    oldest_ns: int
    newest_ns: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What the vault holds, and the storage it lies in."""

    classes: tuple[ClassContents, ...]
    commits: int
    estimate: Estimate


def listed(manifest: Manifest) -> tuple[ClassContents, ...]:
    """The classes in order of their names."""
    return tuple(
        ClassContents(
            cls,
            "log" if isinstance(entry, LogEntry) else "table",
            entry.count,
            entry.bytes,
            entry.oldest_ns,
            entry.newest_ns,
        )
        for cls, entry in sorted(manifest.classes.items())
    )
