"""Fault schedules a second of CPU time, native: `python -m tests.bench.bench_simulation`.

The yardstick is the replay of the same schedules' journals: what the engine alone costs, without venue, faults and checks.
"""

from __future__ import annotations

import time

from app.trading.engine import Engine
from tests.bench.results import emit
from tests.simulation.fault_world import run
from tests.unit.trading.kit import ACCOUNT

COUNT = 300


def main() -> None:
    """Measure and record."""
    start = time.process_time()
    worlds = [run(seed) for seed in range(COUNT)]
    taken = time.process_time() - start
    start = time.process_time()
    for world in worlds:
        Engine.replay(ACCOUNT, world.time, world.entries(), world.view)
    replayed = time.process_time() - start
    emit("fault_schedules", COUNT / taken, "1/s", "replays of their journals a second", (COUNT / taken) / (COUNT / replayed), COUNT)


if __name__ == "__main__":
    main()
