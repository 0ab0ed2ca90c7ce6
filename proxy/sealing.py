"""Sealed texts: what the proxy must remember between two requests, kept by the browser and readable by nobody else.

A sealed text is a JWE (``dir``, A256GCM) that names its key and its purpose in the authenticated header, so keys can be
changed without signing anybody out and one kind of text never passes for another. Every text ends: ``exp`` is inside.
Owns the cookies' names and attributes as well. Never keeps a secret itself; ``Once`` remembers only what was used up.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

MAX_COOKIE = 3800  # bytes: browsers drop a cookie beyond 4,096, name and attributes included


class Unsealed(ValueError):
    """A sealed text that cannot be used; ``code`` is ``broken`` or ``expired``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Sealer:
    """Seals with the newest key, opens with any. ``keys`` are (key id, 32 bytes), newest first; ``now`` gives epoch seconds."""

    def __init__(self, keys: Sequence[tuple[str, bytes]] = (), now: Callable[[], float] = time.time) -> None:
        keys = keys or [(secrets.token_hex(4), secrets.token_bytes(32))]
        if any(len(key) != 32 for _, key in keys) or len({kid for kid, _ in keys}) != len(keys):
            raise ValueError("sealing keys: each needs an id of its own and exactly 32 bytes")
        self._newest = keys[0][0]
        self._keys = {kid: OctKey.import_key(key) for kid, key in keys}
        self.now = now

    def seal(self, purpose: str, claims: Mapping[str, Any], ttl_s: float) -> str:
        """The claims as a sealed text that opens for ``ttl_s`` seconds, for this purpose only."""
        header = {"alg": "dir", "enc": "A256GCM", "kid": self._newest, "typ": purpose}
        body = json.dumps({**claims, "exp": self.now() + ttl_s}, separators=(",", ":"))
        return jwe.encrypt_compact(header, body, self._keys[self._newest])

    def open(self, purpose: str, text: str) -> dict[str, Any]:
        """The claims, ``exp`` (epoch seconds) included. Raises Unsealed."""
        try:
            token = jwe.decrypt_compact(text, lambda recipient: self._keys[recipient.headers()["kid"]], ["dir", "A256GCM"])
            claims = json.loads(token.plaintext or b"")
            over = claims["exp"] <= self.now()
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unsealed("broken") from error
        if token.headers().get("typ") != purpose:
            raise Unsealed("broken")
        if over:
            raise Unsealed("expired")
        return claims


class Once:
    """What may be used a single time: a bounded memory of ids until they end by themselves."""

    def __init__(self, now: Callable[[], float] = time.time, limit: int = 50_000) -> None:
        self._until: dict[str, float] = {}
        self._now = now
        self._limit = limit

    def take(self, key: str, until: float) -> bool:
        """True the first time. ``until`` (epoch seconds): when ``key`` is worthless anyway. Full means refused, not forgotten."""
        now = self._now()
        if len(self._until) >= self._limit:
            self._until = {name: end for name, end in self._until.items() if end > now}
        if key in self._until or len(self._until) >= self._limit:
            return False
        self._until[key] = until
        return True


def cookie_name(name: str, secure: bool) -> str:
    """The name a browser guards over https (no other host or path can set it); plain on loopback http, where it cannot."""
    return f"__Host-{name}" if secure else name


def set_cookie(name: str, value: str, *, secure: bool, max_age: int, same_site: str) -> str:
    """A Set-Cookie header line. Raises ValueError when browsers would drop it for its size. ``max_age`` 0 deletes."""
    line = f"{cookie_name(name, secure)}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite={same_site}{'; Secure' if secure else ''}"
    if len(line) > MAX_COOKIE:
        raise ValueError(f"the cookie {name} would be {len(line)} bytes; browsers keep {MAX_COOKIE}")
    return line
