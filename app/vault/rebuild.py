"""Making a manifest from what is stored, for a trader who accepts that something was lost.

Reads every class, takes what verifies, counts what does not, and removes nothing. Logs stay as they are:
places where records are missing or unreadable go on being reported at every scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.vault.fetching import Opened, open_all
from app.vault.format import FORM_LOG, chain_start
from app.vault.manifest import TOKEN_MODULUS, LogEntry, Manifest, TableEntry, written_at
from app.vault.reading import judge_log, judge_table
from app.vault.staging import RESERVED, Sources


def looks_like_log(opened: Sequence[Opened]) -> bool:
    """Whether records of a class the manifest does not know are a log's: the first readable one tells."""
    for record in opened:
        if record.plain is not None:
            return record.form == FORM_LOG
    return False


async def rebuilt_manifest(sources: Sources, last: Manifest, counter: int, header_digest: bytes) -> Manifest:
    """The manifest that says what is stored is what should be. `counter` is the highest seen anywhere."""
    manifest, now_ns = Manifest(counter, header_digest), sources.clock.now_ns()
    for cls in await sources.store.classes():
        if cls in RESERVED:
            continue
        opened = await open_all(sources.store, sources.crypto, cls, await sources.ring.opener(cls))
        before = last.classes.get(cls)
        if isinstance(before, LogEntry) or (before is None and looks_like_log(opened)):
            entry: LogEntry | TableEntry = _log_entry(sources.ring.vault_id, cls, opened)
        else:
            entry, newest = _table_entry(cls, opened, before)
            manifest.counter = max(manifest.counter, newest)
        oldest_ns = before.oldest_ns if before is not None else now_ns
        manifest.classes[cls] = written_at(replace(entry, oldest_ns=oldest_ns), now_ns)
    return manifest


def _log_entry(vault_id: bytes, cls: str, opened: Sequence[Opened]) -> LogEntry:
    walk = judge_log(vault_id, cls, opened, None, whole=True)
    count = walk.position + walk.unread
    size = sum(record.size for record in opened)
    last = opened[-1].id if opened else ""
    return LogEntry(count, walk.chain or chain_start(vault_id, cls), last, size, seals=count)


def _table_entry(cls: str, opened: Sequence[Opened], before: object) -> tuple[TableEntry, int]:
    _, tokens = judge_table(cls, opened, None, whole=False)
    newest = max((record.version for record in opened if record.plain is not None), default=0)
    seals = max(newest, before.seals if isinstance(before, TableEntry) else 0)
    total = sum(token for token, _ in tokens.values()) % TOKEN_MODULUS
    return TableEntry(len(opened), total, sum(record.size for record in opened), seals), newest
