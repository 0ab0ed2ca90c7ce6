// The write-ahead log of the vault's record store: a file of its own (OPFS) that holds every commit as it was stored. It is written before the
// database, so that an order need not wait for a transaction; and it is the vault's second copy, because browsers are known to drop a site's databases
// whole when they find them damaged. docs/vault.md says what is in it and what happens when the two differ. Here it is opened and let go of.

import { written } from "./transactions.mjs";
import { generationOf } from "./walfile.mjs";
import { Log } from "./wallog.mjs";
import { agree } from "./walstate.mjs";

const TRIES = 60;
const TRY_MS = 50; // a worker that was ended a moment ago may still hold the file

const logs = new WeakMap();
export const logOf = (db) => logs.get(db);

// What a store has that goes on without a log.
class NoLog {
  constructor(db, why) {
    this.db = db;
    this.why = why;
    this.stuck = "";
  }

  commit(change, strict) {
    return written(this.db, strict ? "strict" : "relaxed", change);
  }

  about() {
    return { kept: false, why: this.why };
  }

  settled() {
    return "";
  }

  deliver() {}

  mend() {
    return 0;
  }

  empty() {}

  close() {}
}

const opened = async (folder, name) => {
  const file = await folder.getFileHandle(name, { create: true });
  for (let left = TRIES; ; left--) {
    try {
      return { handle: await file.createSyncAccessHandle({ mode: "readwrite-unsafe" }) };
    } catch (error) {
      if (error.name !== "NoModificationAllowedError" || left === 0) throw error;
      await new Promise((done) => setTimeout(done, TRY_MS));
    }
  }
};

const openLog = async (db, name) => {
  const files = [];
  let lease = null;
  try {
    const folder = await navigator.storage.getDirectory();
    for (const part of ["a", "b"]) files.push(await opened(folder, `${name}.wal-${part}`));
    const token = crypto.getRandomValues(new Uint8Array(16));
    if (files[0].handle.mode === "readwrite-unsafe") {
      lease = (await opened(folder, `${name}.wal-lease`)).handle;
      lease.write(token, { at: 0 });
      lease.flush();
    }
    for (const file of files) file.generation = generationOf(file.handle);
    files.sort((one, other) => other.generation - one.generation);
    const log = new Log(db, files, lease, token, (why) => logs.set(db, new NoLog(db, why)));
    if (files[0].generation === 0) log.empty();
    await agree(log);
    return log;
  } catch (error) {
    for (const { handle } of files) handle.close();
    lease?.close();
    throw error;
  }
};

// Opens the log of a database and brings the two to the same state. Where the browser has no such files, or no room, the store goes on without one.
export const attach = async (db, name) => {
  if (!navigator.storage?.getDirectory) {
    logs.set(db, new NoLog(db, ""));
    return;
  }
  try {
    logs.set(db, await openLog(db, name));
  } catch (error) {
    if (error.name === "NotCaughtUp") throw new DOMException("what only the log has does not go into the database", error.message);
    logs.set(db, new NoLog(db, error.name));
  }
};

// Lets go of the files.
export const detach = (db) => {
  logs.get(db)?.close();
  logs.delete(db);
};

export const settled = async (db) => (await logs.get(db)?.settled()) ?? "";
export const deliver = (db) => logs.get(db)?.deliver();
export const mend = async (db, cls) => (await logs.get(db)?.mend(cls)) ?? 0;
export const empty = (db) => logs.get(db)?.empty();
export const about = (db) => JSON.stringify(logs.get(db)?.about() ?? null);
