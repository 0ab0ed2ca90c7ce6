"""Search results in one order: the symbol typed exactly, then beginnings of symbols, of names, of words; what several sources found counts once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.model.instrument import Instrument

from .answers import Match

_MOST_OWN = 10


def points(text: str, symbol: str, name: str) -> int:
    """How well a hit fits what was typed; 0: by nothing that shows."""
    wanted, symbol, name = text.strip().lower(), symbol.lower(), name.lower()
    root = symbol.partition(".")[0]
    if not wanted:
        return 0
    if symbol == wanted:
        return 1_000
    if root == wanted:
        return 900
    if symbol.startswith(wanted):
        return 700 - len(symbol)
    if name.startswith(wanted):
        return 600 - len(symbol)
    if any(word.startswith(wanted) for word in name.split()):
        return 500 - len(symbol)
    return 300 - len(symbol) if wanted in symbol or wanted in name else 0


def ranked(text: str, found: Sequence[tuple[str, Sequence[Match]]]) -> list[dict]:
    """Rows {symbol, name, exchange, currency, kind, sources}, the best first. A source's own order decides between equals, and finds what was
    typed in words that do not show (a former name)."""
    rows: dict[str, dict] = {}
    order: dict[str, tuple] = {}
    for place, (source, matches) in enumerate(found):
        for at, match in enumerate(matches):
            row = rows.get(match.symbol)
            if row is not None:
                if source not in row["sources"]:
                    row["sources"].append(source)
                continue
            rows[match.symbol] = {**match._asdict(), "sources": [source]}
            del rows[match.symbol]["source"]
            order[match.symbol] = (-points(text, match.symbol, match.name), at, place)
    return [rows[symbol] for symbol in sorted(rows, key=order.__getitem__)]


def own(text: str, instruments: Iterable[Instrument]) -> list[Instrument]:
    """The desk's own instruments that fit, the best first."""
    scored = [(points(text, item.symbol, f"{item.base} {item.quote}"), item) for item in instruments]
    fit = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
    return [item for _, item in fit[:_MOST_OWN]]
