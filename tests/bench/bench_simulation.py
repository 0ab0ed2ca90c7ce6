"""Fault schedules a second of CPU time, native: `python -m tests.bench.bench_simulation`.

The yardstick is the replay of the same schedules' journals: what the engine alone costs, without venue, faults and checks.
"""

from __future__ import annotations

import time

from app.trading.engine import Engine
from tests.bench.results import emit
from tests.simulation.fault_world import many, run
from tests.unit.trading.kit import ACCOUNT

COUNT = 300


def main() -> None:
    """Measure and record."""
    taken = replayed = 0.0
    with many():
        for seed in range(COUNT):
            start = time.process_time()
            world = run(seed)
            ran = time.process_time()
            Engine.replay(ACCOUNT, world.time, world.entries(), world.view)
            taken, replayed = taken + ran - start, replayed + time.process_time() - ran
            world.let_go()
    emit("fault_schedules", COUNT / taken, "1/s", "replays of their journals a second", (COUNT / taken) / (COUNT / replayed), COUNT)


if __name__ == "__main__":
    main()
