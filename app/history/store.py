"""Where stored series lie: readable in a database of their own, or encrypted as columns of the open vault.

A series is a description (JSON) and chunks. Each change is one transaction of the readable store; in the vault the description says
that a column is being written before the column is, so that one cut short is noticed and removed. ``Vault`` is duck-typed: it has
get, put, put_column, get_column and delete_column of app.vault.
"""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from app.platform.interfaces import Store, Write
from app.platform.records import opening

from . import pack
from .errors import Damaged, Missing
from .series import UNKNOWN, Action, Note, Series, column

CLASS = "history"
INDEX = "index"
READABLE, VAULT = "readable", "vault"
_FORM, _FORM_UNKNOWN = 1, 2
"""The second where volumes are unknown: versions that know only the first would take such a one for a number."""
_CHUNKS = "bars-"
REST_S = 0.005
"""Between two chunks others have their turn."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a stored series without reading its bars. ``chunks``: (rows, first ns, last ns, bytes, checksum) of each."""

    id: str
    where: str
    source: str
    symbol: str
    timeframe: str
    rows: int
    first: int
    last: int
    bytes: int
    kept_ns: int
    text: str
    chunks: tuple[tuple[int, int, int, int, int], ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What no two stored series share."""
        return self.source, self.symbol, self.timeframe


class HistoryStore:
    """``vault()`` returns the open vault, or None while there is none; ``new_id()`` a fresh id of 16 hex digits; ``vault_errors`` are what
    a vault that cannot be read raises. ``troubles`` says what the last look at all could not read; it costs nothing else."""

    def __init__(
        self,
        store: Store,
        vault: Callable[[], Any],
        new_id: Callable[[], str],
        now_ns: Callable[[], int],
        vault_errors: tuple[type[Exception], ...] = (),
    ) -> None:
        self._store, self._vault, self._new_id, self._now_ns, self._vault_errors = store, vault, new_id, now_ns, vault_errors
        self.troubles: list[str] = []

    async def all(self) -> list[Stored]:
        """Every stored series that can be read now, by symbol, time frame and source."""
        found, self.troubles = [], []
        for name, value in await self._scan(CLASS):
            try:
                found.append(_described(json.loads(value), READABLE))
            except (ValueError, LookupError, TypeError, AttributeError, Damaged):
                self.troubles.append(f"what is known of the stored series {name} cannot be read: it is left out")
        try:
            found += [_described(entry, VAULT) for entry in (await self._index()).values() if not entry.get("writing")]
        except self._vault_errors as error:
            self.troubles.append(f"the list of encrypted series cannot be read: {error}")
        return sorted(found, key=lambda item: (item.symbol, item.timeframe, item.source, item.where))

    async def find(self, series_id: str) -> Stored:
        """One series. Raises Missing."""
        for item in await self.all():
            if item.id == series_id:
                return item
        raise Missing("there is no such stored series here now", "look at the list again; what lies in the vault needs the vault open", "id")

    async def keep(self, series: Series, where: str) -> Stored:
        """Write a series in the place of an older one of the same name, wherever that lies. Raises StoreFull and the vault's errors."""
        old = [item for item in await self.all() if item.key == series.key]
        pieces = []
        for at in range(0, len(series), pack.ROWS):
            pieces.append(pack.pack(series.part(at, at + pack.ROWS).columns))
            await asyncio.sleep(REST_S)
        item = _described(_description(self._new_id(), series, pieces, self._now_ns()), where)
        if where == VAULT:
            await self._keep_in_vault(item, b"".join(pieces))
            await self._forget([entry for entry in old if entry.where == READABLE])
            await self._forget([entry for entry in old if entry.where == VAULT])
        else:
            gone = [write for entry in old if entry.where == READABLE for write in _removal(entry)]
            cls = _CHUNKS + item.id
            writes = [Write("put", cls, _number(place), piece) for place, piece in enumerate(pieces)]
            await self._commit([*writes, Write("put", CLASS, item.id, item.text.encode()), *gone])
            await self._forget([entry for entry in old if entry.where == VAULT])
        return item

    async def remove(self, series_id: str) -> Stored:
        """Remove a series for good. Raises Missing."""
        item = await self.find(series_id)
        await self._forget([item])
        return item

    async def read(self, item: Stored, start_ns: int | None = None, end_ns: int | None = None, newest: int | None = None) -> Series:
        """The bars from ``start_ns`` to before ``end_ns``, of them the ``newest`` if given. Raises Damaged, Missing."""
        places = [
            place
            for place, (_, first, last, _, _) in enumerate(item.chunks)
            if (start_ns is None or last >= start_ns) and (end_ns is None or first < end_ns)
        ]
        if newest is not None:
            rows, wanted = 0, []
            for place in reversed(places):
                wanted.insert(0, place)
                # the last chunk may reach beyond the end: it does not count for the number of rows
                rows += item.chunks[place][0] if end_ns is None or item.chunks[place][2] < end_ns else 0
                if rows >= newest:
                    break
            places = wanted
        parts = []
        for piece in await self._pieces(item, places):
            parts.append(pack.unpack(piece))
            await asyncio.sleep(REST_S)
        series = _series(json.loads(item.text), _joined(parts))
        start = 0 if start_ns is None else series.at(start_ns)
        end = len(series) if end_ns is None else series.at(end_ns)
        if newest is not None:
            start = max(start, end - newest)
        return series.part(start, end)

    async def _pieces(self, item: Stored, places: list[int]) -> list[bytes]:
        if item.where == VAULT:
            vault = self._vault()
            whole = await vault.get_column(CLASS, item.id) if vault is not None else None
            if whole is None:
                raise Missing("the bars lie in the vault, which is not open", "unlock the vault")
            ends = [0]
            for chunk in item.chunks:
                ends.append(ends[-1] + chunk[3])
            pieces = [whole[ends[place] : ends[place + 1]] for place in places]
        else:
            pieces = []
            if places:
                stored = await self._scan(_CHUNKS + item.id, _number(places[0]), places[-1] - places[0] + 1)
                by_id = dict(stored)
                pieces = [by_id.get(_number(place), b"") for place in places]
        for place, piece in zip(places, pieces, strict=True):
            if pack.checksum(piece) != item.chunks[place][4]:
                raise Damaged(
                    f"piece {place + 1} of {len(item.chunks)} of {item.symbol} {item.timeframe} is not as it was written",
                    "remove the series and import it again",
                )
        return pieces

    async def _index(self) -> dict[str, dict]:
        vault = self._vault()
        if vault is None:
            return {}
        held = await vault.get(CLASS, INDEX)
        return json.loads(held) if held else {}

    async def _save_index(self, index: dict[str, dict]) -> None:
        await self._vault().put(CLASS, INDEX, json.dumps(index, separators=(",", ":")).encode())

    async def _keep_in_vault(self, item: Stored, data: bytes) -> None:
        vault = self._vault()
        if vault is None:
            raise Missing("the vault is not open", "unlock it, or keep this history readable", "where")
        index = await self._index()
        for name in [name for name, entry in index.items() if entry.get("writing")]:
            await vault.delete_column(CLASS, name)  # cut short by the end of an earlier worker
            del index[name]
        index[item.id] = {"writing": True}
        await self._save_index(index)
        try:
            await vault.put_column(CLASS, item.id, data, strict=True)
        except Exception:
            del index[item.id]
            await self._save_index(index)
            raise
        index[item.id] = json.loads(item.text)
        await self._save_index(index)

    async def _forget(self, items: list[Stored]) -> None:
        writes = [write for item in items if item.where == READABLE for write in _removal(item)]
        if writes:
            await self._commit(writes)
        for item in items:
            if item.where == VAULT:
                index = await self._index()
                index.pop(item.id, None)
                await self._save_index(index)
                await self._vault().delete_column(CLASS, item.id, strict=True)

    async def _scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        return await opening(self._store, lambda: self._store.scan(cls, from_id, limit))

    async def _commit(self, writes: list[Write]) -> None:
        await opening(self._store, lambda: self._store.commit(writes))


def _number(place: int) -> str:
    return f"{place:06d}"


def _removal(item: Stored) -> Iterator[Write]:
    yield Write("delete", CLASS, item.id)
    for place in range(len(item.chunks)):
        yield Write("delete", _CHUNKS + item.id, _number(place))


def _description(series_id: str, series: Series, pieces: list[bytes], now_ns: int) -> dict:
    time = series.columns["time"]
    chunks = []
    for place, piece in enumerate(pieces):
        start = place * pack.ROWS
        end = min(start + pack.ROWS, len(series))
        chunks.append([end - start, time[start], time[end - 1], len(piece), pack.checksum(piece)])
    return {
        "form": _FORM_UNKNOWN if UNKNOWN in series.columns["volume"] else _FORM,
        "id": series_id,
        "source": series.source,
        "symbol": series.symbol,
        "timeframe": series.timeframe,
        "price_scale": series.price_scale,
        "volume_scale": series.volume_scale,
        "adjusted_scale": series.adjusted_scale,
        "basis": series.basis,
        "actions": [[action.time, action.kind, str(action.value)] for action in series.actions],
        "gaps": [list(gap) for gap in series.gaps],
        "kept_ns": now_ns,
        "chunks": chunks,
    }


def _described(about: dict, where: str) -> Stored:
    if about.get("form") not in (_FORM, _FORM_UNKNOWN):
        raise Damaged("a stored series is of a form this version does not know", "open it with the version that wrote it")
    chunks = tuple(tuple(chunk) for chunk in about["chunks"])
    text = json.dumps(about, separators=(",", ":"))
    first, last = (chunks[0][1], chunks[-1][2]) if chunks else (0, 0)
    rows, size = sum(chunk[0] for chunk in chunks), sum(chunk[3] for chunk in chunks) + len(text)
    return Stored(about["id"], where, about["source"], about["symbol"], about["timeframe"], rows, first, last, size, about["kept_ns"], text, chunks)


def _joined(parts: list[dict[str, array]]) -> dict[str, array]:
    if not parts:
        return {name: column() for name in ("time", "open", "high", "low", "close", "volume")}
    joined = parts[0]
    for part in parts[1:]:
        for name, values in part.items():
            joined[name].extend(values)
    return joined


def _series(about: dict, columns: dict[str, array]) -> Series:
    actions = [Action(time, kind, Fraction(value)) for time, kind, value in about["actions"]]
    gaps = [Note(*gap) for gap in about["gaps"]]
    scales = about["price_scale"], about["volume_scale"]
    return Series(about["source"], about["symbol"], about["timeframe"], *scales, columns, actions, gaps, about["basis"], about["adjusted_scale"])
