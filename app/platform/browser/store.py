"""Records in IndexedDB, driven from Python.

One object store, keyed "<class>/<id>", so that a class is one key range and order is the order of text. Strict
commits ask for `durability: "strict"`. A class is read with two requests whatever its size; values cross into
Python in one copy. The meta texts live in a second database, `<name>-mark`.
"""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any

import js
from pyodide.ffi import JsException, JsNull, JsProxy, create_once_callable, create_proxy, jsnull, to_js

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
from app.platform.interfaces import Batch, Crypto, Estimate, Guard, Opener, SealedWrite, SecondCopy, Write
from app.platform.records import HEAD_BYTES, RecordStore, check_class, check_id

_RECORDS = "records"
_VERSION = 1
_OPERATIONS = {"put": 0, "add": 1, "delete": 2}
_COPY = 3
_ALL = 2**32 - 1
_FIRST = frozenset((0,))


class BrowserStore(RecordStore):
    """`Store` over IndexedDB. One instance is one connection. ``marked`` False: without the second database, so without meta texts; ``logged``: with
    a write-ahead log, which is a second copy of all that is committed under a guard."""

    def __init__(self, name: str, marked: bool = True, logged: bool = False) -> None:
        self.name = name
        self._marked, self._logged = marked, logged
        self._db: Any = None
        self._mark: Any = None
        self._bulk: Any = None
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
        self._bulk = js.kontor.bulk
        if self._marked:
            self._mark = await _open(factory, f"{self.name}-mark")
        self._db = await _open(factory, self.name)
        self._watch(self._db, "versionchange", "Another tab needs a newer version of the database.")
        self._watch(self._db, "close", "The browser closed the database, perhaps because its data was removed.")
        if self._logged:
            try:
                await self._bulk.attach(self._db, self.name)
            except JsException as error:
                self._shut("The record store could not be brought up to date.")
                raise _translated(error) from error

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none; strict ones are on disk on return."""
        await self._commit(writes, strict, guard)

    async def commit_sealed(
        self, crypto: Crypto, plain: Sequence[Write], sealed: Sequence[Write | SealedWrite], *, strict: bool, guard: Guard
    ) -> None:
        """Seal and keep, in one crossing into JavaScript."""
        await self._commit([*plain, *sealed], strict, guard)

    async def _commit(self, writes: Sequence[Write | SealedWrite], strict: bool, guard: Guard | None) -> None:
        keys: dict[int, tuple[int, Any]] = {}
        names: list[str] = []
        plan = array("i")
        pieces: list[bytes] = []
        for write in writes:
            cls, record_id = check_class(write.cls), check_id(write.id)
            names.append(f"{cls}/{record_id}")
            if isinstance(write, Write):
                plan.extend((_OPERATIONS[write.op], -1, 0, 0, len(write.value)))
                pieces.append(write.value)
                continue
            op, _, _, key, head, aad, data, copy = write
            number, _ = keys.setdefault(id(key), (len(keys), key))
            plan.extend((_OPERATIONS[op], number, len(head), len(aad), len(data)))
            pieces += (head, aad, data)
            if copy:
                names.append(f"{cls}/{check_id(copy)}")
                plan.extend((_COPY, -1, 0, 0, 0))
        if not names:
            return
        packed = to_js(b"".join((plan.tobytes(), *pieces)))
        guarding, prefix = ("", None) if guard is None else (_key(guard.cls, guard.id), guard.prefix)
        db = self._connected(self._db)
        failure = await self._bulk.commit(
            db,
            "strict" if strict else "relaxed",
            guarding,
            jsnull if prefix is None else to_js(prefix),
            "\n".join(names),
            packed,
            *[key for _, key in keys.values()],
        )
        if failure:
            raise _failure(failure, self._why_closed)

    async def get(self, cls: str, record_id: str) -> bytes | None:
        """One record or None."""
        value = await self._read(lambda store: store.get(_key(cls, record_id)))
        if value is None:
            return None
        return value.to_bytes() if isinstance(value, JsProxy) and hasattr(value, "to_bytes") else b""  # nothing of ours

    async def scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Records of a class in id order, from `from_id` on."""
        store = self._transaction("readonly", False).objectStore(_RECORDS)
        asked = (_range(check_class(cls), from_id),) if limit is None else (_range(check_class(cls), from_id), limit)
        keys_request, values_request = store.getAllKeys(*asked), store.getAll(*asked)
        keys, values = await asyncio.gather(_result(keys_request), _result(values_request))
        if not keys.length:
            return []
        skip = len(cls) + 1
        ids = [key[skip:] for key in json.loads(js.JSON.stringify(keys))]
        return list(zip(ids, apart(self._bulk.join(values)), strict=True))

    async def get_opened(self, crypto: Crypto, cls: str, record_id: str, opener: Opener) -> Batch | None:
        """One record, opened, or None."""
        db = self._connected(self._db)
        try:
            found = await self._bulk.get(db, _key(cls, record_id), *_way(cls, opener))
        except JsException as error:
            raise _translated(error) from error
        if found is None or isinstance(found, JsNull):
            return None
        raw = found.to_bytes()
        return Batch([record_id], raw[1 : 1 + HEAD_BYTES], [raw[1 + HEAD_BYTES :]], frozenset() if raw[0] else _FIRST)

    async def scan_opened(
        self, crypto: Crypto, cls: str, opener: Opener, from_id: str | None = None, limit: int | None = None
    ) -> AsyncIterator[Batch]:
        """What `scan` finds, opened where it is read, some at a time."""
        bounds = _key(check_class(cls), from_id or ""), cls + "0", _ALL if limit is None else limit
        try:
            reader = self._bulk.scan(self._connected(self._db), *bounds, *_way(cls, opener))
            while (chunk := await reader.next()) is not None and not isinstance(chunk, JsNull):
                closed = frozenset(map(int, filter(None, chunk.closed.split(","))))
                values = apart(chunk)
                yield Batch(json.loads(chunk.ids), chunk.heads.to_bytes(), values, closed)
        except JsException as error:
            raise _translated(error) from error

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
        if self._logged:
            self._bulk.empty(self._connected(self._db))  # first: what is left there would be put back
        for db in (self._db, self._mark) if self._marked else (self._db,):
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

    async def settled(self) -> bool:
        """Wait until the database has all that was committed; False where it takes no more."""
        return not await self._bulk.settled(self._connected(self._db))

    def second_copy(self) -> SecondCopy | None:
        """What is known of the write-ahead log; None without one."""
        told = json.loads(self._bulk.about(self._db)) if self._logged and self._db is not None else None
        return None if told is None else SecondCopy(**told)

    async def mend(self, cls: str) -> int:
        """Make a class what the write-ahead log says it is."""
        try:
            return int(await self._bulk.mend(self._connected(self._db), check_class(cls)))
        except JsException as error:
            raise _translated(error) from error

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
        if self._logged and self._db is not None:
            self._bulk.detach(self._db)
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
        db = self._connected(db if db is not None else self._db)
        if self._logged:
            self._bulk.deliver(db)  # what is read afterwards has it
        try:
            return db.transaction(_RECORDS, mode, self._strict if strict else self._relaxed)
        except JsException as error:
            raise _translated(error) from error

    def _connected(self, db: Any) -> Any:
        if db is None or self._db is None:
            raise StoreClosed(self._why_closed)
        return db

    async def _read(self, request: Any) -> Any:
        store = self._transaction("readonly", False).objectStore(_RECORDS)
        try:
            return await _result(request(store))
        except JsException as error:
            raise _translated(error) from error


def _durability(value: str) -> Any:
    options = js.Object.new()
    options.durability = value
    return options


def _way(cls: str, opener: Opener) -> tuple[Any, ...]:
    """What opens a class, as bulk.mjs takes it."""
    keys = [part for epoch_and_key in opener.keys for part in epoch_and_key]
    return len(cls) + 1, to_js(b"".join(opener.prefixes)), *keys


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
