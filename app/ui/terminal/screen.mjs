// The terminal's screen: xterm, loaded when the first one opens, in the page's colours. It shows lines and is never typed into;
// commands have a field of their own. Used by the page's Python and by the callback page, which has none.

import "./sheet.mjs";

const root = new URL("../../../", import.meta.url);
const library = (name) => import(new URL(`vendor/xterm/${name}`, root).href);

// xterm's colour -> the page's. Every one is readable on the terminal's surface, in both themes.
const COLOURS = {
  background: "surface-0",
  foreground: "text-0",
  selectionBackground: "surface-2",
  black: "surface-0",
  red: "danger",
  green: "up",
  yellow: "amber",
  blue: "accent",
  magenta: "down",
  cyan: "text-1",
  white: "text-1",
  brightBlack: "text-2",
  brightRed: "danger",
  brightGreen: "up",
  brightYellow: "amber",
  brightBlue: "accent",
  brightMagenta: "down",
  brightCyan: "text-1",
  brightWhite: "text-0",
};
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const theme = () => Object.fromEntries(Object.entries(COLOURS).map(([name, of]) => [name, token(of)]));

const styled = () =>
  new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("vendor/xterm/xterm.css", root).href;
    link.addEventListener("load", resolve, { once: true });
    link.addEventListener("error", () => reject(new Error("xterm.css could not be loaded")), { once: true });
    document.head.append(link);
  });
let ready = null;
const parts = () => {
  ready ??= Promise.all([library("xterm.mjs"), library("addon-fit.mjs"), library("addon-search.mjs"), styled()]);
  ready.catch(() => (ready = null)); // the next time tries again
  return ready;
};

// A screen in the element, which has to have a size. `found(index, count)` is told after each search; index -1: nothing.
export const createScreen = async (holder, found = () => {}) => {
  const [{ Terminal }, { FitAddon }, { SearchAddon }] = await parts();
  const terminal = new Terminal({
    allowProposedApi: true, // the search marks its matches
    convertEol: true,
    disableStdin: true,
    cursorInactiveStyle: "none",
    cursorStyle: "bar",
    cursorWidth: 1,
    fontFamily: token("mono"),
    fontSize: 12,
    lineHeight: 1.25,
    scrollback: 6000,
    theme: theme(),
  });
  const fit = new FitAddon();
  const search = new SearchAddon({ highlightLimit: 1000 });
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  // Tab, Escape and the page's shortcuts are the page's; xterm keeps what scrolls and the browser what copies.
  terminal.attachCustomKeyEventHandler((event) => ["PageUp", "PageDown", "Home", "End"].includes(event.key) && event.shiftKey);
  search.onDidChangeResults(({ resultIndex, resultCount }) => found(resultIndex, resultCount));
  terminal.open(holder);
  terminal.textarea.setAttribute("aria-label", "Lines of the terminal, to scroll and copy; as a list they are read aloud");
  terminal.textarea.readOnly = true;
  const observer = new ResizeObserver(() => holder.clientHeight && fit.fit());
  observer.observe(holder);
  fit.fit();
  const marks = () => ({
    matchBackground: token("surface-2"),
    matchBorder: token("line"),
    matchOverviewRuler: token("line"),
    activeMatchBackground: token("surface-2"),
    activeMatchBorder: token("accent"),
    activeMatchColorOverviewRuler: token("accent"),
  });
  return {
    write: (text) => terminal.write(text),
    replace(text) {
      search.clearDecorations();
      terminal.reset();
      terminal.write(text);
    },
    find: (text, back) => (back ? search.findPrevious(text, { decorations: marks() }) : search.findNext(text, { decorations: marks() })),
    endFind() {
      search.clearDecorations();
      terminal.clearSelection();
    },
    selection: () => terminal.getSelection(),
    recolour: () => (terminal.options.theme = theme()),
    toEnd: () => terminal.scrollToBottom(),
    focus: () => terminal.focus(),
    // For tests: what stands on the screen and above it.
    text() {
      const lines = [];
      const buffer = terminal.buffer.active;
      for (let index = 0; index < buffer.length; index += 1) lines.push(buffer.getLine(index).translateToString(true));
      return lines.join("\n").trimEnd();
    },
    close() {
      observer.disconnect();
      terminal.dispose();
    },
  };
};
