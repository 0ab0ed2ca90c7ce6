// The page's start: desk worker and Python in parallel, progress in real steps and bytes, a failure screen that needs
// no Python, the service worker, and the few things Python must ask of JavaScript (globalThis.kontor). Where another tab is the desk there
// is no worker: this page follows that one (tabs.mjs).

import { bootPage, fallbackReason, handingOver, isKept, onProgress, phase } from "./interpreter.mjs";
import { follow, leaveLead, takeLead, takeLeadAtStart } from "./tabs.mjs";

const root = new URL("../../", import.meta.url);
const page = document.documentElement;
const log = [];
const note = (text) => log.push(`${performance.now().toFixed(1).padStart(9)} ms  ${text}`);
const megabytes = (bytes) => (bytes / 2 ** 20).toFixed(1);

// Progress: what is happening, and how much has come.
const loaded = new Map();
const say = (text) => {
  const bar = document.getElementById("boot"); // not there yet while the page is still being read
  if (bar) bar.textContent = text;
};
const STEPS = {
  python: "starting Python",
  "parts-wasm": "fetching the runtime",
  "parts-snapshot": "fetching Python",
  "parts-code": "fetching the desk",
  "parts-lock": "fetching the list of packages",
  "parts-stdlib": "fetching the standard library",
  restore: "restoring Python",
  plain: "starting Python without the snapshot",
  pyscript: "starting PyScript",
  worker: "starting the desk",
  stopped: "the desk worker",
};
let step = "starting";
let over = false; // failed: what is still running does not speak over it
const show = () => {
  if (over) return;
  let got = 0;
  let all = 0;
  for (const [part, total] of loaded.values()) {
    got += part;
    all += total;
  }
  say(all ? `${step}, ${megabytes(got)} of ${megabytes(all)} MB` : step);
};
onProgress({
  step(name) {
    step = STEPS[name] ?? name;
    note(step);
    show();
  },
  bytes(path, got, total) {
    loaded.set(path, [got, total]);
    show();
  },
  failed: (error) => failed(error.phase ?? "python", error),
});

// Failure: what failed, that nothing is lost, what to do. Once the desk runs, only the end of its worker is one.
export const failed = (where, error, running = page.dataset.desk === "ready") => {
  note(`FAILED ${where}: ${error?.stack ?? error}`);
  console.error("Kontor: failed at", where, error);
  if (over || (running && where !== "stopped")) return;
  over = true;
  page.dataset.desk = "failed";
  // A part may fail while the page itself is still being read.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => showFailure(where, error, running), { once: true });
  else showFailure(where, error, running);
};
const showFailure = (where, error, running) => {
  say(`failed: ${STEPS[where] ?? where}`);
  const box = document.getElementById("failure");
  if (!box) return;
  const card = document.createElement("div");
  const foot = document.createElement("div");
  card.className = "card";
  foot.className = "dialog-foot";
  const add = (tag, text, press) => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (press) {
      node.type = "button";
      node.className = "btn";
      node.addEventListener("click", press);
    }
    (press ? foot : card).append(node);
    return node;
  };
  box.replaceChildren(card);
  box.setAttribute("role", "alert");
  add("h2", running ? "The desk has stopped" : "The desk could not start");
  add("p", `What failed: ${STEPS[where] ?? where}. ${String(error?.message ?? error).slice(0, 400)}`);
  const kept = "Nothing that was kept is lost: the vault and its journal were not touched.";
  add("p", running ? `${kept} What stands on this page is old; no order is taken.` : kept);
  add("button", running ? "Start again" : "Try again", () => location.reload()).dataset.testid = "boot-retry";
  add("button", "Download the log", () => {
    const link = document.createElement("a");
    link.href = `data:text/plain;charset=utf-8,${encodeURIComponent(logText())}`;
    link.download = "kontor-boot.log";
    link.click();
  }).dataset.testid = "boot-log";
  card.append(foot);
  box.hidden = false;
};
const logText = () => [navigator.userAgent, location.origin + location.pathname, `isolated: ${crossOriginIsolated}`, fallbackReason, ...log].join("\n");
addEventListener("error", (event) => failed("page", event.error ?? event.message));
addEventListener("unhandledrejection", (event) => note(`unhandled: ${event.reason?.stack ?? event.reason}`));
setTimeout(() => page.dataset.desk === "booting" && !following && failed("time", new Error("the desk was not ready after two minutes")), 120_000);

// The desk worker; what it says before Python listens is kept in order.
const early = [];
let listener = null;
let desk;
let ended = 0;
let opened = false; // this worker has keys of the vault, or is about to have them
const deliver = (data) => {
  if (listener) listener(data);
  else early.push(data);
};
const startDesk = (handOver, how = {}) => {
  const worker = new Worker(new URL(`worker/desk.mjs${location.search}`, root), { type: "module", name: "kontor-desk" });
  const started = performance.now();
  desk = worker;
  worker.addEventListener("message", ({ data }) => {
    if (worker !== desk) return;
    if (typeof data !== "string") {
      if (data?.text) deliver(data); // with secret bytes, a file, or a long series of bars
      return;
    }
    if (data.startsWith('{"t":"hello"')) performance.measure(how.again ? "kontor:lock:worker" : "kontor:boot:worker", { start: started, end: performance.now() });
    else if (data.startsWith('{"t":"vault"')) opened = JSON.parse(data).holds;
    else if (data.startsWith('{"t": "followers"')) {
      tab.followers = JSON.parse(data).count;
      return tellTab();
    } else if (data.startsWith('{"t": "handed"')) return stepBack("handed");
    else if (data.startsWith('{"t":"lost"')) return stepBack("lost");
    else if (data.startsWith('{"t":"fatal"')) {
      const { phase: where, error } = JSON.parse(data);
      failed(page.dataset.desk === "ready" ? "stopped" : where, new Error(error));
      leaveLead(); // nothing runs there any more: another tab may lead
    }
    deliver(data);
    if (data.startsWith('{"t":"lock"')) replaceDesk();
  });
  worker.addEventListener("error", (event) => {
    const where = page.dataset.desk === "ready" ? "stopped" : "worker";
    failed(where, new Error(event.message || "the desk worker could not be loaded"));
  });
  handOver(worker, how);
};

// The vault is locked: the worker that held its keys ends, which frees its memory, and another begins with market data only. The lead
// is the page's, so the desk stays in this tab.
const replaceDesk = () => {
  opened = false;
  desk.terminate();
  startDesk(handOver, { again: ++ended });
  deliver('{"t":"again"}');
};

// Which tab is the desk. `tab` is what the page is told of it, as the message `tab`.
const tab = { t: "tab", role: "leader", state: "leading", why: "", followers: 0 };
let following = null;
const PATIENCE_MS = 5_000;
const STOLEN_S = 10; // what a tab that was passed over has under way leaves within 3 s, or not at all after the venue's 5 s
const tellTab = (changes = {}) => {
  Object.assign(tab, changes);
  page.dataset.role = tab.role;
  if (listener) listener(JSON.stringify(tab));
};
const followNow = (why) => {
  tab.followers = 0;
  following = follow({
    hear(data) {
      if (tab.state === "hanging") tellTab({ state: following.state }); // it lives
      deliver(data);
    },
    changed: (state) => tellTab({ state, ...(state === "following" && { why: "" }) }),
    asked: () => kontor.takeOver(),
  });
  desk = following.desk;
  deliver('{"t":"order_state","accepting":false,"reason":"this tab follows another one, which is the desk","see":"","real":false}');
  tellTab({ role: "follower", state: "waiting", why });
};
// Another tab leads from now on: the worker here ends at once, whatever it is doing, and this page follows.
const stepBack = (why) => {
  if (following) return;
  opened = false;
  desk?.terminate();
  leaveLead();
  followNow(why);
  deliver('{"t":"again"}');
};
const lost = () => stepBack("lost");
const leadNow = (how) => {
  following?.close();
  following = null;
  tellTab({ role: "leader", state: "leading", why: "" });
  startDesk(handOver, { again: ++ended, ...how });
  deliver('{"t":"again"}');
};
// Asks the tab that leads to hand over, and leads; `anyway` takes the lead from one that does not answer. What became of it is told as
// the state: `leading`, `hanging` (no answer), `refused`.
const takeOver = async (anyway) => {
  if (!following || tab.state === "asking") return;
  const alone = tab.state === "gone";
  tellTab({ state: "asking", why: "" });
  if (anyway) {
    await takeLead({ steal: true }, lost);
    return leadNow({ settleS: STOLEN_S });
  }
  const answered = async (answer) => {
    if (answer && !answer.ok) return tellTab({ state: "refused", why: `${answer.error.reason}: ${answer.error.remedy}` });
    if (!answer) return tellTab({ state: "hanging" });
    if (!(await takeLead({ signal: AbortSignal.timeout(PATIENCE_MS) }, lost))) return tellTab({ state: alone ? following.state : "hanging" });
    leadNow({ given: answer.result.given });
  };
  if (alone) return answered({ ok: true, result: { given: "" } });
  following.handOver(answered);
};

// A page that is about to be frozen gets no time for more: its worker ends with its keys. Its journal is whole at any moment.
const endBeforeFreeze = () => {
  if (!opened || following) return;
  opened = false;
  desk.terminate();
  leaveLead(); // another tab may lead meanwhile
  const thaw = async () => {
    document.removeEventListener("resume", thaw);
    removeEventListener("pageshow", thaw);
    const leads = await takeLeadAtStart(lost);
    if (leads) startDesk(handOver, { again: ++ended });
    else followNow("frozen");
    deliver('{"t":"lock","why":"frozen","at_ns":0}');
    deliver('{"t":"again"}');
  };
  document.addEventListener("resume", thaw);
  addEventListener("pageshow", thaw);
};
document.addEventListener("freeze", endBeforeFreeze);
addEventListener("pagehide", ({ persisted }) => persisted && endBeforeFreeze());

// Both interpreters start side by side. Where two cores are all there is and nothing has to be fetched, the page comes first: it
// answers sooner, and the worker is there before the trader has looked around.
const handOver = handingOver();
const reading = bootPage();
const FEW_CORES = 2;
const leading = takeLeadAtStart(lost);
const begin = async () => {
  if (isKept() && navigator.hardwareConcurrency <= FEW_CORES) await reading.catch(() => {});
  if (await leading) startDesk(handOver);
  else followNow("");
  page.dataset.role = tab.role;
};
begin();

globalThis.kontor = {
  get desk() {
    return desk;
  },
  failed,
  log: logText,
  listen(receive) {
    listener = receive;
    receive(JSON.stringify(tab));
    for (const text of early.splice(0)) receive(text);
  },
  takeOver: (anyway = false) => takeOver(anyway).catch((error) => failed("worker", error)),
  import: (url) => import(new URL(url, document.baseURI).href),
  // Passphrases stay out of Python: read, compare and clear them here.
  secretBytes(input) {
    const bytes = new TextEncoder().encode(input.value.normalize("NFKC"));
    input.value = "";
    return bytes;
  },
  sameSecret: (a, b) => a.value.normalize("NFKC") === b.value.normalize("NFKC"),
  secretLength: (input) => new TextEncoder().encode(input.value.normalize("NFKC")).length,
  // A recovery code goes from the worker's buffer onto the page, and is wiped.
  showSecret(element, bytes) {
    element.textContent = new TextDecoder().decode(bytes);
    bytes.fill(0);
  },
  acceptUpdate: () => waiting?.postMessage({ type: "accept-update" }),
};
reading.catch((error) => failed(error.phase ?? "python", error));

// Offline: the service worker comes after the desk, not before it; an update waits until the trader accepts it.
let waiting = null;
const offer = (worker) => {
  waiting = worker;
  dispatchEvent(new CustomEvent("kontor:update"));
};
const HOUR_MS = 3_600_000;
const keepOffline = async () => {
  const { serviceWorker } = navigator;
  let controlled = Boolean(serviceWorker.controller);
  serviceWorker.addEventListener("message", ({ data }) => {
    if (data?.type === "update-failed") note(`version ${data.version} was not kept, this one stays: ${data.reason}`);
  });
  let reloading = false;
  serviceWorker.addEventListener("controllerchange", () => {
    // The first install takes over without a reload. An update reloads every tab: two versions never share one vault.
    if (controlled && !reloading) {
      reloading = true;
      dispatchEvent(new CustomEvent("kontor:leaving")); // on purpose: nobody is asked
      location.reload();
    }
    controlled = true;
  });
  const registration = await serviceWorker.register(new URL("sw.js", root), { updateViaCache: "none" });
  if (registration.waiting && controlled) offer(registration.waiting);
  registration.addEventListener("updatefound", () => {
    const found = registration.installing;
    found?.addEventListener("statechange", () => {
      if (found.state === "installed" && serviceWorker.controller) offer(found);
    });
  });
  setInterval(() => registration.update().catch((error) => note(`no check for a new version: ${error}`)), HOUR_MS);
};
if (isSecureContext && navigator.serviceWorker) {
  const begin = () => setTimeout(() => keepOffline().catch((error) => note(`no offline copy: ${error}`)), 0);
  new MutationObserver((_, observer) => {
    if (page.dataset.desk !== "ready") return;
    observer.disconnect();
    begin();
  }).observe(page, { attributes: true, attributeFilter: ["data-desk"] });
}

// PyScript last: it looks for its script in the page. Its hooks would need unsafe-eval for workers, which this desk starts itself.
const parsed = document.readyState === "loading" && new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve, { once: true }));
addEventListener("py:progress", ({ detail }) => note(`PyScript: ${detail}`));
phase("pyscript", async () => {
  await Promise.all([parsed, leading]);
  const { hooks } = await import(new URL("vendor/pyscript/core.js", root).href);
  hooks.worker.onBeforeRunAsync.clear();
}).catch((error) => failed("pyscript", error));
