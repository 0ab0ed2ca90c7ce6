"""The one writer of an open vault: joins what is waiting into single transactions.

Every commit carries the records and the next manifest together, guarded by the manifest it was built on, so
a torn write or a second writer can never leave the two apart. Callers get their answer when their own records
are durable; a failed commit leaves the manifest in memory as it was.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.platform.errors import StoreConflict, StoreError, StoreFull
from app.platform.interfaces import Guard, KeyHandle, SealedWrite, Write
from app.platform.scheduler import begun
from app.vault import manifest as manifests
from app.vault.errors import VaultClosed, VaultConflict, VaultError, VaultFull, VaultRefused
from app.vault.format import FORM_TABLE, NONCE_BYTES, envelope_head, record_aad
from app.vault.manifest import Manifest
from app.vault.staging import ALONE, MANIFEST, MANIFEST_IDS, Bundle, Change, Delete, Plain, Sources, Stage, Tokens

MARK = "vault"
_MARK_EVERY = 256
_MAX_JOINED_RECORDS = 4_096
_MAX_JOINED_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class _Pending:
    change: Change | Bundle
    strict: bool
    done: asyncio.Future[None]

    @property
    def classes(self) -> set[str]:
        return {part.cls for part in self._parts}

    @property
    def weight(self) -> tuple[int, int]:
        records = size = 0
        for part in self._parts:
            if isinstance(part, Delete):
                records += len(part.ids)
            elif not isinstance(part, ALONE):
                records += len(part.records)
                size += sum(len(payload) for _, payload in part.records)
        return records, size

    @property
    def _parts(self) -> Sequence[Change]:
        return self.change.changes if isinstance(self.change, Bundle) else (self.change,)


class Writer:
    """Commits changes in order. `manifest` is always the one last committed."""

    def __init__(self, sources: Sources, manifest: Manifest, prefix: bytes | None) -> None:
        self.manifest = manifest
        self.commits = 0
        self._sources = sources
        self._prefix = prefix
        self._tokens: Tokens = {}
        self._queue: list[_Pending] = []
        self._task: asyncio.Task[None] | None = None
        self._marking: asyncio.Task[None] | None = None
        self._one_mark = asyncio.Lock()
        self._broken: VaultError | None = None

    @property
    def is_broken(self) -> bool:
        """Whether nothing more can be written before the vault is unlocked again."""
        return self._broken is not None

    async def submit(self, change: Change | Bundle, strict: bool) -> None:
        """Commit a change; returns when it is durable (or, if not strict, handed to the database)."""
        if self._broken is not None:
            raise self._broken
        loop = asyncio.get_running_loop()
        pending = _Pending(change, strict, loop.create_future())
        self._queue.append(pending)
        if self._task is None:
            task = begun(self._run())  # before market data that has queued
            self._task = None if task.done() else task  # nothing was written when all was refused
        await pending.done

    async def drain(self) -> None:
        """Wait until nothing is waiting."""
        while tasks := [task for task in (self._task, self._marking) if task is not None]:
            await asyncio.wait(tasks)

    def learn(self, cls: str, tokens: dict[str, tuple[int, int]]) -> None:
        """Remember what a scan found, unless a write already knows better."""
        for record_id, known in tokens.items():
            self._tokens.setdefault((cls, record_id), known)

    async def create(self, header: Sequence[Write], changes: Sequence[Change]) -> None:
        """The first transaction of a vault: its header and initial records, or nothing."""
        stage = Stage(self._sources, self.manifest, self._tokens)
        for change in changes:
            await stage.take(change)
        stage.raw_writes += header
        await self._commit(stage, strict=True)

    async def replace_manifest(self, manifest: Manifest) -> None:
        """Commit a manifest that was rebuilt from what is stored."""
        self._tokens.clear()
        await self._commit(Stage(self._sources, manifest, self._tokens), strict=True)
        self._broken = None

    async def mark(self) -> None:
        """Note vault and counter outside the main database, so that losing or rolling back that one shows."""
        async with self._one_mark:
            note = {"vault": self._sources.ring.vault_id.hex(), "counter": self.manifest.counter}
            if not await self._sources.store.settled():
                return  # the mark is never ahead of the database
            await self._sources.store.meta_put(MARK, json.dumps(note))

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._flush(self._take())
                if self.commits % _MARK_EVERY == 0 and self._broken is None and self._marking is None:
                    self._marking = asyncio.create_task(self._mark_meanwhile())  # no commit waits for the database because of it
        except BaseException as error:
            self._broken = translated(error)
            _answer(self._queue, self._broken)
            self._queue = []
            if not isinstance(error, StoreError):
                raise
        finally:
            self._task = None

    async def _mark_meanwhile(self) -> None:
        try:
            await self.mark()
        except StoreError:
            pass  # the mark before it stands: it may be behind
        finally:
            self._marking = None

    def _take(self) -> list[_Pending]:
        records = size = count = 0
        for pending in self._queue:
            more_records, more_bytes = pending.weight
            records, size = records + more_records, size + more_bytes
            alone = isinstance(pending.change, ALONE) or isinstance(self._queue[0].change, ALONE)
            if count and (alone or records > _MAX_JOINED_RECORDS or size > _MAX_JOINED_BYTES):
                break
            count += 1
        taken, self._queue = self._queue[:count], self._queue[count:]
        return taken

    async def _flush(self, batch: list[_Pending]) -> None:
        try:
            await self._write(batch)
        except StoreFull as error:
            if len(batch) == 1:
                _answer(batch, translated(error))
            else:
                await self._flush_apart(batch)
        except BaseException as error:
            self._broken = translated(error)
            _answer(batch, self._broken)
            if not isinstance(error, (StoreError, VaultError)):
                raise
        else:
            _answer(batch, None)

    async def _flush_apart(self, batch: list[_Pending]) -> None:
        """A joined transaction did not fit: a large write must not take a small one of another class down."""
        full: dict[str, VaultError] = {}
        for pending in batch:
            before = next((full[cls] for cls in pending.classes if cls in full), None)
            if before is not None:
                _answer([pending], before)
                continue
            await self._flush([pending])
            error = pending.done.exception() if pending.done.done() and not pending.done.cancelled() else None
            if isinstance(error, VaultFull):
                full.update(dict.fromkeys(pending.classes, error))

    async def _write(self, batch: list[_Pending]) -> None:
        """One transaction; a refused change is answered at once and does not hold back the others."""
        if self._broken is not None:
            raise self._broken
        stage = Stage(self._sources, self.manifest, self._tokens)
        strict = wanted = False
        for pending in batch:
            try:
                await stage.take(pending.change)
            except VaultRefused as error:
                _answer([pending], error)
            else:
                strict, wanted = strict or pending.strict, True
        if wanted:
            await self._commit(stage, strict=strict)

    async def _commit(self, stage: Stage, *, strict: bool) -> None:
        manifest = stage.manifest
        last = Plain("put", MANIFEST, MANIFEST, FORM_TABLE, manifest.counter, manifests.encode(manifest))
        writes = await self._to_seal([*stage.plains, last], stage.epoch)
        sealed_manifest = writes[-1] = writes[-1]._replace(copy=MANIFEST_IDS[1])
        guard = Guard(MANIFEST, MANIFEST, self._prefix)
        sources = self._sources
        await sources.store.commit_sealed(sources.crypto, stage.raw_writes, writes, strict=strict, guard=guard)
        self.manifest = manifest
        sources.ring.epoch = stage.epoch
        self._prefix = sealed_manifest.head
        self._tokens.update(stage.tokens)
        self.commits += 1

    async def _to_seal(self, plains: Sequence[Plain], epoch: int) -> list[Write | SealedWrite]:
        ring, writes = self._sources.ring, []
        nonces = self._sources.entropy.random_bytes(NONCE_BYTES * len(plains))
        keys: dict[str, KeyHandle] = {}
        for index, (op, cls, record_id, form, version, plain) in enumerate(plains):
            if op == "delete":
                writes.append(Write(op, cls, record_id))
                continue
            if cls not in keys:
                keys[cls] = await ring.record_key(cls, epoch)
            nonce = nonces[index * NONCE_BYTES : (index + 1) * NONCE_BYTES]
            head = envelope_head(form, epoch, version, nonce, len(plain))
            writes.append(SealedWrite(op, cls, record_id, keys[cls], head, record_aad(ring.aad_prefix(cls, form), record_id, version, epoch), plain))
        return writes


def translated(error: BaseException) -> VaultError:
    """The vault's word for what the store or the machine reported."""
    if isinstance(error, VaultError):
        return error
    if isinstance(error, StoreFull):
        failure: VaultError = VaultFull(str(error), kept=error.kept, remedy=error.remedy)
    elif isinstance(error, StoreConflict):
        failure = VaultConflict(str(error), kept=error.kept, remedy=error.remedy)
    elif isinstance(error, StoreError):
        failure = VaultClosed(str(error), kept=error.kept, remedy=error.remedy)
    else:
        failure = VaultClosed(f"The write failed: {type(error).__name__}.")
    failure.__cause__ = error
    return failure


def _answer(batch: Sequence[_Pending], error: VaultError | None) -> None:
    for pending in batch:
        if pending.done.done():
            continue
        if error is None:
            pending.done.set_result(None)
        else:
            pending.done.set_exception(error)
