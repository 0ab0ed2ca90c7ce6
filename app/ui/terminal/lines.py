"""One line of the terminal, as it is seen, searched, copied and exported. Pure text, the same in CPython.

A row comes from the desk worker (docs/messages.md, ``trace``) or from the page. Control characters are taken out here, so
that nothing that came over the network can move the cursor, recolour the screen or write backwards.
"""

from __future__ import annotations

import json
import time
import unicodedata
from typing import Any

from .. import format as fmt

LEVELS = ("debug", "info", "good", "warn", "error")
AREAS = ("boot", "network", "oauth", "orders", "vault", "desk", "page", "you")
WORDS = {"debug": "debug", "info": "info", "good": "ok", "warn": "WARN", "error": "ERROR"}

_RESET = "\x1b[0m"
_QUIET = "\x1b[90m"
_AREA = "\x1b[34m"
_TIME = "\x1b[36m"
_COLOURS = {"debug": "\x1b[90m", "info": "\x1b[37m", "good": "\x1b[32m", "warn": "\x1b[33m", "error": "\x1b[1;31m"}
_TEXT = {"debug": "\x1b[37m", "warn": "\x1b[33m", "error": "\x1b[31m"}
_LONGEST = 4000


class Line:
    """A row made ready: ``ansi`` for xterm, ``plain`` for everything else, ``lower`` to look for words in."""

    __slots__ = ("ansi", "area", "at_ms", "id", "level", "lower", "ms", "plain", "rank", "row", "tail", "text")

    def __init__(self, row: dict) -> None:
        self.row = row
        self.id = row.get("id") or 0
        self.at_ms = float(row["at_ms"])
        self.level = row["level"] if row.get("level") in LEVELS else "info"
        self.area = clean(str(row.get("area") or "desk"))[:12]
        self.rank = LEVELS.index(self.level)
        self.ms = row.get("ms")
        self.text = said = clean(str(row.get("text") or ""))[:_LONGEST]
        when, word = clock(self.at_ms), WORDS[self.level]
        took = "" if not isinstance(self.ms, (int, float)) else fmt.latency(self.ms) if self.ms > 0 else "0 ms"
        number = f"#{self.id}" if self.id else ""
        self.tail = "  ".join(part for part in (took, number) if part)
        self.plain = f"{when}  {word:<5}  {self.area:<7}  {said}" + (f"  {self.tail}" if self.tail else "")
        self.lower = self.plain.lower()
        self.ansi = (
            f"{_QUIET}{when}  {_COLOURS[self.level]}{word:<5}{_RESET}  {_AREA}{self.area:<7}{_RESET}  {_TEXT.get(self.level, '')}{said}{_RESET}"
            + (f"  {_TIME}{took}{_RESET}" if took else "")
            + (f"  {_QUIET}{number}{_RESET}" if number else "")
            + "\r\n"
        )

    def exported(self) -> str:
        """The line with its whole UTC stamp and, when there is one, its detail as JSON."""
        text = f"{stamp(self.at_ms)}{self.plain[12:]}"
        detail = self.row.get("detail")
        return f"{text}  {json.dumps(detail, ensure_ascii=True, sort_keys=True, default=str)}" if detail else text


def clean(text: str) -> str:
    """One line without control, format and private characters; breaks and tabs become a space."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else " " if unicodedata.category(character) in ("Zs", "Zl", "Zp") or character in "\t\r\n" else ""
        for character in text
    )


def clock(at_ms: float) -> str:
    """Local time of day, 12 characters."""
    return fmt.clock(int(at_ms) * 1_000_000, milliseconds=True)


def stamp(at_ms: float) -> str:
    """UTC: '2026-11-21T10:25:03.123Z'."""
    moment = time.gmtime(at_ms // 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{int(at_ms) % 1000:03}Z"


def own(text: str, at_ms: float, level: str = "info", area: str = "you", **more: Any) -> dict:
    """A row that the page itself writes."""
    return {"id": 0, "at_ms": at_ms, "level": level, "area": area, "text": text, **more}
