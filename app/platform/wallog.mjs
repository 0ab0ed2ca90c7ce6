// The log itself (wal.mjs opens it): what is appended when, and how the database comes to have it too.

import { written } from "./transactions.mjs";
import { BASE, CHANGE, Draft, encoded, frames, HEAD_BYTES, Index, isWhole, MARK_BYTES, markAfter, markBefore, PIECE, sameMark } from "./walfile.mjs";
import { timeOf, valueAt, writeHead } from "./walfile.mjs";
import { GUARD, HEADERS, MANIFESTS, mend as mended, stateOf, vaultOf } from "./walstate.mjs";

const AHEAD_BYTES = 2 ** 16; // a larger commit waits for the database: writing it out would hold up the thread
const DELIVER_MS = 100; // so long commits gather for one transaction of the database
const DELIVER_BYTES = 2 ** 18;
const SPARE_BYTES = 2 ** 23;
const STEP_BYTES = 2 ** 20;
const FULL = "QuotaExceededError";

const pause = () => new Promise((done) => setTimeout(done));

export class Log {
  // `left(why)`: the store has to go on without it.
  constructor(db, files, lease, token, left) {
    this.db = db;
    this.files = files;
    this.lease = lease; // null: the file is held by this worker alone, and the database is waited for
    this.token = token;
    this.left = left;
    this.scratch = new Uint8Array(token.length);
    this.end = HEAD_BYTES;
    this.sure = HEAD_BYTES; // before it nothing is taken back any more
    this.mark = null;
    this.time = 0; // ms UTC: of the last commit
    this.owed = []; // commits that were answered for and that the database does not have yet; the later ones wait for a transaction
    this.gathered = 0; // bytes of those that wait
    this.timer = null;
    this.stuck = "";
    this.busy = null;
    this.settling = null;
    this.tidying = null;
    this.limit = SPARE_BYTES;
    this.told = {};
  }

  get file() {
    return this.files[0];
  }

  // Whether this worker is still the one that writes. Another one that opens the store takes the lease.
  mine() {
    if (this.lease === null) return true;
    this.lease.read(this.scratch, { at: 0 });
    return this.scratch.every((byte, at) => byte === this.token[at]);
  }

  // As `written`. A commit that is small is in the log on return, durably if it is strict, and on its way to the database.
  async commit(change, strict) {
    while (this.busy !== null) await this.busy;
    const { promise, resolve } = Promise.withResolvers();
    this.busy = promise;
    try {
      return await this.write(change, strict);
    } finally {
      this.busy = null;
      resolve();
    }
  }

  async write(change, strict) {
    const durability = strict ? "strict" : "relaxed";
    if (!this.mine()) return "Guard";
    if (this.stuck !== "") {
      const stuck = this.stuck;
      return (await this.settled()) || stuck; // it was made of what was read before: once more
    }
    if (change.guard !== GUARD || !sameMark(change.prefix, this.mark)) {
      // tests write past the vault; what they leave is not this log's
      const failure = (await this.settled()) || (await written(this.db, durability, change));
      if (failure === "" && change.guard !== "") this.leave("the database was written past it");
      return failure;
    }
    const after = change.values[change.names.indexOf(GUARD)].slice(0, MARK_BYTES);
    const time = Date.now();
    const frame = encoded(CHANGE, this.mark, after, change, time);
    const ahead = this.lease !== null && frame.length <= AHEAD_BYTES;
    const before = this.end;
    try {
      this.append(frame);
      if (ahead && strict) this.file.handle.flush();
    } catch (error) {
      this.cut(before);
      if (error.name === FULL) return FULL;
      const failure = await this.settled();
      this.leave(`it could not be written (${error.name})`);
      return failure || written(this.db, "strict", change);
    }
    if (ahead) {
      if (!this.mine()) return "Guard";
      this.owe(change, after, frame.length);
    } else {
      this.deliver();
      const failure = await written(this.db, durability, change);
      if (failure !== "") {
        this.cut(before); // nothing of it was kept: what comes next follows on what was there
        return this.stuck || failure; // what was before it did not get there
      }
    }
    this.sure = this.end;
    [this.mark, this.time] = [after, time];
    // an earlier header goes at once: a secret that was taken away could open it
    if (this.end > this.limit || (before > HEAD_BYTES && change.names.includes(HEADERS[0]))) this.tidy();
    return "";
  }

  append(frame) {
    const wrote = this.file.handle.write(frame, { at: this.end });
    if (wrote !== frame.length) throw new DOMException("", FULL);
    this.end += frame.length;
  }

  cut(end) {
    this.end = end;
    try {
      this.file.handle.truncate(end);
    } catch {} // the next frame is written over it
  }

  // The database gets it soon, with others: a transaction for each would cost the order path more than the log saves it.
  owe(change, after, bytes) {
    this.owed.push({ change, after, done: null });
    this.gathered += bytes;
    if (this.gathered > DELIVER_BYTES) this.deliver();
    else this.timer ??= setTimeout(() => this.deliver(), DELIVER_MS);
  }

  // Begins a transaction of what waits for one. Whatever reads the database from the call on finds it written.
  deliver() {
    clearTimeout(this.timer);
    this.timer = null;
    this.gathered = 0;
    const debts = this.owed.filter(({ done }) => done === null);
    if (debts.length === 0 || this.stuck !== "") return;
    const done = written(this.db, "relaxed", joined(debts.map(({ change }) => change))).then((failure) => {
      if (failure === "") this.owed.splice(0, debts.length); // transactions end in the order in which they were begun
      else this.stuck ||= failure;
    });
    for (const debt of debts) debt.done = done;
  }

  // Waits until the database has everything; what it did not take is tried again. Gives "" or the name of what went wrong.
  settled() {
    this.settling ??= this.settle().finally(() => {
      this.settling = null;
    });
    return this.settling;
  }

  async settle() {
    while (this.owed.length && this.stuck === "") {
      this.deliver();
      await this.owed.at(-1).done;
    }
    await Promise.all(this.owed.map(({ done }) => done));
    while (this.owed.length) {
      const failure = await written(this.db, "strict", this.owed[0].change);
      let taken = 1;
      if (failure === "Guard") {
        const { mark } = await stateOf(this.db);
        taken = 1 + this.owed.findIndex(({ after }) => sameMark(after, mark)); // as many had been taken
      }
      if (failure !== "" && (failure !== "Guard" || taken === 0)) return failure;
      this.owed.splice(0, taken);
    }
    this.stuck = "";
    return "";
  }

  // Goes on without a log. What is in the file stays, and is seen to be old at the next start.
  leave(why) {
    this.close();
    this.left(why);
  }

  close() {
    this.deliver();
    for (const handle of [...this.files.map(({ handle }) => handle), this.lease]) handle?.close();
    this.files = [];
  }

  about() {
    return { kept: true, bytes: this.end, ahead: this.lease !== null, ...this.told };
  }

  // Nothing is kept any more, and the log begins anew.
  empty() {
    const [used, other] = this.files;
    for (const { handle } of [other, used]) {
      handle.truncate(0);
      handle.flush();
    }
    used.generation += 1;
    writeHead(used.handle, used.generation, true);
    used.handle.flush();
    this.end = this.sure = HEAD_BYTES;
    this.mark = null;
    this.limit = SPARE_BYTES;
  }

  // The latest of everything, in a log of its own: then the old one goes. In small steps, so that orders and market data get through.
  tidy() {
    this.tidying ??= this.tidied()
      .catch(() => {
        this.limit = 2 * this.end; // such as no room: later
      })
      .finally(() => {
        this.tidying = null;
      });
  }

  async tidied() {
    const index = new Index();
    const { handle, generation } = this.file;
    const turn = async () => {
      await pause();
      if (!this.holds(generation)) throw new DOMException("", "AbortError");
    };
    let known = HEAD_BYTES;
    while (known < this.sure) {
      await turn();
      known = taken(index, handle, known, this.sure);
    }
    const { mark, time } = this;
    const next = new Draft(this.files[1], generation + 1, time);
    for (const [name, place] of index.places) if (next.put(name, valueAt(handle, place))) await turn();
    next.end(mark);
    for (;;) {
      while (this.busy !== null) await this.busy;
      const left = this.sure - known;
      const bytes = valueAt(handle, [known, Math.min(left, STEP_BYTES)]);
      next.raw(bytes);
      known += bytes.length;
      if (known === this.sure) break;
      await turn();
    }
    if (!this.holds(generation)) return;
    this.adopt(next);
  }

  // Goes on in a file that was made; the one before is emptied.
  adopt(draft) {
    draft.finish();
    const { handle } = this.file;
    this.files.reverse();
    this.end = this.sure = draft.at;
    this.limit = 2 * draft.base + SPARE_BYTES;
    handle.truncate(0);
    handle.flush();
  }

  // Whether the log is still the one of that generation, and this worker's.
  holds(generation) {
    return this.file?.generation === generation && this.mine();
  }

  // Reads the file along its chain of marks: sets `end` and `mark`; gives where the state `wanted` ends, -1 if nowhere. What comes after that, and
  // the last frame, are whole; a log whose base is not has no mark.
  walk(wanted) {
    let [found, base, last] = [-1, HEAD_BYTES, HEAD_BYTES];
    for (const { at, end, kind, bytes } of frames(this.file.handle, HEAD_BYTES, this.file.handle.getSize(), true)) {
      if (kind === CHANGE && !sameMark(markBefore(bytes), this.mark)) break;
      if (kind === BASE) base = end;
      if (kind !== PIECE) [this.mark, this.time] = [markAfter(bytes), timeOf(bytes)];
      if (wanted !== null && sameMark(this.mark, wanted)) found = end;
      [last, this.end] = [at, end];
    }
    for (const { at, kind, bytes } of frames(this.file.handle, found < 0 ? last : Math.min(found, last), this.end)) {
      if (isWhole(bytes)) continue;
      [this.end, this.mark] = [at, kind === CHANGE ? markBefore(bytes) : null];
      break;
    }
    this.sure = this.end;
    this.limit = 2 * base + SPARE_BYTES;
    return found > this.end ? -1 : found;
  }

  mend(cls) {
    return mended(this, cls);
  }

  // {index, vault}: of all that the log holds as far as it is whole, and whose it is; null for a log that does not hold a vault.
  all() {
    const index = new Index();
    for (const frame of frames(this.file.handle, HEAD_BYTES, this.end)) {
      if (index.take(frame)) continue;
      [this.end, this.sure, this.mark] = [frame.at, frame.at, frame.kind === CHANGE ? markBefore(frame.bytes) : null];
      break;
    }
    const header = HEADERS.map((name) => index.places.get(name)).find(Boolean);
    const whole = this.mark !== null && header !== undefined && index.places.has(GUARD);
    return { index, vault: whole ? vaultOf(valueAt(this.file.handle, header)) : null };
  }
}

// Changes that follow each other as one: of the manifest, which each of them writes, the last.
const joined = (changes) => {
  const { guard, prefix } = changes[0];
  const whole = { guard, prefix, names: [], operations: [], values: [] };
  changes.forEach(({ names, operations, values }, at) =>
    names.forEach((name, number) => {
      if (at < changes.length - 1 && MANIFESTS.includes(name)) return;
      whole.names.push(name);
      whole.operations.push(operations[number]);
      whole.values.push(values[number]);
    }),
  );
  return whole;
};

// Takes the frames of about one window into an index; gives where it got.
const taken = (index, handle, from, to) => {
  let known = from;
  for (const frame of frames(handle, from, to)) {
    if (!index.take(frame)) throw new DOMException("", "DataError");
    known = frame.end;
    if (known - from > STEP_BYTES) break;
  }
  return known;
};
