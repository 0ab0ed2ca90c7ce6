"""The bytes of the write-ahead log in Node: what is read back of a file that was cut or changed anywhere is what was written up to some moment."""

from __future__ import annotations

from tests.unit.platform.stage import play

_FILE = """
const { encoded, frames, Index, isWhole, changeOf, markAfter, sameMark, valueAt, writeHead, generationOf, CHANGE, HEAD_BYTES
} = await import(module("walfile"));
class Handle {
  constructor(bytes = new Uint8Array(0)) { this.bytes = bytes; }
  getSize() { return this.bytes.length; }
  read(into, { at }) { const part = this.bytes.subarray(at, at + into.length); into.set(part); return part.length; }
  write(from, { at }) {
    const grown = new Uint8Array(Math.max(this.bytes.length, at + from.length));
    grown.set(this.bytes); grown.set(from, at); this.bytes = grown; return from.length;
  }
}
let seed = 7;
const chance = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
const mark = (n) => Uint8Array.from({ length: 30 }, () => n + 1);
const bytesOf = (length) => Uint8Array.from({ length }, () => chance(256));
const image = (map) => JSON.stringify([...map].sort().map(([name, value]) => [name, [...value]]));
// A log of some changes, and what it held after each.
const made = (count) => {
  const file = new Handle(), held = new Map(), states = [image(held)], ends = [HEAD_BYTES];
  writeHead(file, 3, true);
  for (let n = 0; n < count; n++) {
    const names = [], operations = [], values = [];
    for (let left = 1 + chance(4); left; left--) {
      const name = `journal/${chance(6)}`;
      const operation = chance(4) === 0 ? 2 : chance(2);
      names.push(name); operations.push(operation); values.push(operation === 2 ? null : bytesOf(chance(90)));
      if (operation === 2) held.delete(name); else held.set(name, values.at(-1));
      if (operation !== 2 && chance(3) === 0) {
        names.push(`${name}/copy`); operations.push(3); values.push(null);
        held.set(`${name}/copy`, values.at(-2));
      }
    }
    file.write(encoded(CHANGE, n ? mark(n - 1) : null, mark(n), { names, operations, values }), { at: file.getSize() });
    states.push(image(held)); ends.push(file.getSize());
  }
  return { file, states, ends };
};
// What a reader takes from it: the state, and up to where.
const readBack = (file) => {
  const index = new Index();
  let end = HEAD_BYTES;
  for (const frame of frames(file)) { if (!index.take(frame)) break; end = frame.end; }
  return { end, state: image(new Map([...index.places].map(([name, place]) => [name, valueAt(file, place)]))), bytes: index.bytes };
};
"""


def test_a_log_gives_back_what_was_written():
    same, sizes, generation, marks, heads, change = play(
        _FILE,
        """
    const { file, states, ends } = made(60);
    const found = readBack(file);
    said.push(found.state === states.at(-1) && found.end === ends.at(-1));
    said.push([found.bytes, JSON.parse(found.state).reduce((sum, [, value]) => sum + value.length, 0)]);
    said.push(generationOf(file));
    let n = 0;
    said.push([...frames(file)].every(({ bytes }) => sameMark(markAfter(bytes), mark(n++)) && isWhole(bytes)));
    const heads = [...frames(file, HEAD_BYTES, file.getSize(), true)];
    said.push(heads.length === 60 && heads.at(-1).end === file.getSize() && heads.every(({ bytes }, at) => sameMark(markAfter(bytes), mark(at))));
    const [first] = frames(file);
    const { guard, prefix, names, operations, values } = changeOf(first.bytes, "g");
    said.push(guard === "g" && prefix === null && names.length === operations.length && values.length === names.length);
    """,
    )
    assert same and sizes[0] == sizes[1] and generation == 3 and marks and heads and change


def test_a_log_cut_at_any_byte_gives_the_last_state_before_the_cut():
    (wrong,) = play(
        _FILE,
        """
    const { file, states, ends } = made(12);
    let wrong = 0;
    for (let cut = HEAD_BYTES; cut <= file.getSize(); cut++) {
      const found = readBack(new Handle(file.bytes.slice(0, cut)));
      const last = ends.filter((end) => end <= cut).length - 1;
      if (found.end !== ends[last] || found.state !== states[last]) wrong++;
    }
    said.push(wrong);
    """,
    )
    assert wrong == 0


def test_a_log_with_any_byte_changed_gives_a_state_it_once_had():
    wrong, tried = play(
        _FILE,
        """
    const { file, states, ends } = made(12);
    let wrong = 0, tried = 0;
    for (let at = HEAD_BYTES; at < file.getSize(); at++)
      for (const flip of [1, 128, 255]) {
        const changed = file.bytes.slice();
        changed[at] ^= flip;
        const found = readBack(new Handle(changed));
        const last = ends.filter((end) => end <= at).length - 1;
        tried++;
        if (found.end !== ends[last] || found.state !== states[last]) wrong++;
      }
    said.push(wrong, tried);
    """,
    )
    assert wrong == 0 and tried > 3_000


def test_a_hole_of_zeros_and_other_files_are_no_frames():
    assert play(
        _FILE,
        """
    const { file, states, ends } = made(5);
    const hole = file.bytes.slice();
    hole.fill(0, ends[3]);
    const found = readBack(new Handle(hole));
    said.push(found.end === ends[3] && found.state === states[3]);
    said.push(generationOf(new Handle()), generationOf(new Handle(bytesOf(500))));
    const unfinished = new Handle(); writeHead(unfinished, 4, false);
    said.push(generationOf(unfinished));
    """,
    ) == [True, 0, 0, 0]
