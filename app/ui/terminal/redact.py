"""Takes secrets out of text that leaves the terminal: what the trader typed, what is copied or exported.

The desk worker has taken out every secret value it knows before a line gets here. This is the second net, for what only the
page has seen: addresses typed into a command, and anything that looks like a credential. It never looks up a value.
"""

from __future__ import annotations

import re

HIDDEN = "[redacted]"

_ADDRESS = re.compile(r"\b(?:https?|wss?)://[^\s\"'<>]+", re.IGNORECASE)
_PAIR = re.compile(
    r"""(?ix)
    \b([\w.-]*(?:token|secret|password|passwd|passphrase|api[_-]?key|apikey|signature|authorization|verifier|code|cookie))
    (["']?\s*[=:]\s*["']?)
    (?!\[redacted\])((?:bearer|basic|token|dpop)\s+)?[^\s"'&,;}{]+
    """
)
_SCHEME = re.compile(r"\b(bearer|basic|dpop)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_KNOWN = re.compile(
    r"\b(?:gh[oprsu]_\w{16,}|github_pat_\w{16,}|sk-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA[0-9A-Z]{12,}"
    r"|eyJ[\w-]{8,}(?:\.[\w-]*){1,4})"
)


def address(text: str) -> str:
    """The address with its user part, the values of its query and its fragment hidden."""
    head, mark, fragment = text.partition("#")
    base, question, query = head.partition("?")
    scheme, slashes, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = f"{HIDDEN}@{authority.rpartition('@')[2]}"
    pairs = [name + (f"={HIDDEN}" if equals else "") for name, equals, _value in (part.partition("=") for part in query.split("&"))]
    return scheme + slashes + authority + slash + path + question + "&".join(pairs) + (mark and f"#{HIDDEN}" if fragment else mark)


def text(line: str) -> str:
    """The line without what looks like a credential."""
    line = _ADDRESS.sub(lambda found: address(found.group()), line)
    line = _KNOWN.sub(HIDDEN, line)
    line = _PAIR.sub(lambda found: f"{found.group(1)}{found.group(2)}{HIDDEN}", line)
    return _SCHEME.sub(lambda found: f"{found.group(1)} {HIDDEN}", line)
