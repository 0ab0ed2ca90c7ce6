"""The health check of an open vault: every record is opened and verified, nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass

from app.platform.interfaces import Clock
from app.vault.reading import Damage
from app.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Health:
    """Records that verified, by class; everything found wrong; seconds it took."""

    classes: dict[str, int]
    damaged: tuple[Damage, ...]
    seconds: float

    @property
    def records(self) -> int:
        """How many records verified."""
        return sum(self.classes.values())


async def verify(vault: Vault, clock: Clock) -> Health:
    """Read everything: both copies of header and manifest, and every record against the manifest. Raises VaultError."""
    started_ns = clock.monotonic_ns()
    damaged = list(await vault.examine())
    counts: dict[str, int] = {}
    for name in await vault.classes():
        found = await vault.scan(name)
        counts[name] = len(found.records)
        damaged += found.damaged
    return Health(counts, tuple(damaged), (clock.monotonic_ns() - started_ns) / 1e9)
