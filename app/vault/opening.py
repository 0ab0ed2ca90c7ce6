"""Opening a vault: its header copies, its manifest copies, and the mark kept outside.

Any single one of these records may be damaged without loss: there are two of each. What was found wrong is
reported as `Damage`; kinds in `BLOCKING` forbid writing until the trader accepts them.
"""

from __future__ import annotations

import json

from app.platform.interfaces import Clock, Crypto, Store
from app.platform.records import opened_batch
from app.vault import manifest as manifests
from app.vault.errors import VaultAuthFailed
from app.vault.format import ENVELOPE_HEAD, FormatError
from app.vault.header import Header
from app.vault.kdf import KdfPolicy
from app.vault.keys import KeyRing, Proof, Way, open_header
from app.vault.manifest import Manifest
from app.vault.reading import Damage
from app.vault.staging import HEADER, HEADER_IDS, MANIFEST, MANIFEST_IDS
from app.vault.writing import MARK

BLOCKING = ("manifest", "rollback")


async def stored_headers(store: Store) -> list[bytes]:
    """The copies of the header that are there."""
    found = [await store.get(HEADER, copy) for copy in HEADER_IDS]
    return [stored for stored in found if stored is not None]


async def open_any(
    crypto: Crypto, clock: Clock, copies: list[bytes], proof: Proof, policy: KdfPolicy, problems: list[Damage]
) -> tuple[Header, KeyRing, Way, bytes]:
    """The first copy that opens: its header, keys, the slot used, and bytes. Raises VaultAuthFailed if none does."""
    for stored in dict.fromkeys(copies):
        try:
            header, ring, way = await open_header(crypto, clock, stored, proof, policy)
        except VaultAuthFailed as error:
            failure = error
            continue
        for _ in range(len(HEADER_IDS) - copies.count(stored)):
            detail = "One copy of the header is damaged; the other opened the vault."
            problems.append(Damage(HEADER, "unreadable", detail))
        return header, ring, way, stored
    raise failure


async def read_manifest(
    store: Store, crypto: Crypto, ring: KeyRing, header_digest: bytes, problems: list[Damage]
) -> tuple[Manifest, bytes | None]:
    """The manifest, from its copy if need be, and what guards the next commit."""
    found = [await store.get(MANIFEST, copy) for copy in MANIFEST_IDS]
    guard = None if found[0] is None else found[0][:ENVELOPE_HEAD]
    readable: list[Manifest] = []
    for stored in found:
        try:
            readable.append(await _open_manifest(crypto, ring, stored))
        except FormatError as error:
            detail = f"One copy of the manifest cannot be used: {error}."
            problems.append(Damage(MANIFEST, "unreadable", detail, envelope=stored))
    if not readable:
        problems.append(Damage(MANIFEST, "manifest", "The manifest is missing or cannot be read."))
        return Manifest(0, header_digest), guard
    manifest = max(readable, key=lambda copy: copy.counter)
    if manifest.header != header_digest:
        problems.append(Damage(HEADER, "rollback", "Header and manifest are not of the same time."))
    if manifest.counter < await marked_counter(store, ring):
        problems.append(Damage(MANIFEST, "rollback", "The vault is older than it was when last seen here."))
    return manifest, guard


async def marked_counter(store: Store, ring: KeyRing) -> int:
    """The commit counter noted in the second database; 0 if there is none for this vault."""
    note = await store.meta_get(MARK)
    try:
        mark = json.loads(note) if note is not None else {}
        matches, counter = mark.get("vault") == ring.vault_id.hex(), mark.get("counter", 0)
    except (ValueError, AttributeError):
        return 0
    return counter if matches and type(counter) is int and 0 <= counter < 2**63 else 0


async def _open_manifest(crypto: Crypto, ring: KeyRing, stored: bytes | None) -> Manifest:
    if stored is None:
        raise FormatError("it is missing")
    opened = await opened_batch(crypto, await ring.opener(MANIFEST), [(MANIFEST, stored)])
    if opened.closed:
        raise FormatError("it does not open")
    return manifests.decode(opened.values[0])
