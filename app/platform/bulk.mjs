// Many records at once: their bytes cross between JavaScript and Python in one piece, with the lengths beside them.

const { subtle } = globalThis.crypto;
const FAILED = -1;

// The parts of `bytes`, one after another, as long as `lengths` says.
const parts = (bytes, lengths) => {
  let end = 0;
  return Array.from(lengths, (length) => bytes.subarray(end, (end += length)));
};

// Values joined to {bytes, lengths}; null counts as failed.
export const join = (values) => {
  const lengths = Int32Array.from(values, (value) => (value === null ? FAILED : value.byteLength));
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + Math.max(0, length), 0));
  let at = 0;
  for (const value of values) {
    if (value === null) continue;
    bytes.set(value instanceof Uint8Array ? value : new Uint8Array(value), at);
    at += value.byteLength;
  }
  return { bytes, lengths };
};

// AES-GCM over many: `bytes` holds nonce, associated data and data of each in turn, `keys` one key or one of each. What does not
// open counts as failed; anything else that goes wrong is thrown.
const each = async (operation, keys, bytes, lengths) => {
  const pieces = parts(bytes, lengths);
  const started = [];
  for (let at = 0; at < pieces.length; at += 3) {
    const how = { name: "AES-GCM", iv: pieces[at], additionalData: pieces[at + 1] };
    started.push(subtle[operation](how, keys.length === 1 ? keys[0] : keys[at / 3], pieces[at + 2]));
  }
  try {
    return join(await Promise.all(started));
  } catch (error) {
    if (error.name !== "OperationError") throw error;
  }
  const settled = await Promise.allSettled(started);
  return join(
    settled.map(({ status, value, reason }) => {
      if (status !== "fulfilled" && reason.name !== "OperationError") throw reason;
      return status === "fulfilled" ? value : null;
    }),
  );
};
export const seal = (keys, bytes, lengths) => each("encrypt", keys, bytes, lengths);
export const open = (keys, bytes, lengths) => each("decrypt", keys, bytes, lengths);

// Puts into an object store: `ops` says of each whether it is put, added or deleted.
export const write = (store, keys, ops, bytes, lengths) => {
  parts(bytes, lengths).forEach((value, at) => {
    if (ops[at] === "delete") store.delete(keys[at]);
    else store[ops[at]](value.slice(), keys[at]);
  });
};
