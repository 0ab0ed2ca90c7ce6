"""Gathering of frames by app/platform/sockets.mjs, in Node with a clock in the test's hand: order, waiting, pieces, the end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

MODULE = (Path(__file__).resolve().parents[3] / "app" / "platform" / "sockets.mjs").as_uri()
STAGE = """
let clock = 0;
Object.defineProperty(globalThis, "performance", { value: { now: () => clock } });
globalThis.setTimeout = (work) => setImmediate(work);
globalThis.WebSocket = class { constructor() { globalThis.socket = this; } };
const { connect, giveWay } = await import(process.argv[1]);
const turns = async (count) => { for (let n = 0; n < count; n++) await new Promise((done) => setImmediate(done)); };
const said = [];
let cost = 0;
connect("ws://x", () => said.push("open"), (frames, first) => { said.push([frames.length, frames[0], first]); clock += cost * frames.length; },
        (code, reason) => said.push([code, reason]));
const frame = (data) => socket.onmessage({ data });
const frames = (from, to) => { for (let n = from; n < to; n++) frame(String(n)); };
socket.onopen();
"""


def told(script: str) -> list:
    found = subprocess.run(
        ["node", "--input-type=module", "-e", STAGE + script + "\nconsole.log(JSON.stringify(said)); process.exit(0);", MODULE],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(found.stdout)


def test_what_has_queued_goes_together_without_waiting_for_more() -> None:
    assert told("frames(0, 5); await turns(3); clock = 9; frame(new TextEncoder().encode('7é')); await turns(3);") == ["open", [5, "0", 0], [1, "7é", 9]]


def test_in_a_burst_the_first_go_when_they_have_waited_long_enough() -> None:
    assert told("frames(0, 3); clock = 3.5; frames(3, 6); await turns(3);") == ["open", [4, "0", 0], [2, "4", 3.5]]


def test_no_more_go_at_once_than_can_be_worked_on() -> None:
    said = told("""
cost = 0.5;
frames(0, 200);
await turns(60);
socket.onclose({ code: 1000, reason: "" });
""")
    pieces = [found for found in said if isinstance(found, list) and len(found) == 3]
    assert [piece[1] for piece in pieces] == [str(sum(piece[0] for piece in pieces[:at])) for at in range(len(pieces))]
    assert sum(piece[0] for piece in pieces) == 200
    assert pieces[0][0] > pieces[-2][0] == 16  # 4 ms of work at half a millisecond each would be eight: never fewer than sixteen


def test_frames_that_come_while_a_burst_is_worked_off_follow_it() -> None:
    said = told("""
cost = 0.05;
frames(0, 150);
for (let n = 150; n < 400; n += 50) { await turns(1); frames(n, n + 50); }
await turns(60);
""")
    pieces = said[1:]
    assert [piece[1:] for piece in pieces] == [[str(at), 0 if at < 150 else piece[2]] for at, piece in _starts(pieces)]
    assert sum(piece[0] for piece in pieces) == 400 and len(pieces) > 3
    times = [piece[2] for piece in pieces]
    assert times == sorted(times), "each with the time of its own first frame"


def _starts(pieces: list) -> list[tuple[int, list]]:
    return [(sum(before[0] for before in pieces[:at]), piece) for at, piece in enumerate(pieces)]


REST = """
let rests = [];
globalThis.setTimeout = (work, ms) => rests.push([work, ms]);
globalThis.clearTimeout = () => {};
"""


def test_while_orders_are_under_way_pieces_of_a_burst_keep_apart() -> None:
    said = told(f"""{REST}
giveWay(true);
frames(0, 150);
await turns(9);
const before = said.length;
frames(150, 200);
clock = 9;
frame("200");
await turns(9);
said.push(before, said.length, rests.map(([, ms]) => ms));
rests[0][0]();
giveWay(false);
rests.pop()[0]();
await turns(9);
""")
    assert said[1] == [64, "0", 0] and said[2:5] == [2, 2, [5]], "one piece, and the next only after the rest"
    assert sum(piece[0] for piece in said[1:] if isinstance(piece, list) and len(piece) == 3) == 201, "then all of them"


def test_a_burst_that_is_too_far_behind_does_not_rest() -> None:
    assert told(f"{REST} giveWay(true); cost = 300; frames(0, 70); await turns(9); said.push(rests.length);") == ["open", [64, "0", 0], [6, "64", 0], 0]


def test_where_much_comes_nothing_goes_before_an_order_that_is_under_way_but_not_for_long() -> None:
    said = told(f"""{REST}
const pass = (from, to) => {{ for (let n = from; n < to; n++) {{ clock = n / 10; frame(String(n)); }} }};
pass(0, 1000);
await turns(99);
for (const [work] of rests.splice(0)) work();
let at = said.length;
giveWay(true);
pass(1000, 1150);
await turns(9);
said.push(["held", said.length - at, rests.map(([, ms]) => ms)]);
pass(1150, 1250);
at = said.length;
for (const [work] of rests.splice(0)) work();
said.push(["late", said.length - at, said.at(-1)[1]]);
giveWay(false);
pass(1250, 1260);
at = said.length;
await turns(9);
said.push(["signing", said.length - at]);
clock += 5;
rests.shift()[0]();
said.push(["over", said.at(-1)[1]]);
""")
    told_of = {found[0]: found[1:] for found in said if isinstance(found, list) and isinstance(found[0], str)}
    assert told_of["held"] == [0, [5]], "fifteen milliseconds of frames wait, and one timer looks after them"
    assert told_of["late"] == [1, "1000"], "after twenty they go on in pieces"
    assert told_of["signing"] == [0] and told_of["over"] == ["1250"], "an order that was written is about to leave"


def test_what_comes_seldom_is_not_held_by_orders() -> None:
    assert told(f"{REST} giveWay(true); for (const n of [1, 2, 3]) {{ clock += 30; frame(String(n)); await turns(2); }}")[1:] == [
        [1, "1", 30],
        [1, "2", 60],
        [1, "3", 90],
    ]


def test_the_end_while_it_rests_brings_all_that_came() -> None:
    said = told(f'{REST} giveWay(true); frames(0, 100); await turns(9); socket.onclose({{ code: 1000, reason: "" }}); await turns(9);')
    assert said[1:] == [[64, "0", 0], [36, "64", 0], [1000, ""]]


def test_the_end_comes_after_the_last_frame_and_once() -> None:
    assert told('frames(0, 100); socket.onclose({ code: 4001, reason: "done" }); await turns(5);')[1:] == [[64, "0", 0], [36, "64", 0], [4001, "done"]]


def test_a_receiver_that_fails_loses_only_what_it_was_given() -> None:
    said = told("""
process.on("uncaughtException", () => said.push("failed"));
let bad = true;
frames(0, 70);
const real = said.push.bind(said);
said.push = (found) => { if (bad && Array.isArray(found)) { bad = false; throw new Error("no"); } return real(found); };
await turns(10);
""")
    assert said == ["open", "failed", [6, "64", 0]]
