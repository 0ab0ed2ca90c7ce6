"""Restoring an export: what would happen, then all of it in one transaction.

Into an open vault the changes are one commit; without a vault the caller makes one whose first transaction holds everything. Either
way a crash leaves the old state or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.vault.errors import VaultRefused
from app.vault.exportform import Export, ExportRecord, records_of
from app.vault.merging import OWN, RESTORED, SET_ASIDE, Choice, Held, Plan, carry_out, is_derived, plan
from app.vault.staging import Append, Change, Put, Replace
from app.vault.vault import Records, Vault


class RestoreUndecided(VaultRefused):
    """The trader has to choose for a class, or chose what is not possible."""

    code = "restore-choose"
    remedy = "Look at the preview and choose for each class what it offers."


@dataclass(slots=True)
class Preview:
    """An export beside what is there now. ``rolled_back``: it was made from this vault at a later commit than the vault has now."""

    export: Export
    held: dict[str, Held]
    plans: dict[str, Plan]
    same_vault: bool
    rolled_back: bool


@dataclass(slots=True)
class Restored:
    """What a restore did, or is about to do: records taken by class, how many records were set aside."""

    changes: list[Change]
    taken: dict[str, int] = field(default_factory=dict)
    set_aside: int = 0


async def held_by(vault: Vault) -> dict[str, Held]:
    """Everything an open vault holds, as merging looks at it."""
    result: dict[str, Held] = {}
    counts = {item.cls: item.count for item in (await vault.contents()).classes}
    for name in await vault.classes():
        if is_derived(name):
            continue
        found = await vault.scan(name)
        records = records_of(found)
        unreadable = {damage.id: damage.envelope for damage in found.damaged if damage.envelope is not None}
        last = found.last_id
        result[name] = Held(found.kind, records, counts.get(name, len(records)), last, not found.intact, unreadable)
    return result


def in_memory(logs: Mapping[str, Records]) -> dict[str, Held]:
    """Logs that a session without a vault has kept so far."""
    held = {}
    for name, rows in logs.items():
        records = [ExportRecord(record_id, number, data) for number, (record_id, data) in enumerate(rows, 1)]
        held[name] = Held("log", records, len(records), records[-1].id if records else "")
    return held


def compare(export: Export, held: dict[str, Held], vault_id: str = "", counter: int = 0) -> Preview:
    """How each class of the export stands to what is held. ``vault_id`` and ``counter`` of the open vault, if there is one."""
    same = export.head.vault == vault_id
    plans = {name: plan(filed, held.get(name), same) for name, filed in sorted(export.classes.items()) if name not in OWN and not is_derived(name)}
    return Preview(export, held, plans, same, same and export.head.counter > counter)


def decide(preview: Preview, choices: Mapping[str, str], now_ns: int) -> Restored:
    """The changes that carry out the choices; a class without one gets its plan's default. Raises RestoreUndecided."""
    unknown = choices.keys() - preview.plans.keys()
    if unknown:
        raise RestoreUndecided(f"The export holds no class {sorted(unknown)[0]!r:.40}.")
    result, aside, provenance = Restored([]), {}, []
    for name, found in preview.plans.items():
        outcome = carry_out(found, _choice(found, choices), preview.export.classes[name], preview.held.get(name), preview.same_vault)
        result.changes += outcome.changes
        aside |= outcome.aside
        if outcome.taken:
            result.taken[name] = outcome.taken
            if found.kind == "log":
                provenance.append((name, _provenance(preview.export, name, now_ns)))
    kept = {record.id for record in preview.held[SET_ASIDE].records} if SET_ASIDE in preview.held else set()
    lines = sorted((key, line) for key, line in aside.items() if key not in kept)
    for cls, rows in ((SET_ASIDE, lines), (RESTORED, provenance)):
        if rows:
            result.changes.append(Put(cls, rows))
    result.set_aside = len(lines)
    return result


def first_contents(result: Restored, logs: Mapping[str, Records]) -> list[Change]:
    """What the first transaction of a vault to be made holds: the logs of the session so far with the changes on top."""
    whole = {name: list(rows) for name, rows in logs.items()}
    tables: list[Change] = []
    for change in result.changes:
        if isinstance(change, Replace):
            whole[change.cls] = list(change.records)
        elif isinstance(change, Append):
            whole.setdefault(change.cls, []).extend(change.records)
        else:
            tables.append(change)
    return [*(Append(name, rows) for name, rows in whole.items()), *tables]


async def restore(vault: Vault, export: Export, choices: Mapping[str, str], now_ns: int) -> Restored:
    """Merge an export into an open vault, in one transaction. Raises RestoreUndecided and VaultError, and changes nothing then."""
    counter = (await vault.contents()).commits
    result = decide(compare(export, await held_by(vault), vault.vault_id, counter), choices, now_ns)
    if result.changes:
        await vault.apply(result.changes)
    return result


def _choice(found: Plan, choices: Mapping[str, str]) -> Choice:
    wanted = choices.get(found.name, found.default)
    for choice in found.choices:
        if choice == wanted:
            return choice
    if wanted is None:
        reason = f"The log {found.name} in the file and the one here part at {found.at}; they are never mixed."
        raise RestoreUndecided(reason, remedy=f"Choose for {found.name}: {' or '.join(found.choices)}. The other one is set aside.")
    raise RestoreUndecided(f"{wanted!r:.40} is no choice for {found.name}: it offers {', '.join(found.choices)}.")


def _provenance(export: Export, name: str, now_ns: int) -> bytes:
    filed = export.classes[name]
    last = max([*(record.id for record in filed.records), *(lost.id for lost in filed.lost)])
    head = export.head
    row = {"at_ns": now_ns, "vault": head.vault, "counter": head.counter, "exported_ns": head.exported_ns, "last": last}
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()
