"""Faults on demand. Of requests (``match`` = part of "POST /v2/orders"): ``cut`` (done, then no answer), ``cut_before`` (not done, no answer),
``late`` (done, answered after ``seconds``), ``late_before`` (done after ``seconds``), ``twice`` (done twice, the second answer), ``answer``
(not done; ``status`` and ``text``), ``answer_after`` (done; ``status`` and ``text``). Of reports (``match`` = the event's name): ``event_drop``,
``event_duplicate``, ``event_garbage``."""

from __future__ import annotations

from dataclasses import dataclass, field

REQUESTS = ("cut", "cut_before", "late", "late_before", "twice", "answer", "answer_after")
EVENTS = ("event_drop", "event_duplicate", "event_garbage")


@dataclass
class Fault:
    kind: str
    count: int = 1
    match: str = ""
    options: dict = field(default_factory=dict)


class Faults:
    """Waiting for something to happen to, first come first served."""

    def __init__(self) -> None:
        self.plan: list[Fault] = []

    def add(self, kind: str, count: int = 1, match: str = "", **options: object) -> None:
        """Plan one; ValueError for an unknown kind."""
        if kind not in REQUESTS + EVENTS:
            raise ValueError(f"unknown kind {kind!r}")
        self.plan.append(Fault(kind, count, match, options))

    def take(self, kinds: tuple[str, ...], name: str) -> Fault | None:
        """The next of these kinds for a request or event."""
        for fault in self.plan:
            if fault.kind in kinds and fault.match in name:
                fault.count -= 1
                if fault.count <= 0:
                    self.plan.remove(fault)
                return fault
        return None
