"""Everything the desk needs from outside, handed in as one bundle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any


@dataclass(slots=True)
class Surroundings:
    """``post`` sends one JSON text to the page; ``memory`` returns bytes of the interpreter's heap; ``read_bytes`` fetches a
    file of the bundle by relative path. The rest are the interfaces of app.platform."""

    clock: Any
    scheduler: Any
    entropy: Any
    store: Any
    crypto: Any
    locks: Any
    post: Callable[[str], None]
    read_bytes: Callable[[str], Awaitable[bytes]]
    sockets: Any
    fetch: Any
    memory: Callable[[], int]
    epoch_ms: Callable[[], float]
    """Now in ms since 1970 with sub-ms digits, on the clock shared with the page (timeOrigin + now)."""
    http: Any
    post_secret: Callable[[str, Any], None]
    """Sends one JSON text and, beside it, a buffer of secret bytes, which is given away."""
    files: Any
    post_file: Callable[[str, Any], None]
    """Sends one JSON text with a file, which is given away."""
    history: Any
    """The store of market history that is not encrypted."""
    base: str = ""
    """Absolute address of the site's folder, ending with a slash; empty where there is no site."""
    tabs: Any = None
    """The channel to the other tabs (app.platform's Channel); None: there are none."""
    again: int = 0
    """How many workers of this page ended before this one, because the vault was locked or the page frozen."""
    given: str = ""
    """The session that another tab handed over (recorder.Session as text); empty: none."""
    settle_s: float = 0.0
    """So long nothing is read of an opened vault: the lead was taken from a tab that may still have something under way."""
    channel: Callable[[str], Any] | None = None
    """Opens a channel (app.platform's Channel) by its name; None: there are no other tabs."""
    machine: Any = None
    """Runs WebAssembly (app.platform's Machine); None: indicators go bar by bar."""
    package: Callable[[str, Callable[[], Awaitable[object]]], Awaitable[None]] | None = None
    """Loads a package that was not there at the start (numpy) piece by piece, with a rest after each; None: it can be imported as it is."""
    kdf: Any = None
    """How hard the vault's passphrase is stretched (KdfPolicy); None: tuned to this device."""

    @classmethod
    def on(cls, platform: Any, **rest: Any) -> Surroundings:
        """The parts of a whole Platform, and ``rest`` for what a platform does not have."""
        return cls(**{field.name: getattr(platform, field.name) for field in fields(cls) if hasattr(platform, field.name)}, **rest)
