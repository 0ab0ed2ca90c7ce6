// node tests/bench/ingest.mjs SITE TICKS BATCH ROUNDS: cost of a market tick from socket text to what the desk knows, in Pyodide, beside JavaScript doing
// the same job on the same frames in the same process. Frames are the recorded shapes of quotes and trades, spread over 500 instruments; BATCH of them
// are handed over at once. Three jobs: the desk's market state of objects, the same in columns (both with looks at a watchlist), the quote store with
// bars of two widths and five indicators. Prints one JSON object,
// the least of the rounds.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { Full, Plain, SYMBOLS, frames } from "./pages/ticks.mjs";

const [site, total, batch, rounds] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const LOOK = 500; // ticks from one look at the indicators to the next: forty a second at 20,000 ticks a second

const module = (path) => import(pathToFileURL(resolve(site, path)));
const { loadPyodide } = await module("vendor/pyodide/pyodide.mjs");
const runtime = resolve(site, "vendor/pyodide");
globalThis.kontor = { columns: await module("app/platform/columns.mjs"), sockets: await module("app/platform/sockets.mjs") };
const pyodide = await loadPyodide({ indexURL: runtime, packageBaseUrl: `${runtime}/packages/` });
await pyodide.loadPackage("numpy", { messageCallback() {} });
pyodide.FS.writeFile("/lib/kontor.zip", readFileSync(resolve(site, "kontor.zip")));
for (const name of ["barcolumns.py", "ingest_jobs.py"]) pyodide.FS.writeFile(`/lib/${name}`, readFileSync(new URL(`./pages/${name}`, import.meta.url)));
pyodide.runPython(`
import sys
sys.path[:0] = ["/lib/kontor.zip", "/lib"]
`);
const jobs = pyodide.pyimport("ingest_jobs");

const batches = [];
for (const text of frames(total)) {
  if (!batches.length || batches.at(-1).length >= batch) batches.push([]);
  batches.at(-1).push(text);
}
// Time of the processor, not of the clock: the machine is not the bench's alone.
const now = () => process.cpuUsage().user;
const timed = (work, look = null) => {
  const start = now();
  let seen = 0;
  for (const texts of batches) {
    work(texts);
    if (look && (seen += texts.length) >= LOOK) {
      look();
      seen = 0;
    }
  }
  return (now() - start) / total;
};
const found = { plain: [], state: [], store: [], full_plain: [], full: [] };
let same = true;
const close = (ours, theirs) => ours.length === theirs.length && ours.every((value, n) => (Number.isNaN(value) ? Number.isNaN(theirs[n]) : Math.abs(value - theirs[n]) < 1e-6));
for (let round = 0; round < rounds; round++) {
  const plain = new Plain();
  found.plain.push(timed((texts) => plain.take(texts)));
  for (const job of ["state", "store"]) {
    const { take, told, look } = jobs[job](SYMBOLS.join(" ")).toJs({ dict_converter: Object.fromEntries });
    found[job].push(timed(take, look));
    same &&= plain.told() === told();
  }
  const full = new Full();
  found.full_plain.push(timed((texts) => full.take(texts), () => full.look()));
  const { take, told, look, values } = jobs.full(SYMBOLS.join(" ")).toJs({ dict_converter: Object.fromEntries });
  found.full.push(timed(take, look));
  full.look(); // everything, before it is compared
  same &&= plain.told() === told() && full.bars() === values.bars() && close(full.values(), Array.from(values.values().toJs()));
}
// Slow enough for every indicator to have a value.
const [full, ours] = [new Full(), jobs.full(SYMBOLS.join(" ")).toJs({ dict_converter: Object.fromEntries })];
const slow = [...frames(40_000, 200)];
for (let at = 0; at < slow.length; at += 100) {
  const texts = slow.slice(at, at + 100);
  full.take(texts);
  ours.take(texts);
  if (at % 700 === 0) [full, ours].forEach((one) => one.look());
}
full.look();
same &&= full.bars() === ours.values.bars() && close(full.values(), Array.from(ours.values.values().toJs())) && full.values().filter(Number.isFinite).length > 1000;
// The least disturbed round: what else the machine does only ever adds.
console.log(JSON.stringify({ same, ...Object.fromEntries(Object.entries(found).map(([name, list]) => [`${name}_us`, Math.min(...list)])) }));
