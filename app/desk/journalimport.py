"""Importing an exported journal: read strictly, compared with the one here, then taken by the rules of every restore ([exports](export.md)).

Nothing of another account is taken: two accounts are never one history.
"""

from __future__ import annotations

from typing import Any

from app.model import events
from app.trading.errors import JournalError
from app.trading.journal import Entry, decode
from app.vault.exportform import Export, ExportClass, ExportHead, ExportRecord

from .errors import Refusal
from .recorder import record_id

MAX_BYTES = 256 * 1024 * 1024
_NUMBERS = 10**12


async def preview(desk: Any, file: Any) -> dict:
    """What is in the file and how it stands to the journal here. Raises Refusal."""
    keeping, engine = desk.keeping, desk.trade.engine
    if file is None:
        raise Refusal("no_file", "there is no file", "choose the exported journal", "file")
    if keeping.state != "unlocked" or engine is None:
        raise Refusal("not_unlocked", f"a journal is imported into an open vault: the state is {keeping.state}", "make a vault or unlock it first")
    size = desk.around.files.size(file)
    if size > MAX_BYTES:
        raise Refusal("too_large", f"the file has {size} bytes, at most {MAX_BYTES} are read", "use python -m app.trading.journal for it", "file")
    records, entries = read(bytes(desk.around.files.read(file)))
    account = account_of(entries)
    _check_account(account, engine, desk.trade.execution.name)
    first, last = entries[0].event.ts, entries[-1].event.ts
    export = Export(ExportHead("", 0, first, last, "journal"), {keeping.journal: ExportClass(keeping.journal, "log", records)})
    found = await desk.backup.offer(export)
    plan = next(row for row in found["classes"] if row["name"] == keeping.journal)
    return {"preview": found["preview"], "account": account, "events": len(entries), "first_ns": first, "last_ns": last, "plan": plan}


async def take(desk: Any, number: Any, choice: Any) -> dict:
    """Carry the preview out. Raises Refusal."""
    choices = {desk.keeping.journal: choice} if choice else None
    done = await desk.backup.restore(number, choices, None)
    return {"taken": done["taken"].get(desk.keeping.journal, 0), "set_aside": done["set_aside"]}


def read(data: bytes) -> tuple[list[ExportRecord], list[Entry]]:
    """Every record of an exported journal, in order. Raises Refusal naming the first line that is none."""
    records: list[ExportRecord] = []
    entries: list[Entry] = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.strip()
        if not line:
            continue
        try:
            found = decode(line)
        except JournalError as error:
            raise Refusal("bad_journal", f"line {number}: {error}", "choose a file that this desk exported", "file") from error
        if entries and found[0].seq <= entries[-1].seq:
            reason = f"line {number} begins with event {found[0].seq}, after event {entries[-1].seq}"
            raise Refusal("bad_journal", reason, "choose a file whose lines are in order", "file")
        if found[-1].seq >= _NUMBERS:
            raise Refusal("bad_journal", f"line {number} has an impossible number", "choose a file that this desk exported", "file")
        records.append(ExportRecord(record_id(found[0].seq), len(records) + 1, line))
        entries += found
    if not entries:
        raise Refusal("bad_journal", "there is no event in the file", "choose the exported journal", "file")
    return records, entries


def account_of(entries: list[Entry]) -> str:
    """The one account a journal is of. Raises Refusal."""
    found = {name for entry in entries if (name := _account(entry.event))}
    if len(found) != 1:
        reason = f"the file has events of {len(found)} accounts" if found else "the file does not say whose account it is"
        raise Refusal("bad_journal", reason, "choose a file that this desk exported", "file")
    return found.pop()


def _account(event: Any) -> str:
    if isinstance(event, (events.OrderSubmitted, events.OrderAdopted)):
        return event.intent.account
    return event.account if isinstance(event, (events.AccountOpened, events.BalanceAdjusted)) else ""


def _check_account(account: str, engine: Any, venue: str) -> None:
    other_venue = account.partition("-")[0] != venue
    if other_venue or (account != engine.account and (engine.orders or engine.fills or engine.balanced)):
        reason = f"the journal is of the account {account}, this desk has {engine.account}"
        raise Refusal("other_account", reason, "open the desk on that account, or restore it into a vault of its own", "file")
