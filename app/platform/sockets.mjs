// One WebSocket whose frames are gathered here: into Python they go together, in one call.
//
// Whatever has queued is handed over by a message to ourselves, which the browser delivers after the frames already waiting. In a burst it
// does so only when the burst is over; then the first frames are handed over as soon as they have waited for MOST_WAIT, whatever is still
// to come.
//
// No more go at once than about MOST_WORK takes to work on: other messages of the thread get their turn in between. While orders are under
// way (`giveWay`) that is not enough, as an order takes many turns: then pieces of a burst keep REST apart, until they are MOST_BEHIND,
// and on a socket where much comes none goes before its first frame has waited for HELD, so that an order alone is not held up at all.

const MOST_WAIT = 3; // ms
const MOST_WORK = 4;
const FEWEST = 16;
const SMOOTH = 0.3;
const REST = 5;
const MOST_BEHIND = 250;
const HELD = 20;
const AFTER = 4; // an order that was written has yet to be signed
const MUCH = 1; // ms between frames, about
const CLOSED = 3;
const utf8 = new TextDecoder();

let ordersFirst = false;
let ordersUntil = 0;
export const giveWay = (on) => {
  ordersFirst = on;
  if (!on) ordersUntil = performance.now() + AFTER;
};

// `deliver(frames, when)`: texts and when the first of them came (ms of performance.now); `closed(code, reason)` comes once. Throws for an
// address no socket may be opened to.
export const connect = (url, opened, deliver, closed) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const { port1, port2 } = new MessageChannel();
  let frames = [];
  let times = []; // ms, of each frame
  let gone = 0; // of these so many were handed over
  let cost = MOST_WORK / 64; // ms a frame, as it turned out so far
  let resting = null;
  let [last, gap] = [0, 100 * MUCH]; // ms: of the last frame, between frames
  const ask = () => port2.postMessage(null);
  const goOn = () => {
    if (!ordersFirst || performance.now() - times[gone] > MOST_BEHIND) return ask();
    rest();
  };
  const rest = () => {
    resting = setTimeout(() => {
      resting = null;
      take();
    }, REST);
  };
  const take = () => {
    const now = performance.now();
    const held = gap < MUCH && (ordersFirst || now < ordersUntil) && now - times[gone] < HELD;
    if (held) rest();
    else hand();
  };
  const hand = () => {
    const count = Math.min(frames.length - gone, Math.max(FEWEST, Math.floor(MOST_WORK / cost)));
    if (count === 0) return;
    const [some, first] = [frames.slice(gone, gone + count), times[gone]];
    gone += count;
    if (2 * gone > frames.length) [frames, times, gone] = [frames.slice(gone), times.slice(gone), 0];
    const start = performance.now();
    try {
      deliver(some, first);
    } finally {
      const each = (performance.now() - start) / count;
      cost += count < FEWEST ? 0 : SMOOTH * (Math.max(each, 1e-3) - cost);
      if (frames.length && resting === null) goOn();
    }
  };
  const finish = (code, reason) => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    clearTimeout(resting);
    resting = 0; // nothing is asked for any more
    while (frames.length) hand();
    port1.close();
    port2.close();
    closed(code, reason);
  };
  port1.onmessage = () => resting === null && take();
  socket.onopen = () => opened();
  socket.onmessage = ({ data }) => {
    const now = performance.now();
    frames.push(typeof data === "string" ? data : utf8.decode(data)); // some venues send their text in binary frames
    times.push(now);
    gap += (Math.min(now - last, 10 * MUCH) - gap) / 64;
    last = now;
    if (frames.length === 1) ask();
    else if (resting === null && now - times[gone] > MOST_WAIT) take();
  };
  socket.onclose = ({ code, reason }) => finish(code, reason);
  // refused by the content security policy: no close event will come
  if (socket.readyState === CLOSED) setTimeout(() => finish(1006, "the page's policy does not allow this address"));
  return socket;
};
