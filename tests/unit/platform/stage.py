"""Modules of app/platform in Node, with a clock, timers and a socket in the test's hand."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

_FOLDER = (Path(__file__).resolve().parents[3] / "app" / "platform").as_uri()
_STAGE = """
let clock = 0;
let refused = false;
Object.defineProperty(globalThis, "performance", { value: { now: () => clock } });
let timers = [];
globalThis.setTimeout = (work, ms = 0) => { const timer = { work, at: clock + ms }; timers.push(timer); return timer; };
globalThis.clearTimeout = (timer) => { timers = timers.filter((one) => one !== timer); };
const fire = () => { for (const { work } of timers.filter(({ at }) => at <= clock).map((timer) => (clearTimeout(timer), timer))) work(); };
let asleep = () => {};
Atomics.wait = (cell, at, value, ms) => { clock += ms; asleep(); };
globalThis.WebSocket = class {
  constructor() { globalThis.socket = this; this.readyState = refused ? 3 : 0; }
  close(...why) { this.closedWith = why; }
};
const module = (name) => `${process.argv[1]}/${name}.mjs`;
const turns = async (count) => { for (let n = 0; n < count; n++) await new Promise((done) => setImmediate(done)); };
const said = [];
"""


def play(*scripts: str) -> list:
    """What they pushed onto ``said``. There are ``clock`` (ms), ``timers`` and ``fire()`` (run those that are due), ``turns(n)`` of the loop,
    ``asleep()`` (called when the thread has slept), the last ``socket``, ``refused`` for those to come, and ``module(name)``."""
    text = "\n".join([_STAGE, *scripts, "console.log(JSON.stringify(said)); process.exit(0);"])
    found = subprocess.run(["node", "--input-type=module", "-e", text, _FOLDER], capture_output=True, text=True, check=True)
    return json.loads(found.stdout)
