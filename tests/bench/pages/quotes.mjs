// Shows 500 rows from a worker that reads a socket, by the desk's quote store (job=store), by hand in JavaScript (job=plain), or that only counts frames (job=count).
// window.run(address) plays one stream and resolves with what came of it.

import { SYMBOLS } from "./ticks.mjs";

const job = new URLSearchParams(location.search).get("job");
const worker = new Worker(`quotes-worker.mjs?job=${job}`, { type: "module" });
const table = document.getElementById("t");
const cells = SYMBOLS.map((symbol) => {
  const row = table.insertRow();
  row.insertCell().textContent = symbol;
  return Array.from({ length: 8 }, () => row.insertCell().appendChild(new Text("")));
});
let samples = [];
let done = null;
worker.addEventListener("message", ({ data }) => {
  if (data.ready) document.documentElement.dataset.bench = "ready";
  else if (data.ended) done(data.ended);
  else {
    // rows: row, bid, ask, last, five indicators each
    const { received, rows } = data;
    for (let at = 0; at < rows.length; at += 9) {
      const texts = cells[rows[at]];
      for (let n = 0; n < 3; n++) texts[n].data = rows[at + n + 1] === 0 ? "" : (rows[at + n + 1] / 1e8).toFixed(2);
      for (let n = 3; n < 8; n++) texts[n].data = Number.isNaN(rows[at + n + 1]) ? "" : rows[at + n + 1].toFixed(4);
    }
    worker.postMessage("shown");
    samples.push(performance.timeOrigin + performance.now() - received);
  }
});
window.run = async (address) => {
  samples = [];
  const ended = await new Promise((resolve) => {
    done = resolve;
    worker.postMessage(address);
  });
  return { ...ended, samples };
};
