"""Words of state in the header and the status bar: connection, replay, ticks, latency, vault, and the account figures.

Each word is a button that opens what it means and what to do. The texts live in ``app.ui.words``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from js import Date, document, performance, window

from .. import format as fmt
from .. import risk_words, words
from ..dom import by_id, el, listen, set_text

_REFRESH_S = 1.0
_SILENT_AFTER_MS = 5_000
"""The desk worker says something each second; after this long it hangs, or the machine does."""


class StatusView:
    """Owns #connection, #replay-badge, the account figures and the footer."""

    def __init__(self, ctx: Any, explain: Any) -> None:
        self._ctx = ctx
        self._explain = explain
        self._shown: dict[str, str] = {}
        self._heard_ms = self._beat_ms = 0.0
        self._silent = False
        self._connection = by_id("connection")
        self._connection_text = self._connection.querySelector("span")
        self._replay = by_id("replay-badge")
        self._figures = {name: by_id(name) for name in ("cash", "power", "day", "equity")}
        self._units = document.querySelectorAll("[data-unit]")
        self._time = self._word("status-time", "Market time")
        self._ticks = self._word("status-ticks", "Ticks per second", "optional")
        self._paint = self._word("status-paint", "Frame to paint, 99 of 100 in the last 30 s", "optional")
        self._orders = self._word("status-orders", "Orders")
        self._vault = self._word("status-vault", "Vault")
        self._version = el("span", {"class": "optional"})
        self.root = by_id("status")
        self.root.append(
            self._time,
            self._ticks,
            self._paint,
            self._orders,
            self._vault,
            el("span", {"class": "grow"}),
            el("a", {"href": words.CHART_HOME, "rel": "noopener", "target": "_blank", "class": "optional"}, words.CHART_CREDIT),
            self._version,
        )
        for node, opens in (
            (self._connection, self._explain_connection),
            (self._replay, self._explain_replay),
            (self._time, self._explain_connection),
            (self._ticks, self._explain_ticks),
            (self._paint, self._explain_paint),
            (self._orders, self._explain_orders),
            (self._vault, self._explain_vault),
        ):
            listen(node, "click", lambda _event, opens=opens: opens())
        store = ctx.store
        for topic, draw in (
            ("venue", self._draw_venue),
            ("vault", self._draw_vault),
            ("order_state", self._draw_orders),
            ("risk", lambda _message: self._draw_orders(store.order_state)),
            ("stats", self._draw_stats),
            ("hello", self._draw_hello),
        ):
            store.subscribe(topic, draw)
        store.on_tick("account", self._draw_account)
        self._task = asyncio.ensure_future(self._every_second())

    def _word(self, name: str, label: str, extra: str = "") -> Any:
        return el(
            "button",
            {"type": "button", "class": f"word {extra}".strip(), "id": name, "title": label, "aria-haspopup": "dialog", "hidden": True},
            el("span"),
        )

    def _say(self, node: Any, text: str, tone: str = "") -> None:
        key = node.id
        if self._shown.get(key) == (text, tone):
            return
        self._shown[key] = (text, tone)
        set_text(node.querySelector("span"), text)
        node.hidden = False
        node.setAttribute("data-tone", tone)

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)
            self._listen_for_the_desk()
            self._draw_time()
            recent = self._ctx.store.recent_paint_p99
            if recent is not None or self._ctx.store.frame_to_paint.count:
                self._say(self._paint, f"frame→paint p99 {fmt.latency(recent)}")

    def _listen_for_the_desk(self) -> None:
        """A worker that says nothing any more: what stands on the page is old, and the page says so."""
        now, before = performance.now(), self._beat_ms
        self._beat_ms = now
        if document.documentElement.getAttribute("data-desk") != "ready" or now - before > 3000 * _REFRESH_S:
            self._heard_ms = now  # still starting, or this page was asleep itself
        silent_ms = now - self._heard_ms
        if silent_ms > _SILENT_AFTER_MS:
            self._silent = True
            document.documentElement.setAttribute("data-silent", "")
            self._connection.setAttribute("data-state", "silent")
            self._say(self._connection, words.silent(silent_ms), "bad")

    def _draw_venue(self, venue: dict) -> None:
        if self._silent:
            self._silent = False
            document.documentElement.removeAttribute("data-silent")
        text, tone = words.connection(venue)
        self._say(self._connection, text, tone)
        self._connection.setAttribute("data-state", venue["state"])
        replay = venue.get("replay")
        self._replay.hidden = not replay
        if replay:
            self._say(self._replay, words.replay(replay))
        self._draw_time()

    def _draw_time(self) -> None:
        venue = self._ctx.store.venue
        replay = venue.get("replay") if venue else None
        if replay:
            self._say(self._time, f"replay {fmt.stamp(int(replay['time_ns']))}")
            self._time.title = fmt.utc(int(replay["time_ns"]))
        else:
            self._say(self._time, fmt.stamp(int(Date.now()) * 1_000_000))

    def _draw_vault(self, vault: dict) -> None:
        word, tone, _meaning = words.vault(vault["state"], bool(vault.get("read_only")))
        self._say(self._vault, f"vault: {word}", tone)

    def _draw_orders(self, state: dict | None) -> None:
        if state is None:
            return
        accepting, risk = state["accepting"], self._limited()
        real = accepting and state.get("real")
        text = risk or ("real orders armed" if real else "orders accepted" if accepting else "orders refused")
        quiet = bool(accepting and not risk and not real)
        self._say(self._orders, text, "" if quiet else "warn")
        self._orders.classList.toggle("optional", quiet)

    def _limited(self) -> str:
        """What is halted or reduce-only, in a word."""
        risk = self._ctx.store.risk
        return risk_words.summary(risk["states"]) if risk else ""

    def _draw_stats(self, stats: dict) -> None:
        self._heard_ms = performance.now()
        if self._silent and self._ctx.store.venue is not None:
            self._draw_venue(self._ctx.store.venue)
        self._say(self._ticks, f"{fmt.number(stats['ticks_per_s'])} ticks/s")

    def _draw_hello(self, hello: dict) -> None:
        set_text(self._version, f"v{hello['version']}")

    def _draw_account(self, account: dict) -> None:
        for name, text in (
            ("cash", fmt.minus(account["cash"])),
            ("equity", fmt.minus(account["equity"])),
            ("power", fmt.minus(account["buying_power"])),
            ("day", fmt.signed(account["day_pnl"])),
        ):
            if self._shown.get(name) != text:
                self._shown[name] = text
                node = self._figures[name]
                set_text(node, text)
                if name == "day":
                    node.className = f"num {fmt.tone(fmt.direction(text))}"
        if self._shown.get("unit") != account["currency"]:
            self._shown["unit"] = account["currency"]
            for index in range(self._units.length):
                self._units.item(index).textContent = account["currency"]

    def _explain_connection(self) -> None:
        if self._silent:
            self._explain.open(*words.SILENT, [("Start again", lambda: window.location.reload())])
            return
        title, paragraphs, facts = words.explain_connection(self._ctx.store.venue, self._ctx.store.hello)
        self._explain.open(title, paragraphs, [("Open Health", lambda: self._ctx.router.go("health"))], facts)

    def _explain_replay(self) -> None:
        venue = self._ctx.store.venue or {}
        title, paragraphs, facts = words.explain_replay(venue.get("replay"))
        self._explain.open(title, paragraphs, facts=facts)

    def _explain_ticks(self) -> None:
        stats = self._ctx.store.stats
        facts = []
        if stats:
            facts = [
                ("Ticks per second", fmt.number(stats["ticks_per_s"])),
                ("Socket frames per second", fmt.number(stats["frames_per_s"])),
                ("Waiting in the queue", fmt.number(stats["queue"])),
                ("Messages refused", fmt.number(stats["rejected"])),
                ("Gaps in sequences", fmt.number(stats["gaps"])),
            ]
        self._explain.open(words.TICKS[0], words.TICKS[1], [("Open Health", lambda: self._ctx.router.go("health"))], facts)

    def _explain_paint(self) -> None:
        paint, recent = self._ctx.store.frame_to_paint, self._ctx.store.recent_paint_p99
        facts = [
            ("In the last 30 s, 99 of 100", fmt.latency(recent)),
            ("Since the start, half", fmt.latency(paint.percentile(0.5))),
            ("Since the start, 99 of 100", fmt.latency(paint.percentile(0.99))),
            ("Longest", fmt.latency(paint.max)),
            ("Measured", fmt.plural(paint.count, "tick")),
        ]
        self._explain.open(words.PAINT[0], words.PAINT[1], [("Open Health", lambda: self._ctx.router.go("health"))], facts)

    def _explain_orders(self) -> None:
        state = self._ctx.store.order_state
        if self._limited():
            title, paragraphs = words.explain_limited(self._ctx.store.risk["states"])
            self._explain.open(title, paragraphs, [("Open Risk", lambda: self._ctx.router.go("risk"))])
            return
        self._explain.open(*words.explain_orders(state), [("Open Vault", lambda: self._ctx.router.go("vault"))])

    def _explain_vault(self) -> None:
        vault = self._ctx.store.vault or {"state": "starting", "detail": ""}
        word, _tone, meaning = words.vault(vault["state"], bool(vault.get("read_only")))
        damaged = fmt.plural(vault.get("damaged_records") or 0, "damaged record")
        self._explain.open(
            f"Vault: {word}",
            [meaning, f"{damaged}. {words.DAMAGED_RECORDS}" if vault.get("damaged_records") else ""],
            [("Open Vault", lambda: self._ctx.router.go("vault"))],
        )
