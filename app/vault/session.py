"""What an unlocked vault holds, and what locking drops."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.platform.errors import StoreError
from app.vault.header import Header
from app.vault.keys import KeyRing
from app.vault.opening import BLOCKING
from app.vault.reading import Damage
from app.vault.signing import Signer
from app.vault.writing import Writer, translated


class Recent:
    """Payloads read lately, so that reading one again costs nothing. `MAX_BYTES` in all, none larger than `MAX_ONE`."""

    MAX_BYTES = 4 * 1024 * 1024
    MAX_ONE = 64 * 1024

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, cls: str, record_id: str) -> bytes | None:
        """A payload that is held."""
        found = self._held.get((cls, record_id))
        if found is not None:
            self._held.move_to_end((cls, record_id))
        return found

    def keep(self, cls: str, record_id: str, payload: bytes) -> None:
        """Hold a payload; the ones not read for longest go."""
        if len(payload) > self.MAX_ONE:
            return
        self.drop(cls, [record_id])
        self._held[cls, record_id] = payload
        self._bytes += len(payload)
        while self._bytes > self.MAX_BYTES:
            self._bytes -= len(self._held.popitem(last=False)[1])

    def drop(self, cls: str, ids: Iterable[str]) -> None:
        """What was written anew."""
        for record_id in ids:
            gone = self._held.pop((cls, record_id), None)
            self._bytes -= len(gone) if gone is not None else 0

    def clear(self) -> None:
        """Forget all of it."""
        self._held.clear()
        self._bytes = 0


@dataclass(slots=True)
class Session:
    """Keys, the one writer, the header as last committed and its digest, what was found wrong. `changing` is held while slots
    change."""

    ring: KeyRing
    writer: Writer
    header: Header
    digest: bytes
    problems: list[Damage]
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    own_signer: Signer | None = None
    ended: bool = False
    recent: Recent = field(default_factory=Recent)
    _lent: list[Signer] = field(default_factory=list)

    @property
    def blocked(self) -> Damage | None:
        """The damage for which writing is refused, if any."""
        return next((problem for problem in self.problems if problem.kind in BLOCKING), None)

    def lent(self, signer: Signer) -> Signer:
        """Remember who holds a signing key, to take it away at the end."""
        self._lent.append(signer)
        return signer

    async def end(self) -> None:
        """Finish what is being written; signers stop at once."""
        self.ended = True
        self.recent.clear()
        for signer in self._lent:
            signer.forget()
        await self.writer.drain()
        if self.blocked is None:
            await self.writer.mark()


@contextmanager
def told() -> Iterator[None]:
    """Errors of the store in the vault's words."""
    try:
        yield
    except StoreError as error:
        raise translated(error) from error


def digest_of(header: bytes) -> bytes:
    """The digest of a stored header, as the manifest holds it."""
    return hashlib.sha256(header).digest()
