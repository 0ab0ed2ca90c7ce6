"""Records in IndexedDB, driven from Python.

One object store, keyed "<class>/<id>", so that a class is one key range and order is the order of text. Strict
commits ask for `durability: "strict"`. A class is read with two requests whatever its size; values cross into
Python in one copy. The meta texts live in a second database, `<name>-mark`.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from typing import Any

import js
from pyodide.ffi import JsException, JsNull, create_once_callable, create_proxy, to_js

from app.platform.browser.crypto import apart
from app.platform.errors import (
    StoreBlocked,
    StoreClosed,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from app.platform.interfaces import Estimate, Guard, Write
from app.platform.records import RecordStore, check_class, check_id

_RECORDS = "records"
_VERSION = 1


class BrowserStore(RecordStore):
    """`Store` over IndexedDB. One instance is one connection."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._db: Any = None
        self._mark: Any = None
        self._why_closed = "The record store is not open."
        self._proxies: list[Any] = []
        self._strict, self._relaxed = _durability("strict"), _durability("relaxed")

    async def open(self) -> None:
        """Connect. Raises StoreUnavailable, StoreBlocked or StoreCorrupt."""
        if self._db is not None:
            return
        factory = getattr(js, "indexedDB", None)
        if factory is None or isinstance(factory, JsNull):
            raise StoreUnavailable("This browser offers no database here.")
        self._mark = await _open(factory, f"{self.name}-mark")
        self._db = await _open(factory, self.name)
        self._watch(self._db, "versionchange", "Another tab needs a newer version of the database.")
        self._watch(self._db, "close", "The browser closed the database, perhaps because its data was removed.")

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none; strict ones are on disk on return."""
        transaction = self._transaction("readwrite", strict)
        store = transaction.objectStore(_RECORDS)
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        state = _Commit(done, guard)
        finished = create_proxy(state.finished)
        guarded = create_proxy(state.guarded)
        guarding = None
        try:
            transaction.oncomplete = transaction.onabort = finished
            try:
                if guard is not None:
                    guarding = store.get(_key(guard.cls, guard.id))
                    guarding.onsuccess = guarded
                _request_writes(store, writes)
                if guard is None:
                    transaction.commit()
            except JsException as error:
                _abort(transaction)
                raise _translated(error) from error
            except ValueError:
                _abort(transaction)
                raise
            failure = await done
        finally:
            transaction.oncomplete = transaction.onabort = None
            if guarding is not None:
                guarding.onsuccess = None
            finished.destroy()
            guarded.destroy()
        if failure:
            raise _failure(failure, self._why_closed)

    async def get(self, cls: str, record_id: str) -> bytes | None:
        """One record or None."""
        value = await self._read(lambda store: store.get(_key(cls, record_id)))
        return value.to_bytes() if value is not None else None

    async def scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Records of a class in id order, from `from_id` on."""
        store = self._transaction("readonly", False).objectStore(_RECORDS)
        asked = (_range(check_class(cls), from_id),) if limit is None else (_range(check_class(cls), from_id), limit)
        keys_request, values_request = store.getAllKeys(*asked), store.getAll(*asked)
        keys, values = await asyncio.gather(_result(keys_request), _result(values_request))
        if not keys.length:
            return []
        skip = len(cls) + 1
        ids = [key[skip:] for key in keys.join("\n").split("\n")]
        return list(zip(ids, apart(js.kontor.bulk.join(values)), strict=True))

    async def count(self, cls: str | None = None) -> int:
        """How many records a class, or the whole store, holds."""
        keys_range = None if cls is None else _range(check_class(cls), None)
        return int(await self._read(lambda store: store.count(keys_range) if keys_range else store.count()))

    async def classes(self) -> list[str]:
        """The classes that have records, sorted."""
        found: list[str] = []
        after = ""
        while True:
            bound = js.IDBKeyRange.lowerBound(after)
            key = await self._read(lambda store, bound=bound: store.getKey(bound))
            if key is None:
                return found
            found.append(key.split("/", 1)[0])
            after = found[-1] + "0"  # the character after the slash

    async def clear(self) -> None:
        """Remove every record and every meta text."""
        for db in (self._db, self._mark):
            transaction = self._transaction("readwrite", True, db)
            await _result(transaction.objectStore(_RECORDS).clear())

    async def meta_get(self, key: str) -> str | None:
        """A small text from the second database."""
        store = self._transaction("readonly", False, self._mark).objectStore(_RECORDS)
        value = await _result(store.get(key))
        return value if isinstance(value, str) else None

    async def meta_put(self, key: str, value: str) -> None:
        """Keep a small text in the second database (not durable at once)."""
        store = self._transaction("readwrite", False, self._mark).objectStore(_RECORDS)
        await _result(store.put(value, key))

    async def estimate(self) -> Estimate:
        """Storage use and quota in bytes, as far as the browser says."""
        storage = getattr(js.navigator, "storage", None)
        if storage is None:
            return Estimate(None, None, False)
        said = await storage.estimate() if hasattr(storage, "estimate") else js.Object.new()
        persisted = bool(await storage.persisted()) if hasattr(storage, "persisted") else False
        usage, quota = getattr(said, "usage", None), getattr(said, "quota", None)
        return Estimate(None if usage is None else int(usage), None if quota is None else int(quota), persisted)

    async def persist(self) -> bool:
        """Ask to be exempt from eviction. Workers of some browsers may only ask, not request: then False."""
        storage = getattr(js.navigator, "storage", None)
        if storage is None or not hasattr(storage, "persist"):
            return False
        return bool(await storage.persist())

    def close(self) -> None:
        """Let go of both connections."""
        self._shut("The record store was closed.")

    def _shut(self, why: str) -> None:
        self._why_closed = why
        for db in (self._db, self._mark):
            if db is not None:
                db.close()
        self._db = self._mark = None

    def _watch(self, db: Any, event: str, why: str) -> None:
        def closed(_event: Any) -> None:
            self._shut(why)

        proxy = create_proxy(closed)
        self._proxies.append(proxy)
        db.addEventListener(event, proxy)

    def _transaction(self, mode: str, strict: bool, db: Any = None) -> Any:
        db = db if db is not None else self._db
        if db is None or self._db is None:
            raise StoreClosed(self._why_closed)
        try:
            return db.transaction(_RECORDS, mode, self._strict if strict else self._relaxed)
        except JsException as error:
            raise _translated(error) from error

    async def _read(self, request: Any) -> Any:
        store = self._transaction("readonly", False).objectStore(_RECORDS)
        try:
            return await _result(request(store))
        except JsException as error:
            raise _translated(error) from error


class _Commit:
    """One transaction under way: compares the guard and tells how it ended."""

    def __init__(self, done: asyncio.Future[str], guard: Guard | None) -> None:
        self._done = done
        self._guard = guard
        self._refused = False

    def guarded(self, event: Any) -> None:
        request = event.target
        assert self._guard is not None
        stored, prefix = request.result, self._guard.prefix
        if stored is None or prefix is None:
            matches = stored is None and prefix is None
        else:
            matches = stored.subarray(0, len(prefix)).to_bytes() == prefix
        if matches:
            request.transaction.commit()
        else:
            self._refused = True
            request.transaction.abort()

    def finished(self, event: Any) -> None:
        if self._done.done():
            return
        if event.type == "complete":
            self._done.set_result("")
        elif self._refused:
            self._done.set_result("Guard")
        else:
            error = event.target.error
            self._done.set_result(getattr(error, "name", None) or "AbortError")


def _durability(value: str) -> Any:
    options = js.Object.new()
    options.durability = value
    return options


def _request_writes(store: Any, writes: Sequence[Write]) -> None:
    keys = [_key(check_class(cls), check_id(record_id)) for _, cls, record_id, _ in writes]
    values = [write.value for write in writes]
    lengths = to_js(array("i", map(len, values)))
    js.kontor.bulk.write(store, to_js(keys), to_js([write.op for write in writes]), to_js(b"".join(values)), lengths)


def _key(cls: str, record_id: str) -> str:
    return f"{cls}/{record_id}"


def _range(cls: str, from_id: str | None) -> Any:
    return js.IDBKeyRange.bound(_key(cls, from_id or ""), cls + "0", False, True)


def _result(request: Any) -> asyncio.Future[Any]:
    """What a request will give: None for undefined or null, StoreError if it fails. Listens from now on."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def finished(event: Any) -> None:
        if done.done():
            return
        if event.type == "success":
            value = request.result
            done.set_result(None if isinstance(value, JsNull) else value)
        else:
            event.preventDefault()
            done.set_exception(_failure(getattr(request.error, "name", ""), "the read failed"))

    request.onsuccess = request.onerror = create_once_callable(finished)
    return done


async def _open(factory: Any, name: str) -> Any:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    request = factory.open(name, _VERSION)

    def event_of(event: Any) -> None:
        if event.type == "upgradeneeded":
            request.result.createObjectStore(_RECORDS)
        elif not done.done():
            done.set_result(event.type)

    proxy = create_proxy(event_of)
    request.onupgradeneeded = request.onsuccess = request.onerror = request.onblocked = proxy
    try:
        outcome = await done
    finally:
        request.onupgradeneeded = request.onsuccess = request.onerror = request.onblocked = None
        proxy.destroy()
    if outcome == "success":
        return request.result
    if outcome == "blocked":
        raise StoreBlocked("Another tab holds an older version of the database open.")
    name_of_error = getattr(request.error, "name", "")
    message = f"The database could not be opened ({name_of_error})."
    if name_of_error == "QuotaExceededError":
        raise StoreFull(message)
    if name_of_error in ("SecurityError", "InvalidStateError", "NotAllowedError"):
        raise StoreUnavailable(message)
    raise StoreCorrupt(message)


def _abort(transaction: Any) -> None:
    try:
        transaction.abort()
    except JsException as error:
        if error.name != "InvalidStateError":  # it has ended already
            raise


def _translated(error: JsException) -> StoreError:
    return _failure(error.name, str(error))


def _failure(name: str, why: str) -> StoreError:
    """The error for a DOMException's name."""
    if name == "Guard":
        return StoreConflict("Another writer changed the store since it was read.")
    if name == "ConstraintError":
        return StoreConflict("A record with that id is already stored.")
    if name == "QuotaExceededError":
        return StoreFull("The browser gives this site no more room.")
    if name in ("InvalidStateError", "AbortError", "TransactionInactiveError"):
        return StoreClosed(f"The database connection was lost: {why}")
    if name in ("NotReadableError", "DataError", "UnknownError"):
        return StoreCorrupt(f"The database could not be read or written ({name}).")
    return StoreError(f"The database failed ({name}).")
