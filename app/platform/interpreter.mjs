// Starts Python: from the memory snapshot where that works, the plain way where not. Used by the page (PyScript's
// `interpreter` setting wants a module with loadPyodide) and by the workers. Nothing here decides anything about trading.
//
// The page compiles the runtime once and hands it to the worker. The other parts come from the service worker's cache, read by
// each on its own without waking the service worker; while there is none, the page fetches them once and hands over copies.

import { placeSnapshot, readSnapshot } from "./snapshot.mjs";

const root = new URL("../../", import.meta.url);
const at = (path) => new URL(path, root).href;
const runtime = at("vendor/pyodide/");
const WASM = "vendor/pyodide/pyodide.asm.wasm";
const STDLIB = "vendor/pyodide/python_stdlib.zip";

const report = { step() {}, bytes() {} };
export const onProgress = (handlers) => Object.assign(report, handlers);

// A named phase of the boot, visible in the performance timeline.
export const phase = async (name, work) => {
  const start = performance.now();
  report.step(name);
  try {
    return await work();
  } catch (error) {
    error.phase ??= name;
    throw error;
  } finally {
    performance.measure(`kontor:boot:${name}`, { start, end: performance.now() });
  }
};

// Whether the service worker keeps the site. Its oldest cache belongs to the version that is in use.
export const isKept = () => Boolean(globalThis.navigator?.serviceWorker?.controller);
let kept = isKept();

// Errors of the network and of the compiler do not say which file they are about.
const naming = (path) => (error) => {
  const text = String(error?.message ?? error);
  throw text.includes(path) ? error : new Error(`${path}: ${text}`);
};

// The response for a file of the site; its bytes are reported as they pass when they come from the network.
const load = async (path) => {
  if (kept) {
    const response = await caches.match(at(path), { ignoreVary: true });
    if (response) return response;
  }
  const response = await fetch(at(path)).catch(naming(path));
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  if (!response.body || kept) return response;
  const total = Number(response.headers.get("x-kontor-bytes") ?? response.headers.get("content-length") ?? 0);
  let got = 0;
  const count = new TransformStream({
    transform(chunk, controller) {
      got += chunk.length;
      report.bytes(path, got, Math.max(total, got));
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(count), { headers: { "content-type": response.headers.get("content-type") ?? "" } });
};

export const readBytes = async (path) => {
  const response = await load(path);
  return new Uint8Array(await response.arrayBuffer().catch(naming(path)));
};

// What an interpreter is made of: promises by name. Without a snapshot (null) Python starts the slow way.
export let fallbackReason = "";
const withoutSnapshot = (error) => {
  fallbackReason ||= String(error);
  console.warn("Kontor: the memory snapshot could not be used, Python starts the slow way.", error);
  return null;
};
const READERS = {
  wasm: () => WebAssembly.compileStreaming(load(WASM)).catch(naming(WASM)),
  snapshot: () => readBytes("snapshot.bin").catch(withoutSnapshot),
  stdlib: () => readBytes(STDLIB),
  code: () => readBytes("kontor.zip"),
  lock: async () => (await load("vendor/pyodide/pyodide-lock.json")).json(),
};
// The big ones come from the cache one after the other, in the order of need: the runtime starts while the snapshot is read.
// A failure is told where the part is awaited.
const SMALL = ["code", "lock", "stdlib"];
const gather = (read, isHanded = () => false) => {
  const parts = {};
  let before = null;
  for (const name of Object.keys(READERS)) {
    const get = () => phase(`parts-${name}`, () => read(name));
    const queued = kept && !isHanded(name) && !SMALL.includes(name);
    parts[name] = queued && before ? before.then(get, get) : get();
    parts[name].catch(() => {});
    if (queued) before = parts[name];
  }
  return parts;
};

let parts;
export const fetchParts = () => (parts ??= gather((name) => READERS[name]()));

// Page: gives a worker what it cannot read by itself, now or later. Worker: its parts, from the messages the page sends.
export const handingOver = () => {
  const handed = Object.entries(fetchParts()); // the page lets go of them when its own Python is up
  return (worker, how = {}) => handOver(worker, handed, how);
};
const handOver = (worker, handed, how) => {
  if (how.again) kept = isKept(); // the page's own copies are gone: a later worker reads all but the runtime by itself
  worker.postMessage({ start: { kept, search: location.search, ...how } });
  for (const [name, part] of handed) {
    if ((kept || how.again) && name !== "wasm") continue;
    part.then(
      (value) => worker.postMessage({ part: name, value }),
      (error) => worker.postMessage({ part: name, error: error.message }),
    );
  }
};
export const workerParts = (started, handed) => {
  kept = started.kept;
  const isHanded = (name) => (!kept && !started.again) || name === "wasm";
  return gather((name) => (isHanded(name) ? handed(name) : READERS[name]()), isHanded);
};

// Pyodide fetches and compiles its parts by itself; while it starts, it is handed those that are here already.
const withParts = async (parts, restoring, work) => {
  const { fetch } = globalThis;
  const { instantiateStreaming } = WebAssembly;
  globalThis.fetch = async (target, options) => {
    const url = String(target?.url ?? target);
    if (url === at(WASM)) return new Response(null, { headers: { "content-type": "application/wasm" } });
    if (url === at(STDLIB)) return new Response(restoring ? null : await parts.stdlib); // a restored Python gets it afterwards
    return fetch(target, options);
  };
  WebAssembly.instantiateStreaming = async (_, imports) => {
    const module = await parts.wasm;
    return { module, instance: await WebAssembly.instantiate(module, imports) };
  };
  try {
    return await work();
  } finally {
    globalThis.fetch = fetch;
    WebAssembly.instantiateStreaming = instantiateStreaming;
  }
};

// Every restored interpreter would draw the same random numbers. The zip comes first: it has PyScript's modules compiled.
const START = `
import random, sys
random.seed()
if "/lib/kontor.zip" in sys.path:
    sys.path.remove("/lib/kontor.zip")
sys.path.insert(0, "/lib/kontor.zip")
`;

// Its scripts are read while the parts are on their way.
const scripts = Promise.all([import(`${runtime}pyodide.mjs`), import(`${runtime}pyodide.asm.mjs`)]);
scripts.catch(() => {}); // told where it is awaited

const start = async (parts, restoring) => {
  // Pyodide would wait for ever for a runtime that did not come.
  const needed = [scripts, parts.wasm, ...(restoring ? [] : [parts.stdlib])];
  const [[{ loadPyodide }, { default: createPyodideModule }]] = await Promise.all(needed);
  // The runtime is set up while the snapshot is still on its way.
  const createRestored = async (settings) => {
    const [module, snapshot] = await Promise.all([createPyodideModule(settings), parts.snapshot]);
    if (!snapshot) throw new Error("there is no snapshot");
    return placeSnapshot(module, readSnapshot(snapshot));
  };
  const pyodide = await withParts(parts, restoring, () =>
    loadPyodide({
      indexURL: runtime,
      lockFileContents: parts.lock,
      packageBaseUrl: `${runtime}packages/`,
      ...(restoring && { _loadSnapshot: new Uint8Array(), createPyodideModule: createRestored }),
    }),
  );
  const [code, stdlib] = await Promise.all([parts.code, parts.stdlib]); // Pyodide goes on without its library; the desk does not
  const [major, minor] = pyodide._api.pyVersionTuple;
  // The file system keeps the bytes themselves, not a copy.
  if (restoring) pyodide.FS.writeFile(`/lib/python${major}${minor}.zip`, stdlib, { canOwn: true });
  pyodide.FS.writeFile("/lib/kontor.zip", code, { canOwn: true });
  pyodide.runPython(START);
  return pyodide;
};

// Python from its parts.
const startOrFallBack = async (parts) => {
  try {
    return await phase("restore", () => start(parts, true));
  } catch (error) {
    withoutSnapshot(error);
  }
  return phase("plain", () => start(parts, false));
};
export const boot = (parts) =>
  phase("python", async () => {
    const pyodide = await startOrFallBack(parts);
    // Nobody needs the snapshot's bytes any more. Transferred away, they are gone at once instead of when memory runs short.
    (await parts.snapshot)?.buffer.transfer?.(0);
    for (const name of Object.keys(parts)) delete parts[name];
    return pyodide;
  });

// A package as it was vendored, for whoever unpacks it by himself.
export const packageBytes = async (pyodide, name) => {
  const { file_name: file, sha256 } = pyodide.lockfile.packages[name] ?? {};
  if (!file) throw new Error(`${name}: this site has no such package`);
  const digest = btoa(String.fromCharCode(...sha256.match(/../g).map((byte) => Number.parseInt(byte, 16))));
  const path = `vendor/pyodide/packages/${file}`;
  const response = await fetch(at(path), { integrity: `sha256-${digest}` }).catch(naming(path));
  if (!response.ok) throw new Error(`${path}: the server answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer().catch(naming(path)));
};

// A failed package load does not reject in Pyodide: look at what is there.
export const loadPackages = async (pyodide, names) => {
  await pyodide.loadPackage(names, { messageCallback() {} });
  const missing = names.filter((name) => !(name in pyodide.loadedPackages));
  if (missing.length) throw new Error(`these packages could not be loaded: ${missing.join(", ")}; reload to fetch them again`);
};

let page;
export const bootPage = () => (page ??= boot(fetchParts()));
export const loadPyodide = async ({ stdout, stderr } = {}) => {
  const pyodide = await bootPage();
  if (stdout) pyodide.setStdout({ batched: stdout });
  if (stderr) pyodide.setStderr({ batched: stderr });
  return pyodide;
};
