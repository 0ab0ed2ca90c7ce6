"""The order in which a host's ways are tried, as the trader moves it about. Pure, the same in CPython."""

from __future__ import annotations

from collections.abc import Sequence


def complete(order: Sequence[str], known: Sequence[str]) -> list[tuple[str, bool]]:
    """Every known way with whether it is used: those in use in their order, then the others as they stand by default."""
    used = [name for name in order if name in known]
    return [(name, True) for name in used] + [(name, False) for name in known if name not in used]


def moved(order: Sequence[str], name: str, place: int) -> list[str]:
    """The order with this way at ``place`` among those in use; places beyond either end mean that end."""
    rest = [other for other in order if other != name]
    place = max(0, min(len(rest), place))
    return [*rest[:place], name, *rest[place:]]


def switched(order: Sequence[str], name: str) -> list[str]:
    """The order without this way, or with it at the end when it was off; the last one in use stays."""
    if name not in order:
        return [*order, name]
    return [other for other in order if other != name] or [name]
