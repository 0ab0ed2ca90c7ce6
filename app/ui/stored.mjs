// Everything this origin has in this browser that a page can see, by real enumeration. Values are measured, never handed on.

const size = (value) => {
  if (typeof value === "string") return new TextEncoder().encode(value).length;
  if (value instanceof Blob) return value.size;
  return value?.byteLength ?? new TextEncoder().encode(JSON.stringify(value) ?? "").length;
};
const answer = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab is changing it"));
  });

const AT_ONCE = 1000;
const measured = async (store) => {
  let [count, bytes, after] = [0, 0, null];
  for (;;) {
    const range = after === null ? null : IDBKeyRange.lowerBound(after, true);
    const [keys, values] = await Promise.all([answer(store.getAllKeys(range, AT_ONCE)), answer(store.getAll(range, AT_ONCE))]);
    count += keys.length;
    for (const value of values) bytes += size(value);
    if (keys.length < AT_ONCE) return { count, bytes };
    after = keys.at(-1);
  }
};

const databases = async (add) => {
  for (const { name, version } of (await indexedDB.databases?.()) ?? []) {
    const db = await answer(indexedDB.open(name)); // the version that is there: nothing is upgraded
    try {
      if (!db.objectStoreNames.length) add("database", name, 0, 0);
      for (const store of db.objectStoreNames) {
        const found = await measured(db.transaction(store).objectStore(store));
        add("database", `${name}/${store}`, found.count, found.bytes, `version ${version}`);
      }
    } finally {
      db.close();
    }
  }
};

const cacheStorage = async (add) => {
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    const requests = await cache.keys();
    let bytes = 0;
    for (const request of requests) {
      const response = await cache.match(request, { ignoreVary: true });
      bytes += (await response?.blob())?.size ?? 0;
    }
    add("cache", name, requests.length, bytes);
  }
};

const webStorage = (add) => {
  for (const [kind, storage] of [["localStorage", localStorage], ["sessionStorage", sessionStorage]]) {
    for (let index = 0; index < storage.length; index++) {
      const key = storage.key(index);
      add(kind, key, 1, size(key) + size(storage.getItem(key)));
    }
  }
};

const files = async (add) => {
  const root = await navigator.storage?.getDirectory?.();
  if (!root) return;
  for await (const [name, handle] of root.entries()) {
    const bytes = handle.kind === "file" ? (await handle.getFile()).size : 0;
    add("private file", name, 1, bytes);
  }
};

const workers = async (add) => {
  for (const { active, waiting, installing } of (await navigator.serviceWorker?.getRegistrations()) ?? []) {
    const url = new URL((active ?? waiting ?? installing).scriptURL);
    add("service worker", url.pathname.split("/").at(-1), 1, 0, url.pathname);
  }
};

const cookies = (add) => {
  for (const part of document.cookie.split(";").filter(Boolean)) add("cookie", part.split("=")[0].trim(), 1, part.trim().length);
};

// JSON of {items: [{kind, name, count, bytes, detail}], failed: [{kind, reason}], usage, quota, persisted}.
export const list = async () => {
  const items = [];
  const failed = [];
  const add = (kind, name, count, bytes, detail = "") => items.push({ kind, name, count, bytes, detail });
  const steps = { database: databases, cache: cacheStorage, "web storage": webStorage, "private file": files, "service worker": workers, cookie: cookies };
  for (const [kind, step] of Object.entries(steps)) {
    try {
      await step(add);
    } catch (error) {
      failed.push({ kind, reason: String(error?.message ?? error) });
    }
  }
  const { usage = null, quota = null } = (await navigator.storage?.estimate?.()) ?? {};
  return JSON.stringify({ items, failed, usage, quota, persisted: (await navigator.storage?.persisted?.()) ?? false });
};
