"""What a new connection to an Alpaca account begins with, and the same questions again while it lasts.

The account's stream listens before anything is asked, so that nothing happens unseen between an answer and the stream. A refusal of the
key ends it; anything else begins the connection anew.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from ..execution import Outcome, Rank, Reply
from ..wire import ERRORS, WireError
from . import orders
from .api import AT_ONCE, Api
from .orders import Held, State
from .rules import Account, Rules

MOST_ORDERS = 500


class SetupFailed(Exception):
    """A step was not answered as it should; the words say which."""


class Picture(NamedTuple):
    """What the venue holds and works on, and how many executions were known when it was asked."""

    account: Account
    positions: dict[str, Held]
    working: list[State]
    executions: int


class Setup:
    """``owner`` is the venue: told of rules, refusals, and what reconciliation starts from. ``step`` says what is being waited for,
    ``passed_over`` which open orders there are not of a kind that this desk can list."""

    def __init__(self, api: Api, owner: Any) -> None:
        self.step = self.passed_over = ""
        self._api, self._owner = api, owner
        self._unknown: set[str] = set()

    def forget(self) -> None:
        """Another key: what is known of the assets is asked for again."""
        self._owner.rules.clear()
        self._unknown.clear()

    def lost(self) -> None:
        """The connection is gone."""
        self.step = ""

    async def run(self, connection: int) -> None:
        """All steps, on the connection that is open now."""
        try:
            self._owner.learnt(await self._rules())
            picture = await self.picture(Rank.SETUP)
            self.step = ""
            if self._owner.is_on(connection):
                self._owner.reconcile(picture)
        except (SetupFailed, *ERRORS) as error:
            if self._owner.is_on(connection):
                self._owner.reconnect(f"reconciling failed: {error}")

    async def picture(self, rank: Rank) -> Picture:
        """Account, positions and open orders. Raises SetupFailed or WireError."""
        executions = self._owner.held.executions
        working = await self._ask("asking for open orders", "/v2/orders", rank, {"status": "open", "limit": str(MOST_ORDERS), "nested": "false"})
        positions = await self._ask("asking for positions", "/v2/positions", rank)
        account = await self._ask("asking for the account", "/v2/account", rank)
        if type(working) is not list or type(positions) is not list or type(account) is not dict:
            raise WireError("an answer of another form")
        return Picture(Account.read(account), orders.positions(positions), self._readable(working), executions)

    def _readable(self, rows: list) -> list[State]:
        found, odd = [], []
        for row in rows:
            try:
                found.append(orders.read_state(row))
            except WireError:  # ours are asked about one by one besides
                odd.append("of several legs" if orders.has_legs(row) else "unreadable")
        kinds = ", ".join(f"{odd.count(kind)} {kind}" for kind in sorted(set(odd)))
        self.passed_over = f"open orders at Alpaca that are not listed here: {kinds}" if odd else ""
        return found

    async def _rules(self) -> dict[str, Rules]:
        """By symbol, a few asked for at a time; what the venue does not know has none and is not asked for again."""
        found, few = dict(self._owner.rules), asyncio.Semaphore(AT_ONCE)

        async def ask(symbol: str, native: str) -> None:
            async with few:
                step = f"asking for the rules of {native}"
                reply = await self._call(step, f"/v2/assets/{native}", Rank.SETUP, None)
            if reply.outcome is Outcome.DONE:
                found[symbol] = Rules.read(reply.result)
            elif reply.status == 404:
                self._unknown.add(symbol)
            else:
                self._failed(step, reply)

        items = self._owner.instruments.values()
        await asyncio.gather(*(ask(item.symbol, item.native) for item in items if item.symbol not in found and item.symbol not in self._unknown))
        return found

    async def _ask(self, step: str, path: str, rank: Rank, query: dict[str, str] | None = None) -> Any:
        reply = await self._call(step, path, rank, query)
        if reply.outcome is not Outcome.DONE:
            self._failed(step, reply)
        return reply.result

    def _failed(self, step: str, reply: Reply) -> None:
        if reply.outcome is Outcome.REFUSED and reply.status in (401, 403):
            self._owner.refused(f"Alpaca refused the key: {reply.text} ({reply.code})")
        raise SetupFailed(f"{step}: {reply.text or reply.outcome.value}")

    async def _call(self, step: str, path: str, rank: Rank, query: dict[str, str] | None) -> Reply:
        if rank is Rank.SETUP:
            self.step = step
            self._owner.step()
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._api.ask("GET", path, lambda reply: future.done() or future.set_result(reply), rank=rank, query=query)
        return await future
