"""What the journal and reconciliation pages say, as pure text."""

from __future__ import annotations

from .format import age, number, plural, stamp

KINDS = (
    ("", "Everything"),
    ("orders", "Orders"),
    ("fills", "Fills"),
    ("changes", "Cancels and amendments"),
    ("ends", "Ends without a fill"),
    ("unknown", "Unknown orders"),
    ("account", "Account and balances"),
    ("risk", "Risk"),
    ("notes", "Notes"),
)

NAMES = {
    "AccountOpened": "Account",
    "OrderRouted": "Routed",
    "OrderSubmitted": "Intent",
    "OrderSent": "Sent",
    "OrderAccepted": "Accepted",
    "OrderRejected": "Rejected",
    "OrderTriggered": "Triggered",
    "OrderFilled": "Fill",
    "OrderCancelRequested": "Cancel",
    "OrderCancelled": "Cancelled",
    "OrderExpired": "Expired",
    "OrderAmendRequested": "Amend",
    "OrderAmended": "Amended",
    "OrderChangeRefused": "Refused",
    "OrderUnknown": "Unknown",
    "OrderReleased": "Released",
    "OrderDenied": "Denied",
    "OrderAdopted": "Adopted",
    "BalanceAdjusted": "Synthetic",
    "CashBooked": "Cash",
    "SplitBooked": "Split",
    "RateKnown": "Rate",
    "RiskStateSet": "Risk",
    "RiskLimitSet": "Limit",
    "RoutingRuleSet": "Routing",
    "NoteSet": "Note",
    "Reconciled": "Reconciled",
}
TONES = {
    **{"OrderFilled": "good", "OrderRejected": "danger", "OrderDenied": "danger"},
    **{"OrderUnknown": "stale", "BalanceAdjusted": "stale", "OrderAdopted": "stale"},
}

RELATIONS = {
    "same": "It holds what this journal holds: there is nothing to take.",
    "shorter": "It is a beginning of this journal: there is nothing to take.",
    "longer": "It goes on where this journal ends: what follows is appended.",
    "diverged": "It is another history of this account. One of the two stays; the other is set aside, and nothing is lost.",
    "new": "There is no journal here: it is taken whole.",
    "empty": "There is nothing in it.",
}
CHOICES = {"merge": "Take what is new", "vault": "Keep this journal", "file": "Take the file's journal, set this one aside"}


def about(subject: str) -> str:
    """What a note is about, for its heading."""
    kind, _, name = subject.partition(":")
    return {"day": f"the day {name} (UTC)", "order": f"the order {name}", "fill": f"the fill {name}"}.get(kind, subject)


def by_subject(notes: dict | None) -> dict[str, dict]:
    """The rows of a ``notes`` message by what they are about."""
    return {row["about"]: row for row in (notes or {}).get("rows", ())}


def noted(notes: dict[str, dict], fill: dict) -> str:
    """Tags and notes that concern a fill: its own, then its order's."""
    found = [notes[key] for key in (f"fill:{fill['fill_id']}", f"order:{fill['client_order_id']}") if key in notes]
    tags = dict.fromkeys(f"#{tag}" for row in found for tag in row["tags"])
    return " ".join([*tags, *(row["text"] for row in found if row["text"])])


def length(state: dict) -> str:
    """How long the journal is and where it lies."""
    where = f"{plural(state['records'], 'record')} in the vault" if state["kept"] else "kept in this tab's memory only"
    text = f"{plural(state['events'], 'event')} of {state['account']}, {where}."
    if state["missing"]:
        text += f" {number(state['missing'])} numbers have no entry that can be read."
    return text


def verified(state: dict, now_ms: float) -> tuple[str, str]:
    """What was verified of it, when; (sentence, tone)."""
    if not state["kept"]:
        return "Nothing to verify yet: records are sealed and chained once there is a vault.", ""
    found = state["verified"]
    if found is None:
        return "The newest part was verified when the vault was opened; the older part is checked in a moment.", ""
    when = f"{age(now_ms - found['at_ns'] / 1e6)} ago ({stamp(found['at_ns'])}), {number(round(found['ms']))} ms"
    if found["damaged"]:
        return f"{number(found['damaged'])} of {number(found['records'] + found['damaged'])} records are damaged or missing. Checked {when}.", "danger"
    since = state["records"] - found["records"]
    more = f" {plural(since, 'record')} came after." if since > 0 else ""
    return f"{plural(found['records'], 'record')}: every one opens and follows the one before it. Checked {when}.{more}", "good"


def snapshot(state: dict) -> str:
    """How the next start gets along."""
    found = state["snapshot"]
    if not state["kept"]:
        return ""
    if found is None:
        return "No snapshot yet: a start replays all of it. The first is made after 1,000 events."
    text = f"A snapshot stands for events up to {number(found['seq'])}; {number(found['behind'])} came after it."
    return text + (f" This start read {number(found['replayed'])} records." if found["restored"] else "")


def searched(found: dict, rows: int, filtered: bool) -> str:
    """What a page of rows is, where a filter is set."""
    if found["next"] is None:
        return f"{number(rows)} shown; the journal begins here." if rows else "Nothing of that kind is in the journal." if filtered else "The journal is empty."
    if filtered and found["reached_ns"]:
        return f"{number(rows)} found, looked back to {stamp(found['reached_ns'])}. Older looks on."
    return f"{number(rows)} shown."


def imported(preview: dict) -> list[str]:
    """The sentences of a preview."""
    plan = preview["plan"]
    lines = [
        f"{number(preview['events'])} events of {preview['account']}, {stamp(preview['first_ns'])} to {stamp(preview['last_ns'])}.",
        RELATIONS.get(plan["relation"], plan["relation"]),
    ]
    counts = [f"{number(plan[key])} {text}" for key, text in (("new", "new"), ("same", "the same"), ("conflicting", "different")) if plan[key]]
    if counts:
        lines.append(f"Records: {', '.join(counts)}.")
    return lines
