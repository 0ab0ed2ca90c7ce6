"""Reading a recording piece by piece: the first messages are out before the rest is unpacked.

Owns unpacking and line splitting of one recording's bytes (gzip, or plain where a web host has unpacked it already).
Keeps no more than a piece of text in memory. The raw text of a message stays verbatim.
"""

from __future__ import annotations

import json
import zlib
from typing import NamedTuple

_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"


class RecordingError(ValueError):
    """A recording that cannot be unpacked or is not one."""


class Message(NamedTuple):
    """One recorded message: receive time (ns UTC; 0: none), direction, address, raw text."""

    t: int
    direction: str
    url: str
    raw: str


class Recording:
    """Messages of one recording from its beginning; ``next`` gives one, or None at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._packed = data[:2] == _GZIP
        self._unpack = zlib.decompressobj(31) if self._packed else None
        self._offset = 0
        self._tail = b""
        self._ready: list[Message] = []
        self._ended = False

    def next(self) -> Message | None:
        """The next message; RecordingError when the bytes are damaged from here on."""
        ready = self._ready
        while not ready:
            if self._ended:
                return None
            self._more()
        return ready.pop()

    def _more(self) -> None:
        piece = self._piece()
        text = self._tail + piece
        if self._ended:
            self._tail, lines = b"", text
        else:
            end = text.rfind(b"\n") + 1
            self._tail, lines = text[end:], text[:end]
        rows = lines.split(b"\n")
        try:
            found = json.loads(b"[" + b",".join([row for row in rows if row]) + b"]")
            self._ready.extend(
                [Message(row["t"], row["dir"], row.get("url", ""), row["raw"]) for row in reversed(found)]
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._ended = True
            raise RecordingError(f"not a recording: {error!r}") from error

    def _piece(self) -> bytes:
        if self._unpack is None:
            piece = self._data[self._offset : self._offset + _PIECE]
            self._offset += len(piece)
            self._ended = self._offset >= len(self._data)
            return piece
        unpack = self._unpack
        try:
            source = unpack.unconsumed_tail or self._data[self._offset : self._offset + _PIECE]
            if not unpack.unconsumed_tail:
                self._offset += len(source)
            piece = unpack.decompress(source, _PIECE)
        except zlib.error as error:
            self._ended = True
            raise RecordingError(f"damaged: {error}") from error
        if unpack.eof:
            self._ended = True
        elif not piece and not unpack.unconsumed_tail and self._offset >= len(self._data):
            self._ended = True
            raise RecordingError("cut off before its end")
        return piece
