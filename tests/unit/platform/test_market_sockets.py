"""app/platform/sockets.mjs in Node, with a clock, timers and a market worker in the test's hand: whose turn it is, order, the end."""

from __future__ import annotations

from tests.unit.platform.stage import play

STAGE = """
globalThis.Worker = class {
  constructor(url) { globalThis.beside = this; this.url = String(url); this.heard = []; }
  postMessage(data) { this.heard.push(data); }
  terminate() { this.ended = true; }
};
const { connect, connectMarket, giveWay } = await import(module("sockets"));
const market = (name, url = "ws://x") => connectMarket(url, "{}", () => said.push(`${name} open`),
  (count, words, left, first) => { said.push([name, count, first]); clock += 0.25 * count; }, (code, reason) => said.push([name, code, reason]));
const hear = (data) => beside.onmessage({ data });
const piece = (id, count, first, now = clock) => hear({ id, count, first, now, words: new Int32Array(2), left: null });
"""


def told(script: str) -> list:
    return play(STAGE, script)


def test_a_market_is_the_market_workers_and_a_piece_is_acknowledged_with_what_it_took() -> None:
    said = told("""
const socket = market("a");
said.push(socket.readyState, beside.url.endsWith("/worker/market.mjs"), beside.heard.splice(0));
hear({ id: 1, opened: true });
said.push(socket.readyState);
socket.send("hello");
piece(1, 4, 0);
said.push(beside.heard.splice(0));
socket.close(1000, "enough");
hear({ id: 1, closed: [1000, "enough"] });
piece(1, 4, 0);
said.push(socket.readyState, beside.heard);
""")
    assert said[:3] == [0, True, [{"id": 1, "connect": "ws://x", "told": "{}"}]]
    assert said[3:6] == ["a open", 1, ["a", 4, 0]]
    assert said[6] == [{"id": 1, "send": "hello"}, {"id": 1, "worked": 1}]
    assert said[7:] == [["a", 1000, "enough"], 3, [{"id": 1, "close": [1000, "enough"]}]]


def test_when_frames_came_is_told_by_the_clock_of_this_thread() -> None:
    said = told("""
market("a");
clock = 1000;
hear({ now: 40 });
piece(1, 1, 39, 43);
clock = 1010;
piece(1, 1, 49, 52);
""")
    assert said == [["a", 1, 996], ["a", 1, 1006]], "the fastest message says how far the clocks are apart: 957, not 960 or 958"


def test_while_an_order_is_under_way_pieces_wait_but_not_for_long() -> None:
    said = told("""
market("a");
market("b");
hear({ now: 0 });
giveWay(true);
clock = 3;
piece(1, 1, 1);
piece(2, 1, 2);
said.push("held", timers.length);
for (clock of [7, 11, 15, 19]) fire();
said.push("still held");
clock = 23;
fire();
piece(1, 1, 23);
said.push(beside.heard.filter(({ worked }) => worked).map(({ id }) => id));
""")
    assert said == ["held", 1, "still held", ["a", 1, 1], ["b", 1, 2], [1, 2]], "the second is twenty milliseconds old at the same time"


def test_an_order_that_was_written_is_about_to_leave() -> None:
    said = told("""
market("a");
hear({ now: 0 });
giveWay(true);
piece(1, 1, 0);
clock = 2;
giveWay(false);
fire();
clock = 4;
fire();
said.push("signing");
clock = 8;
fire();
clock = 9;
piece(1, 1, 9);
""")
    assert said == ["signing", ["a", 1, 0], ["a", 1, 9]]


def test_pieces_of_a_socket_that_ended_are_dropped() -> None:
    said = told("""
market("a");
market("b");
hear({ now: 0 });
giveWay(true);
piece(1, 1, 0);
piece(2, 1, 0);
hear({ id: 1, closed: [1006, ""] });
giveWay(false);
clock = 30;
fire();
""")
    assert said == [["a", 1006, ""], ["b", 1, 0]]


def test_a_worker_that_cannot_start_ends_its_sockets_and_the_next_one_tries_again() -> None:
    said = told("""
market("a");
market("b");
const first = beside;
first.onerror({ preventDefault() {} });
said.push(first.ended);
market("c");
said.push(beside !== first, beside.heard);
first.onerror({ preventDefault() {} });
""")
    words = "worker/market.mjs could not be started"
    assert said == [["a", 1006, words], ["b", 1006, words], True, True, [{"id": 3, "connect": "ws://x", "told": "{}"}]]
    said = told('market("a"); beside.onerror({ preventDefault() {}, message: "RangeError" });')
    assert said == [["a", 1006, "worker/market.mjs failed: RangeError"]]


def test_what_is_no_address_of_a_socket_is_refused_at_once() -> None:
    script = 'for (const url of ["", "file:///x"]) try { market("a", url); said.push("taken"); } catch (error) { said.push(error.name); }'
    assert told(script) == ["TypeError", "SyntaxError"]


def test_a_receiver_that_fails_is_acknowledged_all_the_same() -> None:
    said = told("""
market("a");
said.push = (found) => { throw new Error(found); };
try { piece(1, 3, 0); } catch { Array.prototype.push.call(said, "failed"); }
Array.prototype.push.call(said, beside.heard.at(-1));
""")
    assert said == ["failed", {"id": 1, "worked": 0}]


OWN = """
connect("ws://x", () => said.push("open"), (frames, first) => said.push([frames.length, frames[0], first]), (code, reason) => said.push([code, reason]));
const frame = (data) => socket.onmessage({ data });
const frames = (from, to) => { for (let n = from; n < to; n++) frame(String(n)); };
socket.onopen();
"""


def test_frames_of_a_socket_of_this_thread_go_together_in_order_orders_or_not() -> None:
    said = play(STAGE, OWN, "giveWay(true); frames(0, 5); await turns(3); clock = 9; frame(new TextEncoder().encode('7é')); frames(0, 70); await turns(5);")
    assert said == ["open", [5, "0", 0], [64, "7é", 9], [7, "63", 9]]


def test_the_end_of_a_socket_of_this_thread_comes_after_the_last_frame_and_once() -> None:
    said = play(STAGE, OWN, 'frames(0, 100); socket.onclose({ code: 4001, reason: "done" }); await turns(5);')
    assert said == ["open", [64, "0", 0], [36, "64", 0], [4001, "done"]]


def test_an_address_that_the_policy_forbids_is_the_end_of_a_socket_of_this_thread() -> None:
    assert play(STAGE, "refused = true;", OWN, "fire();") == ["open", [1006, "the page's policy does not allow this address"]]
