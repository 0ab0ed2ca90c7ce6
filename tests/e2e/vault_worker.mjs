// A bare worker for the vault's tests: the site's runtime and code, no desk. Runs what it is sent, one thing at a time. Python starts from the
// snapshot and what the page hands over, as in the desk; with "?plain" the slow way, where it can wait for promises in the middle of a call.

const at = (path) => new URL(path, import.meta.url).href;

const plainly = async () => {
  const { loadPyodide } = await import(at("vendor/pyodide/pyodide.mjs"));
  const [python, code] = await Promise.all([
    loadPyodide({ indexURL: at("vendor/pyodide/") }),
    fetch(at("kontor.zip")).then((response) => response.arrayBuffer()),
  ]);
  python.FS.writeFile("/kontor.zip", new Uint8Array(code));
  python.runPython("import sys; sys.path.insert(0, '/kontor.zip')");
  return python;
};

const parts = new Map();
const slot = (name) => {
  if (!parts.has(name)) parts.set(name, Promise.withResolvers());
  return parts.get(name);
};
const handed = (name) => slot(name).promise;

const start = async () => {
  const [bulk, columns, sockets] = await Promise.all(["bulk", "columns", "sockets"].map((name) => import(at(`app/platform/${name}.mjs`))));
  globalThis.kontor = { bulk, columns, sockets }; // Python in the snapshot remembers it
  if (location.search === "?plain") return plainly();
  const { boot, workerParts } = await import(at("app/platform/interpreter.mjs"));
  return boot(workerParts(await handed("start"), handed));
};

const started = start();

addEventListener("message", async ({ data }) => {
  if (data.start) return slot("start").resolve(data.start);
  if (data.part) {
    const { resolve, reject } = slot(data.part);
    return data.error === undefined ? resolve(data.value) : reject(new Error(data.error));
  }
  const { id, code, given } = data;
  try {
    const python = await started;
    if (code === "find") {
      const count = occurrencesIn(python._module.HEAPU8);
      postMessage({ id, result: given.map((needle) => count(Uint8Array.from(needle))) });
      return;
    }
    globalThis.given = given;
    globalThis.beside = (name) => import(at(name));
    globalThis.say = (text) => postMessage({ id: "said", result: text });
    postMessage({ id, result: await python.runPythonAsync(code) });
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
});

// How often some bytes occur in the interpreter's heap.
const occurrencesIn = (heap) => (needle) => {
  let found = 0;
  for (let at = heap.indexOf(needle[0]); at >= 0; at = heap.indexOf(needle[0], at + 1)) {
    let same = 1;
    while (same < needle.length && heap[at + same] === needle[same]) same++;
    if (same === needle.length) found++;
  }
  return found;
};
