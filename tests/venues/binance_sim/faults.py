"""Faults on demand: what networks, exchanges and middle boxes do to frames and answers.

A fault is a dict with a ``kind`` (FRAME_KINDS, REST_KINDS or one of those the hub carries out at once), an optional
``count`` (how often, default 1) and ``match`` (part of the stream name or the path). Frame faults act on the next
frame each matches, for all connections alike, so that every client of a test sees the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FRAME_KINDS = ("drop", "duplicate", "reorder", "replace", "insert", "cut")
REST_KINDS = ("rest_status", "rest_html", "rest_delay", "rest_stale", "rest_truncated", "rest_garbage")
API_KINDS = ("api_drop", "api_delay", "api_duplicate", "api_cut", "api_cut_before", "api_garbage", "api_refuse")
EVENT_KINDS = ("event_drop", "event_duplicate")
ALL_KINDS = FRAME_KINDS + REST_KINDS + API_KINDS + EVENT_KINDS
BIG = 10_000_000


class BadFault(ValueError):
    """A fault that is not known."""


@dataclass(slots=True)
class Fault:
    """One planned fault; ``options`` are its own settings."""

    kind: str
    count: int = 1
    match: str = ""
    options: dict = field(default_factory=dict)


class Faults:
    """The plan: faults waiting for something to happen to, first come first served. ``done`` counts by kind."""

    def __init__(self) -> None:
        self.plan: list[Fault] = []
        self.done: dict[str, int] = {}
        self._held: tuple[str, str] | None = None

    def add(self, kind: str, count: int = 1, match: str = "", **options: object) -> None:
        """Plan a fault; BadFault when there is none of that kind or form."""
        if kind not in ALL_KINDS:
            raise BadFault(f"unknown kind {kind!r}, known are {', '.join(ALL_KINDS)}")
        if kind in ("replace", "insert") and options.get("form") not in FORMS:
            raise BadFault(f"unknown form {options.get('form')!r}, known are {', '.join(FORMS)}")
        self.plan.append(Fault(kind, count, match, options))

    def clear(self) -> None:
        """Forget what was planned."""
        self.plan.clear()
        self._held = None

    def take(self, kinds: tuple[str, ...], name: str) -> Fault | None:
        """The next fault of these kinds for a stream or path, counted as done."""
        for fault in self.plan:
            if fault.kind in kinds and fault.match in name:
                fault.count -= 1
                if fault.count <= 0:
                    self.plan.remove(fault)
                self.done[fault.kind] = self.done.get(fault.kind, 0) + 1
                return fault
        return None

    def frames(self, stream: str, text: str) -> list[tuple[str, str, int | None]]:
        """What goes out instead of one frame: (stream, payload, bytes after which the connection is cut or None)."""
        fault = self.take(FRAME_KINDS, stream) if self.plan else None
        out: list[tuple[str, str, int | None]] = [(stream, text, None)]
        if fault is None:
            pass
        elif fault.kind == "drop":
            out = []
        elif fault.kind == "duplicate":
            out *= 2
        elif fault.kind == "replace":
            out = [(stream, FORMS[fault.options["form"]](text), None)]
        elif fault.kind == "insert":
            out.insert(0, (stream, FORMS[fault.options["form"]](text), None))
        elif fault.kind == "cut":
            out = [(stream, text, int(fault.options.get("at", 20)))]
        elif fault.kind == "reorder":
            self._held = (stream, text)
            return []
        # A frame held back leaves after the next one of its own stream.
        if self._held is not None and self._held[0] == stream:
            out.append((*self._held, None))
            self._held = None
        return out


def _first_price(text: str, new: str) -> str:
    """The payload with the first decimal number replaced (in quotes where ``new`` brings none)."""
    for mark in ('[["', '"b":"', '"p":"'):
        at = text.find(mark)
        if at >= 0:
            start = at + len(mark)
            return text[: start - 1] + new + text[text.index('"', start) + 1 :]
    return text


FORMS: dict[str, Callable[[str], str]] = {
    "nan": lambda text: _first_price(text, "NaN"),
    "nan_text": lambda text: _first_price(text, '"NaN"'),
    "infinite": lambda text: _first_price(text, "1e400"),
    "infinite_text": lambda text: _first_price(text, '"1e400"'),
    "negative": lambda text: _first_price(text, '"-61837.63000000"'),
    "number": lambda text: _first_price(text, "61837"),
    "null": lambda text: _first_price(text, "null"),
    "wrong_symbol": lambda text: text.replace('"s":"', '"s":"EVIL', 1),
    "no_symbol": lambda text: text.replace('"s":', '"zz":', 1),
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "html": lambda text: "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    "array": lambda text: "[1,2,3]",
    "text": lambda text: '"depthUpdate"',
    "deep": lambda text: "[" * 20_000 + "]" * 20_000,
    "big": lambda text: '{"e":"depthUpdate","pad":"' + "x" * BIG + '"}',
    "ids": lambda text: text.replace('"u":', '"u":9', 1),
    "ids_backward": lambda text: text.replace('"U":', '"U":-', 1),
    "unicode": lambda text: text.replace('"s":"', '"s":"\\ud800\\u0000', 1),
    "unknown": lambda text: '{"e":"somethingNew","E":1,"s":"BTCUSDT"}',
}
