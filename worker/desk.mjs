// Starts Python in the desk worker and hands over to worker/desk.py. The page's first message says how to start, others bring
// parts of Python; the rest is kept in order until Python listens.

import * as bulk from "../app/platform/bulk.mjs";
import * as columns from "../app/platform/columns.mjs";
import { boot, packageBytes, readBytes, workerParts } from "../app/platform/interpreter.mjs";
import * as sockets from "../app/platform/sockets.mjs";

const early = [];
let receiver = null;
const { promise: started, resolve: start } = Promise.withResolvers();
const slots = new Map();
const slot = (name) => {
  if (!slots.has(name)) slots.set(name, Promise.withResolvers());
  return slots.get(name);
};
addEventListener("message", (event) => {
  const { start: settings, part, value, error } = event.data ?? {};
  if (settings) start(settings);
  else if (part && error) slot(part).reject(new Error(error));
  else if (part) slot(part).resolve(value);
  else if (receiver) receiver(event);
  else early.push(event);
});

const fatal = (phase, error) => postMessage(JSON.stringify({ t: "fatal", phase, error: String(error?.message ?? error) }));

// Python in the snapshot remembers `js.kontor`: it has to be there, whole, before Python starts.
let pyodide;
globalThis.kontor = {
  bulk,
  columns,
  sockets,
  import: (url) => import(new URL(url, new URL("../", import.meta.url)).href),
  packageBytes: (name) => packageBytes(pyodide, name),
  loadLibrary: (path) => pyodide._api.loadDynlib(path), // compiled beside the thread, found when it is imported
  readBytes,
  heapBytes: () => pyodide._module.HEAP8.length,
  receive(receive) {
    receiver = receive;
    for (const event of early.splice(0)) receive(event);
  },
};

try {
  const settings = await started;
  pyodide = await boot(workerParts(settings, (name) => slot(name).promise));
  pyodide.setStderr({ batched: (text) => console.error(text) });
  pyodide._api.on_fatal = (error) => fatal("running", error); // Python is gone for good, such as out of memory
  const query = Object.fromEntries(new URLSearchParams(settings.search));
  pyodide.pyimport("worker.desk").main(globalThis, pyodide.toPy(query), settings.again ?? 0, settings.given ?? "", settings.settleS ?? 0);
} catch (error) {
  console.error(error);
  fatal(error.phase ?? "worker", error);
}
