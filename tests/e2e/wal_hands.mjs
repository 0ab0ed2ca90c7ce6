// What tests of the write-ahead log do behind its back: to its files, to the database, and to what the browser offers.

const folder = () => navigator.storage.getDirectory();
const handle = async (name) => (await (await folder()).getFileHandle(name, { create: true })).createSyncAccessHandle({ mode: "readwrite-unsafe" });

export const read = async (name) => {
  const file = await handle(name);
  const bytes = new Uint8Array(file.getSize());
  file.read(bytes, { at: 0 });
  file.close();
  return bytes;
};

export const write = async (name, bytes) => {
  const file = await handle(name);
  file.truncate(0);
  file.write(bytes, { at: 0 });
  file.close();
};

export const loseDatabases = async (name) => {
  for (const each of [name, `${name}-mark`])
    await new Promise((done, failed) => {
      const request = indexedDB.deleteDatabase(each);
      request.onsuccess = done;
      request.onerror = request.onblocked = failed;
    });
};

// From now on the database takes nothing, until `room(true)`.
let [hasRoom, why] = [true, ""];
export const room = (has, failure = "QuotaExceededError") => {
  [hasRoom, why] = [has, failure];
};
const { put } = IDBObjectStore.prototype;
IDBObjectStore.prototype.put = function (...given) {
  if (!hasRoom) throw new DOMException("", why);
  return put.apply(this, given);
};

// How many transactions that write were begun so far.
let begun = 0;
const { transaction } = IDBDatabase.prototype;
IDBDatabase.prototype.transaction = function (...given) {
  begun += given[1] === "readwrite";
  return transaction.apply(this, given);
};
export const transactions = () => begun;

// As in browsers where one worker alone may hold a file.
export const alone = () => {
  const { createSyncAccessHandle } = FileSystemFileHandle.prototype;
  FileSystemFileHandle.prototype.createSyncAccessHandle = function () {
    return createSyncAccessHandle.call(this);
  };
  delete FileSystemSyncAccessHandle.prototype.mode;
};

export const noFiles = () => {
  StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("", "SecurityError"));
};
