// Work on secrets that no Python may see: Argon2id, recovery codes, private keys. One worker does one job and is then ended,
// which gives its memory back; keys leave it as CryptoKeys that cannot be taken out, secrets as buffers for the page or WebCrypto.

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const MISREAD = { O: "0", I: "1", L: "1" };
const RANDOM_BYTES = 17;
const CHECK_BYTES = 3;
const SYMBOLS = ((RANDOM_BYTES + CHECK_BYTES) * 8) / 5;
const WRAPS = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
// PKCS#8 of an Ed25519 key is these bytes and its seed.
const PKCS8 = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const check = async (raw) => {
  const marked = new Uint8Array([...new TextEncoder().encode("kontor-recovery/1"), ...raw]);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", marked)).subarray(0, CHECK_BYTES);
};

const jobs = {
  async argon2id({ secret, salt, passes, memory, lanes }) {
    await import("../vendor/hash-wasm/argon2.umd.min.js");
    const how = { salt, iterations: passes, memorySize: memory, parallelism: lanes, hashLength: 32, outputType: "binary" };
    const raw = await globalThis.hashwasm.argon2id({ password: secret, ...how });
    try {
      return await crypto.subtle.importKey("raw", raw, "AES-GCM", false, WRAPS);
    } finally {
      raw.fill(0);
    }
  },

  async newRecovery() {
    const raw = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
    const both = [...raw, ...(await check(raw))];
    const symbols = [];
    for (let held = 0, bits = 0, at = 0; symbols.length < SYMBOLS; bits -= 5) {
      while (bits < 5) {
        held = ((held & 0xff) << 8) | both[at++];
        bits += 8;
      }
      symbols.push(ALPHABET[(held >> (bits - 5)) & 31]);
    }
    return new TextEncoder().encode(symbols.join("").match(/.{4}/g).join("-"));
  },

  async readRecovery({ secret }) {
    const typed = [...new TextDecoder().decode(secret).toUpperCase().replace(/[\s-]/g, "")];
    const values = typed.map((symbol) => ALPHABET.indexOf(MISREAD[symbol] ?? symbol));
    if (values.length !== SYMBOLS || values.includes(-1)) return null;
    const both = [];
    let held = 0;
    let bits = 0;
    for (const value of values) {
      held = ((held & 0xff) << 5) | value;
      bits += 5;
      if (bits >= 8) both.push((held >> (bits -= 8)) & 0xff);
    }
    const raw = Uint8Array.from(both.slice(0, RANDOM_BYTES));
    const expected = await check(raw);
    return expected.every((byte, at) => byte === both[RANDOM_BYTES + at]) ? raw : null;
  },

  async pkcs8({ secret }) {
    let der = secret;
    if (secret.length === 32) der = Uint8Array.from([...PKCS8, ...secret]);
    else if (new TextDecoder().decode(secret).trimStart().startsWith("-----")) {
      const text = new TextDecoder().decode(secret).replace(/-----[^-]*-----/g, "").replace(/\s/g, "");
      der = Uint8Array.from(atob(text), (symbol) => symbol.charCodeAt(0));
    }
    await crypto.subtle.importKey("pkcs8", der, "Ed25519", false, ["sign"]);
    return der;
  },
};

addEventListener("message", async ({ data }) => {
  try {
    postMessage({ result: await jobs[data.job](data) });
  } catch (error) {
    postMessage({ error: error.name }); // the message of an error might quote what it was about
  } finally {
    data.secret?.fill(0);
  }
});
