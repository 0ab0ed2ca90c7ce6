"""All benchmarks, one after the other: `make bench`. Figures go to bench/results.json, one JSON object a line.

    python -m tests.bench [name ...]      names: those of the files here, bench_NAME.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.results import FILE

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run them; returns the number that failed."""
    wanted = sys.argv[1:] or sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    if not sys.argv[1:]:
        FILE.unlink(missing_ok=True)
    failed = 0
    for name in wanted:
        print(f"\n{name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"tests.bench.bench_{name}"], cwd=ROOT, check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
