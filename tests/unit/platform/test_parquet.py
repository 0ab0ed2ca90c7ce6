"""Parquet as CSV by app/platform/parquet.mjs, run in Node as a browser would: every compression and kind of number, exactly."""

from __future__ import annotations

import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from app.history.series import UNKNOWN
from tests.unit.history.kit import DATA, reading_of

ROOT = Path(__file__).resolve().parents[3]
RUN = """
const { csv } = await import(process.argv[1]);
const { readFileSync } = await import("node:fs");
try {
  process.stdout.write(await csv(new Uint8Array(readFileSync(process.argv[2]))));
} catch (error) {
  console.error(error.message);
  process.exit(3);
}
"""


def converted(path: Path) -> subprocess.CompletedProcess:
    module = (ROOT / "app" / "platform" / "parquet.mjs").as_uri()
    return subprocess.run(["node", "--input-type=module", "-e", RUN, module, str(path)], capture_output=True, check=False)


@pytest.mark.parametrize("name", ["minutes-snappy", "minutes-zstd-ns", "minutes-gzip-decimal"])
def test_minutes(name: str) -> None:
    series = reading_of(converted(DATA / f"{name}.parquet").stdout).series
    assert (len(series), series.timeframe, series.columns["time"][0]) == (400, "1m", 1_717_165_800 * 10**9)
    closes = [Decimal(100) + Decimal("0.01") * (n * 7919 % 200) for n in range(400)]
    assert list(map(series.price, series.columns["close"])) == closes and series.price_scale == 2
    assert list(map(series.volume, series.columns["volume"])) == [3 * n for n in range(400)]


def test_days_of_single_floats() -> None:
    series = reading_of(converted(DATA / "days-lz4-float32.parquet").stdout).series
    assert (len(series), series.timeframe, series.price_scale) == (30, "1d", 2)
    assert series.price(series.columns["high"][1]) == Decimal("101.29") and series.columns["volume"][:2].tolist() == [UNKNOWN, 1]


def test_times_without_a_zone_are_of_the_zone_given() -> None:
    text = converted(DATA / "minutes-naive.parquet").stdout
    assert reading_of(text, zone="-04:00").series.columns["time"][0] == (1_717_165_800 + 4 * 3600) * 10**9


@pytest.mark.parametrize("cut", [slice(0, 8), slice(0, -1), slice(0, 2_000)])
def test_what_is_no_whole_file_is_refused(cut: slice, tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes((DATA / "minutes-snappy.parquet").read_bytes()[cut])
    found = converted(path)
    assert found.returncode == 3 and found.stderr.strip()
