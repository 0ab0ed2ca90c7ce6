// The worker of quotes.mjs.

import * as columns from "../app/platform/columns.mjs";
import * as sockets from "../app/platform/sockets.mjs";
import { Full, SYMBOLS } from "./ticks.mjs";

const asked = new URLSearchParams(location.search);
const job = asked.get("job");
const REST = 1000 / (asked.get("looks") ?? Infinity); // ms
const origin = performance.timeOrigin;
let owed = false;
let flush = () => {};
let start;

// One stream with `take(...what came)` and `rows()` for what changed since; measured like the other jobs. `connect(address, opened, deliver, closed)`
// has `deliver(when, frames, what came)` called; `beside()` is what another worker has spent on it, in ms.
const play = (make, heap, connect, beside) => (address) => {
  const { take, rows } = make();
  let [oldest, handed, taken, ticks, frames, peak] = [0, 0, 0, 0, 0, 0];
  let [takes, taking, looks, looking, looked] = [0, 0, 0, 0, -REST];
  const [begun, before] = [performance.now(), beside()];
  const heaps = [];
  flush = () => {
    const from = performance.now();
    if (owed || !oldest || from - looked < REST) return;
    looked = from;
    const found = rows();
    const ready = performance.now();
    looks++;
    looking += ready - from;
    owed = true;
    postMessage({ marks: [oldest, handed, taken, from, ready].map((mark) => origin + mark), rows: found }, [found.buffer]);
    oldest = 0;
  };
  return connect(
    address,
    () => {},
    (first, count, ...came) => {
      const from = performance.now();
      ticks += take(...came);
      const after = performance.now();
      takes++;
      taking += after - from;
      if (!oldest) [oldest, handed, taken] = [first, from, after];
      frames += count;
      peak = Math.max(peak, from - first);
      if (heaps.length < (performance.now() - begun) / 1000) heaps.push(heap());
      flush();
    },
    (code, reason) => {
      const [reading, seconds] = [beside() - before, (performance.now() - begun) / 1000];
      postMessage({ ended: { ticks, frames, takes, taking, reading, looks, looking, peak, code, sent: Number(reason), seconds, heaps } });
    },
  );
};

if (job === "count") {
  start = (address) => {
    let frames = 0;
    const begun = performance.now();
    const socket = new WebSocket(address);
    socket.onmessage = () => frames++;
    socket.onclose = ({ code, reason }) => postMessage({ ended: { frames, code, sent: Number(reason), seconds: (performance.now() - begun) / 1000 } });
  };
} else if (job === "plain") {
  start = play(
    () => {
      const full = new Full();
      const dirty = new Set();
      const one = full.one;
      full.one = (data) => {
        one.call(full, data);
        dirty.add(full.index.get(data.s));
      };
      return {
        take(texts) {
          const before = full.events;
          full.take(texts);
          return full.events - before;
        },
        rows() {
          full.look();
          const out = new Float64Array(dirty.size * 9);
          let at = 0;
          for (const row of dirty) {
            out.set([row, full.quotes[row * 4], full.quotes[row * 4 + 2], full.trades[row * 3]], at);
            out.set(full.shown.subarray(row * 5, row * 5 + 5), at + 4);
            at += 9;
          }
          dirty.clear();
          return out;
        },
      };
    },
    () => performance.memory?.usedJSHeapSize ?? 0,
    (address, opened, deliver, closed) => sockets.connect(address, opened, (texts, first) => deliver(first, texts.length, texts), closed),
    () => 0,
  );
} else {
  globalThis.kontor = { columns, sockets };
  const at = (path) => new URL(`../${path}`, location.href).href;
  const { loadPyodide } = await import(at("vendor/pyodide/pyodide.mjs"));
  const pyodide = await loadPyodide({ indexURL: at("vendor/pyodide/"), packageBaseUrl: at("vendor/pyodide/packages/") });
  await pyodide.loadPackage("numpy");
  const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  pyodide.FS.writeFile("/lib/kontor.zip", await bytes(at("kontor.zip")));
  for (const name of ["barcolumns.py", "ingest_jobs.py"]) pyodide.FS.writeFile(`/lib/${name}`, await bytes(name));
  pyodide.runPython('import sys\nsys.path[:0] = ["/lib/kontor.zip", "/lib"]');
  const jobs = pyodide.pyimport("ingest_jobs");
  let told; // of the job that plays
  start = play(
    () => {
      const job = jobs.shown(SYMBOLS.join(" ")).toJs({ dict_converter: Object.fromEntries });
      told = job.told;
      return job;
    },
    () => pyodide._module.HEAP8.length,
    (address, opened, deliver, closed) =>
      sockets.connectMarket(address, told, opened, (count, words, left, first) => deliver(first, count, count, words, left), closed),
    () => sockets.spent.reading,
  );
}
addEventListener("message", ({ data }) => {
  if (data === "shown") {
    owed = false;
    flush();
  } else if (data.to) fetch(data.to, { method: "POST", mode: "no-cors", body: JSON.stringify(data.found) });
  else start(data);
});
postMessage({ ready: true });
