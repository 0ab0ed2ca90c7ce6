"""Requests about the vault. ``secret`` and ``current`` are buffers of the page, None where it sent none. See docs/messages.md."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.vault import PASSPHRASE, RECOVERY

from .errors import Refusal
from .vaultkeys import slot_id


class WithSecret(NamedTuple):
    """A result that goes to the page with a buffer of secret bytes beside its text."""

    result: dict
    secret: Any


async def create(desk: Any, _request: dict, secret: Any = None) -> dict:
    """Keep what happened so far in a new vault."""
    await desk.keeping.create(_needed(secret))
    return {"vault": desk.keeping.view()}


async def unlock(desk: Any, request: dict, secret: Any = None) -> dict:
    """Open the vault and replay its journal."""
    slot = slot_id(request) if request.get("slot") is not None else None
    await desk.keeping.unlock(_needed(secret), str(request.get("kind") or PASSPHRASE), slot)
    return {"vault": desk.keeping.view()}


async def lock(desk: Any, _request: dict) -> dict:
    """Forget the keys and everything read with them, in whichever tab the vault is open."""
    await desk.locking.ask()
    return {"vault": desk.keeping.view()}


async def lock_settings(desk: Any, request: dict) -> dict:
    """Read or change when the vault locks by itself."""
    return await desk.locking.change({name: request[name] for name in ("idle_s", "hidden_s", "sleep") if name in request})


async def accept(desk: Any, _request: dict) -> dict:
    """Go on with what is readable of a damaged vault."""
    await desk.keeping.accept_damage()
    return {"vault": desk.keeping.view()}


async def contents(desk: Any, _request: dict) -> dict:
    """What is stored, by class."""
    return await desk.keeping.contents()


def slots(desk: Any, _request: dict) -> dict:
    """Who can open the vault."""
    return {"slots": desk.keeping.keys.slots(), "rekey": desk.keeping.keys.progress()}


async def slot_add(desk: Any, request: dict, secret: Any = None, current: Any = None) -> dict:
    """Another passphrase or passkey."""
    if request.get("kind") == RECOVERY:
        raise Refusal("made_here", "a recovery code is made by the desk", "ask for vault.recovery", "kind")
    return (await desk.keeping.keys.add(request, _needed(secret), current))[0]


async def slot_change(desk: Any, request: dict, secret: Any = None, current: Any = None) -> dict:
    """Another passphrase in a slot."""
    return (await desk.keeping.keys.change(request, _needed(secret), current))[0]


async def slot_rename(desk: Any, request: dict) -> dict:
    """Another label on a slot."""
    return await desk.keeping.keys.rename(request)


async def slot_remove(desk: Any, request: dict, current: Any = None) -> dict:
    """One slot less."""
    return await desk.keeping.keys.remove(request, current)


async def recovery(desk: Any, request: dict, current: Any = None) -> WithSecret:
    """A recovery code, told this once: a new slot, or (`slot`) a new code in place of an old one."""
    keys = desk.keeping.keys
    made = await (keys.change(request, None, current) if request.get("slot") else keys.add({**request, "kind": RECOVERY}, None, current))
    return WithSecret(*made)


async def rekey(desk: Any, request: dict, secret: Any = None, current: Any = None) -> dict | WithSecret:
    """New keys for everything."""
    result, code = await desk.keeping.keys.rekey(request, secret, current)
    return result if code is None else WithSecret(result, code)


def _needed(secret: Any) -> Any:
    if secret is None:
        raise Refusal("secret_needed", "the secret is missing", "type it again", "secret")
    return secret


VAULT_REQUESTS = {
    "vault.create": create,
    "vault.unlock": unlock,
    "vault.lock": lock,
    "vault.lock_settings": lock_settings,
    "vault.accept": accept,
    "vault.contents": contents,
    "vault.slots": slots,
    "vault.slot_add": slot_add,
    "vault.slot_change": slot_change,
    "vault.slot_rename": slot_rename,
    "vault.slot_remove": slot_remove,
    "vault.recovery": recovery,
    "vault.rekey": rekey,
}
