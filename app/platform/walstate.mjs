// The vault's database and its write-ahead log (wal.mjs) brought to the same state: at the start, and where the database is damaged. `log` is a Log.

import { answered, PUT, RECORDS, written } from "./transactions.mjs";
import { changeOf, counterOf, Draft, frames, MARK_BYTES, markAfter, sameMark, valueAt } from "./walfile.mjs";

export const GUARD = "manifest/manifest"; // what it begins with changes with every commit: the mark of a state of the store
export const MANIFESTS = [GUARD, "manifest/copy"];
export const HEADERS = ["header/vault", "header/copy"];
const BATCH_BYTES = 2 ** 22;
const RECORDS_AT_ONCE = 64;

// {mark, header} of what the database holds: null where it lacks.
export const stateOf = async (db) => {
  const store = db.transaction(RECORDS, "readonly").objectStore(RECORDS);
  const found = await Promise.all([...MANIFESTS, ...HEADERS].map((name) => answered(store.get(name))));
  const [manifest, copy, header, other] = found.map((value) => (value instanceof Uint8Array && value.length > MARK_BYTES ? value : null));
  return { mark: (manifest ?? copy)?.slice(0, MARK_BYTES) ?? null, header: header ?? other };
};

// The id of the vault that a stored header is of.
export const vaultOf = (header) => {
  try {
    const length = new DataView(header.buffer, header.byteOffset).getUint32(9);
    return JSON.parse(new TextDecoder().decode(header.subarray(13, 13 + length))).vault;
  } catch {
    return null;
  }
};

// Writes into the database what only the log has, from the place on. Gives how many commits that were. Some may be on their way there
// already, from a worker that has just ended.
const rollForward = async (log, from) => {
  let [count, passed] = [0, null];
  for (const { end, bytes } of frames(log.file.handle, from, log.end)) {
    const after = markAfter(bytes);
    if (passed === null) {
      const failure = await written(log.db, "strict", changeOf(bytes, GUARD));
      count += 1;
      if (failure === "") continue;
      passed = failure === "Guard" ? (await stateOf(log.db)).mark : null;
      const later = () => [...frames(log.file.handle, end, log.end)].some((frame) => sameMark(markAfter(frame.bytes), passed));
      if (passed === null || !(sameMark(after, passed) || later())) throw new DOMException(failure, "NotCaughtUp");
    }
    if (sameMark(after, passed)) passed = null;
  }
  return count;
};

// Puts everything that the log holds in place of what the database has. Gives how many records that were.
const restore = async (log, index) => {
  const { handle } = log.file;
  const last = [...HEADERS, ...MANIFESTS].filter((name) => index.places.has(name)); // as long as they lack, this begins again
  const put = async (names, durability) => {
    const change = { guard: "", prefix: null, names, operations: names.map(() => PUT), values: names.map((name) => valueAt(handle, index.places.get(name))) };
    const failure = await written(log.db, durability, change);
    if (failure !== "") throw new DOMException(failure, "NotCaughtUp");
  };
  await answered(log.db.transaction(RECORDS, "readwrite").objectStore(RECORDS).clear());
  let names = [];
  let bytes = 0;
  for (const [name, [, length]] of index.places) {
    if (last.includes(name)) continue;
    names.push(name);
    bytes += length;
    if (bytes < BATCH_BYTES) continue;
    await put(names, "relaxed");
    names = [];
    bytes = 0;
  }
  await put([...names, ...last], "strict");
  return index.places.size;
};

// Copies the database into the log.
const rebuild = async (log, mark) => {
  const time = Date.now();
  const next = new Draft(log.files[1], log.file.generation + 1, time);
  for (let from = "", first = true, names = []; first || names.length; first = false) {
    const range = IDBKeyRange.lowerBound(from, !first);
    const records = log.db.transaction(RECORDS, "readonly").objectStore(RECORDS);
    const asked = [answered(records.getAllKeys(range, RECORDS_AT_ONCE)), answered(records.getAll(range, RECORDS_AT_ONCE))];
    const [keys, values] = await Promise.all(asked);
    names = keys;
    from = keys.at(-1);
    keys.forEach((name, at) => next.put(name, values[at] instanceof Uint8Array ? values[at] : new Uint8Array(0)));
  }
  next.end(mark);
  log.adopt(next);
  [log.mark, log.time] = [mark, time];
};

const sameBytes = (one, other) => one instanceof Uint8Array && one.length === other.length && one.every((byte, at) => byte === other[at]);

// Makes the database's records of a class what the log says they are. Gives how many were not.
export const mend = async (log, cls) => {
  do {
    await log.busy;
    if ((await log.settled()) !== "" || !log.mine()) return 0;
  } while (log.busy !== null); // from here to the transaction nothing comes between
  const { index, vault } = log.all();
  if (vault === null) return 0;
  const store = log.db.transaction(RECORDS, "readwrite", { durability: "strict" }).objectStore(RECORDS);
  const range = IDBKeyRange.bound(`${cls}/`, `${cls}0`, false, true);
  const [names, values] = await Promise.all([answered(store.getAllKeys(range)), answered(store.getAll(range))]);
  const right = new Map([...index.places].filter(([name]) => name.startsWith(`${cls}/`)));
  let count = 0;
  names.forEach((name, at) => {
    const place = right.get(name);
    right.delete(name);
    if (place === undefined) store.delete(name);
    else if (sameBytes(values[at], valueAt(log.file.handle, place))) return;
    else store.put(valueAt(log.file.handle, place), name);
    count += 1;
  });
  for (const [name, place] of right) store.put(valueAt(log.file.handle, place), name);
  const { promise, resolve, reject } = Promise.withResolvers();
  store.transaction.oncomplete = resolve;
  store.transaction.onabort = () => reject(store.transaction.error);
  await promise;
  return count + right.size;
};

// Brings log and database to the same state: whichever is behind gets what the other has.
export const agree = async (log) => {
  const { mark, header } = await stateOf(log.db);
  const lost = header === null || mark === null;
  const found = log.walk(mark);
  log.cut(log.end);
  if (!lost && found >= 0) {
    if (found < log.end) log.told.forward = await rollForward(log, found);
    return;
  }
  const { index, vault } = log.all();
  if (vault !== null && (lost || (vault === vaultOf(header) && counterOf(log.mark) > counterOf(mark)))) {
    log.told = { restored: await restore(log, index), modified: log.time, lost };
    return;
  }
  if (header === null && mark === null) log.empty();
  else await rebuild(log, mark);
};
