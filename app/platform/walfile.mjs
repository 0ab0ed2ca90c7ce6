// The bytes of a write-ahead log (docs/vault.md): a head, then frames, each a change of the record store as it was stored. Works on anything that
// reads, writes and truncates as a FileSystemSyncAccessHandle does.
//
//   head:  "KONTORWL" | version u8 = 1 | complete u8 | 0 u16 | generation u32
//   frame: length u32 | CRC-32 of what follows u32 | kind u8 | ms UTC u64 | before 30 | after 30 | count u32 |
//          for each write: operation u8, length of its name u16, of its value u32 | then name and value of each

import { ADD, COPY, DELETE, PUT } from "./transactions.mjs";

export const HEAD_BYTES = 16;
export const MARK_BYTES = 30;
export const [CHANGE, PIECE, BASE] = [1, 2, 3];
const MAGIC = Uint8Array.from("KONTORWL", (letter) => letter.charCodeAt(0));
const VERSION = 1;
const MARKS_AT = 17;
const FIXED = MARKS_AT + 2 * MARK_BYTES + 4;
const ROW = 7;
const WINDOW = 2 ** 20;
const PIECE_BYTES = 2 ** 18;

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

const TABLE = Uint32Array.from({ length: 256 }, (_none, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

const crc32 = (bytes, from) => {
  let value = ~0;
  for (let at = from; at < bytes.length; at++) value = TABLE[(value ^ bytes[at]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
};

export const writeHead = (handle, generation, complete) => {
  const bytes = new Uint8Array(HEAD_BYTES);
  bytes.set(MAGIC);
  bytes[8] = VERSION;
  bytes[9] = complete ? 1 : 0;
  viewOf(bytes).setUint32(12, generation);
  handle.write(bytes, { at: 0 });
};

// The generation of a log that is complete, 0 for anything else.
export const generationOf = (handle) => {
  const bytes = new Uint8Array(HEAD_BYTES);
  if (handle.read(bytes, { at: 0 }) < HEAD_BYTES || MAGIC.some((byte, at) => bytes[at] !== byte)) return 0;
  return bytes[8] === VERSION && bytes[9] === 1 ? viewOf(bytes).getUint32(12) : 0;
};

// A frame. `before` and `after` are marks, of MARK_BYTES, or null for none; `names`, `operations` and `values` a change's; `time` is ms UTC.
export const encoded = (kind, before, after, { names, operations, values }, time = Date.now()) => {
  let size = FIXED;
  for (let number = 0; number < names.length; number++) size += ROW + names[number].length + (values[number]?.length ?? 0);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  view.setUint32(0, size);
  bytes[8] = kind;
  view.setBigUint64(9, BigInt(time));
  if (before !== null) bytes.set(before, MARKS_AT);
  if (after !== null) bytes.set(after, MARKS_AT + MARK_BYTES);
  view.setUint32(FIXED - 4, names.length);
  let row = FIXED;
  let at = FIXED + ROW * names.length;
  for (let number = 0; number < names.length; number++, row += ROW) {
    const [name, value] = [names[number], values[number]];
    bytes[row] = operations[number];
    view.setUint16(row + 1, name.length);
    view.setUint32(row + 3, value?.length ?? 0);
    for (let place = 0; place < name.length; place++) bytes[at++] = name.charCodeAt(place); // printable ASCII, by the store's rules
    if (value === null) continue;
    bytes.set(value, at);
    at += value.length;
  }
  view.setUint32(4, crc32(bytes, 8));
  return bytes;
};

const markAt = (bytes, at) => {
  const mark = bytes.slice(at, at + MARK_BYTES);
  return mark.every((byte) => byte === 0) ? null : mark;
};

export const counterOf = (mark) => viewOf(mark).getBigUint64(10);
export const timeOf = (bytes) => Number(viewOf(bytes).getBigUint64(9));
export const markBefore = (bytes) => markAt(bytes, MARKS_AT);
export const markAfter = (bytes) => markAt(bytes, MARKS_AT + MARK_BYTES);
export const sameMark = (one, other) =>
  one === null || other === null ? one === other : one.length === other.length && one.every((byte, at) => byte === other[at]);

// Whether a frame is as it was written.
export const isWhole = (bytes) => viewOf(bytes).getUint32(4) === crc32(bytes, 8);

// The frames between two places, until one cannot be one: {at, end, kind, bytes}, whose bytes hold until the next is asked for. `heads`: the bytes
// are those before the count only, and large frames are not read.
export function* frames(handle, from = HEAD_BYTES, to = handle.getSize(), heads = false) {
  let held = new Uint8Array(0);
  let start = from;
  let view = viewOf(held);
  const hold = (at, length) => {
    if (at + length <= start + held.length) return true;
    if (at + length > to) return false;
    const window = new Uint8Array(Math.max(length, Math.min(WINDOW, to - at)));
    held = window.subarray(0, handle.read(window, { at }));
    view = viewOf(held);
    start = at;
    return held.length >= length;
  };
  for (let at = from; hold(at, FIXED); ) {
    const length = view.getUint32(at - start);
    const kind = held[at - start + 8];
    if (length < FIXED || kind < CHANGE || kind > BASE || at + length > to || !(heads || hold(at, length))) return;
    yield { at, end: at + length, kind, bytes: held.subarray(at - start, at - start + (heads ? FIXED : length)) };
    at += length;
  }
}

// The writes of a frame: calls take(name, operation, at, length), the value's place in the frame. False if it is not made as a frame is.
export const eachWrite = (bytes, take) => {
  const view = viewOf(bytes);
  const count = view.getUint32(FIXED - 4);
  let at = FIXED + ROW * count;
  if (at > bytes.length) return false;
  for (let number = 0, row = FIXED; number < count; number++, row += ROW) {
    const nameEnd = at + view.getUint16(row + 1);
    const end = nameEnd + view.getUint32(row + 3);
    if (bytes[row] > COPY || end > bytes.length) return false;
    take(String.fromCharCode(...bytes.subarray(at, nameEnd)), bytes[row], nameEnd, end - nameEnd);
    at = end;
  }
  return at === bytes.length;
};

// A frame's change, to be written under `guard`.
export const changeOf = (bytes, guard) => {
  const change = { guard, prefix: markBefore(bytes), names: [], operations: [], values: [] };
  eachWrite(bytes, (name, operation, at, length) => {
    change.names.push(name);
    change.operations.push(operation);
    change.values.push(operation === DELETE || operation === COPY ? null : bytes.slice(at, at + length));
  });
  return change;
};

// What a log holds in the end: by name, where its latest value lies. Takes in one frame after another.
export class Index {
  constructor() {
    this.places = new Map();
    this.bytes = 0;
  }

  // False, and nothing taken, for a frame that is not whole.
  take({ at: start, bytes }) {
    if (!isWhole(bytes)) return false;
    let last = null;
    return eachWrite(bytes, (name, operation, at, length) => {
      this.bytes -= this.places.get(name)?.[1] ?? 0;
      if (operation === DELETE) {
        this.places.delete(name);
        return;
      }
      last = operation === PUT || operation === ADD ? [start + at, length] : last;
      this.places.set(name, last);
      this.bytes += last[1];
    });
  }
}

export const valueAt = (handle, [at, length]) => {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, handle.read(bytes, { at }));
};

// A file that is being made, beside the one in use.
export class Draft {
  // `time`: when what goes into its base was written last (ms UTC).
  constructor(file, generation, time) {
    this.file = file;
    this.time = time;
    this.at = HEAD_BYTES;
    this.base = 0; // where it ends, once it does
    this.waiting = { names: [], operations: [], values: [] };
    this.size = 0;
    file.generation = generation;
    file.handle.truncate(0);
    writeHead(file.handle, generation, false);
  }

  // Adds a record to the base; true when some were written out.
  put(name, value) {
    this.waiting.names.push(name);
    this.waiting.operations.push(PUT);
    this.waiting.values.push(value);
    this.size += value.length;
    if (this.size < PIECE_BYTES) return false;
    this.write(PIECE, null);
    return true;
  }

  end(mark) {
    this.write(BASE, mark);
    this.base = this.at;
  }

  write(kind, mark) {
    this.raw(encoded(kind, null, mark, this.waiting, this.time));
    this.waiting = { names: [], operations: [], values: [] };
    this.size = 0;
  }

  raw(bytes) {
    if (this.file.handle.write(bytes, { at: this.at }) !== bytes.length) throw new DOMException("", "QuotaExceededError");
    this.at += bytes.length;
  }

  finish() {
    this.file.handle.flush();
    writeHead(this.file.handle, this.file.generation, true);
    this.file.handle.flush();
  }
}
