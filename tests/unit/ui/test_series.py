"""The points that the drawing gets (app/ui/series.mjs), in Node: where nothing is known there is a time without a value."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

SERIES = (Path(__file__).resolve().parents[3] / "app" / "ui" / "series.mjs").as_uri()
RUN = """
const { volumes, update } = await import(process.argv[1]);
const rows = [60, 1, 2, 1, 2, 5, 120, 2, 2, 1, 1, NaN, 180, 1, 1, 1, 1, 0];
const updates = [];
const heard = { update: (point, old) => updates.push([point, old]) };
for (const value of [7, 0, undefined, null]) update({ update() {} }, heard, 240, 1, 2, 1, 2, value, "green", false);
console.log(JSON.stringify([volumes(rows, 3600, "green", "red"), updates.map(([point]) => point)]));
"""


def test_a_volume_that_is_not_known_has_no_bar_and_one_of_zero_has() -> None:
    said = subprocess.run(["node", "--input-type=module", "-e", RUN, SERIES], capture_output=True, check=True, text=True).stdout
    whole, updates = json.loads(said)
    assert whole == [{"time": 3660, "value": 5, "color": "green"}, {"time": 3720}, {"time": 3780, "value": 0, "color": "green"}]
    assert updates == [{"time": 240, "value": 7, "color": "green"}, {"time": 240, "value": 0, "color": "green"}, {"time": 240}, {"time": 240}]
