// Many records at once. Between Python and JavaScript each crossing costs more than the work on a record, so bytes cross in one
// piece with their lengths beside them, and sealing, storing, reading and opening are done here in one go. Keys stay CryptoKeys; what
// is sealed and under which associated data Python decides. The layout of what is stored is docs/vault.md's.

import { answered, COPY, DELETE, RECORDS, written } from "./transactions.mjs";
import { deliver, logOf, settled } from "./wal.mjs";

export { about, attach, deliver, detach, empty, mend, settled } from "./wal.mjs";

const { subtle } = globalThis.crypto;
const FAILED = -1;
const HEAD_BYTES = 30;
const NONCE_AT = 18;
const TAG_BYTES = 16;
const FORMAT = 1;
const CHUNK = { records: [16, 4_000], bytes: 2 ** 21, first: 250 };

// The parts of `bytes`, one after another, as long as `lengths` says.
const parts = (bytes, lengths) => {
  let end = 0;
  return Array.from(lengths, (length) => bytes.subarray(end, (end += length)));
};

const bytesOf = (value) =>
  value instanceof Uint8Array ? value : new Uint8Array(value instanceof ArrayBuffer ? value : 0); // anything else is nothing of ours

// Values joined to {bytes, lengths}; null counts as failed.
export const join = (values) => {
  const pieces = values.map((value) => (value === null ? null : bytesOf(value)));
  const lengths = Int32Array.from(pieces, (piece) => (piece === null ? FAILED : piece.length));
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + Math.max(0, length), 0));
  let at = 0;
  for (const piece of pieces) {
    if (piece === null) continue;
    bytes.set(piece, at);
    at += piece.length;
  }
  return { bytes, lengths };
};

// What became of each AES-GCM operation: null for what does not open; anything else that goes wrong is thrown.
const outcomes = async (started) => {
  try {
    return await Promise.all(started);
  } catch (error) {
    if (error.name !== "OperationError") throw error;
  }
  return (await Promise.allSettled(started)).map(({ status, value, reason }) => {
    if (status !== "fulfilled" && reason.name !== "OperationError") throw reason;
    return status === "fulfilled" ? value : null;
  });
};

// AES-GCM over many: `bytes` holds nonce, associated data and data of each in turn, `keys` one key or one of each.
const each = async (operation, keys, bytes, lengths) => {
  const pieces = parts(bytes, lengths);
  const started = [];
  for (let at = 0; at < pieces.length; at += 3) {
    const how = { name: "AES-GCM", iv: pieces[at], additionalData: pieces[at + 1] };
    started.push(subtle[operation](how, keys.length === 1 ? keys[0] : keys[at / 3], pieces[at + 2]));
  }
  return join(await outcomes(started));
};
export const seal = (keys, bytes, lengths) => each("encrypt", keys, bytes, lengths);
export const open = (keys, bytes, lengths) => each("decrypt", keys, bytes, lengths);

// What is to be stored by each write, sealed where it has a key. `packed` holds for each write five int32 (operation, which key or -1,
// lengths of head, associated data and data), then head, associated data and data of each in turn.
const sealed = async (count, packed, keys) => {
  const plan = new Int32Array(packed.buffer, packed.byteOffset, count * 5);
  const values = new Array(count);
  const waiting = [];
  let at = plan.byteLength;
  for (let number = 0, row = 0; number < count; number++, row += 5) {
    const [headEnd, aadEnd] = [at + plan[row + 2], at + plan[row + 2] + plan[row + 3]];
    const data = packed.subarray(aadEnd, aadEnd + plan[row + 4]);
    if (plan[row] === DELETE || plan[row] === COPY) values[number] = null;
    else if (plan[row + 1] < 0) values[number] = data.slice();
    else {
      const how = { name: "AES-GCM", iv: packed.subarray(headEnd - 12, headEnd), additionalData: packed.subarray(headEnd, aadEnd) };
      const head = packed.subarray(at, headEnd);
      waiting.push(
        subtle.encrypt(how, keys[plan[row + 1]], data).then((ciphertext) => {
          const value = new Uint8Array(head.length + ciphertext.byteLength);
          value.set(head);
          value.set(new Uint8Array(ciphertext), head.length);
          values[number] = value;
        }),
      );
    }
    at = aadEnd + data.length;
  }
  await Promise.all(waiting);
  return { plan, values };
};

// Seals and writes in one transaction, by way of the store's write-ahead log if it has one. Gives what `written` gives; `keys`: one a line.
export const commit = async (db, durability, guard, prefix, ids, packed, ...keys) => {
  const names = ids.split("\n");
  const { plan, values } = await sealed(names.length, packed, keys);
  const change = { guard, prefix, names, operations: names.map((_name, number) => plan[number * 5]), values };
  const log = logOf(db);
  return log === undefined ? written(db, durability, change) : log.commit(change, durability === "strict");
};

// What opens a class: `prefixes` holds the constant part of the associated data of form 1, 2 and 3, one after another; `keys` epoch and
// key in turn; an id is what of a key follows `skip` characters.
const opener = (skip, prefixes, keys) => {
  const size = prefixes.length / 3;
  const known = new Map();
  for (let at = 0; at < keys.length; at += 2) known.set(keys[at], keys[at + 1]);
  return { skip, size, prefixes, known };
};

const u32 = (bytes, at) => ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;

// Opening of one stored record under way, or null if it is no record of these keys.
const opening = (value, id, { size, prefixes, known }) => {
  if (value.length < HEAD_BYTES + TAG_BYTES || value[0] !== FORMAT || value[1] < 1 || value[1] > 3) return null;
  const key = known.get(u32(value, 6));
  if (key === undefined || u32(value, 2) !== value.length) return null;
  // prefix, u32(id length) id, u32(8) version, u32(4) epoch
  const aad = new Uint8Array(size + 24 + id.length);
  aad.set(prefixes.subarray((value[1] - 1) * size, value[1] * size));
  let at = size + 4;
  aad[at - 2] = id.length >> 8;
  aad[at - 1] = id.length;
  for (let place = 0; place < id.length; place++) {
    const code = id.charCodeAt(place);
    if (code > 126) return null; // no id of ours, and cut to a byte it could pass for one
    aad[at++] = code;
  }
  aad[at + 3] = 8;
  for (let place = 0; place < 8; place++) aad[at + 4 + place] = value[10 + place];
  aad[at + 15] = 4;
  for (let place = 0; place < 4; place++) aad[at + 16 + place] = value[6 + place];
  const how = { name: "AES-GCM", iv: value.subarray(NONCE_AT, HEAD_BYTES), additionalData: aad };
  return subtle.decrypt(how, key, value.subarray(HEAD_BYTES));
};

// {ids as JSON, heads, bytes, lengths, closed}: the ids, heads and contents of records; those that do not open are as they are stored and
// `closed` lists them.
const opened = async (names, values, how) => {
  const ids = names.map((name) => name.slice(how.skip));
  const heads = new Uint8Array(HEAD_BYTES * values.length);
  values.forEach((value, at) => heads.set(value.subarray(0, HEAD_BYTES), at * HEAD_BYTES));
  const plains = await outcomes(values.map((value, at) => opening(value, ids[at], how)));
  const closed = [];
  plains.forEach((plain, at) => {
    if (plain !== null) return;
    closed.push(at);
    plains[at] = values[at];
  });
  return { ids: JSON.stringify(ids), heads, closed: closed.join(","), ...join(plains) };
};

const caughtUp = async (db) => {
  const failure = await settled(db);
  if (failure !== "") throw new DOMException("what was committed does not go into the database", failure);
};

// Reads and opens what lies between two keys, at most `limit`; `next()` gives it piece by piece, then null. One transaction, whose
// requests follow each other without waiting for what is done with their answers.
export const scan = (db, lower, upper, limit, skip, prefixes, ...keys) => {
  const how = opener(skip, prefixes, keys);
  let store = null;
  let left = limit;
  const load = (from, exclusive, count) =>
    new Promise((done, failed) => {
      const range = IDBKeyRange.bound(from, upper, exclusive, true);
      const take = (names, values) => {
        left -= names.length;
        const bytes = values.map(bytesOf);
        const size = bytes.reduce((sum, value) => sum + value.length, 1);
        const fitting = Math.trunc((CHUNK.bytes * names.length) / size);
        const wanted = Math.min(left, Math.max(CHUNK.records[0], Math.min(CHUNK.records[1], fitting)));
        const next = names.length === count && wanted > 0 ? load(names.at(-1), true, wanted) : null;
        next?.catch(() => {}); // it is awaited later
        const found = names.length ? opened(names, bytes, how) : null;
        found?.catch(() => {});
        done({ found, next });
      };
      const lost = (event) => {
        event.preventDefault();
        failed(event.target.error);
      };
      if (store.getAllRecords) {
        const request = store.getAllRecords({ query: range, count });
        request.onerror = lost;
        request.onsuccess = () => take(request.result.map(({ key }) => key), request.result.map(({ value }) => value));
        return;
      }
      const names = store.getAllKeys(range, count);
      const values = store.getAll(range, count);
      names.onerror = values.onerror = lost;
      values.onsuccess = () => take(names.result, values.result);
    });
  const begin = () => {
    deliver(db);
    store = db.transaction(RECORDS, "readonly").objectStore(RECORDS);
    return load(lower, false, Math.min(left, CHUNK.first));
  };
  let chunk = logOf(db)?.stuck ? caughtUp(db).then(begin) : begin();
  return {
    async next() {
      if (chunk === null) return null;
      const { found, next } = await chunk;
      chunk = next;
      return found;
    },
  };
};

// One record: null if it is not there, otherwise a byte that says whether it opened, its head, and what it holds or what is stored.
export const get = async (db, name, skip, prefixes, ...keys) => {
  if (logOf(db)?.stuck) await caughtUp(db);
  deliver(db);
  const stored = await answered(db.transaction(RECORDS, "readonly").objectStore(RECORDS).get(name));
  if (stored === undefined) return null;
  const value = bytesOf(stored);
  const [plain] = await outcomes([opening(value, name.slice(skip), opener(skip, prefixes, keys))]);
  const content = plain === null ? value : new Uint8Array(plain);
  const result = new Uint8Array(1 + HEAD_BYTES + content.length);
  result[0] = plain === null ? 0 : 1;
  result.set(value.subarray(0, HEAD_BYTES), 1);
  result.set(content, 1 + HEAD_BYTES);
  return result;
};
