"""The pool of sockets by itself: spreading, order, limits shared by address, changes while open, interruption."""

from __future__ import annotations

import random

from app.net.connection import LinkPolicy, LinkState
from app.net.streams import Group, Lane, Limits, Machine, Pool, Streams
from tests.unit.manual import ManualSockets, ManualTime


class Said:
    """A session that notes what it is asked to do."""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.log = lane, []

    def opened(self) -> None:
        self.log.append(("opened", *self.lane.topics))
        for topic in self.lane.topics:
            self.lane.link.send(topic)

    def received(self, texts, received_ns) -> None:
        self.log.append(("received", *texts))

    def lost(self, reason) -> None:
        self.log.append(("lost", reason))

    def probe(self) -> str:
        return "probe"

    def subscribe(self, topics) -> None:
        self.log.append(("subscribe", *topics))

    def unsubscribe(self, topics) -> None:
        self.log.append(("unsubscribe", *topics))


class Stage:
    def __init__(self, **limits) -> None:
        self.time, self.sockets, self.lost = ManualTime(), ManualSockets(), []
        machine = Machine(self.sockets, self.time, self.time, random.Random(1))
        self.pool = Pool("x", "ws://x", Limits(**limits), machine, Said, on_lost=lambda lane, why: self.lost.append(why), on_status=lambda: None)
        self.streams = Streams(self.time, self.time)

    def open(self, *keys: str) -> Stage:
        self.want(*keys)
        self.streams.add(self.pool)
        for socket in list(self.sockets.opened):
            socket.accept()
        return self

    def want(self, *keys: str):
        return self.pool.want([Group(key, (f"{key}1", f"{key}2")) for key in keys])

    def carried(self) -> list[list[str]]:
        return [list(lane.groups) for lane in self.pool.lanes]


def test_groups_stay_together_and_fill_one_socket_after_the_other():
    stage = Stage(topics=5, sockets=2).open("a", "b", "c", "d", "e")
    assert stage.carried() == [["a", "b"], ["c", "d"]] and stage.pool.left_out == ["e"]
    assert stage.pool.lanes[0].session.log == [("opened", "a1", "a2", "b1", "b2")]


def test_a_change_while_open_subscribes_and_unsubscribes_what_differs_only():
    stage = Stage(topics=4, sockets=2).open("a", "b", "c")
    assert stage.want("c", "d", "a") == (["b"], ["d"])
    assert stage.carried() == [["d", "a"], ["c"]]
    assert stage.pool.lanes[0].session.log[1:] == [("unsubscribe", "b1", "b2"), ("subscribe", "d1", "d2")]
    assert stage.want("d", "a") == (["c"], [])
    assert len(stage.pool.lanes) == 1 and stage.sockets.opened[1].closed is not None


def test_a_socket_needed_later_is_opened_at_once():
    stage = Stage(topics=2, sockets=3).open("a")
    assert stage.want("a", "b") == ([], []) and len(stage.sockets.opened) == 2
    stage.sockets.last.accept()
    assert stage.pool.lanes[1].session.log == [("opened", "b1", "b2")]


def test_control_messages_are_counted_for_the_address_where_the_venue_does():
    policy = LinkPolicy(messages=3, messages_window_s=1.0)
    stage = Stage(topics=2, sockets=3, by_address=True, policy=policy).open("a", "b", "c")
    assert sum(len(socket.sent) for socket in stage.sockets.opened) == 3
    stage.time.advance(1.0)
    assert sum(len(socket.sent) for socket in stage.sockets.opened) == 6


def test_connects_are_counted_for_all_sockets_together():
    stage = Stage(topics=2, sockets=3, policy=LinkPolicy(connects=2, connects_window_s=60.0))
    stage.want("a", "b", "c")
    stage.streams.add(stage.pool)
    assert len(stage.sockets.opened) == 2
    stage.time.advance(61.0)
    assert len(stage.sockets.opened) >= 3


def test_an_interruption_begins_every_connection_anew_and_stopping_ends_all():
    stage = Stage(topics=2, sockets=2).open("a", "b")
    stage.time.advance(10.0)
    stage.streams.interrupt("asleep")
    assert stage.lost == ["asleep", "asleep"] and len(stage.sockets.opened) == 2
    stage.time.advance(0.0)
    assert len(stage.sockets.opened) == 4
    assert stage.pool.worst().state is LinkState.CONNECTING
    stage.streams.remove(stage.pool)
    assert stage.pool.worst().state is LinkState.STOPPED and stage.time.pending() == 0
