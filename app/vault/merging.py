"""What becomes of each class when an export is merged into a vault. The rules are written in docs/export.md. Pure.

A log is one history and is never mixed: of two that agree the longer wins, of two that do not the trader chooses one and the other
is set aside. A table is merged record by record. What loses is set aside, never dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.vault.exportform import ExportClass, ExportRecord, Kind, Lost, lost_line, record_lines
from app.vault.format import joined
from app.vault.staging import Append, Change, Put, PutColumn, Replace

SET_ASIDE = "setaside"
RESTORED = "restored"
OWN = frozenset({RESTORED})
"""Classes that a restore writes itself and takes from no file."""

DERIVED = "snapshot"


def is_derived(name: str) -> bool:
    """Whether a class follows from others and means nothing outside the vault that wrote it: it is in no export, and taken from none."""
    return name.partition("-")[0] == DERIVED


BOUND = frozenset({"secrets"})
"""Classes whose records only the vault that wrote them can use: they are exported as they are, and taken from no file."""

Relation = Literal["new", "same", "longer", "shorter", "diverged", "mixed", "kind", "empty", "bound"]
Choice = Literal["merge", "vault", "file"]


@dataclass(slots=True)
class Held:
    """A class as the vault has it. For a log `count` counts lost records too, `last` is the last id ever written and `broken` says
    whether anything is lost; `unreadable` are the ids and stored bytes of records that do not open."""

    kind: Kind
    records: list[ExportRecord] = field(default_factory=list)
    count: int = 0
    last: str = ""
    broken: bool = False
    unreadable: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a class of the file stands to the same class of the vault, and what may be chosen; `default` is None where the trader must.

    `new`, `same`, `newer`, `older` and `conflicting` count the file's records; `mended` those that the vault has damaged.
    `relation` of a log speaks of the file: longer means that it goes on after the vault's end. `at` is the id where two logs part.
    """

    name: str
    kind: Kind
    in_file: int
    in_vault: int
    relation: Relation
    choices: tuple[Choice, ...]
    default: Choice | None
    new: int = 0
    same: int = 0
    newer: int = 0
    older: int = 0
    conflicting: int = 0
    mended: int = 0
    at: str = ""


@dataclass(slots=True)
class Outcome:
    """The changes that carry a plan out; how many records of the file were taken, and which lines are set aside by id."""

    changes: list[Change] = field(default_factory=list)
    taken: int = 0
    aside: dict[str, bytes] = field(default_factory=dict)


def plan(filed: ExportClass, held: Held | None, same_vault: bool) -> Plan:
    """Compare a class. ``same_vault``: the file was exported from this very vault, so versions can be compared."""
    if filed.name in BOUND:
        there = held.count if held is not None else 0
        return Plan(filed.name, filed.kind, len(filed.records), there, "bound", ("vault",), "vault")
    if held is None or (not held.count and not held.records):
        return Plan(filed.name, filed.kind, len(filed.records), 0, "new", ("merge", "vault"), "merge", new=len(filed.records))
    if not filed.records:
        return Plan(filed.name, filed.kind, 0, held.count, "empty", ("vault",), "vault")
    if held.kind != filed.kind:
        return Plan(
            filed.name, held.kind, len(filed.records), held.count, "kind", ("vault",), "vault", conflicting=len(filed.records)
        )
    return _plan_log(filed, held) if filed.kind == "log" else _plan_table(filed, held, same_vault)


def carry_out(found: Plan, choice: Choice, filed: ExportClass, held: Held | None, same_vault: bool) -> Outcome:
    """The changes for a choice that the plan allows."""
    outcome, held = Outcome(), held if held is not None else Held(filed.kind)
    if found.relation == "kind" or (found.relation == "diverged" and choice == "vault"):
        outcome.aside = set_aside(found.name, filed.records)
    elif choice == "vault" or found.relation in ("same", "shorter", "empty", "bound"):
        if choice == "merge" and found.mended:
            _mend(found, filed, held, outcome)
    elif found.kind == "table":
        _merge_table(found.name, choice, filed, held, same_vault, outcome)
    elif choice == "file":
        outcome.changes = [Replace(found.name, [(record.id, record.data) for record in filed.records])]
        outcome.taken = len(filed.records)
        outcome.aside = set_aside(found.name, held.records, held.unreadable)
    elif found.mended:
        _mend(found, filed, held, outcome)
    else:
        last = max(held.last, held.records[-1].id if held.records else "")
        tail = [(record.id, record.data) for record in filed.records if record.id > last]
        outcome.changes, outcome.taken = [Append(found.name, tail)] if tail else [], len(tail)
    return outcome


def set_aside(name: str, records: Sequence[ExportRecord], unreadable: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Lines to keep by the id they are kept under, which follows from the content: the same is kept once."""
    lines = [line for record in records for line in record_lines(name, record)]
    for record_id, stored in sorted((unreadable or {}).items()):
        lines.append(lost_line(name, Lost("unreadable", "The record was changed or cut short.", record_id, 1, stored)))
    mark = hashlib.sha256(joined(*lines)).hexdigest()[:16]
    return {f"{name}/{mark}/{number:08d}": line for number, line in enumerate(lines, 1)}


def _plan_log(filed: ExportClass, held: Held) -> Plan:
    ours = {record.id: record.data for record in held.records}
    theirs = {record.id: record.data for record in filed.records}
    our_last = max([held.last, *ours, *held.unreadable])
    their_last = max([*theirs, *(lost.id for lost in filed.lost)])
    bound = min(our_last, their_last)
    same = mended = 0
    parted = ""
    for record_id in sorted({*ours, *theirs}):
        if record_id > bound:
            break
        if record_id in ours and record_id in theirs:
            agrees = ours[record_id] == theirs[record_id]
            same += agrees
        elif record_id in theirs:
            agrees = held.broken
            mended += agrees
        else:
            agrees = bool(filed.lost)
        if not agrees:
            parted = record_id
            break
    sizes = len(theirs), held.count
    if parted or not same:
        parted = parted or min(next(iter(theirs)), next(iter(ours), our_last))
        return Plan(
            filed.name, "log", *sizes, "diverged", ("vault", "file"), None, same=same, conflicting=len(theirs) - same, at=parted
        )
    new = sum(record_id > our_last for record_id in theirs)
    shorter = any(record_id > their_last for record_id in ours)
    relation: Relation = "longer" if new else "shorter" if shorter else "same"
    if len({*ours, *(record_id for record_id in theirs if record_id <= our_last)}) != held.count:
        mended = 0  # a gap would remain, and closing up over it would hide it
    choices: tuple[Choice, ...] = ("merge", "vault") if new or mended else ("vault",)
    return Plan(filed.name, "log", *sizes, relation, choices, choices[0], new=new, same=same, mended=mended)


def _plan_table(filed: ExportClass, held: Held, same_vault: bool) -> Plan:
    ours = {record.key: record for record in held.records}
    counts = dict.fromkeys(("new", "same", "newer", "older", "conflicting", "mended"), 0)
    for record in filed.records:
        counts[_standing(record, ours.get(record.key), held, same_vault)] += 1
    differs = counts["newer"] + counts["older"] + counts["conflicting"]
    changes = differs or counts["new"] or counts["mended"]
    choices: tuple[Choice, ...] = ("merge", "vault", "file") if differs else ("merge", "vault") if changes else ("vault",)
    relation: Relation = "mixed" if changes else "same"
    return Plan(filed.name, "table", len(filed.records), held.count, relation, choices, choices[0], **counts)


def _standing(record: ExportRecord, ours: ExportRecord | None, held: Held, same_vault: bool) -> str:
    if ours is None:
        return "mended" if record.id in held.unreadable else "new"
    if ours.data == record.data:
        return "same"
    if same_vault and ours.version != record.version:
        return "newer" if record.version > ours.version else "older"
    return "conflicting"


def _merge_table(name: str, choice: Choice, filed: ExportClass, held: Held, same_vault: bool, outcome: Outcome) -> None:
    ours = {record.key: record for record in held.records}
    taken: list[ExportRecord] = []
    for record in filed.records:
        mine = ours.get(record.key)
        standing = _standing(record, mine, held, same_vault)
        if standing in ("new", "mended", "newer") or (choice == "file" and standing in ("older", "conflicting")):
            taken.append(record)
            if mine is not None:
                outcome.aside |= set_aside(name, [mine])
        elif standing == "conflicting":
            outcome.aside |= set_aside(name, [record])
    outcome.taken = len(taken)
    rows = [(record.id, record.data) for record in taken if not record.column]
    outcome.changes = [Put(name, rows)] if rows else []
    outcome.changes += [PutColumn(name, record.id, record.data) for record in taken if record.column]


def _mend(found: Plan, filed: ExportClass, held: Held, outcome: Outcome) -> None:
    """Write the log whole again, with the file's copy of what is damaged."""
    whole = {record.id: record.data for record in (*filed.records, *held.records)}
    outcome.changes = [Replace(found.name, sorted(whole.items()))]
    outcome.taken = len(whole) - len(held.records)
    outcome.aside = set_aside(found.name, [], held.unreadable) if held.unreadable else {}

