// One tab is the desk: its page holds the lead, a Web Lock, for as long as it lives. Every other tab follows: a page without a worker, which
// talks with the leading tab's worker over a channel of its own. What each message means is app/desk/followers.py's; docs/tabs.md has the whole.

const LEAD = "kontor-desk";
const ALIVE = "kontor-desk-alive"; // held beside the lead; who follows waits for it, shared, and so learns at once that nobody leads
const EVERYBODY = "kontor.desk";
const RELOAD_MS = 400; // a tab that reloads asks while the browser still clears up what it held
const BETWEEN_MS = 600; // so long nobody leads while a tab reloads, or hands over
const ANSWER_MS = 5_000;
const QUEUE = 100;

const FOLLOWING = { code: "following", field: null, reason: "this tab follows another one, which is the desk", remedy: "take over here first, or do it in the other tab" };
const NOBODY = { code: "no_desk", field: null, reason: "no tab is the desk now", remedy: "take over here" };

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let letGo = null;

// Whether this tab leads now. `how`: nothing to wait for it, else as navigator.locks.request has it. `lost` is called when another tab
// takes it away.
export const takeLead = (how, lost) => {
  if (!navigator.locks) return Promise.resolve(true); // no other tab can be told from this one
  return new Promise((done) => {
    let mine = false;
    const hold = (lock) => {
      if (lock === null) return done(false);
      mine = true;
      const { promise, resolve } = Promise.withResolvers();
      letGo = resolve;
      navigator.locks.request(ALIVE, { steal: true }, () => promise).catch(() => {}); // the next one that leads takes it
      done(true);
      return promise;
    };
    navigator.locks.request(LEAD, how, hold).catch(() => {
      if (!mine) return done(false);
      letGo = null;
      lost();
    });
  });
};

export const takeLeadAtStart = async (lost) =>
  (await takeLead({ ifAvailable: true }, lost)) || takeLead({ signal: AbortSignal.timeout(RELOAD_MS) }, lost);

export const leaveLead = () => {
  letGo?.();
  letGo = null;
};

const hasLeader = async () => (await navigator.locks.query()).held.some(({ name }) => name === LEAD);

// Follows whichever tab leads. `hear(text)` gets what its worker says to this page; `changed(state)` is called with `waiting` (for its
// answer), `following`, `gone` (nobody leads), `full` (too many follow); `asked()` when that tab asks this one to take over. Gives what
// stands in for the worker: postMessage and message events; and `handOver()`, `close()`.
export const follow = ({ hear, changed, asked }) => {
  const id = crypto.randomUUID();
  const own = new BroadcastChannel(`kontor.follow.${id}`);
  const everybody = new BroadcastChannel(EVERYBODY);
  const desk = new EventTarget(); // as a worker is, for the page
  const closing = new AbortController();
  const waiting = [];
  let worker = null; // which one answered
  let state = "waiting";
  let joined = Promise.withResolvers();
  let handed = null;
  navigator.locks.request(`kontor-follow.${id}`, { signal: closing.signal }, () => new Promise((done) => closing.signal.addEventListener("abort", done))).catch(() => {});

  const set = (next) => {
    if (state === next || closing.signal.aborted) return;
    state = next;
    changed(next);
  };
  const deliver = (data) => {
    hear(data);
    desk.dispatchEvent(new MessageEvent("message", { data }));
  };
  const refuse = (number, error) => queueMicrotask(() => deliver(JSON.stringify({ t: "reply", id: number, ok: false, error })));
  const join = () => everybody.postMessage(JSON.stringify({ t: "follow", id }));
  const welcome = (from) => {
    const first = worker === null;
    worker = from;
    set("following");
    joined.resolve();
    if (first) for (const text of waiting.splice(0)) own.postMessage(text);
    else if (waiting.length) waiting.length = 0; // what was asked of the one before has failed: the page asks anew
  };
  own.onmessage = ({ data }) => {
    if (data.startsWith('{"t":"welcome"')) {
      const { worker: from } = JSON.parse(data);
      if (worker !== null && worker !== from) deliver('{"t":"again"}');
      welcome(from);
    } else if (data.startsWith('{"t": "full"')) set("full");
    else if (data.startsWith('{"t": "take"')) asked();
    else if (handed && data.startsWith(`{"t":"reply","id":"${id}"`)) handed(JSON.parse(data));
    else if (worker !== null) deliver(data);
  };
  everybody.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.t === "desk" && message.worker !== worker) join();
  };
  const blank = () => {
    if (worker === null) return;
    deliver('{"t":"again"}'); // with the desk its vault is closed: nothing of the account stays on this page
    worker = "";
  };
  const watch = async () => {
    while (!closing.signal.aborted) {
      await navigator.locks.request(ALIVE, { mode: "shared", signal: closing.signal }, () => {});
      if (await hasLeader()) {
        await pause(200); // it is about to hold both
        continue;
      }
      await pause(BETWEEN_MS);
      if (await hasLeader()) continue;
      joined = Promise.withResolvers();
      blank();
      set("gone");
      await joined.promise;
    }
  };
  watch().catch(() => {}); // closed
  join();

  return {
    desk: Object.assign(desk, {
      postMessage(data) {
        if (typeof data === "string") {
          if (worker) own.postMessage(data);
          else if (data.startsWith('{"do": "painted"')) return;
          else if (worker === null && waiting.length < QUEUE) waiting.push(data);
          else refuse(JSON.parse(data).id, NOBODY);
          return;
        }
        for (const name of ["secret", "current"]) data[name]?.fill(0);
        refuse(data.id, FOLLOWING); // bytes never cross
      },
    }),
    get state() {
      return state;
    },
    // Asks the leading tab to hand over. `answered` is called with its reply, also a late one; before that, after a while, with null.
    handOver(answered) {
      const late = setTimeout(() => answered(null), ANSWER_MS);
      handed = (reply) => {
        clearTimeout(late);
        handed = null;
        answered(reply);
      };
      own.postMessage(JSON.stringify({ do: "tab.hand_over", id }));
    },
    close() {
      closing.abort();
      own.close();
      everybody.close();
    },
  };
};
