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
KINDS = (("HMAC-SHA256", "HMAC: an API key with a secret key"), ("Ed25519", "Ed25519: your own private key (PEM, PKCS#8)"))
ARMING = (
    "From then on every order you send on this desk is a real order at Binance, with real money, and so is every order that this desk holds and "
    "releases. It stays so until you disarm, lock the vault, change the key or reload the page."
)
ADVICE = "Make a key that can trade and not withdraw, bound to your address. The secret goes into the vault and cannot be read back, not even by this page."


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
    return f"The key that ends with {view['key']['ends']} ({view['key']['algorithm']}) is in the vault." if view["key"] else ""


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
