// Bare IndexedDB: what storing and reading the same bytes costs without the vault and without Python.

const RECORDS = "records";

const complete = (transaction) =>
  new Promise((done, failed) => {
    transaction.oncomplete = done;
    transaction.onabort = () => failed(transaction.error);
  });

const answered = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

const name = (number) => `bare/${String(number).padStart(12, "0")}`;

const timed = async (count, operation) => {
  const samples = [];
  for (let number = 0; number < count; number++) {
    const start = performance.now();
    await operation(number);
    samples.push(performance.now() - start);
  }
  return samples;
};

// Milliseconds of each of `count` strict puts of `value`, one a transaction, from number `first` on.
export const puts = (db, value, first, count) =>
  timed(count, async (number) => {
    const transaction = db.transaction(RECORDS, "readwrite", { durability: "strict" });
    transaction.objectStore(RECORDS).put(value, name(first + number));
    transaction.commit();
    await complete(transaction);
  });

// Milliseconds of each of `count` gets of them.
export const gets = (db, first, count) =>
  timed(count, async (number) => {
    const found = await answered(db.transaction(RECORDS).objectStore(RECORDS).get(name(first + number)));
    if (!found.length) throw new Error("nothing there");
  });

// Milliseconds that `count` records take to be added in one transaction.
export const batch = async (db, value, first, count, durability) => {
  const start = performance.now();
  const transaction = db.transaction(RECORDS, "readwrite", { durability });
  const store = transaction.objectStore(RECORDS);
  for (let number = 0; number < count; number++) store.add(value, name(first + number));
  transaction.commit();
  await complete(transaction);
  return performance.now() - start;
};

const read = async (db, first, count) => {
  const range = IDBKeyRange.bound(name(first), name(first + count), false, true);
  const store = db.transaction(RECORDS).objectStore(RECORDS);
  return Promise.all([answered(store.getAllKeys(range)), answered(store.getAll(range))]);
};

// Milliseconds that all `count` records take to be read.
export const scan = async (db, count) => {
  const start = performance.now();
  const [keys, values] = await read(db, 0, count);
  if (keys.length !== count || values.length !== count) throw new Error("not all there");
  return performance.now() - start;
};

// Milliseconds that `count` records take to be read and written again, `step` a transaction.
export const rewrite = async (db, count, step) => {
  const start = performance.now();
  for (let first = 0; first < count; first += step) {
    const [keys, values] = await read(db, first, step);
    const transaction = db.transaction(RECORDS, "readwrite", { durability: "relaxed" });
    const store = transaction.objectStore(RECORDS);
    keys.forEach((key, at) => store.put(values[at], key));
    transaction.commit();
    await complete(transaction);
  }
  return performance.now() - start;
};
