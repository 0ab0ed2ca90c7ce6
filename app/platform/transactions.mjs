// One transaction of a record store in IndexedDB. A change is {guard, prefix, names, operations, values}: what is stored under `guard` ("":
// none) has to begin with `prefix` (null: not to be there); `values` has null for a delete, and for a copy, which takes the value before it.

export const RECORDS = "records";
export const [PUT, ADD, DELETE, COPY] = [0, 1, 2, 3];

const startsWith = (stored, prefix) =>
  stored === undefined || prefix === null
    ? stored === undefined && prefix === null
    : prefix.every((byte, at) => stored[at] === byte);

// Writes all of a change or nothing. Gives "" once it is complete, otherwise the name of what went wrong: "Guard", or a DOMException's. Whatever
// reads the store from the call on finds it written.
export const written = (db, durability, { guard, prefix, names, operations, values }) =>
  new Promise((done) => {
    let transaction = null;
    let refused = false;
    try {
      transaction = db.transaction(RECORDS, "readwrite", { durability });
      transaction.oncomplete = () => done("");
      transaction.onabort = () => done(refused ? "Guard" : (transaction.error?.name ?? "AbortError"));
      const store = transaction.objectStore(RECORDS);
      if (guard !== "")
        store.get(guard).onsuccess = ({ target }) => {
          if (startsWith(target.result, prefix)) transaction.commit();
          else {
            refused = true;
            transaction.abort();
          }
        };
      names.forEach((name, number) => {
        const operation = operations[number];
        if (operation === DELETE) store.delete(name);
        else if (operation === ADD) store.add(values[number], name);
        else store.put(values[operation === COPY ? number - 1 : number], name);
      });
      if (guard === "") transaction.commit();
    } catch (error) {
      done(error.name);
      try {
        transaction?.abort();
      } catch {} // it has ended already
    }
  });

// What a request gives; its DOMException if it fails.
export const answered = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = (event) => {
      event.preventDefault();
      failed(request.error);
    };
  });
