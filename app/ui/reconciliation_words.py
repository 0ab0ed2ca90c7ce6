"""What the reconciliation page says. Pure text."""

from __future__ import annotations

from .format import clock, number, plural, stamp
from .real_words import STATES

AGREE = "Journal and venue agree in everything that was compared."
RESOLVED = "Every order is known."
NONE_ADOPTED = "No order works there that this desk did not send."
NO_HISTORY = "No reconciliation has ended yet."
PAPER_HISTORY = "The paper venue is rebuilt from the journal at each start: there is nothing to reconcile with."
SYNTHETIC = "Synthetic fills: where nobody can say which trades came between, a person takes the venue's word. They make neither profit nor loss."
CAUSES = {"start": "start", "reconnect": "new connection", "difference": "a difference came or went"}


def state(found: dict) -> tuple[str, str]:
    """(sentence, tone) of the whole."""
    if not found["real"]:
        if found["differences"]:
            return "Paper: the venue and the journal differ. Please export the journal: this is a fault of the desk.", "danger"
        return "Paper: the venue lives in this desk and is rebuilt from the journal. They agree.", "good"
    word, tone = STATES.get(found["state"], (found["state"], "warn"))
    detail = f": {found['detail']}" if found["detail"] else ""
    held = "" if found["state"] == "ready" else " No order leaves meanwhile."
    count = len(found["differences"])
    differs = f" {number(count)} {'thing differs' if count == 1 else 'things differ'}." if count else ""
    return f"{found['venue'].capitalize()} is {word}{detail}.{held}{differs}", "stale" if count else {"good": "good", "bad": "danger"}.get(tone, "stale")


def checked(found: dict) -> str:
    """What was compared, and when last."""
    counts = found["checked"]
    if not found["compared_ns"]:
        return "Nothing has been compared yet."
    names = (("orders", "working order"), ("positions", "position"), ("balances", "balance"), ("fills", "fill"))
    parts = [plural(counts[name], text) for name, text in names]
    last = next((item for item in found["history"] if item["cause"] != "difference"), None)
    asked = f" Last reconciled {stamp(last['ts'])} in {number(last['took_ms'])} ms, {number(last['asked'])} questions." if last else ""
    often = "once a second" if found["real"] else "every ten seconds"
    return f"Compared {clock(found['compared_ns'])}, {often}: {', '.join(parts)}.{asked}"


def evidence(order: dict) -> str:
    """What is known of an order that nobody is sure of."""
    parts = [order["evidence"]]
    if order["sent_ns"]:
        parts.append(f"Sent {stamp(order['sent_ns'])}.")
    if order["asked"]:
        parts.append(f"Asked {number(order['asked'])} times, last {clock(order['asked_ns'])}.")
    if order["next_ask_ns"]:
        parts.append(f"Next {clock(order['next_ask_ns'])}.")
    if order["missed"]:
        parts.append("The venue did not find it once: believed the second time.")
    return " ".join(part for part in parts if part)
