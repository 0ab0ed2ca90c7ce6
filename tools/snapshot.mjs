// node tools/snapshot.mjs PYODIDE_FOLDER CODE_ZIP TARGET
// Starts Pyodide, imports the standard library's modules that the desk uses and those of the desk's own that a start needs, and
// writes the memory. What is imported here costs no import at the start, but every megabyte is read and copied by each
// interpreter; all else comes from the zip when it is used. Modules that cannot be imported without a browser, or that keep
// JavaScript objects of their own from their import on, cannot be here.
// The format is described where it is read, in app/platform/snapshot.mjs.

import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { PAGE, placeSnapshot, packSnapshot } from "../app/platform/snapshot.mjs";

const [folder, code, target] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(folder, "pyodide.mjs")));
const { default: createPyodideModule } = await import(pathToFileURL(resolve(folder, "pyodide.asm.mjs")));

// Names that modules take from `js`. Python remembers by which path it found them and finds the real ones after the restore;
// only the kind has to be right: what can be called, what has a length.
const nothing = () => {
  throw new Error("there is no browser while the snapshot is made");
};
const OBJECTS = ["document", "navigator", "performance", "crypto", "location", "history", "indexedDB", "screen", "kontor", "self", "console"];
const WITH_LENGTH = ["window", "localStorage", "sessionStorage"];
const CLASSES = [
  ...["AbortController", "Blob", "BroadcastChannel", "CustomEvent", "Event", "IDBKeyRange", "IntersectionObserver", "MessageChannel"],
  ...["MutationObserver", "PerformanceObserver", "ResizeObserver", "TextDecoder", "TextEncoder", "URL", "URLSearchParams", "WebSocket", "Worker"],
];
const FUNCTIONS = [
  ...["addEventListener", "cancelAnimationFrame", "clearInterval", "clearTimeout", "fetch", "getComputedStyle", "matchMedia", "postMessage"],
  ...["queueMicrotask", "removeEventListener", "requestAnimationFrame", "requestIdleCallback", "setInterval", "setTimeout", "structuredClone"],
];
const stand_ins = {
  ...Object.fromEntries(OBJECTS.map((name) => [name, {}])),
  ...Object.fromEntries(WITH_LENGTH.map((name) => [name, { length: 0 }])),
  ...Object.fromEntries(CLASSES.map((name) => [name, class {}])),
  ...Object.fromEntries(FUNCTIONS.map((name) => [name, function () { nothing(); }])),
  caches: { has: nothing },
};
const browser = Object.create(globalThis);
for (const [name, value] of Object.entries(stand_ins)) {
  Object.defineProperty(browser, name, { value, writable: true, configurable: true, enumerable: true });
}

const LIBRARY = `
import __future__, abc, ast, asyncio, base64, bisect, builtins, collections, contextlib, copy, dataclasses, datetime, decimal, enum, functools, gc
import encodings.utf_8_sig, hashlib, heapq, hmac, html, importlib.util, inspect, io, itertools, json, keyword, linecache, marshal, math, operator, os
import pathlib, random, re, reprlib, secrets, signal, statistics, string, struct, sys, textwrap, threading, time, traceback, types, typing, unicodedata, urllib.parse
import uuid, warnings, weakref, zipfile, zipimport, zlib
import pyodide.code, pyodide.ffi
sys.path.insert(0, "/lib/kontor.zip")
`;
// What a start of the page and of its desk worker imports by itself, on the desk with the recorded market; what these import
// at their head comes along. tests/e2e/test_start.py fails when something is missing.
const STARTS = [
  "app.ui.main",
  ...["book", "chart", "chart_canvas", "fills", "net_proxy", "network", "orders", "positions"].map((name) => `app.ui.views.${name}`),
  ...["replay", "status", "tab_role", "tape", "ticket", "vault_notice", "watchlist"].map((name) => `app.ui.views.${name}`),
  ...["app.desk.service", "app.desk.network", "app.desk.portfolio", "app.desk.signin", "app.desk.summary", "app.platform.scheduler", "app.venues.replay"],
];

const importAll = async () => {
  const pyodide = await loadPyodide({ indexURL: resolve(folder), _makeSnapshot: true, jsglobals: browser });
  pyodide.FS.writeFile("/lib/kontor.zip", readFileSync(code));
  pyodide.runPython(LIBRARY);
  for (const name of STARTS) {
    try {
      pyodide.runPython(`import ${name}\nNone`);
      pyodide._api.serializeHiwireState();
    } catch (error) {
      throw new Error(`${name} cannot be in the snapshot, because it does not import without a browser or keeps JavaScript objects: ${error.message}`);
    }
  }
  pyodide.runPython("import gc\ngc.collect()\ngc.freeze()\nNone"); // what is in the snapshot stays: no collection has to look at it
  return pyodide;
};

// Freed memory and the unused stack hold what was there before; zeros need no room in the file.
const clearFree = (module) => {
  const top = module._sbrk(0);
  const blocks = [];
  for (let size = 1 << 20; size >= PAGE; size -= PAGE) {
    for (;;) {
      const start = module._malloc(size);
      if (start + size > top) {
        module._free(start);
        break;
      }
      module.HEAPU8.fill(0, start, start + size);
      blocks.push(start);
    }
  }
  for (const start of blocks) module._free(start);
};

const pyodide = await importAll();
clearFree(pyodide._module);
const memory = pyodide.makeMemorySnapshot();

// Restores as the browser will. A module that was only just created has used some pages by then: its static data and the
// start of its heap, with some room for differences between engines. Those are kept even where they are zeros here.
const MARGIN_PAGES = 64;
let used = [];
const restore = async (packed) => {
  const again = await loadPyodide({
    indexURL: resolve(folder),
    _loadSnapshot: packed.head,
    createPyodideModule: async (settings) => {
      const module = await createPyodideModule(settings);
      const [staticEnd, heapStart, heapEnd] = [module._emscripten_stack_get_end(), module._emscripten_stack_get_base(), module._sbrk(0)];
      used = [[0, Math.ceil(staticEnd / PAGE)], [Math.floor(heapStart / PAGE), Math.ceil(heapEnd / PAGE) + MARGIN_PAGES]];
      return placeSnapshot(module, packed);
    },
  });
  return again.runPython("import sys\nlen(sys.modules)");
};
await restore(packSnapshot(memory, []));
const packed = packSnapshot(memory, used);
const modules = await restore(packed);
console.error(`  snapshot: ${modules} modules, ${(packed.bytes.length / 2 ** 20).toFixed(1)} MB`);
writeFileSync(target, packed.bytes);
process.exit(0);
