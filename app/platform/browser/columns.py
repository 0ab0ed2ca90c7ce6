"""Frames that stay in JavaScript until their texts are looked at, and the reader that makes columns of them there, in this thread or beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import js
from pyodide.ffi import to_js

from app.platform.columns import Columns, Layouts

_HEAD = 3


class BrowserFrames(Sequence[str]):
    """Texts in a JS array."""

    __slots__ = ("_texts", "js")

    def __init__(self, texts: Any) -> None:
        self.js = texts
        self._texts: list[str] | None = None

    def __len__(self) -> int:
        return self.js.length

    def __getitem__(self, at: Any) -> Any:
        return self._all()[at]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def _all(self) -> list[str]:
        if self._texts is None:
            self._texts = self.js.to_py()
        return self._texts


class ReadFrames(Sequence[str]):
    """Frames whose socket read them already: their texts are gone, what it made of them is for its `BrowserReader`."""

    __slots__ = ("_count", "left", "words")

    def __init__(self, count: int, words: Any, left: Any) -> None:
        self._count, self.words, self.left = count, words, left

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        raise TypeError("these frames were read beside this thread: only their reader can say what was in them")


class BrowserReader:
    """app/platform/columns.mjs."""

    def __init__(self, told: Layouts) -> None:
        self.told = told.to_json()
        self._widths = [layout.width for layout in told.layouts]
        self._js: Any = None

    def read(self, frames: Sequence[str]) -> Columns:
        """Every frame once, in order."""
        if type(frames) is ReadFrames:
            found, texts = frames.words, frames.left
        else:
            self._js = self._js or js.kontor.columns.makeReader(self.told)
            found = self._js.read(frames.js if type(frames) is BrowserFrames else to_js(list(frames)))
            texts = self._js.takeLeft()
        words = memoryview(found.to_py()).cast("B")
        size = _HEAD + len(self._widths)
        messages, left, levels, *counts = words[: 4 * size].cast("i")
        at, tables = 4 * (size + size % 2), []
        for count, width in zip([*counts, levels], [*self._widths, 1], strict=True):
            end = at + 8 * count * width
            tables.append(words[at:end].cast("q"))
            at = end
        orders = words[at:].cast("i").tolist()[::2] if left else []
        return Columns(tuple(tables[:-1]), tables[-1], list(zip(orders, texts.to_py(), strict=True)) if left else [], messages)
