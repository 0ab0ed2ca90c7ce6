// WebSockets of the desk's worker.
//
// `connect`: a socket of this thread, for orders and their answers. `connectMarket`: one in the market worker (gathering.mjs), which hands
// over what came of the market in columns, one piece at a time. While an order or a report is being written (`giveWay`), and for AFTER
// then, a piece waits here until its first frame is HELD ms old: an order takes many turns of the thread, and each would wait for a piece.

const AT_ONCE = 64; // frames
const HELD = 20; // ms
const AFTER = 4; // an order that was written has yet to be signed
const AGAIN = 4;
const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];
const utf8 = new TextDecoder();

let ordersFirst = false;
let ordersUntil = 0;
export const giveWay = (on) => {
  ordersFirst = on;
  if (!on) ordersUntil = performance.now() + AFTER;
};

// `deliver(frames, when)`: texts that queued together, and when the first of them came (ms of performance.now); `closed(code, reason)` comes
// once. Throws for an address no socket may be opened to.
export const connect = (url, opened, deliver, closed) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const { port1, port2 } = new MessageChannel();
  let frames = [];
  let times = [];
  const ask = () => port2.postMessage(null); // comes after the frames that wait already
  const hand = () => {
    if (!frames.length) return;
    const [some, first] = [frames.splice(0, AT_ONCE), times.splice(0, AT_ONCE)[0]];
    if (frames.length) ask();
    deliver(some, first);
  };
  const finish = (code, reason) => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    while (frames.length) hand();
    port1.close();
    port2.close();
    closed(code, reason);
  };
  port1.onmessage = hand;
  socket.onopen = () => opened();
  socket.onmessage = ({ data }) => {
    frames.push(typeof data === "string" ? data : utf8.decode(data)); // some venues send their text in binary frames
    times.push(performance.now());
    if (frames.length === 1) ask();
  };
  socket.onclose = ({ code, reason }) => finish(code, reason);
  // refused by the content security policy: no close event will come
  if (socket.readyState === CLOSED) setTimeout(() => finish(1006, "the page's policy does not allow this address"));
  return socket;
};

let worker = null;
let ahead = Infinity; // ms: our clock less the market worker's, from the message that came fastest
let lastId = 0;
const markets = new Map();
export const spent = { reading: 0 }; // ms, in the market worker
const held = [];
let timer = null;

// The same of a market, by way of the market worker: `deliver(count, words, left, when)` gets what a ColumnReader of `told` made of so many
// frames (see columns.mjs), and the texts that it left over, or null.
export const connectMarket = (url, told, opened, deliver, closed) => {
  if (!/^wss?:/.test(new URL(url).protocol)) throw new SyntaxError("not the address of a socket"); // as a WebSocket would
  worker ??= start();
  const id = ++lastId;
  const socket = {
    readyState: CONNECTING,
    opened,
    deliver,
    closed,
    send: (text) => worker.postMessage({ id, send: text }),
    close: (code, reason) => worker.postMessage({ id, close: [code, reason] }),
  };
  markets.set(id, socket);
  worker.postMessage({ id, connect: url, told });
  return socket;
};

const start = () => {
  const made = new Worker(new URL("../../worker/market.mjs", import.meta.url), { type: "module", name: "kontor-market" });
  ahead = Infinity;
  made.onmessage = ({ data }) => {
    const { id, opened, count, closed, now } = data;
    if (now !== undefined) ahead = Math.min(ahead, performance.now() - now);
    const socket = markets.get(id);
    if (!socket) return;
    if (count) give(data);
    else if (opened) {
      socket.readyState = OPEN;
      socket.opened();
    } else if (closed) end(id, ...closed);
  };
  made.onerror = (event) => {
    event.preventDefault();
    if (worker !== made) return;
    worker = null; // the next connection tries again
    made.terminate();
    const why = event.message ? `failed: ${event.message}` : "could not be started";
    for (const id of [...markets.keys()]) end(id, 1006, `worker/market.mjs ${why}`);
  };
  return made;
};

const end = (id, code, reason) => {
  const socket = markets.get(id);
  markets.delete(id);
  socket.readyState = CLOSED;
  socket.closed(code, reason);
};

const give = (piece) => {
  const now = performance.now();
  const first = piece.first + ahead;
  if ((ordersFirst || now < ordersUntil) && now - first < HELD) {
    held.push(piece);
    timer ??= setTimeout(giveHeld, AGAIN);
    return;
  }
  const { id, count, words, left, took } = piece;
  spent.reading += took;
  try {
    markets.get(id)?.deliver(count, words, left, first);
  } finally {
    worker?.postMessage({ id, worked: performance.now() - now });
  }
};

const giveHeld = () => {
  timer = null;
  for (const piece of held.splice(0)) give(piece);
};
