"""What the tool writes: tables for people, files nobody else can read, never half of one."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from app.vault.errors import VaultRefused
from app.vault.exportform import Export

_LONGEST_NAME = 180


def say(text: str = "") -> None:
    """A line for the reader."""
    print(text)


def warn(text: str) -> None:
    """A line about trouble."""
    print(text, file=sys.stderr)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns, numbers to the right."""
    lines = [head, *([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = [column > 0 and all(line[column].replace(",", "").isdigit() for line in lines[1:]) for column in range(len(head))]
    for line in lines:
        cells = (cell.rjust(width) if to_right else cell.ljust(width) for cell, width, to_right in zip(line, widths, right, strict=True))
        say("  ".join(cells).rstrip())


def write_whole(path: Path, data: bytes, force: bool) -> None:
    """A file that is there whole or not at all, readable by its owner only. Raises VaultRefused."""
    if path.exists() and not force:
        raise VaultRefused(f"{path} exists already.", remedy="Choose another name, or add --force to replace it.")
    try:
        descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # only the owner may read it
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise VaultRefused(f"{path} cannot be written: {error.strerror}.", remedy="Check the folder and the room on the disk.") from None


def write_folder(folder: Path, export: Export) -> int:
    """One file a record, in one folder a class, and index.json; returns how many records. The folder must be new or empty."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise VaultRefused(f"{folder} is not empty.", remedy="Choose a new folder.")
        index = []
        for name, item in sorted(export.classes.items()):
            (folder / name).mkdir(mode=0o700)
            for record in item.records:
                path = folder / name / file_name(record.id)
                _write_new(path, record.data)
                index.append({"class": name, "id": record.id, "version": record.version, "file": f"{name}/{path.name}"})
        _write_new(folder / "index.json", json.dumps(index, indent=1).encode())
    except OSError as error:
        raise VaultRefused(f"{folder} cannot be written: {error.strerror}.", remedy="Check the folder and the room on the disk.") from None
    return len(index)


def file_name(record_id: str) -> str:
    """A record's id as a file name that every system takes; index.json has the id itself."""
    name = quote(record_id, safe=" !#$&'()+,;=@[]^_`{}~-")
    name = name.replace(".", "%2E") if name.strip(".") == "" else name
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}~{hashlib.sha256(record_id.encode()).hexdigest()[:16]}"


def _write_new(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
