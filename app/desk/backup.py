"""Exports, their restoring, and the reminder to make them. What an export holds and how it merges is app.vault's business.

A file that was opened for a preview stays in memory, decrypted, until it is restored, dropped, replaced by another, the vault is locked
or a quarter of an hour has passed.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from app import VERSION
from app.vault import VaultDamaged, VaultError
from app.vault.checking import verify
from app.vault.exportform import Export
from app.vault.exporting import export_vault, read_export
from app.vault.exportreader import ExportRefused
from app.vault.merging import Held
from app.vault.restoring import Preview, Restored, compare, decide, first_contents, held_by, in_memory, restore

from .errors import Refusal
from .keeping import SETTINGS
from .recorder import JOURNALS
from .reminder import NOTE, Made, Reminder, read_made, read_rules

PREVIEW_NS = 15 * 60 * 1_000_000_000
_DAMAGE_SHOWN = 100


class Backup:
    """One per desk; made when first needed."""

    def __init__(self, desk: Any) -> None:
        self._desk, self._around, self._keeping = desk, desk.around, desk.keeping
        self._opened: tuple[int, int, Export] | None = None
        self._number = 0
        self._made: Made | None = None
        self._reminder: Reminder | None = None
        self._told = False

    # Making one.

    async def export(self, secret: Any) -> tuple[dict, Any]:
        """The encrypted file of everything in the open vault, and what is said of it."""
        vault = self._open_vault()
        around = self._around
        orders = self._orders()
        found = await export_vault(vault, around.files, around.crypto, around.clock, secret, VERSION)
        size = around.files.size(found.file)
        self._made = Made(vault.vault_id, found.counter, found.exported_ns, orders, size)
        await vault.set_note(NOTE, self._made.to_note())
        await self.look()
        result = {
            "name": file_name(found.exported_ns),
            "bytes": size,
            "records": found.records,
            "damaged": found.damaged,
            "counter": found.counter,
            "exported_ns": found.exported_ns,
        }
        return result, found.file

    # Restoring one.

    async def preview(self, secret: Any, file: Any) -> dict:
        """Open a file and compare it with what is here; nothing is changed."""
        if self._keeping.state not in ("memory", "unlocked"):
            raise Refusal("not_now", f"a file can be looked at only beside an open vault or none: the state is {self._keeping.state}", _REMEDY)
        self._opened = None
        export = await read_export(self._around.files, secret, file)
        return await self.offer(export)

    async def offer(self, export: Export) -> dict:
        """Compare what was read with what is here, and keep it for `restore`. Raises ExportRefused."""
        _check(export)
        self._number += 1
        self._opened = (self._number, self._around.clock.now_ns(), export)
        found = await self._compared(export)
        return {"preview": self._number, **_preview_wire(found, self._keeping.state == "memory")}

    async def restore(self, number: Any, choices: Any, secret: Any) -> dict:
        """Carry out a preview. ``secret``: the passphrase of the vault to be made where there is none."""
        export = self._previewed(number)
        choices = _read_choices(choices)
        if self._keeping.state == "memory":
            if secret is None:
                raise Refusal("no_passphrase", "there is no vault here yet", "choose the passphrase of the new vault", "secret")
            result = await self._restore_new(secret, export, choices)
        else:
            result = await self._restore_open(export, choices)
        self._opened = None
        await self.look()
        return {"taken": result.taken, "set_aside": result.set_aside, "vault": self._keeping.view()}

    def drop(self) -> None:
        """Forget a file that was opened for a preview."""
        self._opened = None

    async def _restore_new(self, secret: Any, export: Export, choices: dict[str, str]) -> Restored:
        done: list[Restored] = []
        traded = self._orders() > 0  # a session that only opened its account holds nothing to keep

        def first(held: dict[str, list]) -> list:
            logs = {journal: records for journal, records in held.items() if traded or journal not in export.classes}
            done.append(decide(compare(export, in_memory(logs)), choices, self._around.clock.now_ns()))
            return first_contents(done[0], logs)

        await self._keeping.make_from(secret, first)
        if not done[0].set_aside:  # the file holds what the vault holds
            vault = self._keeping.vault
            counter = (await vault.contents()).commits
            self._made = Made(vault.vault_id, counter, export.head.exported_ns, self._orders(), 0)
            await vault.set_note(NOTE, self._made.to_note())
        return done[0]

    async def _restore_open(self, export: Export, choices: dict[str, str]) -> Restored:
        keeping = self._keeping
        vault = self._open_vault()
        if vault.read_only:
            raise Refusal("read_only", "the vault was damaged and takes no writes", "accept what is readable first, or wipe the vault and restore")
        for each in self._desk.accounts.all:
            if choices.get(each.journal) == "file" and each.trade.engine is not None and each.trade.engine.working:
                remedy = "cancel them or wait for their end, then restore"
                raise Refusal("orders_working", "orders are working that the file's journal does not know", remedy, each.journal)
        return await keeping.change_whole(lambda: restore(vault, export, choices, self._around.clock.now_ns()))

    async def _compared(self, export: Export) -> Preview:
        if self._keeping.state == "memory":
            logs = {journal: records for journal, records in self._keeping.session_logs().items() if records}
            held: dict[str, Held] = in_memory(logs) if self._orders() else {}
            return compare(export, held)
        vault = self._keeping.vault
        return compare(export, await held_by(vault), vault.vault_id, (await vault.contents()).commits)

    def _previewed(self, number: Any) -> Export:
        self._forget_old()
        if self._opened is None or self._opened[0] != number:
            raise Refusal("no_preview", "this file is not open any more", "choose the file again", "preview")
        return self._opened[2]

    def _forget_old(self) -> None:
        if self._opened is not None and self._around.clock.now_ns() - self._opened[1] > PREVIEW_NS:
            self._opened = None

    # Health, and the reminder.

    async def verify(self) -> dict:
        """Open and verify every record; nothing is changed."""
        found = await verify(self._open_vault(), self._around.clock)
        shown = [{"class": item.cls, "id": item.id, "kind": item.kind, "count": item.count, "reason": item.detail} for item in found.damaged]
        classes = [{"name": name, "records": count} for name, count in found.classes.items()]
        return {
            "records": found.records,
            "seconds": round(found.seconds, 3),
            "classes": classes,
            "damaged": shown[:_DAMAGE_SHOWN],
            "damaged_count": sum(item.count for item in found.damaged),
        }

    async def change(self, fields: dict) -> dict:
        """Change when to be reminded, or only read it; the state of things."""
        if fields:
            vault = self._open_vault()
            rules = (await self._rules()).changed(fields)
            await vault.put(SETTINGS, "backup", rules.to_record())
            await self.look()
        return await self.state()

    async def state(self) -> dict:
        """The last export, what happened since, and when a reminder comes."""
        if self._reminder is None:
            await self.look()
        view = self.view()
        rules = self._reminder.rules if self._reminder is not None else read_rules(None)
        made = self._made
        known = {"exported_ns": made.exported_ns, "counter": made.counter, "bytes": made.size} if made else dict.fromkeys(("exported_ns", "counter", "bytes"))
        return {**asdict(rules), **known, **(view or {"due": False, "reason": "", "orders_since": None, "days_since": None})}

    async def look(self) -> None:
        """Read rules and note anew, as after an unlock."""
        if self._keeping.state != "unlocked":
            self._reminder = self._made = None
            return
        vault = self._keeping.vault
        try:
            self._made = read_made(await vault.note(NOTE), vault.vault_id)
            self._reminder = Reminder(await self._rules(), self._made, vault.created_ns)
        except VaultError:  # locked in the meantime
            return
        self.second()

    def second(self) -> None:
        """Once a second while the vault is open: is a reminder due?"""
        self._forget_old()
        view = self.view()
        if view is not None and view["due"] != self._told:
            self._told = view["due"]
            if self._told:
                self._desk.toast("warn", view["reason"], "backup")
            self._desk.keeping_changed()

    def locked(self) -> None:
        """The vault was locked or is gone."""
        self._opened = self._reminder = self._made = None
        self._told = False

    def view(self) -> dict | None:
        """What the ``vault`` message says of exports; None while the vault is not open."""
        if self._reminder is None or self._keeping.state != "unlocked":
            return None
        return self._reminder.judge(self._around.clock.now_ns(), self._orders(), self._keeping.vault.commits)

    async def _rules(self) -> Any:
        try:
            record = await self._keeping.vault.get(SETTINGS, "backup")
        except VaultDamaged:
            record = None
        return read_rules(record)

    def _orders(self) -> int:
        return sum(len(each.trade.engine.orders) for each in self._desk.accounts.all if each.trade.engine is not None)

    def _open_vault(self) -> Any:
        if self._keeping.state != "unlocked":
            raise Refusal("not_unlocked", f"the vault is not open: the state is {self._keeping.state}", "unlock it first")
        return self._keeping.vault


_REMEDY = "unlock the vault; one that cannot be opened has to be wiped before its export is restored"


def file_name(exported_ns: int) -> str:
    """How the file is to be called: sorts by time, says what it is."""
    return time.strftime("kontor-%Y-%m-%d-%H%M%S.age", time.gmtime(exported_ns // 1_000_000_000))


def _check(export: Export) -> None:
    """What the desk itself needs of its classes, so that no file can make a vault that does not open."""
    for name, item in export.classes.items():
        if name in JOURNALS.values():
            if item.kind != "log" or not all(len(row.id) == 12 and row.id.isdigit() and int(row.id) for row in (*item.records, *item.lost) if row.id):
                raise ExportRefused("The export's journal is not one that this desk writes.")
        elif item.kind != "table" and name in (SETTINGS, "oauth", "setaside", "restored"):
            raise ExportRefused(f"The export's class {name} is not the kind that this desk writes.")


def _read_choices(choices: Any) -> dict[str, str]:
    if choices is None:
        return {}
    if not isinstance(choices, dict) or not all(isinstance(value, str) for value in choices.values()):
        raise Refusal("bad_choices", "choices have to be texts by class", "reload the page", "choices")
    return choices


def _preview_wire(found: Preview, creates: bool) -> dict:
    head = found.export.head
    lost = sum(item.count for filed in found.export.classes.values() for item in filed.lost)
    about = {**asdict(head), "records": found.export.records, "damaged": lost}
    only_here = sorted(name for name in found.held if name not in found.plans)
    return {
        "file": about,
        "same_vault": found.same_vault,
        "rolled_back": found.rolled_back,
        "creates": creates,
        "classes": [asdict(item) for item in found.plans.values()],
        "only_here": [{"name": name, "in_vault": found.held[name].count} for name in only_here],
    }

