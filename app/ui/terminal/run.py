"""Runs what was typed into the terminal: asks the desk, and says the outcome in lines. Knows no elements."""

from __future__ import annotations

import json
import time
from typing import Any

from .. import net_words, words
from .commands import Typed, help_lines


class Runner:
    """One per terminal; ``run`` raises Refused with the desk's own words."""

    def __init__(self, ctx: Any, terminal: Any) -> None:
        self._ctx = ctx
        self._terminal = terminal

    async def run(self, typed: Typed) -> None:
        """Do what the command says."""
        await getattr(self, f"_{typed.name}")(typed)

    async def _help(self, _typed: Typed) -> None:
        for line in help_lines():
            self._terminal.say(line)

    async def _test(self, typed: Typed) -> None:
        answer = await self._ctx.link.ask("net.test", url=typed.argument)
        await self._terminal.catch_up()  # the desk has told each way in a line of its own
        rows = answer["rows"]
        for row in rows:
            if row["outcome"] == "skipped":
                self._terminal.say(net_words.tried(row), net_words.level(row), "network")
        sentence, remedy = net_words.verdict(rows)
        self._terminal.say(f"{sentence} {remedy}".strip(), "good" if any(row["outcome"] == "ok" for row in rows) else "warn", "network")

    async def _rerun(self, typed: Typed) -> None:
        await self._ctx.link.ask("trace.rerun", step=typed.number)

    async def _show(self, typed: Typed) -> None:
        line = self._terminal.line(typed.number)
        if line is None:
            self._terminal.say(f"There is no line #{typed.number} here.", "warn")
            return
        self._terminal.say(line.plain)
        detail = line.row.get("detail")
        for name, value in sorted((detail or {}).items()):
            self._terminal.say(f"  {name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
        if not detail:
            self._terminal.say("  Nothing more is known about it.")

    async def _state(self, _typed: Typed) -> None:
        store, say = self._ctx.store, self._terminal.say
        net = await self._ctx.link.ask("net.state")
        say(net_words.online(net["online"]), "info" if net["online"] else "warn", "network")
        word, tone, meaning = net_words.proxy(net["proxy"])
        say(f"Proxy: {word}. {meaning}", "warn" if tone else "info", "network")
        for host in net["hosts"]:
            say(net_words.host_line(host), "info", "network")
        for provider in net["providers"]:
            state, _tone = net_words.signed(provider, time.time_ns() // 1_000_000)
            say(f"{provider['name']}: {state}", "info", "oauth")
        if store.venue:
            say(f"{store.venue['name']}: {words.connection(store.venue)[0]}. {store.venue.get('detail') or ''}".strip(), "info", "desk")
        if store.vault:
            say(f"Vault: {words.vault(store.vault['state'], bool(store.vault.get('read_only')))[0]}", "info", "vault")

    async def _filter(self, typed: Typed) -> None:
        self._terminal.filter(typed.argument)

    async def _find(self, typed: Typed) -> None:
        self._terminal.find(typed.argument)

    async def _copy(self, _typed: Typed) -> None:
        self._terminal.copy()

    async def _export(self, _typed: Typed) -> None:
        self._terminal.export()

    async def _clear(self, _typed: Typed) -> None:
        self._terminal.clear()

    async def _close(self, _typed: Typed) -> None:
        self._terminal.close()
