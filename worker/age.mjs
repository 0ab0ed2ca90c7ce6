// One encrypted file in the age format (passphrase, scrypt) for the desk worker, off its thread: stretching takes a second and more
// and 256 MB, which end with this worker. The passphrase and all bytes come and go as transferred buffers.

import { Decrypter, Encrypter } from "../vendor/age/age-encryption/dist/index.js";

const VERSION = "age-encryption.org/v1\n";
let source;
const chunks = new ReadableStream({
  start(controller) {
    source = controller;
  },
});

const refused = (kind, text) => Object.assign(new Error(text), { kind });

const seal = async (secret) => {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(secret); // read as bytes, as age's own text would be after UTF-8
  const file = new Uint8Array(await new Response(await encrypter.encrypt(chunks)).arrayBuffer());
  postMessage({ file }, [file.buffer]);
};

const open = async (secret, file) => {
  const head = new TextDecoder("latin1").decode(file.subarray(0, 200));
  if (!head.startsWith(VERSION)) throw refused("format", "This is no file of the age format.");
  if (!head.startsWith("-> scrypt ", VERSION.length)) {
    throw refused("format", "This age file is not protected by a passphrase, or its head was changed.");
  }
  const decrypter = new Decrypter();
  decrypter.addPassphrase(secret);
  const reader = (await decrypter.decrypt(new Blob([file]).stream()).catch(headFailed)).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw refused("changed", "The file was changed or cut short.");
    });
    if (done) break;
    postMessage({ chunk: value }, [value.buffer]);
  }
  postMessage({ end: true });
};
const headFailed = (error) => {
  const text = String(error?.message ?? error);
  if (/no identity matched|HMAC/.test(text)) throw refused("auth", "The passphrase does not open this file, or the file's head was changed.");
  if (/work factor/.test(text)) throw refused("work", "Opening this file would take a higher scrypt work factor than 20, which is not done.");
  if (error instanceof RangeError) throw refused("memory", "There is not enough memory to open this file.");
  throw refused("format", "The file's head was changed or cut short.");
};

addEventListener("message", ({ data }) => {
  if (data.chunk) source.enqueue(data.chunk);
  else if (data.end) source.close();
  else {
    (data.file ? open(data.secret, data.file) : seal(data.secret))
      .catch((error) => postMessage({ kind: error.kind ?? "failed", error: String(error?.message ?? error) }))
      .finally(() => data.secret.fill(0));
  }
});
