"""The supervised socket, against a clock moved by hand."""

import random

import pytest

from app.net.connection import Link, LinkPolicy, LinkState
from app.platform.errors import SocketError
from tests.unit.manual import ManualSockets, ManualTime


class Owner:
    """Records every callback of one link."""

    def __init__(self, probe=True, seed=7, **policy) -> None:
        self.time, self.sockets = ManualTime(), ManualSockets()
        self.opens, self.texts, self.lost, self.states = 0, [], [], []
        self.link = Link(
            "wss://venue/stream",
            self.sockets,
            self.time,
            self.time,
            random.Random(seed),
            on_open=self._open,
            on_text=lambda texts, received_ns: self.texts.extend(texts),
            on_lost=self.lost.append,
            on_status=self.states.append,
            probe=(lambda: "probe") if probe else None,
            policy=LinkPolicy(**policy),
        )

    def _open(self) -> None:
        self.opens += 1
        self.link.send("subscribe")

    def open(self) -> "Owner":
        self.link.start()
        self.sockets.last.accept()
        return self

    @property
    def state(self) -> LinkState:
        return self.link.status.state


def test_connects_and_subscribes():
    owner = Owner().open()
    assert owner.state is LinkState.OPEN
    assert owner.sockets.last.sent == ["subscribe"]
    owner.sockets.last.deliver("a", "b")
    assert owner.texts == ["a", "b"]


def test_a_lost_connection_is_reopened_after_a_delay_and_subscribes_again():
    owner = Owner().open()
    owner.sockets.last.drop(1006)
    assert owner.state is LinkState.WAITING
    assert owner.lost == ["closed with code 1006"]
    assert 0.25 <= owner.link.status.next_try_s <= 0.5
    owner.time.advance(0.5)
    assert owner.state is LinkState.CONNECTING
    owner.sockets.last.accept()
    assert owner.opens == 2
    assert owner.sockets.last.sent == ["subscribe"]


def test_refused_connections_back_off_to_the_cap():
    owner = Owner(max_delay_s=20)
    owner.link.start()
    delays = []
    for _ in range(10):
        owner.sockets.last.drop(1006)
        delays.append(owner.link.status.next_try_s)
        owner.time.advance(delays[-1])
    for attempt, delay in enumerate(delays):
        bound = min(20, 0.5 * 2**attempt)
        assert bound / 2 <= delay <= bound
    assert owner.link.status.attempts == 10
    assert owner.lost == []


def test_only_a_stable_connection_resets_the_backoff():
    owner = Owner(stable_s=60, silence_s=1000)
    owner.link.start()
    for _ in range(5):
        owner.sockets.last.accept()
        owner.sockets.last.drop()
        owner.time.advance(owner.link.status.next_try_s)
    assert owner.link.status.attempts == 5
    owner.sockets.last.accept()
    owner.time.advance(61)
    owner.sockets.last.drop()
    assert owner.link.status.attempts == 1


def test_connecting_has_a_deadline():
    owner = Owner(connect_timeout_s=10)
    owner.link.start()
    owner.time.advance(10)
    assert owner.state is LinkState.WAITING
    assert owner.sockets.last.closed is not None
    assert "too long" in owner.link.status.detail


def test_silence_is_probed_and_an_answer_keeps_the_connection():
    owner = Owner(silence_s=10, probe_timeout_s=5).open()
    owner.time.advance(8)
    owner.sockets.last.deliver("data")
    owner.time.advance(9.9)
    assert owner.sockets.last.sent == ["subscribe"]
    owner.time.advance(0.2)
    assert owner.sockets.last.sent == ["subscribe", "probe"]
    owner.sockets.last.deliver("answer")
    owner.time.advance(9.9)
    assert owner.state is LinkState.OPEN
    assert owner.sockets.last.sent.count("probe") == 1
    owner.time.advance(5)
    assert owner.sockets.last.sent.count("probe") == 2


def test_an_unanswered_probe_ends_the_connection():
    owner = Owner(silence_s=10, probe_timeout_s=5).open()
    owner.time.advance(15)
    assert owner.state is LinkState.WAITING
    assert owner.lost == ["silent for 15 s, the probe was not answered"]
    assert owner.sockets.last.closed is not None


def test_silence_without_a_probe_ends_the_connection():
    owner = Owner(probe=False, silence_s=10).open()
    owner.time.advance(10)
    assert owner.lost == ["silent for 10 s"]


def test_rotation_reconnects_at_once_before_the_day_is_over():
    owner = Owner(rotate_s=3600, silence_s=7200).open()
    owner.time.advance(3600)
    assert owner.lost == ["daily rotation"]
    assert len(owner.sockets.opened) == 2
    assert owner.link.status.attempts == 0


def test_a_server_that_says_goodbye_is_obeyed_at_once():
    owner = Owner(silence_s=1000).open()
    owner.time.advance(30)
    owner.link.reconnect("server shutdown")
    owner.time.advance(0)
    assert len(owner.sockets.opened) == 2


def test_a_server_that_says_goodbye_at_every_hello_is_not_hammered():
    owner = Owner(silence_s=1000).open()
    for _ in range(5):
        owner.link.reconnect("server shutdown")
        owner.time.advance(owner.link.status.next_try_s)
        owner.sockets.last.accept()
    owner.link.reconnect("server shutdown")
    assert owner.link.status.next_try_s >= 8
    assert owner.link.status.attempts == 6


def test_never_more_connects_than_the_venue_allows():
    owner = Owner(connects=10, connects_window_s=300, max_delay_s=1)
    owner.link.start()
    while owner.time.monotonic_ns() < 1500 * 10**9:
        before = len(owner.sockets.opened)
        if owner.state is LinkState.CONNECTING:
            owner.sockets.last.drop()
        owner.time.advance(max(owner.link.status.next_try_s, 0.01))
        assert len(owner.sockets.opened) - before <= 1
    assert len(owner.sockets.opened) <= 10 * 5 + 10


def test_control_messages_are_paced():
    owner = Owner(messages=4, messages_window_s=1.0).open()
    for number in range(10):
        assert owner.link.send(str(number))
    assert len(owner.sockets.last.sent) == 4
    owner.time.advance(1)
    assert len(owner.sockets.last.sent) == 8
    owner.time.advance(1)
    assert owner.sockets.last.sent == ["subscribe", *map(str, range(10))]


def test_nothing_is_sent_or_kept_without_a_connection():
    owner = Owner(messages=1)
    assert not owner.link.send("early")
    owner.open()
    owner.link.send("queued")
    owner.sockets.last.drop()
    owner.time.advance(1)
    owner.sockets.last.accept()
    owner.time.advance(5)
    assert owner.sockets.last.sent == ["subscribe"]


def test_a_send_that_fails_becomes_a_loss():
    owner = Owner(silence_s=1000, probe_timeout_s=5).open()
    owner.sockets.last.is_open = False
    owner.link.send("x")
    owner.time.advance(5)
    assert owner.lost == ["the socket is not open"]


@pytest.mark.parametrize("error", [SocketError("blocked by policy"), OSError("no route"), ValueError("bad address")])
def test_a_connect_that_raises_becomes_a_status(error):
    owner = Owner()
    owner.sockets.refuse = error
    owner.link.start()
    assert owner.state is LinkState.WAITING
    assert str(error) in owner.link.status.detail


def test_stop_closes_and_leaves_no_timer():
    owner = Owner().open()
    socket = owner.sockets.last
    owner.link.stop()
    assert socket.closed == (1000, "stopped")
    assert owner.state is LinkState.STOPPED
    assert owner.time.pending() == 0
    socket.deliver("late")
    socket.drop()
    owner.time.advance(3600)
    assert owner.texts == [] and owner.lost == []
    assert len(owner.sockets.opened) == 1


def test_stop_while_waiting_and_start_again():
    owner = Owner().open()
    owner.sockets.last.drop()
    owner.link.stop()
    owner.time.advance(3600)
    assert len(owner.sockets.opened) == 1
    owner.link.start()
    assert len(owner.sockets.opened) == 2


def test_callbacks_of_an_old_connection_are_ignored():
    owner = Owner().open()
    old = owner.sockets.last
    owner.link.reconnect("test")
    owner.time.advance(1)
    owner.sockets.last.accept()
    old.deliver("ghost")
    old.drop()
    assert owner.state is LinkState.OPEN
    assert owner.texts == []


def test_the_network_coming_back_cuts_the_wait_short():
    owner = Owner()
    owner.link.start()
    for _ in range(8):
        owner.sockets.last.drop()
        owner.time.advance(owner.link.status.next_try_s)
    owner.sockets.last.drop()
    count = len(owner.sockets.opened)
    owner.link.retry_now()
    assert len(owner.sockets.opened) == count + 1
    assert owner.state is LinkState.CONNECTING


def test_same_seed_same_life():
    def life(seed):
        owner = Owner(seed=seed)
        owner.link.start()
        for _ in range(6):
            owner.sockets.last.drop()
            owner.time.advance(owner.link.status.next_try_s)
        return owner.time.monotonic_ns()

    assert life(3) == life(3) != life(4)
