"""Gathering of a market's frames by app/platform/gathering.mjs, in Node with clock and timers in the test's hand: order, waiting, credit, pieces, the end."""

from __future__ import annotations

from tests.unit.platform.stage import play

STAGE = """
const { gather } = await import(module("gathering"));
const reader = {
  left: [],
  read(texts) { this.texts = texts; this.left = texts.flatMap((text, n) => (text === "odd" ? [n, n] : [])); return new Int32Array([texts.length]); },
  takeLeft() { return this.left.filter((_, n) => n % 2).map((n) => this.texts[n]); },
};
const tell = ({ opened, count, first, words, left, closed }, transfer) => {
  if (opened) said.push("open");
  else if (closed) said.push(closed);
  else {
    if (words[0] !== count || transfer[0] !== words.buffer) throw new Error("not what was read");
    said.push([count, reader.texts[0], first, ...(left ?? [])]);
  }
};
const market = gather("ws://x", reader, tell);
const frame = (data) => socket.onmessage({ data });
const frames = (from, to) => { for (let n = from; n < to; n++) frame(String(n)); };
socket.onopen();
"""


def told(script: str) -> list:
    return play(STAGE, script)[1:]


def test_what_has_queued_goes_together_and_at_once_after_a_rest() -> None:
    assert told("frames(0, 5); await turns(3); market.worked(1); clock = 9; frame(new TextEncoder().encode('7é')); await turns(3);") == [
        [5, "0", 0],
        [1, "7é", 9],
    ]


def test_nothing_goes_until_the_desk_has_worked_on_what_went_before() -> None:
    said = told("""
frame("a");
await turns(3);
clock = 30;
frames(0, 3);
await turns(3);
said.push("still");
market.worked(25);
frame("late");
""")
    assert said == [[1, "a", 0], "still", [3, "0", 30]]


def test_frames_that_come_fast_are_gathered_from_one_hand_over_to_the_next() -> None:
    said = told("""
frame("first");
await turns(3);
market.worked(0.1);
for (const at of [0.25, 0.5, 0.75]) { clock = at; frame(String(at)); }
await turns(3);
said.push(timers.map(({ at }) => at));
clock = 1.25;
fire();
market.worked(0.1);
clock = 1.5;
frame("more");
clock = 2.375;
frame("the timer is late");
""")
    assert said == [[1, "first", 0], [1.25], [3, "0.25", 0.25], [2, "more", 1.5]], "whole milliseconds are what timers know"


def test_in_a_burst_the_first_go_when_they_have_waited_long_enough() -> None:
    assert told("frames(0, 3); clock = 2.5; frames(3, 6); await turns(3); clock = 5; market.worked(1);") == [[4, "0", 0], [2, "4", 2.5]]


FAST = """
asleep = () => { said.push(["slept", clock]); };
const stream = async (from, to, each) => { for (clock = from; clock < to; clock += each) { frame(String(clock)); await turns(2); market.worked(0.1); } };
"""


def test_where_frames_come_fast_the_thread_sleeps_and_takes_what_queued_together() -> None:
    said = told(FAST + """
await stream(0, 4, 0.25);
said.length = 1;
clock = 4;
frame("4");
await turns(2);
market.worked(0.1);
frames(10, 20);
await turns(2);
said.push("desk busy");
frames(20, 25);
await turns(2);
market.worked(0.1);
""")
    assert said == [[4, "3.25", 3.25], ["slept", 5], [10, "10", 4], ["slept", 6], "desk busy", ["slept", 7], [5, "20", 5]]


def test_who_slept_no_more_takes_a_frame_at_once() -> None:
    said = told(FAST + """
await stream(0, 4.25, 0.25);
said.length = 1;
await stream(8, 20, 4);
said.push("slow");
frame("late");
""")
    assert said == [[1, "8", 8], [1, "12", 12], [1, "16", 16], "slow"]


def test_only_what_came_while_the_thread_slept_counts_from_then() -> None:
    said = told("""
asleep = () => { clock += 10; };
for (let n = 0; n < 17; n++) { clock = n / 4; frame(String(clock)); await turns(2); market.worked(0.1); }
said.length = 1;
frame("during");
await turns(2);
market.worked(0.1);
clock += 0.5;
frame("after");
clock += 1;
fire();
""")
    assert said == [[1, "during", 4], [1, "after", 15.5]]


def test_without_shared_memory_nobody_sleeps() -> None:
    said = play("delete globalThis.SharedArrayBuffer;", STAGE, FAST + "await stream(0, 12, 0.125);")
    assert len(said) > 9 and not [piece for piece in said if piece[0] == "slept"]


def test_no_more_go_at_once_than_the_desk_can_work_on() -> None:
    said = told("""
frames(0, 200);
await turns(3);
for (let n = 0; n < 60; n++) { clock += 9; market.worked(0.5 * said.at(-1)[0]); }
socket.onclose({ code: 1000, reason: "" });
""")
    pieces = said[:-1]
    assert [piece[1] for piece in pieces] == [str(sum(piece[0] for piece in pieces[:at])) for at in range(len(pieces))]
    assert sum(piece[0] for piece in pieces) == 200
    assert pieces[0][0] > pieces[-2][0] == 16  # 4 ms of work at half a millisecond each would be eight: never fewer than sixteen
    assert said[-1] == [1000, ""]


def test_each_piece_has_the_time_of_its_own_first_frame() -> None:
    said = told("""
frames(0, 150);
await turns(3);
for (let n = 150; n < 400; n += 50) { clock += 3; frames(n, n + 50); market.worked(0.05 * said.at(-1)[0]); }
while (said.at(-1)[1] !== "over" && said.reduce((sum, piece) => sum + (Array.isArray(piece) ? piece[0] : 0), 0) < 400) { clock += 3; market.worked(1); }
""")
    starts = [sum(before[0] for before in said[:at]) for at in range(len(said))]
    assert [piece[1] for piece in said] == [str(start) for start in starts]
    assert [piece[2] for piece in said] == [0 if start < 150 else 3 * (start // 50 - 2) for start in starts]
    assert sum(piece[0] for piece in said) == 400 and len(said) > 3


def test_what_the_reader_left_over_goes_along_as_text() -> None:
    assert told('frame("1"); frame("odd"); frame("2"); await turns(3);') == [[3, "1", 0, "odd"]]


def test_the_end_comes_after_the_last_frame_has_been_worked_on_and_once() -> None:
    said = told("""
frames(0, 100);
socket.onclose({ code: 4001, reason: "done" });
await turns(5);
said.push("worked");
market.worked(1);
await turns(5);
said.push("again");
market.worked(1);
await turns(5);
""")
    assert said == [[64, "0", 0], "worked", [36, "64", 0], "again", [4001, "done"]]


def test_the_end_is_told_once_though_frames_were_still_asked_for() -> None:
    said = told("""
frame("a");
clock = 2.5;
frame("b");
market.worked(1);
socket.onclose({ code: 4001, reason: "done" });
await turns(3);
""")
    assert said == [[2, "a", 0], [4001, "done"]]


def test_a_socket_that_is_closed_from_here_brings_nothing_any_more() -> None:
    said = told("""
frames(0, 100);
await turns(3);
const heard = socket.onmessage;
market.close(1000, "enough");
said.push(socket.closedWith);
market.worked(1);
if (socket.onmessage) frame("late");
socket.onclose({ code: 1000, reason: "enough" });
await turns(3);
""")
    assert said == [[64, "0", 0], [1000, "enough"], [1000, "enough"]]


def test_an_address_that_the_policy_forbids_is_the_end() -> None:
    said = play(STAGE.replace("const market =", "refused = true; const market ="), "fire();")
    assert said[1:] == [[1006, "the page's policy does not allow this address"]]
