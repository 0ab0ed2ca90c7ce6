// node tests/bench/venues.mjs SITE FRAMES.json BATCH ROUNDS: cost of a frame of each venue from socket text to the desk's market state, in Pyodide:
// parsed one by one as objects, and read as columns. FRAMES.json (bench_venues.py makes it): {venue: {instruments, frames}}; BATCH of them are
// handed over at once. Prints one JSON object, us of the processor's time a frame, the least of the rounds.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [site, file, batch, rounds] = [process.argv[2], process.argv[3], ...process.argv.slice(4).map(Number)];
const module = (path) => import(pathToFileURL(resolve(site, path)));
const { loadPyodide } = await module("vendor/pyodide/pyodide.mjs");
const runtime = resolve(site, "vendor/pyodide");
globalThis.kontor = { columns: await module("app/platform/columns.mjs"), sockets: await module("app/platform/sockets.mjs") };
const pyodide = await loadPyodide({ indexURL: runtime, packageBaseUrl: `${runtime}/packages/` });
pyodide.FS.writeFile("/lib/kontor.zip", readFileSync(resolve(site, "kontor.zip")));
pyodide.FS.writeFile("/lib/venue_jobs.py", readFileSync(new URL("./pages/venue_jobs.py", import.meta.url)));
pyodide.runPython(`
import sys
sys.path[:0] = ["/lib/kontor.zip", "/lib"]
`);
const jobs = pyodide.pyimport("venue_jobs");

// Time of the processor, not of the clock: the machine is not the bench's alone.
const now = () => process.cpuUsage().user;
const out = {};
for (const [venue, { instruments, frames }] of Object.entries(JSON.parse(readFileSync(file)))) {
  const batches = [];
  for (let at = 0; at < frames.length; at += batch) batches.push(frames.slice(at, at + batch));
  const found = { objects: Infinity, columns: Infinity, reading: Infinity };
  const told = [];
  for (let round = 0; round < rounds; round++) {
    for (const way of Object.keys(found)) {
      const job = jobs.job(venue, JSON.stringify(instruments), way).toJs({ dict_converter: Object.fromEntries });
      const start = now();
      for (const texts of batches) job.take(texts);
      found[way] = Math.min(found[way], (now() - start) / frames.length);
      if (way !== "reading") told.push(job.told());
    }
  }
  out[venue] = { same: new Set(told).size === 1, frames: frames.length, ...found };
}
console.log(JSON.stringify(out));
