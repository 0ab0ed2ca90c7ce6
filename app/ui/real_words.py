"""What the page says of the account at a real venue. Pure text."""

from __future__ import annotations

STATES = {
    "off": ("not connected", "flat"),
    "refused": ("refused", "bad"),
    "connecting": ("connecting", "warn"),
    "waiting": ("waiting to connect again", "warn"),
    "reconciling": ("reconciling", "warn"),
    "ready": ("reconciled", "good"),
}
HMAC, ED25519, SENT_AS_IS = "HMAC-SHA256", "Ed25519", "sent-as-is"
KINDS = {
    "binance": ((HMAC, "HMAC: an API key with a secret key"), (ED25519, "Ed25519: your own private key (PEM, PKCS#8)")),
    "alpaca": ((SENT_AS_IS, "Key ID and secret key"),),
}
"""The kinds of key that an account takes."""
LIVE = {"alpaca": (("paper", "Paper: Alpaca's simulation, no real money"), ("live", "Live: real money"))}
"""Accounts that come in two kinds, the harmless one first."""
KEY_NAMES = {"binance": "API key", "alpaca": "Key ID"}
_KEPT = "The secret goes into the vault and cannot be read back, not even by this page."
ADVICE = {
    "binance": f"Make a key that can trade and not withdraw, bound to your address. {_KEPT}",
    "alpaca": f"Make a key at Alpaca for this account; a paper account's begins with PK. {_KEPT} Alpaca wants to see it with every request: "
    "it goes to Alpaca's own addresses, and through this site's proxy only if you marked that as your own.",
}


def arming(view: dict | None) -> str:
    """What arming means, before it is confirmed."""
    if view is None:
        return ""
    held = "and so is every order that this desk holds and releases. It stays so until you disarm, lock the vault, change the key or reload the page."
    if (view["key"] or {}).get("live", True):
        return f"From then on every order you send on this desk is a real order at {view['title']}, with real money, {held}"
    return f"From then on every order you send on this desk goes to your paper account at {view['title']}, {held}"


def state(view: dict) -> tuple[str, str, str]:
    """(word, tone, sentence) of an ``execution`` message."""
    word, tone = STATES.get(view["state"], (view["state"], "warn"))
    detail = f": {view['detail']}" if view["detail"] else ""
    if view["key"] is None and view["state"] == "off":
        return "no key", "flat", "There is no key of the account in an open vault."
    armed = "Real orders are armed." if view["armed"] else "Real orders are not armed: none leaves."
    return word, tone, f"The account is {word}{detail}. {armed}"


def key(view: dict) -> str:
    """Which key is in the vault."""
    found = view["key"]
    if not found:
        return ""
    kind = found["algorithm"] if "live" not in found else "real money" if found["live"] else "paper account"
    return f"The key that ends with {found['ends']} ({kind}) is in the vault."


def found(view: dict) -> str:
    """Orders that somebody else sent."""
    count = view["found"]
    if not count:
        return ""
    if count == 1:
        return "1 order works at the venue that this desk did not send. It is in Orders, and can be cancelled there."
    return f"{count} orders work at the venue that this desk did not send. They are in Orders, and can be cancelled there."


def difference(row: dict) -> str:
    """One asset in which journal and venue differ."""
    return f"{row['asset']}: the journal says {row['ours']}, the venue holds {row['theirs']}."
