// A WebSocket of a market in the market worker (worker/market.mjs): its frames are gathered, read to columns, and handed to the desk's
// worker, which says when it has worked on them. Until then nothing more goes there: what comes waits here, and the desk's worker has no
// more of the market queued than one hand-over of each socket, whatever it is busy with.
//
// The first frame after a rest goes as soon as those that queued with it were taken in. Where more come, a hand-over follows the last one
// after GATHER, because each costs the desk as much as many frames. No more go at once than about MOST_WORK takes the desk to work on.

const GATHER = 1; // ms
const MOST_WORK = 4;
const FEWEST = 16;
const SMOOTH = 0.3;
const CLOSED = 3;
const utf8 = new TextDecoder();

// `tell(what, transfer)` gets {opened: true}, {count, first, words, left, took} (frames, when the first came (ms of performance.now), what
// `reader` made of them and left over, in how many ms) and, once and last, {closed: [code, reason]}. Throws for an address no socket may be opened to.
export const gather = (url, reader, tell) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const { port1, port2 } = new MessageChannel();
  let frames = [];
  let times = []; // ms, of each frame
  let gone = 0; // of these so many were handed over
  let cost = MOST_WORK / 64; // ms a frame takes the desk, as it turned out so far
  let out = 0; // frames the desk works on
  let last = -GATHER; // ms: when some were handed over
  let [asked, timer, ended] = [false, null, null];
  const due = () => {
    clearTimeout(timer);
    timer = null;
    if (out) return;
    if (gone === frames.length) {
      if (ended) finish();
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
  const finish = () => {
    port1.close();
    port2.close();
    tell({ closed: ended });
  };
  const end = (code, reason) => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    ended = [code, reason];
    due();
  };
  port1.onmessage = () => {
    asked = false;
    due();
  };
  socket.onopen = () => tell({ opened: true });
  socket.onmessage = ({ data }) => {
    const now = performance.now();
    frames.push(typeof data === "string" ? data : utf8.decode(data)); // some venues send their text in binary frames
    times.push(now);
    if (out || timer !== null) {
      if (!out && now - last >= GATHER) due(); // timers are late in a burst
    } else if (now - last < GATHER) due();
    else if (!asked) {
      asked = true;
      port2.postMessage(null); // comes after the frames that wait already
    } else if (now - times[gone] > GATHER) due();
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
