"""The stream of an Alpaca account: log on, listen, hand on what is reported.

The log-on carries the secret and is filled in outside Python. There is no heartbeat: asking again to listen is answered, and so is the
probe. Frames are text or, with paper accounts, text in binary frames.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.net.backoff import Rng
from app.net.connection import Link, LinkPolicy, LinkStatus
from app.net.pulse import Pulse
from app.platform.interfaces import SECRET_MARK, Cancellable, Clock, Scheduler, Sockets

from ..wire import ERRORS, WireError, decode
from .places import Credentials

POLICY = LinkPolicy(silence_s=20.0, probe_timeout_s=10.0, connects=30, connects_window_s=60.0, messages=10)
ANSWER_S = 10.0
_LISTEN = json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}, separators=(",", ":"))


class Updates:
    """``on_listening`` is called with every connection that is set up, ``on_report`` with each report (may raise WireError), ``on_lost``
    with a reason, ``on_refused`` with words when the key is not taken."""

    def __init__(
        self,
        credentials: Credentials,
        sockets: Sockets,
        clock: Clock,
        scheduler: Scheduler,
        rng: Rng,
        *,
        on_listening: Callable[[], object],
        on_report: Callable[[dict], object],
        on_lost: Callable[[str], object],
        on_refused: Callable[[str], object],
        on_status: Callable[[LinkStatus], object],
        policy: LinkPolicy = POLICY,
    ) -> None:
        self._credentials, self._scheduler = credentials, scheduler
        self._on_listening, self._on_report, self._on_lost, self._on_refused = on_listening, on_report, on_lost, on_refused
        self._listening = False
        self._deadline: Cancellable | None = None
        self.link = Link(
            credentials.places.updates,
            sockets,
            clock,
            scheduler,
            rng,
            on_open=self._opened,
            on_text=self._received,
            on_lost=self._lost,
            on_status=on_status,
            probe=lambda: _LISTEN,
            policy=policy,
        )
        self._pulse = Pulse(clock, scheduler, self.link.reconnect)

    def start(self) -> None:
        """Connect, and stay connected."""
        self._pulse.start()
        self.link.start()

    def stop(self) -> None:
        """Disconnect for good."""
        self._pulse.stop()
        self._wait(False)
        self.link.stop()

    def _opened(self) -> None:
        self._listening = False
        self._wait(True)
        credentials = self._credentials
        text = json.dumps({"action": "auth", "key": credentials.key_id, "secret": SECRET_MARK}, separators=(",", ":"))
        self.link.send(text, credentials.injector)

    def _received(self, texts: list[str], _received_ns: int) -> None:
        self._pulse.check()
        for text in texts:
            if self.link.is_open:
                self._message(text)

    def _message(self, text: str) -> None:
        try:
            message = decode(text, exact=True)
            stream, data = message["stream"], message["data"]
            if stream == "trade_updates":
                self._on_report(data)
            elif stream == "authorization":
                self._authorized(data)
            elif stream == "listening":
                self._heard_listening(data)
        except (*ERRORS, WireError):
            self.link.reconnect("a report of the account could not be read: everything is asked about")

    def _authorized(self, data: Any) -> None:
        if data["status"] == "authorized":
            self.link.send(_LISTEN)
        else:
            self._wait(False)
            self._on_refused("Alpaca refused the key: check key ID, secret, and whether it is one for paper or for real money")

    def _heard_listening(self, data: Any) -> None:
        if "trade_updates" not in data["streams"]:
            self.link.reconnect("the account's stream was not granted")
        elif not self._listening:
            self._listening = True
            self._wait(False)
            self._on_listening()

    def _lost(self, reason: str) -> None:
        self._wait(False)
        self._on_lost(reason)

    def _wait(self, on: bool) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if on:
            self._deadline = self._scheduler.call_later(ANSWER_S, lambda: self.link.reconnect("the log-on was not answered"))
