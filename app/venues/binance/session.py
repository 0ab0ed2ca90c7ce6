"""What is said on one socket of Binance, spot and USD-M alike: numbered requests, lists of subscriptions, goodbyes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..session import VenueSession, chunks

CHUNK = 100


class BinanceSession(VenueSession):
    """Requests have ids; an answer names nothing else."""

    _next_id = 1

    def clear(self) -> None:
        """Forget what was asked for."""
        super().clear()
        self._asked: dict[int, tuple[str, Sequence[str]]] = {}

    def requests(self, topics: Sequence[str]) -> list[str]:
        """SUBSCRIBE in pieces."""
        return [self._request("SUBSCRIBE", part) for part in chunks(topics, CHUNK)]

    def farewells(self, topics: Sequence[str]) -> list[str]:
        """UNSUBSCRIBE in pieces."""
        return [self._request("UNSUBSCRIBE", part) for part in chunks(topics, CHUNK)]

    def probe(self) -> str:
        """The list of subscriptions shows that the connection lives, and what it carries."""
        return self._request("LIST_SUBSCRIPTIONS", None)

    def control(self, data: dict) -> None:
        """Answers to subscribing, and notices."""
        if data.get("e") == "serverShutdown":
            self.goodbye = "the venue is shutting this server down"
            return
        number = data.get("id")
        method, topics = self._asked.pop(number, ("", ())) if type(number) is int else ("", ())
        if "error" in data or "code" in data:
            error = data.get("error")
            self.refused(method or "a request", error.get("msg") if isinstance(error, dict) else data.get("msg"), topics)
        elif method == "SUBSCRIBE":
            for topic in topics:
                self.confirmed(topic)
        elif method == "LIST_SUBSCRIPTIONS" and isinstance(data.get("result"), list):
            listed = set(filter(lambda name: isinstance(name, str), data["result"]))
            if lacking := [name for name in self._lane.topics if name not in listed]:
                self.subscribe(lacking)

    def _request(self, method: str, params: Sequence[str] | None) -> str:
        number, self._next_id = self._next_id, self._next_id + 1
        self._asked[number] = (method, params or ())
        body: dict = {"method": method, "id": number}
        if params is not None:
            body["params"] = list(params)
        return json.dumps(body, separators=(",", ":"))
