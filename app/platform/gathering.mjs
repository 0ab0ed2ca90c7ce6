// A WebSocket of a market in the market worker (worker/market.mjs): its frames are gathered, read to columns, and handed to the desk's
// worker, which says when it has worked on them. Until then nothing more goes there: what comes waits here, and the desk's worker has no
// more of the market queued than one hand-over of each socket, whatever it is busy with.
//
// The first frame after a pause goes as soon as those that queued with it were taken in. Where more come, a hand-over follows the last one
// after GATHER, because each costs the desk as much as many frames. No more go at once than about MOST_WORK takes the desk to work on.
//
// Where FAST or more come in a millisecond, this thread sleeps for GATHER, takes in what queued meanwhile, and sleeps again: waking a thread
// for a frame costs the browser as much as the rest of the frame's way.

const GATHER = 1; // ms
const FAST = 4; // frames a ms, of PACE
const PACE = 4; // ms
const MOST_WORK = 4;
const FEWEST = 16;
const SMOOTH = 0.3;
const CLOSED = 3;
const utf8 = new TextDecoder();
const bed = globalThis.SharedArrayBuffer ? new Int32Array(new SharedArrayBuffer(4)) : null; // without it there is no sleep

// What each socket does when the frames that queued were taken in. One that returns true wants to sleep.
const taking = new Set();
const { port1, port2 } = new MessageChannel();
let [asleep, woke] = [0, -GATHER]; // ms: the last sleep
const afterQueued = (taken) => {
  if (taking.size === 0) port2.postMessage(null); // comes after the frames that wait already
  taking.add(taken);
};
port1.onmessage = () => {
  let tired = false;
  for (const taken of taking) tired = taken() || tired;
  taking.clear();
  woke = -GATHER;
  if (!tired) return;
  asleep = performance.now();
  Atomics.wait(bed, 0, 0, GATHER);
  woke = performance.now();
};

// `tell(what, transfer)` gets {opened: true}, {count, first, words, left, took} (frames, when the first came (ms of performance.now), what
// `reader` made of them and left over, in how many ms) and, once and last, {closed: [code, reason]}. Throws for an address no socket may be opened to.
export const gather = (url, reader, tell) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let frames = [];
  let times = []; // ms, of each frame: when it came, at the earliest
  let gone = 0; // of these so many were handed over
  let cost = MOST_WORK / 64; // ms a frame takes the desk, as it turned out so far
  let out = 0; // frames the desk works on
  let last = -GATHER; // ms: when some were handed over
  let [asked, timer, ended] = [false, null, null];
  let [came, since, fast] = [0, 0, false]; // frames since then (ms), whether they come fast
  const measure = (now) => {
    if (now - since < PACE) return;
    fast = bed !== null && came >= FAST * (now - since);
    [came, since] = [0, now];
  };
  const taken = () => {
    asked = false;
    if (ended) return false;
    due();
    return fast;
  };
  const due = () => {
    clearTimeout(timer);
    timer = null;
    if (out) return;
    if (gone === frames.length) {
      if (ended) tell({ closed: ended });
      return;
    }
    const wait = ended ? 0 : last + GATHER - performance.now();
    if (wait > 0) timer = setTimeout(due, Math.ceil(wait)); // a part of one would be none
    else hand();
  };
  const hand = () => {
    const count = Math.min(frames.length - gone, Math.max(FEWEST, Math.floor(MOST_WORK / cost)));
    const [some, first] = [frames.slice(gone, gone + count), times[gone]];
    gone += count;
    if (2 * gone > frames.length) [frames, times, gone] = [frames.slice(gone), times.slice(gone), 0];
    const start = performance.now();
    const words = reader.read(some);
    const left = reader.left.length ? reader.takeLeft() : null;
    out = count;
    last = performance.now();
    tell({ count, first, words, left, took: last - start, now: last }, [words.buffer]);
  };
  const end = (code, reason) => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    ended = [code, reason];
    due();
  };
  const ask = () => {
    asked = true;
    afterQueued(taken);
  };
  socket.onopen = () => tell({ opened: true });
  socket.onmessage = ({ data }) => {
    const now = performance.now();
    frames.push(typeof data === "string" ? data : utf8.decode(data)); // some venues send their text in binary frames
    times.push(now - woke < GATHER ? asleep : now);
    came++;
    measure(now);
    if (fast && !asked) ask();
    if (out) return;
    if (asked) {
      if (now - Math.max(woke, last, times[gone]) > GATHER) due(); // a burst without an end
    } else if (now - last < GATHER) {
      if (timer === null) due();
    } else if (timer !== null) due(); // timers are late in a burst
    else ask();
  };
  socket.onclose = ({ code, reason }) => end(code, reason);
  // refused by the content security policy: no close event will come
  if (socket.readyState === CLOSED) setTimeout(() => end(1006, "the page's policy does not allow this address"));
  return {
    // the desk has worked on what it was handed, which took it so many ms
    worked(ms) {
      const each = ms / out;
      cost += out < FEWEST ? 0 : SMOOTH * (Math.max(each, 1e-3) - cost);
      out = 0;
      due();
    },
    send: (text) => socket.send(text),
    // what is left is not wanted
    close(code, reason) {
      [frames, times, gone] = [[], [], 0];
      socket.onmessage = null;
      socket.close(code, reason);
    },
  };
};
