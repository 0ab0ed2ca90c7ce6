"""Exports: what an open vault holds as one encrypted file, and such a file read back.

A file holds every record that verifies, and what is left of those that do not. Each class is as it was at one moment while the
file was made, so trading goes on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from app.platform.interfaces import Clock, Crypto, File, Files, Secret
from app.vault.exportform import Export, ExportHead, Writer, records_of
from app.vault.exportreader import MAX_BYTES, Reader
from app.vault.keys import check_passphrase
from app.vault.merging import is_derived
from app.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export: the file, the vault's commit counter it holds at least, its time (ns UTC), records and damage in it."""

    file: File = field(repr=False)
    counter: int
    exported_ns: int
    records: int
    damaged: int


async def export_vault(vault: Vault, files: Files, crypto: Crypto, clock: Clock, secret: Secret, app: str) -> Exported:
    """Everything in an open vault, sealed with ``secret``, which is used up. Raises VaultError, FileRefused."""
    try:
        check_passphrase(crypto, secret)
        source = _Source(vault, clock.now_ns(), app)
        counter = (await vault.contents()).commits
        file = await files.seal(secret, source.chunks(counter))
    except BaseException:
        crypto.wipe(secret)
        raise
    return Exported(file, counter, source.now_ns, source.writer.records, source.damaged)


async def read_export(files: Files, secret: Secret, file: File, limit: int = MAX_BYTES) -> Export:
    """What an encrypted export holds, checked to its last byte. Raises FileLocked, FileRefused, ExportRefused."""
    reader = Reader(limit)
    async for piece in files.open(secret, file):
        reader.feed(piece)
        await asyncio.sleep(0)  # a large file lets market data through
    return reader.finish()


class _Source:
    def __init__(self, vault: Vault, now_ns: int, app: str) -> None:
        self.writer, self.damaged, self.now_ns = Writer(), 0, now_ns
        self._vault, self._app = vault, app

    async def chunks(self, counter: int) -> AsyncIterator[bytes]:
        vault, writer = self._vault, self.writer
        writer.begin(ExportHead(vault.vault_id, counter, vault.created_ns, self.now_ns, self._app))
        for name in await vault.classes():
            if is_derived(name):
                continue
            found = await vault.scan(name)
            self.damaged += len(found.damaged)
            for chunk in writer.add_class(name, found.kind, records_of(found), found.damaged):
                yield chunk
                await asyncio.sleep(0)  # so does a large class
        for chunk in writer.finish():
            yield chunk
