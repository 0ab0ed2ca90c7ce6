"""What the tool reads: an encrypted export, or a native vault store. Told apart by their first bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from app.platform.native import build
from app.platform.native.age import VERSION_LINE
from app.platform.native.sqlite import SqliteStore
from app.vault.errors import VaultAbsent, VaultRefused
from app.vault.exportform import Export
from app.vault.exporting import read_export
from app.vault.vault import Vault

_SQLITE = b"SQLite format 3\0"
MAX_BYTES = 2**34


def kind_of(path: Path) -> Literal["export", "store"]:
    """What lies at a path. Raises VaultRefused when it is neither, or cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(max(len(VERSION_LINE), len(_SQLITE)))
    except OSError as error:
        raise VaultRefused(f"{path} cannot be read: {error.strerror}.", remedy="Check the path.") from None
    if start.startswith(VERSION_LINE):
        return "export"
    if start.startswith(_SQLITE):
        return "store"
    if start.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----"[: len(start) or 1]) and start:
        raise VaultRefused(f"{path} is an armoured age file.", remedy="Turn it into a binary one: age -d, then age -p without -a.")
    raise VaultRefused(f"{path} is neither an export nor a vault store.", remedy="An export is an age file; a store is an SQLite file.")


async def read_file(files: Any, path: Path, secret: bytearray) -> Export:
    """A whole export. Raises FileRefused, ExportRefused, VaultRefused."""
    return await read_export(files, secret, path.read_bytes(), MAX_BYTES)


@asynccontextmanager
async def open_store(path: Path, secret: bytearray | None, kdf: Any) -> AsyncIterator[tuple[Vault, Any]]:
    """The vault in a store and its platform; unlocked if a secret is given. Closes the store at the end."""
    store = SqliteStore(path)
    platform = build(store)
    try:
        vault = await Vault.find(platform, kdf)
        if secret is not None:
            if vault.state == "absent":
                raise VaultAbsent(f"There is no vault in {path}.")
            await vault.unlock(secret)
        yield vault, platform
        await vault.lock()
    finally:
        store.close()
