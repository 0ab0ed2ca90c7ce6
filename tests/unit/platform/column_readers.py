"""The reader of app/platform/columns.mjs in a Node that stays up, with the interface of the one in Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.platform.columns import Columns, Layouts

MODULE = (Path(__file__).resolve().parents[3] / "app" / "platform" / "columns.mjs").as_uri()
SERVE = """
const { makeReader } = await import(process.argv[1]);
const { createInterface } = await import("node:readline");
let reader;
for await (const line of createInterface({ input: process.stdin })) {
  const { told, frames } = JSON.parse(line);
  if (told) reader = makeReader(told);
  const ints = reader.read(frames);
  console.log(JSON.stringify([[...new Uint8Array(ints.buffer)], reader.takeLeft()]));
}
"""


class NodeReader:
    """A Reader; ``close`` ends its process."""

    def __init__(self, told: Layouts) -> None:
        self._told, self._widths = told.to_json(), [layout.width for layout in told.layouts]
        self._process = subprocess.Popen(["node", "--input-type=module", "-e", SERVE, MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self, frames: Sequence[Any]) -> Columns:
        told, self._told = self._told, ""
        self._process.stdin.write(json.dumps({"told": told, "frames": frames}) + "\n")
        self._process.stdin.flush()
        data, texts = json.loads(self._process.stdout.readline())
        words = memoryview(bytes(data))
        size = 3 + len(self._widths)
        messages, left, levels, *counts = words[: 4 * size].cast("i")
        at, tables = 4 * (size + size % 2), []
        for count, width in zip([*counts, levels], [*self._widths, 1], strict=True):
            tables.append(words[at : at + 8 * count * width].cast("q"))
            at += 8 * count * width
        orders = words[at:].cast("i").tolist()[::2] if left else []
        return Columns(tuple(tables[:-1]), tables[-1], list(zip(orders, texts, strict=True)), messages)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def plain(columns: Columns) -> tuple:
    """For comparing."""
    return [table.tolist() for table in columns.tables], columns.levels.tolist(), columns.left, columns.messages
