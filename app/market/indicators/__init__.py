"""Technical indicators: one definition of each, from which the form over whole series and the one bar by bar both follow.

``find(name)`` and ``catalogue()`` load the definitions when first asked for. numpy is needed by the form over whole series only.
"""

from __future__ import annotations

from .spec import REGISTRY, BadParameter, Indicator, Study

__all__ = ["BadParameter", "Indicator", "Study", "catalogue", "find"]


def catalogue() -> dict[str, Indicator]:
    """Every indicator by name."""
    from . import averages, bands, cycles, momentum, oscillators, price, statistics, trend, volatility, volume  # noqa: F401 (they register)

    return REGISTRY


def find(name: str) -> Indicator:
    """One indicator. KeyError when there is none of that name."""
    return catalogue()[name]
