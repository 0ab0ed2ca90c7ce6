"""How secrets become wrapping keys: which functions, how hard, and the limits on what a stored header may ask for.

A passphrase is stretched by Argon2id, where the machine has the memory for it, else by PBKDF2; both tuned to this device.
Recovery codes and passkeys are random already and go through HKDF.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from app.platform.errors import CryptoUnavailable
from app.platform.interfaces import ARGON2ID, HKDF_SHA256, PBKDF2, Clock, Crypto, Kdf, KeyHandle, Secret
from app.vault.format import joined, read_hex, read_whole

LANES = 1
_MIN_SALT, _MAX_SALT = 16, 64
_PROBES = {PBKDF2: 3, ARGON2ID: 2}
_ROUND = {PBKDF2: 1_000, ARGON2ID: 1}
_MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class KdfPolicy:
    """How hard stretching must be, aiming at `target_s`. PBKDF2: never below `floor` nor above `ceiling` iterations.

    Argon2id: new slots take `memory_kib` (0: they use PBKDF2), and no less is accepted; `passes` to `max_passes` over at most
    `max_memory_kib`.
    """

    floor: int = 600_000
    ceiling: int = 50_000_000
    target_s: float = 0.5
    memory_kib: int = 65_536
    max_memory_kib: int = 262_144
    passes: int = 3
    max_passes: int = 64


def kdf_bytes(kdf: Kdf) -> bytes:
    """The parameters as they are bound into a wrapped key."""
    if kdf.name == HKDF_SHA256:
        return joined(kdf.name.encode(), kdf.salt)
    numbers = (kdf.iterations,) if kdf.name == PBKDF2 else (kdf.iterations, kdf.memory_kib, kdf.lanes)
    return joined(kdf.name.encode(), *(number.to_bytes(4, "big") for number in numbers), kdf.salt)


def kdf_json(kdf: Kdf) -> dict[str, Any]:
    """The parameters as the header holds them."""
    raw: dict[str, Any] = {"name": kdf.name, "salt": kdf.salt.hex()}
    if kdf.name != HKDF_SHA256:
        raw["iterations"] = kdf.iterations
    if kdf.name == ARGON2ID:
        raw |= {"lanes": kdf.lanes, "memory_kib": kdf.memory_kib}
    return raw


def read_kdf(raw: dict[str, Any], policy: KdfPolicy) -> Kdf:
    """The parameters, every limit enforced before any work is done with them. Raises FormatError."""
    name, salt = raw["name"], read_hex(raw["salt"], _MIN_SALT, _MAX_SALT)
    if name == HKDF_SHA256:
        return Kdf(name, 0, salt)
    if name == PBKDF2:
        return Kdf(name, read_whole(raw["iterations"], policy.floor, policy.ceiling), salt)
    passes = read_whole(raw["iterations"], policy.passes, policy.max_passes)
    lanes = read_whole(raw["lanes"], LANES, LANES)
    memory_kib = read_whole(raw["memory_kib"], max(8 * lanes, policy.memory_kib), policy.max_memory_kib)
    return Kdf(name, passes, salt, memory_kib, lanes)


async def stretch(crypto: Crypto, clock: Clock, passphrase: Secret, salt: bytes, policy: KdfPolicy) -> tuple[KeyHandle, Kdf]:
    """A wrapping key whose derivation takes at least `policy.target_s` here, and its parameters."""
    if policy.memory_kib:
        try:
            start = Kdf(ARGON2ID, policy.passes, salt, policy.memory_kib, LANES)
            return await _tuned(crypto, clock, passphrase, start, policy.max_passes, policy.target_s)
        except CryptoUnavailable:
            pass
    return await _tuned(crypto, clock, passphrase, Kdf(PBKDF2, policy.floor, salt), policy.ceiling, policy.target_s)


async def restretch(
    crypto: Crypto, clock: Clock, passphrase: Secret, kdf: Kdf, took_s: float, policy: KdfPolicy
) -> tuple[KeyHandle, Kdf] | None:
    """A better wrapping key for a passphrase that took `took_s` with `kdf` a moment ago; None where there is none."""
    if kdf.name == PBKDF2 and policy.memory_kib:
        try:
            start = Kdf(ARGON2ID, policy.passes, kdf.salt, policy.memory_kib, LANES)
            return await _tuned(crypto, clock, passphrase, start, policy.max_passes, policy.target_s)
        except CryptoUnavailable:
            pass
    ceiling = policy.max_passes if kdf.name == ARGON2ID else policy.ceiling
    if not 0 < took_s < policy.target_s or kdf.iterations >= ceiling:
        return None
    better = _harder(kdf, took_s, ceiling, policy.target_s)
    return (await stretched(crypto, clock, passphrase, better))[0], better


async def stretched(crypto: Crypto, clock: Clock, secret: Secret, kdf: Kdf) -> tuple[KeyHandle, float]:
    """The wrapping key, and the seconds it took."""
    started = clock.monotonic_ns()
    kek = await crypto.derive_kek(secret, kdf)
    return kek, (clock.monotonic_ns() - started) / 1e9


def outgrown(kdf: Kdf, took_s: float, policy: KdfPolicy) -> bool:
    """Whether a passphrase that took this long to stretch deserves better parameters."""
    return took_s < policy.target_s or (kdf.name == PBKDF2 and policy.memory_kib > 0)


async def _tuned(
    crypto: Crypto, clock: Clock, secret: Secret, kdf: Kdf, ceiling: int, target_s: float
) -> tuple[KeyHandle, Kdf]:
    fastest_s = elapsed_s = 0.0
    for _ in range(_PROBES[kdf.name]):
        kek, elapsed_s = await stretched(crypto, clock, secret, kdf)
        if elapsed_s >= target_s or elapsed_s == 0:
            return kek, kdf
        fastest_s = min(fastest_s, elapsed_s) if fastest_s else elapsed_s  # a busy moment must not make it weaker
    while elapsed_s < target_s and kdf.iterations < ceiling:
        kdf = _harder(kdf, min(fastest_s, elapsed_s), ceiling, target_s)
        kek, elapsed_s = await stretched(crypto, clock, secret, kdf)
        fastest_s = elapsed_s
    return kek, kdf


def _harder(kdf: Kdf, took_s: float, ceiling: int, target_s: float) -> Kdf:
    """What takes a fifth longer than the target, where these parameters took `took_s`."""
    wanted, step = kdf.iterations * target_s / took_s * _MARGIN, _ROUND[kdf.name]
    return replace(kdf, iterations=min(ceiling, max(kdf.iterations + 1, -(-int(wanted) // step) * step)))
