"""The speeds that the replay bar offers. Pure."""

from __future__ import annotations

_USUAL = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def speeds(now: float) -> list[tuple[str, str]]:
    """(value, words) of each speed, slowest first; 0 is as fast as it goes. The present one is among them, whatever the address asked for."""
    offered = sorted({*_USUAL, now} - {0.0})
    return [*((f"{speed:g}", f"{speed:g}×") for speed in offered), ("0", "Max")]
