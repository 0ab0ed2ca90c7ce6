const url = new URLSearchParams(location.search).get("ws");
const quotes = new Map();
let oldest = 0;
let owed = false;
const send = () => {
  if (owed || !oldest) return;
  owed = true;
  postMessage([oldest, [...quotes.values()]]);
  oldest = 0;
  quotes.clear();
};
addEventListener("message", () => {
  owed = false;
  send();
});
const socket = new WebSocket(`${url}?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade`);
socket.addEventListener("message", ({ data }) => {
  oldest ||= performance.timeOrigin + performance.now();
  const { data: event } = JSON.parse(data);
  if ("A" in event && !("e" in event)) quotes.set(event.s, [event.s, event.b, event.a]);
  send();
});
