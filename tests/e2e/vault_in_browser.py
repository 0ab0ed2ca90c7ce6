# ruff: noqa: F401
"""Helpers that tests of the vault prepend to what they run in the browser's worker, which uses the rest of the imports.
Runs in Pyodide only."""

import asyncio
import base64
import json
import time
from dataclasses import replace

import js
from js import given, say

from app.platform.browser import browser_platform
from app.platform.browser.store import BrowserStore
from app.platform.errors import CryptoAuthError, CryptoUnavailable, StoreClosed, StoreConflict, StoreFull
from app.platform.interfaces import ARGON2ID, ED25519, HMAC_SHA256, Guard, Kdf, Rewrap, Sealing, Write
from app.vault import KdfPolicy, NewSlot, Proof, Vault, VaultAuthFailed, VaultConflict, VaultError, VaultFull, VaultRefused

SITE = str(js.URL.new("./", js.location.href).href)
QUICK = KdfPolicy(floor=1_000, ceiling=100_000, target_s=0, memory_kib=0)


def records_from(text):
    """Stored records from their JSON form."""
    return {(cls, record_id): base64.b64decode(value) for cls, record_id, value in json.loads(text)}


async def dumped(store):
    """Everything stored, in JSON form."""
    result = []
    for cls in await store.classes():
        result += [[cls, record_id, base64.b64encode(value).decode()] for record_id, value in await store.scan(cls)]
    return json.dumps(result)


async def platform_of(name):
    """A platform whose store is open."""
    platform = browser_platform(name, SITE)
    await platform.store.open()
    return platform


async def uncopied(name):
    """A platform whose store is open and has no second copy that would put right what is damaged."""
    platform = replace(browser_platform(name, SITE), store=BrowserStore(name))
    await platform.store.open()
    return platform


def copy_of(secret):
    """A secret to be used up, as the page would hand over."""
    return js.Uint8Array.new(secret)


async def made(platform, policy=QUICK, logs=(), tables=None):
    """A new vault with the passphrase in `given.words`."""
    parts = platform.store, platform.crypto, platform.clock, platform.entropy
    return await Vault.create(*parts, copy_of(given.words), logs, tables=tables, kdf=policy)


async def reopened(platform, policy=QUICK):
    """The vault that is there, unlocked."""
    vault = await Vault.find(platform, policy)
    await vault.unlock(copy_of(given.words))
    return vault


def shown(result):
    """A scan's outcome as plain values."""
    return {
        "records": [[record.id, base64.b64encode(record.data).decode()] for record in result.records],
        "damaged": [[damage.kind, damage.id, damage.count] for damage in result.damaged],
    }


def percentile(samples, share):
    """The value below which `share` of the samples lie."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * share))]
