"""The health page: how fast the desk is, how full, how connected, and what went wrong. All of it can be exported.

Asks the desk worker once a second while it shows, adds what only the page knows, and draws. Measures nothing itself.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from js import caches, navigator, performance, window

from .. import format as fmt
from .. import words
from ..dom import clear, el, fill, listen, save_text
from ..link import Refused
from .histogram import HistogramCard

_REFRESH_S = 1.0
_COUNTERS = {
    "ticks_per_s": "Ticks per second",
    "events": "Market events taken",
    "batches": "Socket frames taken",
    "ticks_sent": "Updates sent to the page",
    "rejected": "Messages refused",
    "gaps": "Gaps in sequences",
    "queue": "Waiting to be journalled",
    "journal_entries": "Journal entries",
}


class HealthView:
    """Owns #/health."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._task: asyncio.Task | None = None
        self._report: dict = {}
        self._browser: dict[str, str] = {}
        self._cards: dict[str, HistogramCard] = {}
        self._numbers = el("dl", {"class": "facts"})
        self._connections = el("div")
        self._surroundings = el("dl", {"class": "facts"})
        self._reasons = el("div")
        self._errors = el("div", {"class": "scroll", "tabindex": "0"})
        self._drawn = el("div", {"class": "cards"})
        self._stale = el("p", {"class": "stale", "role": "status"})
        export = el("button", {"type": "button", "class": "btn"}, "Export as JSON")
        self.root = el(
            "div",
            {"class": "page"},
            el("div", {"class": "page-head"}, el("h2", {"class": "page-title"}, "Health"), self._stale, el("span", {"class": "grow"}), export),
            self._drawn,
            el(
                "div",
                {"class": "cards"},
                el("section", {"class": "card"}, el("h2", None, "Flow"), self._numbers, self._reasons),
                el("section", {"class": "card"}, el("h2", None, "Connections"), self._connections),
                el("section", {"class": "card"}, el("h2", None, "This browser"), self._surroundings),
            ),
            el("section", {"class": "card"}, el("h2", None, "Last errors"), self._errors),
        )
        listen(export, "click", lambda _event: self._export())
        ctx.keys.bind("", "Export health as JSON", self._export, "Health")

    def shown(self) -> None:
        """Start asking once a second."""
        if self._task is None:
            self._task = self._ctx.errors.run("Health", self._follow())

    def hidden(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _follow(self) -> None:
        self._browser = await _surroundings()
        while True:
            store = self._ctx.store
            self._ctx.link.tell("health.page", histograms=[store.frame_to_paint.to_wire()])
            try:
                self._report = await asyncio.wait_for(self._ctx.link.ask("health"), 5)
                self._stale.textContent = ""
            except TimeoutError:
                self._stale.textContent = "The desk worker has not answered for 5 s; what stands here is older."
            except Refused as error:
                self._stale.textContent = error.reason
            self._draw()
            await asyncio.sleep(_REFRESH_S)

    def _draw(self) -> None:
        store, report = self._ctx.store, self._report
        measured = {item["name"]: item for item in report.get("histograms", ())}
        measured["frame_to_paint"] = store.frame_to_paint.to_wire()
        for name in dict.fromkeys((*words.HISTOGRAMS, *measured)):
            card = self._cards.get(name)
            if card is None:
                title, meaning = words.HISTOGRAMS.get(name, (name.replace("_", " ").capitalize(), ""))
                card = self._cards[name] = HistogramCard(title, meaning)
                self._drawn.append(card.root)
            card.draw(measured.get(name))
        self._draw_numbers(report)
        self._draw_connections(report)
        _facts(self._surroundings, list(self._browser.items()))
        self._draw_errors(report)

    def _draw_numbers(self, report: dict) -> None:
        counters = report.get("counters", {})
        facts = [(_COUNTERS.get(name, name.replace("_", " ").capitalize()), fmt.number(value)) for name, value in counters.items()]
        stats = self._ctx.store.stats or {}
        if stats:
            facts.append(("Worker's loop late by", fmt.latency(stats["loop_lag_ms"])))
        heap = report.get("memory", {}).get("heap_bytes")
        facts.append(("Worker's Python memory", fmt.size(heap)))
        facts.append(("Page errors", fmt.number(self._ctx.errors.count)))
        _facts(self._numbers, facts)
        clear(self._reasons)
        for title, key in (("Refused because", "reject_reasons"), ("Gaps because", "gap_reasons"), ("Books built anew because", "resyncs")):
            reasons = report.get(key)
            if reasons:
                pairs = reasons.items() if isinstance(reasons, dict) else [(str(reason), "") for reason in reasons]
                body = el("dl", {"class": "facts"})
                _facts(body, [(str(reason), str(count)) for reason, count in list(pairs)[-12:]])
                fill(self._reasons, None, el("h3", None, title), body)

    def _draw_connections(self, report: dict) -> None:
        clear(self._connections)
        for item in report.get("connections", ()):
            word, tone = words.connection({**item, "replay": None})
            state = el("span", {"class": "word", "data-tone": tone}, el("i", {"class": "dot", "aria-hidden": "true"}), word)
            since = fmt.stamp(int(item["since_ns"])) if item.get("since_ns") else fmt.NOTHING
            body = el("dl", {"class": "facts"})
            facts = [("Since", since), ("Attempts", fmt.number(item.get("attempts") or 0)), ("Detail", item.get("detail") or fmt.NOTHING)]
            if "topics" in item:
                facts += [("Streams", fmt.number(item["topics"])), ("Connected, lost", f"{item['connects']:,}, {item['losses']:,}")]
            _facts(body, facts)
            fill(self._connections, None, el("h3", None, str(item.get("venue") or item.get("name"))), state, body)

    def _draw_errors(self, report: dict) -> None:
        rows = [(row.get("at_ns") or 0, "desk", row.get("where") or "", row.get("error") or "") for row in report.get("errors", ())]
        rows += [(row["ts"], "page", row["where"], row["text"]) for row in self._ctx.errors.rows]
        rows.sort(key=lambda row: -row[0])
        clear(self._errors)
        if not rows:
            self._errors.append(el("p", {"class": "hint"}, "None since this page opened."))
            return
        body = el("tbody")
        for ts, side, where, text in rows[:50]:
            when = fmt.clock(ts) if ts else fmt.NOTHING
            body.append(
                el(
                    "tr",
                    None,
                    el("td", {"title": fmt.utc(ts) if ts else None}, when),
                    el("td", None, side),
                    el("td", None, text),
                    el("td", {"class": "hint"}, el("code", None, where)),
                )
            )
        heads = (el("th", {"scope": "col"}, name) for name in ("Time", "Part", "What happened", "Where or sample"))
        self._errors.append(el("table", {"class": "table"}, el("thead", None, el("tr", None, *heads)), body))

    def _export(self) -> None:
        store = self._ctx.store
        boot = performance.getEntriesByType("measure")
        measures = [boot[index] for index in range(boot.length)]
        whole = {
            "page": {
                "histograms": [store.frame_to_paint.to_wire()],
                "errors": self._ctx.errors.rows,
                "browser": self._browser,
                "user_agent": str(navigator.userAgent),
                "boot_ms": {str(m.name): round(m.duration, 1) for m in measures if str(m.name).startswith("kontor:boot:")},
            },
            "desk": self._report,
            "stats": store.stats,
            "venue": store.venue,
            "vault": {"state": (store.vault or {}).get("state")},
            "hello": store.hello,
        }
        save_text("kontor-health.json", json.dumps(whole, indent=1), "application/json")


def _facts(node: Any, facts: list[tuple[str, str]]) -> None:
    clear(node)
    fill(node, None, *(part for name, value in facts for part in (el("dt", None, name), el("dd", None, str(value)))))


async def _surroundings() -> dict[str, str]:
    """What this browser grants the page, in words."""
    isolated = bool(window.crossOriginIsolated)
    found = {"Cross-origin isolated": "yes" if isolated else "no: a running job cannot be interrupted, only ended"}
    worker = getattr(navigator, "serviceWorker", None)
    if worker is None:
        found["Offline"] = "no service worker in this browser window: the page needs its server"
    else:
        active = worker.controller
        names = await caches.keys()
        versions = [str(names[index]) for index in range(names.length)]
        found["Offline"] = f"service worker {active.state}" if active else "service worker not in control yet; reload once"
        found["Kept versions"] = ", ".join(versions) or "none"
    storage = getattr(navigator, "storage", None)
    if storage is not None:
        persisted = bool(await storage.persisted())
        found["Storage kept"] = "promised by the browser" if persisted else "while there is space"
        estimate = await storage.estimate()
        found["Storage used"] = f"{fmt.size(estimate.usage)} of {fmt.size(estimate.quota)}"
    memory = getattr(performance, "memory", None)
    if memory is not None:
        found["JavaScript memory"] = fmt.size(memory.usedJSHeapSize)
    found["Online"] = "yes" if navigator.onLine else "no"
    found["Processor cores"] = str(navigator.hardwareConcurrency)
    return found
