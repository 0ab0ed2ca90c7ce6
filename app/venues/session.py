"""What is said on one socket of a venue, whichever it is: subscribe, wait for the answers, hand on what comes.

Owns the topics asked for and not yet confirmed, and the deadline for that. A venue's own session says how a request is written and what
an answer means; frames go through its parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.model.market import MarketEvent, Rejected
from app.net.streams import Lane
from app.platform.interfaces import Cancellable

if TYPE_CHECKING:
    from .live import LiveVenue

ANSWER_S = 10.0


class VenueSession:
    """``problem`` says what the venue refused; ``notice`` what it says of itself (maintenance, say), "" when all is well."""

    def __init__(self, lane: Lane, venue: LiveVenue) -> None:
        self.problem = ""
        self.notice = ""
        self.goodbye = ""
        """Set while a batch is read when the venue asks for another connection: why."""
        self._lane, self._venue = lane, venue
        self._waiting: dict[str, None] = {}
        self._deadline: Cancellable | None = None

    def opened(self) -> None:
        """Subscribe to everything the lane carries, the most important first."""
        self.clear()
        self.begin()
        self.subscribe(self._lane.topics)
        self._venue.opened(self._lane)

    def received(self, texts: Sequence[str], received_ns: int) -> None:
        """Frames, to events."""
        self._venue.take(self.events(texts, self._venue.clock.now_ns()), received_ns)
        if self.goodbye:
            reason, self.goodbye = self.goodbye, ""
            self._lane.link.reconnect(reason)

    def lost(self, reason: str) -> None:
        """Nothing asked for on the connection will be answered."""
        self.clear()

    def clear(self) -> None:
        """Forget what was asked for."""
        self._waiting.clear()
        self.problem = self.notice = self.goodbye = ""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for topics; without an answer in time the connection is given up."""
        texts = self.requests(topics)
        self._waiting.update(dict.fromkeys(topics))
        self.send(texts)
        self.await_answers(len(texts))

    def unsubscribe(self, topics: Sequence[str]) -> None:
        """Ask for an end of topics; what comes all the same is for instruments the parser knows, and does no harm."""
        for topic in topics:
            self._waiting.pop(topic, None)
        self.send(self.farewells(topics))

    def send(self, texts: Sequence[str]) -> None:
        """Queue control messages, paced by the link."""
        for text in texts:
            self._lane.link.send(text)

    def await_answers(self, messages: int) -> None:
        """(Re)start the deadline. Sending is paced, so a long list may take a while to leave."""
        if self._deadline is not None:
            self._deadline.cancel()
        policy = self._lane.link.policy
        slack_s = messages * policy.messages_window_s / policy.messages
        self._deadline = self._venue.scheduler.call_later(ANSWER_S + slack_s, self._check_answers)

    def confirmed(self, topic: str) -> None:
        """The venue agreed."""
        self._waiting.pop(topic, None)

    def refused(self, what: str, said: object, topics: Sequence[str] = ()) -> None:
        """The venue did not: counted and shown, and not waited for."""
        for topic in topics:
            self._waiting.pop(topic, None)
        words = said[:120] if isinstance(said, str) and said else "without a reason"
        self.problem = f"{what} refused: {words}"
        self._venue.refused(self.problem, words)

    def _check_answers(self) -> None:
        self._deadline = None
        if self.is_waiting:
            self._lane.link.reconnect("the subscription was not answered")

    @property
    def is_waiting(self) -> bool:
        """Whether anything asked for has not been answered."""
        return bool(self._waiting)

    def events(self, texts: Sequence[str], recv_ns: int) -> list[MarketEvent | Rejected]:
        """What frames received at ``recv_ns`` (ns UTC) mean."""
        out = self.read(texts, recv_ns)
        for data in self._venue.parser.take_control():
            self.control(data)
        return out

    # particular to a venue

    def begin(self) -> None:
        """Said first on a new connection, before subscribing."""

    def read(self, texts: Sequence[str], recv_ns: int) -> list[MarketEvent | Rejected]:
        """The market events in frames, all of them in one call where there are layouts."""
        parser, reader = self._venue.parser, self._venue.reader
        if reader is None:
            return [event for text in texts for event in parser.parse(text, recv_ns)]
        return parser.columns.events(reader.read(texts), recv_ns)

    def control(self, data: dict) -> None:
        """An answer or a notice that came beside them."""
        raise NotImplementedError

    def requests(self, topics: Sequence[str]) -> list[str]:
        """Messages that subscribe."""
        raise NotImplementedError

    def farewells(self, topics: Sequence[str]) -> list[str]:
        """Messages that unsubscribe."""
        raise NotImplementedError

    def probe(self) -> str:
        """A harmless request that is answered."""
        raise NotImplementedError

    def again(self, symbol: str) -> None:
        """Have the book of an instrument sent anew, on this connection."""
        topics = self._venue.book_topics(symbol)
        self.send(self.farewells(topics))
        self.subscribe(topics)


def by_channel(topics: Sequence[str]) -> dict[str, list[str]]:
    """What stands behind the colon of each topic, by the channel before it."""
    channels: dict[str, list[str]] = {}
    for topic in topics:
        channel, _, name = topic.partition(":")
        channels.setdefault(channel, []).append(name)
    return channels


def chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    """``items`` in pieces of at most ``size``."""
    return [items[at : at + size] for at in range(0, len(items), size)]
