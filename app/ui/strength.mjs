// The page's side of the passphrase meter: starts its worker when something is typed, ends it when the form is done.

let worker = null;
let count = 0;
const waiting = new Map();

const start = () => {
  worker = new Worker(new URL("strength_worker.js", import.meta.url), { name: "kontor-strength" });
  worker.onmessage = ({ data: { id, text } }) => {
    waiting.get(id)?.(text);
    waiting.delete(id);
  };
  worker.onerror = () => end(); // not loaded, such as offline before it was ever needed: the strength stays unknown
};

// JSON of {score: 0 to 4, guesses: decimal exponent, warning, suggestions}; empty when it cannot be known.
export const measure = (input) =>
  new Promise((resolve) => {
    if (!worker) start();
    const secret = new TextEncoder().encode(input.value.normalize("NFKC"));
    waiting.set(++count, resolve);
    worker.postMessage({ id: count, secret }, [secret.buffer]);
  });

export const end = () => {
  worker?.terminate();
  worker = null;
  for (const resolve of waiting.values()) resolve("");
  waiting.clear();
};
