// The page that a provider's sign-in comes back to, and the window that waits before it goes there. It sees no code and no
// token: the proxy has sealed the code into its cookie, the address holds only the provider, the outcome and the state. It tells
// the desk, shows what the desk says of each step, and closes. Without a desk that waits it goes on to one in this window.

const CHANNEL = "kontor.oauth";
const PATIENCE_MS = 1500; // for a desk in another window to answer
const LEAVING = "kontor.signin"; // set in this window when the whole page went to the provider

const $ = (id) => document.getElementById(id);
const [provider = "", outcome = "", state = ""] = decodeURIComponent(location.hash.slice(1)).split(":");
history.replaceState(null, "", location.pathname); // nothing of the sign-in stays in the history
const channel = new BroadcastChannel(CHANNEL);
const lines = []; // {at, ansi, plain}, in the order of time
let screen = null;
let settled = false;

// Without the desk's Python this page writes its own few lines the way app/ui/terminal/lines.py does.
const LEVELS = { info: ["info ", "\x1b[37m"], good: ["ok   ", "\x1b[32m"], warn: ["WARN ", "\x1b[33m"], error: ["ERROR", "\x1b[1;31m"] };
const say = (level, text) => {
  const now = new Date();
  const two = (value) => String(value).padStart(2, "0");
  const when = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${String(now.getMilliseconds()).padStart(3, "0")}`;
  const [word, colour] = LEVELS[level];
  add([{ at: now.getTime(), ansi: `\x1b[90m${when}\x1b[0m  ${colour}${word}\x1b[0m  \x1b[34moauth  \x1b[0m  ${text}\r\n`, plain: `${when}  ${word}  oauth    ${text}` }]);
};
const add = (more) => {
  lines.push(...more);
  lines.sort((a, b) => a.at - b.at);
  screen?.replace(lines.map(({ ansi }) => ansi).join(""));
  $("lines").replaceChildren(...lines.map(({ plain }) => Object.assign(document.createElement("li"), { textContent: plain })));
};

const show = (kind, title, sentence, remedy = "") => {
  document.querySelector("main").dataset.state = kind;
  document.title = `${title} · Kontor`;
  $("title").textContent = title;
  $("sentence").textContent = sentence;
  $("remedy").textContent = remedy;
  $("remedy").hidden = !remedy;
};
const openSteps = async () => {
  $("terminal").hidden = false;
  $("steps").hidden = true;
  $("steps").setAttribute("aria-expanded", "true");
  try {
    const { createScreen } = await import("./terminal/screen.mjs");
    screen = await createScreen($("screen"));
    screen.replace(lines.map(({ ansi }) => ansi).join(""));
    globalThis.kontor = { terminal: screen };
  } catch (error) {
    $("screen").hidden = true;
    $("lines").classList.remove("away"); // the plain list stands in
    say("warn", `The terminal's screen could not be loaded: ${error.message}`);
  }
};
$("steps").addEventListener("click", openSteps);
$("close").addEventListener("click", () => close());

const done = ({ ok, title, sentence, remedy }) => {
  settled = true;
  show(ok ? "good" : "failed", title, sentence, remedy);
  $("close").hidden = false;
  if (ok) close(); // where the browser does not let a page close itself, the button and the sentence stay
  else if ($("terminal").hidden) openSteps();
};
const toDesk = () => {
  settled = true;
  location.replace(`./#/network?signed=${encodeURIComponent([provider, outcome, state].join(":"))}`);
};

channel.addEventListener("message", ({ data }) => {
  if (!provider || data?.provider !== provider) return;
  if (data.t === "go") go(data.url);
  else if (data.t === "took") settled = true;
  else if (data.t === "lines") add(data.lines);
  else if (data.t === "done") done(data);
});

// Before: a window that was opened on the press of a button, because browsers open none later. The desk sends the address.
const go = (address) => {
  const url = new URL(address);
  const loopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && loopback)) location.replace(url.href);
  else done({ ok: false, title: "Not signed in", sentence: `The sign-in page has an address that is not encrypted: ${url.origin}.`, remedy: "Tell whoever runs the proxy." });
};

if (outcome === "wait") {
  show("working", "Signing in", "The desk asks the proxy for the sign-in page.");
  say("info", "This window waits for the address of the sign-in page");
  channel.postMessage({ t: "ready", provider });
} else if (!/^[a-z0-9_-]{1,64}$/i.test(provider) || !outcome) {
  show("failed", "Nothing to sign in to", "This page is where a sign-in comes back to. It was opened without one.");
  $("back").hidden = false;
  $("steps").hidden = true;
} else {
  const came = outcome === "ok";
  show("working", "Signing in", came ? "You have signed in; the desk fetches its key." : "The provider sent you back without a sign-in.");
  say(came ? "good" : "warn", came ? `${provider} sent you back with a code; the proxy keeps it sealed` : `${provider} sent you back without a code: ${outcome}`);
  if (sessionStorage.getItem(LEAVING) === provider) {
    sessionStorage.removeItem(LEAVING);
    toDesk();
  } else {
    channel.postMessage({ t: "back", provider, outcome, state });
    setTimeout(() => settled || toDesk(), PATIENCE_MS);
  }
}
