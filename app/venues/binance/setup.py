"""What a new connection to Binance's WebSocket API begins with, one step after another.

Clock, trading rules, log-on (Ed25519) and the account's stream come before the questions, so that nothing happens unseen between an
answer and the stream. A refusal of the key ends it; anything else begins the connection anew.
"""

from __future__ import annotations

import asyncio
from typing import Any

from app.platform.interfaces import ED25519

from ..execution import Outcome, Rank, Reply
from ..wire import ERRORS
from . import orders
from .api import SETUP_ANSWER_S, Api
from .filters import Rules

BAD_KEY = frozenset({-1022, -2014, -2015})


class SetupFailed(Exception):
    """A step was not answered as it should; the words say which."""


class Setup:
    """``owner`` is the venue: told of rules, refusals, and what reconciliation starts from. ``step`` says what is being waited for."""

    def __init__(self, api: Api, owner: Any) -> None:
        self.step = ""
        self._api, self._owner = api, owner

    def lost(self) -> None:
        """The connection is gone."""
        self.step = ""

    async def run(self) -> None:
        """All steps, on the connection that is open now."""
        connection = self._api.link.connections
        try:
            await self._run()
        except (SetupFailed, *ERRORS) as error:
            if connection == self._api.link.connections and self._api.link.is_open:
                self._api.link.reconnect(f"reconciling failed: {error}")

    async def _run(self) -> None:
        await self._clock()
        native = {item.native: item.symbol for item in self._owner.instruments.values()}
        answer = await self._ask("asking for the trading rules", "exchangeInfo", {"symbols": sorted(native)}, weight=20, signed=False)
        self._owner.learnt({native[row["symbol"]]: Rules.read(row) for row in answer["symbols"] if row["symbol"] in native})
        credentials = self._api.credentials
        if credentials is not None and credentials.signer.algorithm == ED25519:
            await self._ask("logging on", "session.logon", {}, weight=2)
            self._api.logged_on = True
            await self._ask("asking for the account's stream", "userDataStream.subscribe", {}, weight=2, signed=False)
        else:
            await self._ask("asking for the account's stream", "userDataStream.subscribe.signature", {}, weight=2)
        found = await self._ask("asking for open orders", "openOrders.status", {}, weight=80)
        account = await self._ask("asking for the account", "account.status", {}, weight=20)
        self.step = ""
        self._owner.reconcile(account, [orders.read_state(row) for row in found])

    def measure_clock(self) -> None:
        """The venue found a time stamp wrong: ask for its clock."""
        self._api.ask("time", {}, self._measured, rank=Rank.SETUP, signed=False)

    def _measured(self, reply: Reply) -> None:
        if reply.outcome is Outcome.DONE and type(reply.result) is dict and type(reply.result.get("serverTime")) is int:
            self._api.measure_clock(reply.sent_ns, reply.result["serverTime"])

    async def _clock(self) -> None:
        self._measured(await self._call("asking for the venue's clock", "time", {}, 1, False))

    async def _ask(self, step: str, method: str, params: dict, *, weight: int, signed: bool = True) -> Any:
        reply = await self._call(step, method, params, weight, signed)
        if reply.outcome is Outcome.DONE:
            return reply.result
        if reply.outcome is Outcome.REFUSED and reply.code in BAD_KEY:
            self._owner.refused(f"Binance refused the key: {reply.text} ({reply.code})")
        raise SetupFailed(f"{step}: {reply.text or reply.outcome.value}")

    async def _call(self, step: str, method: str, params: dict, weight: int, signed: bool) -> Reply:
        self.step = step
        self._owner.step()
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        deadline = self._api.later(SETUP_ANSWER_S, lambda: future.done() or future.set_result(Reply(Outcome.UNSURE, text="no answer in time")))
        self._api.ask(
            method, params, lambda reply: future.done() or future.set_result(reply), rank=Rank.SETUP, weight=weight, signed=signed
        )
        try:
            return await future
        finally:
            deadline.cancel()
