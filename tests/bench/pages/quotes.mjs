// Shows 500 rows from a worker that reads a socket, by the desk's quote store (job=store), by hand in JavaScript (job=plain), or that only counts frames (job=count).
// With `looks` rows are shown no more often a second. The address's `play` names streams to play one after the other; what came of the last is sent to `to`. Nobody else watches: a debugger would be told
// of every frame, which costs more than all that is measured here.

import { SYMBOLS } from "./ticks.mjs";

const asked = new URLSearchParams(location.search);
const job = asked.get("job");
const worker = new Worker(`quotes-worker.mjs${location.search}`, { type: "module" });
const WIDTH = 13;
// A row is one text: an element a cell costs a browser more to lay out and paint than all that is measured here.
let block;
const lines = SYMBOLS.map((symbol, n) => {
  if (n % 20 === 0) block = document.body.appendChild(document.createElement("section"));
  return block.appendChild(document.createElement("div")).appendChild(new Text(symbol.padEnd(WIDTH)));
});
const cells = SYMBOLS.map((symbol) => [symbol, ...Array(8).fill("")].map((text) => text.padEnd(WIDTH)));
const shown = new Float64Array(SYMBOLS.length * 8);
const now = () => performance.timeOrigin + performance.now();
// Of each update: when its oldest frame came, was handed over, was taken in, when the worker began to gather the rows and had them, when the
// page had the message, had written its text, and had painted it (the first turn after the frame in which that is done).
let samples = [];
let unpainted = 0;
const { port1, port2 } = new MessageChannel();
port1.onmessage = () => {
  for (const at = now(); unpainted < samples.length; unpainted++) samples[unpainted].push(at);
};
let done = null;
worker.addEventListener("message", ({ data }) => {
  if (data.ready) play();
  else if (data.ended) done(data.ended);
  else {
    // rows: row, bid, ask, last, five indicators each
    const { marks, rows } = data;
    const got = now();
    for (let at = 0; at < rows.length; at += 9) {
      const texts = cells[rows[at]];
      let same = true;
      for (let n = 0; n < 8; n++) {
        const [value, place] = [rows[at + n + 1], rows[at] * 8 + n];
        if (Object.is(shown[place], value)) continue;
        shown[place] = value;
        same = false;
        const text = n < 3 ? (value === 0 ? "" : (value / 1e8).toFixed(2)) : Number.isNaN(value) ? "" : value.toFixed(4);
        texts[n + 1] = text.padStart(WIDTH);
      }
      if (!same) lines[rows[at]].data = texts.join("");
    }
    worker.postMessage("shown");
    if (unpainted === samples.length) requestAnimationFrame(() => port2.postMessage(null));
    samples.push([...marks, got, now()]);
  }
});
const run = async (address) => {
  [samples, unpainted] = [[], 0];
  const ended = await new Promise((resolve) => {
    done = resolve;
    worker.postMessage(address);
  });
  return { ...ended, samples: samples.slice(0, unpainted) };
};
async function play() {
  let found;
  for (const address of asked.getAll("play")) found = await run(address);
  worker.postMessage({ to: asked.get("to"), found }); // the policy lets only the worker reach others
}
