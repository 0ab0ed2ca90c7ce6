"""A record store in one SQLite file: the native tool and tests that need a real disk.

Strict commits run with synchronous=FULL, others with synchronous=NORMAL under WAL. The meta texts live in a
second file beside the first (`<name>.meta`), so that losing the first can be noticed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.platform.errors import StoreClosed, StoreConflict, StoreCorrupt, StoreError, StoreFull
from app.platform.interfaces import Estimate, Guard, Write
from app.platform.records import RecordStore, check_class, check_id

_SCHEMA = """
create table if not exists records (
    cls text not null, id text not null, value blob not null, primary key (cls, id)
) without rowid
"""
_META_SCHEMA = "create table if not exists meta (key text primary key, value text not null)"


class SqliteStore(RecordStore):
    """Records in a file. Calls are quick and blocking, which suits a tool and tests."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._records: sqlite3.Connection | None = None
        self._meta: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect, creating the files if need be. Raises StoreCorrupt for a file that is no database."""
        with _translated():
            records = sqlite3.connect(self.path, isolation_level=None)
            records.execute("pragma journal_mode=wal")
            records.execute(_SCHEMA)
            meta = sqlite3.connect(self.path.with_name(self.path.name + ".meta"), isolation_level=None)
            meta.execute(_META_SCHEMA)
        self._records, self._meta = records, meta

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none."""
        db = self._connection()
        with _translated():
            db.execute(f"pragma synchronous={'full' if strict else 'normal'}")
            db.execute("begin immediate")
            try:
                self._check_guard(db, guard)
                for op, cls, record_id, value in writes:
                    key = (check_class(cls), check_id(record_id))
                    if op == "delete":
                        db.execute("delete from records where cls=? and id=?", key)
                    else:
                        verb = "insert" if op == "add" else "insert or replace"
                        db.execute(f"{verb} into records values (?,?,?)", (*key, bytes(value)))
            except BaseException:
                db.execute("rollback")
                raise
            db.execute("commit")

    async def get(self, cls: str, record_id: str) -> bytes | None:
        """One record or None."""
        with _translated():
            query = "select value from records where cls=? and id=?"
            row = self._connection().execute(query, (cls, record_id)).fetchone()
        return None if row is None else row[0]

    async def scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Records of a class in id order, from `from_id` on."""
        query = "select id, value from records where cls=? and id>=? order by id limit ?"
        with _translated():
            return self._connection().execute(query, (cls, from_id or "", -1 if limit is None else limit)).fetchall()

    async def count(self, cls: str | None = None) -> int:
        """How many records a class, or the whole store, holds."""
        query = "select count(*) from records where ?1 is null or cls=?1"
        with _translated():
            return int(self._connection().execute(query, (cls,)).fetchone()[0])

    async def classes(self) -> list[str]:
        """The classes that have records, sorted."""
        with _translated():
            return [row[0] for row in self._connection().execute("select distinct cls from records order by cls")]

    async def clear(self) -> None:
        """Remove everything."""
        with _translated():
            self._connection().execute("delete from records")
            self._meta_connection().execute("delete from meta")

    async def meta_get(self, key: str) -> str | None:
        """A small text from the second file."""
        with _translated():
            row = self._meta_connection().execute("select value from meta where key=?", (key,)).fetchone()
        return None if row is None else row[0]

    async def meta_put(self, key: str, value: str) -> None:
        """Keep a small text in the second file."""
        with _translated():
            self._meta_connection().execute("insert or replace into meta values (?,?)", (key, value))

    async def estimate(self) -> Estimate:
        """Bytes on disk; a file has no quota of its own and is not evicted."""
        return Estimate(usage=self.path.stat().st_size if self.path.exists() else 0, quota=None, persisted=True)

    async def persist(self) -> bool:
        """Files last."""
        return True

    def close(self) -> None:
        """Close both files."""
        for connection in (self._records, self._meta):
            if connection is not None:
                connection.close()
        self._records = self._meta = None

    def _connection(self) -> sqlite3.Connection:
        if self._records is None:
            raise StoreClosed("The record store is closed.")
        return self._records

    def _meta_connection(self) -> sqlite3.Connection:
        if self._meta is None:
            raise StoreClosed("The record store is closed.")
        return self._meta

    @staticmethod
    def _check_guard(db: sqlite3.Connection, guard: Guard | None) -> None:
        if guard is None:
            return
        row = db.execute("select value from records where cls=? and id=?", (guard.cls, guard.id)).fetchone()
        if (row is None) != (guard.prefix is None) or (row is not None and not row[0].startswith(guard.prefix)):
            raise StoreConflict("Another writer changed the store since it was read.")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreConflict(f"A record with that id is already stored: {error}") from error
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StoreFull(f"The disk is full: {error}") from error
        raise StoreError(f"The record store could not be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(f"The record store cannot be read: {error}") from error
