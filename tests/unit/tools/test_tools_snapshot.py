"""The snapshot's file format, run by Node: what is packed is placed again, pages of zeros cost nothing, damage is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tools.vendor import ROOT

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="the snapshot's format is JavaScript: it needs Node")

SCRIPT = """
import { PAGE, packSnapshot, placeSnapshot, readSnapshot } from "./app/platform/snapshot.mjs";
const HEAD = 64;
const memory = new Uint8Array(HEAD + 8 * PAGE);
new Uint32Array(memory.buffer).set([0x70796465, HEAD]);
memory.fill(1, HEAD, HEAD + PAGE);
memory.fill(2, HEAD + 3 * PAGE, HEAD + 5 * PAGE);
memory[HEAD + 8 * PAGE - 1] = 3;
const packed = packSnapshot(memory, [[6, 7]]);
const again = readSnapshot(packed.bytes.slice());
const placed = (start) => {
  const module = { HEAPU8: start, API: { restoreSnapshot: (head) => head.length } };
  const references = placeSnapshot(module, again).API.restoreSnapshot();
  return [references, module.HEAPU8.every((byte, index) => byte === memory[HEAD + index])];
};
const used = new Uint8Array(8 * PAGE);
used.fill(9, 6 * PAGE, 7 * PAGE);
const errors = [packed.bytes.slice(0, -1), new Uint8Array(64)].map((bytes) => {
  try {
    readSnapshot(bytes);
    return "accepted";
  } catch (error) {
    return error.message;
  }
});
const sizes = { runs: [...again.runs], bytes: packed.bytes.length, page: PAGE };
console.log(JSON.stringify({ ...sizes, fresh: placed(new Uint8Array(8 * PAGE)), used: placed(used), errors }));
"""


@pytest.fixture(scope="module")
def result() -> dict:
    done = subprocess.run(["node", "--input-type=module", "--eval", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_only_pages_with_content_and_pages_to_keep_are_stored(result: dict):
    assert result["runs"] == [0, 1, 3, 2, 6, 2]
    assert result["bytes"] == 16 + 3 * 8 + 64 + 5 * result["page"]


def test_the_heap_is_the_same_again(result: dict):
    assert result["fresh"] == [64, True]


def test_kept_pages_of_zeros_overwrite_what_a_new_module_has_put_there(result: dict):
    assert result["used"] == [64, True]


def test_a_cut_file_and_a_foreign_file_are_refused(result: dict):
    assert result["errors"] == ["snapshot.bin is not whole", "snapshot.bin is not a snapshot"]
