"""What this origin may have in the browser, by name: what it is for and whether it is encrypted. Anything else is flagged. Pure text.

Encrypted is said only of what the vault encrypts. What is not is never a secret, an order or anything about money.
"""

from __future__ import annotations

from collections.abc import Iterable

ENCRYPTED, PLAIN, UNKNOWN = "encrypted", "readable", "unknown"

_KNOWN: dict[tuple[str, str], tuple[str, str]] = {
    ("database", "kontor/records"): ("The vault: every record as ciphertext. Class names, ids, sizes and times of writing can be read.", ENCRYPTED),
    ("database", "kontor-mark/records"): (
        "Beside the vault: its id and counter (to notice a lost or rolled-back vault), when the last export was made, what was learned of hosts.",
        PLAIN,
    ),
    ("database", "kontor-history/records"): ("Bars that you imported and kept readable: public market data.", PLAIN),
    ("localStorage", "kontor.prefs"): ("How you like the page: theme, sizes, watchlists, what was looked at last, the id of the vault.", PLAIN),
    ("localStorage", "kontor.theme"): ("Dark or light, read before anything is painted.", PLAIN),
    ("sessionStorage", "kontor.signin"): ("That this window went to a provider to sign in; gone when it comes back.", PLAIN),
    ("service worker", "sw.js"): ("Keeps the desk's files, so that it opens without a network. It never sees the vault.", PLAIN),
}
_PREFIXES = (
    ("private file", "kontor.wal-lease", "Which of several tabs writes the file beside the vault: 16 random bytes.", PLAIN),
    ("private file", "kontor.wal-", "The second copy of the vault: every record as ciphertext, in the order of writing.", ENCRYPTED),
    ("database", "IDBMap/", "Made by PyScript, which runs Python on this page, for its own use. The desk keeps nothing in it: it is empty.", PLAIN),
    ("cache", "kontor /", "The desk's own files and the recordings, the same for everybody.", PLAIN),
    ("cache", "kontor-api /", "Public answers of data providers, for a quarter of an hour; none that needed a sign-in.", PLAIN),
)


def about(kind: str, name: str) -> tuple[str, str]:
    """(what it is for, one of ENCRYPTED PLAIN UNKNOWN) for something found; ``name`` of a database's store is ``database/store``."""
    found = _KNOWN.get((kind, name))
    if found is None:
        found = next(((text, how) for of, prefix, text, how in _PREFIXES if of == kind and name.startswith(prefix)), None)
    return found or ("Not of this desk as far as it knows. Another page of this address may have put it there.", UNKNOWN)


def rows(found: dict) -> list[dict]:
    """What was found, a row each: {kind, name, count, bytes, about, how}. ``found`` is what app/ui/stored.mjs lists."""
    out = []
    for item in found["items"]:
        text, how = about(item["kind"], item["name"])
        out.append({**item, "about": text, "how": how})
    return sorted(out, key=lambda row: (row["how"] != UNKNOWN, row["kind"], row["name"]))


def summary(listed: Iterable[dict]) -> tuple[str, str]:
    """A sentence and its tone."""
    unknown = [row["name"] for row in listed if row["how"] == UNKNOWN]
    if unknown:
        return f"Not known to this desk: {', '.join(unknown)}.", "warn"
    return "Everything found here belongs to the desk.", "good"


CANNOT_BE_SEEN = (
    "Cookies that scripts may not read: the proxy sets some while you sign in to a provider; they hold sealed tokens that only the proxy opens.",
    "What the browser keeps by itself: its HTTP cache, history and saved passwords, if you let it save any.",
    "The file you exported: it is wherever you put it.",
)
