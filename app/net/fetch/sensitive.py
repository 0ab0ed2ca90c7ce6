"""Whether a request carries something of the trader's: by what the caller says, by header and query names, and by value.

Errs on the careful side: a request that merely looks as if it carried a key is treated as if it did.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from ..trace import Secrets
from .messages import Request

_NAMES = frozenset(
    "auth authorization authentication token key secret cookie sign signature sig passphrase password passwd pass session sessionid credential "
    "credentials apikey jwt bearer listenkey".split()
)
_HARMLESS = frozenset({"idempotency-key", "accept", "content-type"})
_BODY = re.compile(rb"(?i)(token|secret|passw|passphrase|api_?key|private_?key|authorization)[\w.-]{0,20}[\"']?\s*[:=]")
_LONGEST_BODY = 262_144


def _parts(name: str) -> list[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [*re.split(r"[^a-z0-9]+", spaced.lower()), name.lower()]


def is_credential_name(name: str) -> bool:
    """Whether a header or query parameter of this name holds a credential."""
    return name.lower() not in _HARMLESS and any(part in _NAMES for part in _parts(name))


def carries_credentials(request: Request, secrets: Secrets) -> bool:
    """Whether this request may only go directly, or through a proxy that is the trader's own."""
    if request.credentials == "own":
        return True
    if any(is_credential_name(name) or secrets.within(value) for name, value in request.headers.items()):
        return True
    query = urlsplit(request.url).query
    if secrets.within(request.url) or any(is_credential_name(name) for name, _ in parse_qsl(query, keep_blank_values=True)):
        return True
    if request.body is None:
        return False
    body = request.body[:_LONGEST_BODY]
    return len(request.body) > _LONGEST_BODY or bool(_BODY.search(body)) or secrets.within(body.decode("utf-8", "replace"))
