"""Sending a ticket to the accounts that its router chose, and cancelling it in all of them.

All legs are checked and hold their buying power before the first is written. Then each account's journal is written in turn, and what it holds is sent
as soon as it is durable. When a later one cannot be written, or takes no orders any more, the earlier ones are out: that is told, in the answer,
by a notice, and by a note in the journals that hold a part; where the desk died in between, the next start tells it. A token never sends twice,
in whichever account.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from app.model.orders import OrderStatus
from app.trading.commands import ORIGIN
from app.trading.routing.plan import shares
from app.trading.ticket import routing_of

from .errors import Refusal, to_wire
from .rows import part_in, parts_of
from .trade import FIRST_ANSWER_S

if TYPE_CHECKING:
    from app.trading.routing.accounts import Pool, Sending

_NOTE = 400
_STOPPED = Refusal("stopped", "the desk was stopped before it was journalled there")


class _UnderWay:
    """The parts of one order while they are being written: ``ended`` is set when no more will be."""

    def __init__(self, plan: str) -> None:
        self.plan = plan
        self.cancelled = False
        self.ended = asyncio.Event()


class RoutedSending:
    """One for all accounts of the desk."""

    def __init__(self, desk: Any) -> None:
        self._desk = desk
        self._pressed: dict[str, asyncio.Future] = {}
        self._under_way: dict[str, _UnderWay] = {}
        self._untold: dict[str, tuple[Any, str]] = {}

    async def submit(self, home: Any, fields: dict, token: str, clicked_ms: float | None) -> dict:
        """Journal and send an order of the account ``home``, where its router wants it; the same press again gives the same answer."""
        pressed = self._pressed.get(token)
        if pressed is None:
            pressed = self._pressed[token] = asyncio.ensure_future(self._submit(home, fields, token, clicked_ms))
            pressed.add_done_callback(lambda _done: self._pressed.pop(token, None))
        return await asyncio.shield(pressed)

    async def _submit(self, home: Any, fields: dict, token: str, clicked_ms: float | None) -> dict:
        epoch_ms = self._desk.around.epoch_ms
        for each in self._desk.accounts.all:
            engine = each.trade.engine
            order_id = engine.order_for(token) if engine is not None else None
            if order_id is not None:
                routed = engine.routed.by_id.get(order_id)
                if routed is None or not (parts := parts_of(routed.event.plan)):
                    return await each.trade.submit(fields, token, None, epoch_ms)
                plan = routed.event.plan
                return await self._told([(part, self._routed(part, plan)) for part in parts if self._engine(part) is not None])
        how, rest = routing_of(fields)
        if how is not None:
            from .routing import pool_of  # only ever wanted by an order that names no venue

            if (pool := pool_of(self._desk, home)) is not None:
                return await self._send(home, pool, rest, how, token, clicked_ms)
        return await home.trade.submit(fields, token, clicked_ms, epoch_ms)

    async def _send(self, home: Any, pool: Pool, fields: dict, how: object, token: str, clicked_ms: float | None) -> dict:
        from app.trading.routing import accounts

        sends, epoch_ms = accounts.submit(pool, fields, how, token, ORIGIN), self._desk.around.epoch_ms
        under_way = _UnderWay(sends[0].events[0].plan)
        self._under_way.update((each.part.client_order_id, under_way) for each in sends)
        try:
            error = await self._write(sends, under_way)
        finally:
            under_way.ended.set()
            for each in sends:
                self._under_way.pop(each.part.client_order_id, None)
        if clicked_ms is not None:
            home.trade.click_to_journal.record(max(0.0, epoch_ms() - clicked_ms))
        plan = under_way.plan
        found = [(part, part_in(each.place.engine, part, plan)) for part, each in zip(parts_of(plan), sends, strict=True)]
        if error is not None:
            await self._tell_half(found, self._half(found, error), cancelled=under_way.cancelled)
        elif [each.part.account for each in sends] != [home.name]:
            self._desk.toast("info", f"Sent: {'; '.join(self._shares(found))}.", "routed_accounts")
        result = await self._told(found, error)
        if clicked_ms is not None:
            home.trade.click_to_ack.record(max(0.0, epoch_ms() - clicked_ms))
        return result

    async def _write(self, sends: list[Sending], under_way: _UnderWay) -> Exception | None:
        """One journal after the other; what went wrong after the first is given back, before it is raised."""
        for number, each in enumerate(sends):
            trade = self._account(each.part.account).trade
            try:
                await trade.writer.command(lambda each=each: self._decide(each, under_way))
            except Exception as error:
                for other in sends[number:]:
                    other.abandon()
                if not number:
                    raise
                return error
        return None

    def _decide(self, sending: Sending, under_way: _UnderWay) -> list:
        """What an account is to journal; Refusal when it takes no orders any more."""
        account = self._account(sending.part.account)
        if under_way.cancelled:
            raise Refusal("cancelled", "it was cancelled before it was sent")
        if account.trade.engine is not sending.place.engine:
            raise Refusal("not_accepting", "the account was closed", "see the vault page")
        reason, _see = account.refusal()
        if reason:
            raise Refusal("not_accepting", reason, "see what the account waits for")
        return sending.events

    async def _told(self, parts: list[tuple[dict, Any]], error: Exception | None = None) -> dict:
        """The answer to a press: each part, with its routed order where it was sent, and what became of it after its venue's first answer (2 s at most)."""
        journalled = self._desk.around.clock.now_ns()
        sent = [(part, routed) for part, routed in parts if routed is not None]
        trades = [(self._account(part["account"]).trade, part["client_order_id"]) for part, _routed in sent]
        await asyncio.gather(*(trade.settled([cid], _is_answered, FIRST_ANSWER_S) for trade, cid in trades if trade.engine is not None))
        rows = [_row(part, routed, _reason(error)) for part, routed in parts]
        first = next(row for row in rows if row["sent"])
        return {
            "client_order_id": first["client_order_id"],
            "status": first["status"],
            "reason": self._half(parts, error) or first["reason"],
            "journalled_ns": journalled,
            "acknowledged_ns": self._desk.around.clock.now_ns(),
            "accounts": rows,
        }

    def _half(self, parts: list[tuple[dict, Any]], error: Exception | None) -> str:
        """What of an order was not sent and why, in words; empty when all of it was."""
        missing = [(part, routed) for part, routed in parts if routed is None]
        return f"Only a part was sent. Not sent: {'; '.join(self._shares(parts, missing))} ({_reason(error).rstrip('.')})." if missing else ""

    def _shares(self, parts: list[tuple[dict, Any]], some: list[tuple[dict, Any]] | None = None) -> list[str]:
        symbol = next(routed.event.symbol for _part, routed in parts if routed is not None)
        return shares([part for part, _routed in (parts if some is None else some)], self._desk.market.instrument(symbol).base)

    async def _tell_half(self, found: list[tuple[dict, Any]], words: str, cancelled: bool) -> None:
        """A part is out and another is not: say so at once, and in the journals that hold a part."""
        self._desk.toast("warn" if cancelled else "error", words, "route_half")
        for part, routed in found:
            if routed is not None:
                await self._note_half(self._account(part["account"]).trade, routed.leg_ids[0], words)

    async def recall(self) -> None:
        """After a start: what went out as a half while the desk could not say so any more is told, once to the trader, and in each journal that
        holds a part and says nothing about it. Nothing is sent."""
        told = set()
        for account in self._desk.accounts.all:
            engine = account.trade.engine
            for routed in [*engine.routed.by_id.values()] if engine is not None else ():
                about = f"order:{routed.leg_ids[0]}" if routed.leg_ids else ""
                known = about in engine.notes or about in engine.unnoted  # the trader took the note away: has seen it
                if about and not known and (words := self._missing(routed)):
                    if routed.event.plan not in told:
                        self._desk.toast("error", words, "route_half")
                    told.add(routed.event.plan)
                    await self._note_half(account.trade, routed.leg_ids[0], words)

    def _missing(self, routed: Any) -> str:
        """What of a routed order is in no journal of the accounts that are open here, in words; empty where nothing is missing."""
        plan = routed.event.plan
        found = [(part, self._routed(part, plan)) for part in parts_of(plan)]
        if any(each.plan == plan for each in self._under_way.values()):
            return ""  # it is just being written
        found = [(part, there) for part, there in found if self._engine(part) is not None]
        missing = [(part, there) for part, there in found if there is None]
        if any(self._engine(part).missing for part, _there in missing):
            what = "; ".join(self._shares(found, missing))
            return f"Journals have lost entries: whether this part of an order was sent, its venue knows: {what}."
        return self._half(found, _STOPPED) if missing else ""

    async def _note_half(self, trade: Any, order_id: str, words: str) -> None:
        try:
            await trade.writer.command(lambda: trade.engine.note(f"order:{order_id}", "half", words[:_NOTE]))
        except Exception:  # a journal that takes nothing now says so itself; closed, the next start tells it
            if trade.engine is not None:
                self._untold[order_id] = (trade, words)

    def second(self) -> None:
        """Once a second: what a journal did not take is noted as soon as it does."""
        untold, self._untold = self._untold, {}
        for order_id, (trade, words) in untold.items():
            self._desk.around.scheduler.create_task(self._note_half(trade, order_id, words))

    async def cancel(self, home: Any, order_id: str) -> None:
        """Cancel an order of the account ``home``; one that the router gave to several accounts in all of them. Refusal names where that failed."""
        routed = home.trade.open_engine().routed.by_id.get(order_id)
        parts = parts_of(routed.event.plan) if routed is not None else []
        if len(parts) < 2:
            await home.trade.cancel(order_id)
            return
        under_way = self._under_way.get(order_id)
        if under_way is not None:
            under_way.cancelled = True
        elif not any(self._works(part, routed.event.plan) for part in parts) and all(self._engine(part) is not None for part in parts):
            await home.trade.cancel(order_id)  # it has ended: says so
        failed = await self._cancel(parts, routed.event.plan)
        if under_way is not None:
            await under_way.ended.wait()  # what was being written just now has come through
            failed += await self._cancel([part for part in parts if part["client_order_id"] != order_id], routed.event.plan)
        failed += [f"{part['title']}: the account is not open here" for part in parts if self._engine(part) is None]
        if failed:
            raise Refusal("cancel_half", f"not cancelled in every account ({'; '.join(failed)})", "cancel the rest where it is")

    def legs_elsewhere(self, home: Any, order_ids: Any) -> list[tuple[Any, list[str]]]:
        """The working legs that these routed orders of the account ``home`` have in others, with what trades there. Raises Refusal."""
        engine, found = home.trade.open_engine(), {}
        if not isinstance(order_ids, list) or not all(isinstance(order_id, str) for order_id in order_ids):
            raise Refusal("bad_request", "routed has to be a list of texts", "reload the page", "routed")
        for order_id in order_ids:
            routed = engine.routed.by_id.get(order_id)
            for part in parts_of(routed.event.plan) if routed is not None else ():
                if part["client_order_id"] != order_id and self._works(part, routed.event.plan):
                    working = [leg.client_order_id for leg in self._routed(part, routed.event.plan).legs if leg.is_working]
                    found.setdefault(part["account"], []).extend(working)
        return [(self._account(name).trade, legs) for name, legs in found.items()]

    async def _cancel(self, parts: list[dict], plan: str) -> list[str]:
        """Ask for a cancel of those that work; where that failed, in words."""
        working = [part for part in parts if self._works(part, plan)]
        done = await asyncio.gather(*(self._account(part["account"]).trade.cancel(part["client_order_id"]) for part in working), return_exceptions=True)
        return [f"{part['title']}: {to_wire(error)['reason']}" for part, error in zip(working, done, strict=True) if isinstance(error, Exception)]

    def _works(self, part: dict, plan: str) -> bool:
        routed = self._routed(part, plan)
        return routed is not None and routed.is_working

    def _account(self, name: str) -> Any:
        return next((each for each in self._desk.accounts.all if each.name == name), None)

    def _engine(self, part: dict) -> Any:
        account = self._account(part["account"])
        return account.trade.engine if account is not None else None

    def _routed(self, part: dict, plan: str) -> Any:
        engine = self._engine(part)
        return part_in(engine, part, plan) if engine is not None else None


def _is_answered(order: Any) -> bool:
    return order.status not in (OrderStatus.NEW, OrderStatus.PENDING)


def _reason(error: Exception | None) -> str:
    return to_wire(error)["reason"] if error is not None else "it was not sent"


def _row(part: dict, routed: Any, reason: str) -> dict:
    row = {name: part[name] for name in ("account", "title", "real", "client_order_id", "qty")}
    if routed is None:
        return {**row, "sent": False, "status": None, "reason": reason}
    return {**row, "sent": True, "status": routed.status.value, "reason": routed.reason}
