"""Search over every source, for the palette: asked for when the trader pauses, drawn below what the desk knows itself.

Choosing a listing adds it to what is watched and puts it on the chart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from js import clearTimeout, setTimeout
from pyodide.ffi import create_proxy

from .. import source_words
from ..link import Refused

DEBOUNCE_MS = 300
_SHORTEST = 2
Entry = tuple[str, str, str, Any]


class Everywhere:
    """``show(text, entries, said)`` draws what came for a text; what comes for an older one is dropped there."""

    def __init__(self, ctx: Any, show: Callable[[str, list[Entry], str], None]) -> None:
        self._ctx, self._show = ctx, show
        self._timer: Any = None
        self._text = ""
        self._paused = create_proxy(self._ask_soon)

    def typed(self, text: str) -> bool:
        """The trader typed; True when the sources will be asked after a pause."""
        self._text = text
        if self._timer is not None:
            clearTimeout(self._timer)
            self._timer = None
        if len(text) < _SHORTEST:
            return False
        self._timer = setTimeout(self._paused, DEBOUNCE_MS)
        return True

    def _ask_soon(self) -> None:
        self._timer = None
        self._ctx.errors.run("Search", self._ask(self._text, False))

    async def _ask(self, text: str, everywhere: bool) -> None:
        try:
            found = await self._ctx.link.ask("search", text=text, everywhere=everywhere)
        except Refused as error:
            self._show(text, [], error.reason)
            return
        titles = {link["name"]: link["title"] for link in self._ctx.store.sources["chain"]}
        entries: list[Entry] = []
        for row in found["rows"]:
            name = row["instrument"] if row["watched"] else row["symbol"]
            entries.append((name, source_words.found(row, titles), "", self._adder(row)))
        entries += [
            (f"Ask {each['title']} too", each["why"], "", lambda: self._ctx.errors.run("Search", self._again(text))) for each in found["failed"] if each["asks"]
        ]
        said = source_words.missing([each for each in found["failed"] if not each["asks"]])
        self._show(text, entries, said or ("" if entries else "the sources know nothing more by that name"))

    async def _again(self, text: str) -> None:
        """The palette was closed by choosing: it opens again with more."""
        self._ctx.store.publish("palette", text)
        await asyncio.sleep(0)
        self.typed("")
        await self._ask(text, True)

    def _adder(self, row: dict) -> Callable[[], None]:
        return lambda: self._ctx.errors.run("Adding the instrument", self._add(row["symbol"]))

    async def _add(self, symbol: str) -> None:
        store = self._ctx.store
        added = await self._ctx.link.ask("sources.add", symbol=symbol)
        for _ in range(100):  # the list of instruments comes before the reply, or right after it
            if added["symbol"] in store.instruments:
                break
            await asyncio.sleep(0.02)
        store.publish("watch", added["symbol"])
        store.focus(added["symbol"])
        if self._ctx.router.current != "desk":
            self._ctx.router.go("desk")
