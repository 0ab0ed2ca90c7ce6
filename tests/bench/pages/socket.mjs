// The same job by hand: socket in a worker, JSON.parse, newest quote kept, text of the page set. Latencies are kept in window.samples.
const url = new URLSearchParams(location.search).get("ws");
const table = document.getElementById("t");
const cells = new Map();
window.samples = [];
const worker = new Worker(`socket-worker.mjs?ws=${encodeURIComponent(url)}`, { type: "module" });
worker.addEventListener("message", ({ data: [received, rows] }) => {
  for (const [symbol, bid, ask] of rows) {
    let pair = cells.get(symbol);
    if (!pair) {
      const row = table.insertRow();
      row.insertCell().textContent = symbol;
      pair = [row.insertCell().appendChild(new Text("")), row.insertCell().appendChild(new Text(""))];
      cells.set(symbol, pair);
    }
    pair[0].data = bid;
    pair[1].data = ask;
  }
  worker.postMessage("painted");
  window.samples.push(performance.timeOrigin + performance.now() - received);
});
