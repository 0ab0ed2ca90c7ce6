"""Who can open the vault, and new keys for it: the desk's side of what app.vault does.

Secrets come as buffers of the page and go to the vault untouched. A rekey runs beside trading, from where it stopped, in a task of
its own; the page is told how far it is.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any

from app.vault import PASSKEY, PASSPHRASE, NewSlot, Proof, VaultError

from .errors import Refusal

_TELL_S = 0.5


class VaultKeys:
    """``keeping`` has the vault; ``changed`` is called when slots change or a rekey gets on; ``failed(error)`` when one stops."""

    def __init__(self, keeping: Any, clock: Any, changed: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._keeping, self._clock, self._changed, self._failed = keeping, clock, changed, failed
        self._task: asyncio.Task | None = None
        self._done = self._total = 0

    def slots(self) -> list[dict]:
        """The slots as the page shows them; what a passkey's needs to be asked for included."""
        vault = self._keeping.vault
        return [_row(slot) for slot in vault.slots] if vault is not None else []

    def progress(self) -> dict | None:
        """How far a rekey is; None when there is none."""
        if self._task is None:
            return None
        return {"done": self._done, "total": self._total}

    async def add(self, request: dict, secret: Any, current: Any) -> tuple[dict, Any]:
        """Another way to open the vault; with a new recovery code also the code."""
        kind = str(request.get("kind"))
        wanted = NewSlot(kind, _label(request), secret, _decoded(request, "credential"), _decoded(request, "prf_salt"))
        slot, code = await self._access().add(self._proof(request, current), wanted)
        self._changed()
        return {"slot": _row(slot)}, code

    async def change(self, request: dict, secret: Any, current: Any) -> tuple[dict, Any]:
        """Another passphrase in a slot, or a new recovery code."""
        slot, code = await self._access().change(self._proof(request, current), slot_id(request), secret)
        self._changed()
        return {"slot": _row(slot)}, code

    async def rename(self, request: dict) -> dict:
        """Another label."""
        await self._access().rename(slot_id(request), _label(request))
        self._changed()
        return {"slots": self.slots()}

    async def remove(self, request: dict, current: Any) -> dict:
        """One way less."""
        await self._access().remove(self._proof(request, current), slot_id(request))
        self._changed()
        return {"slots": self.slots()}

    async def rekey(self, request: dict, secret: Any, current: Any) -> tuple[dict, Any]:
        """Begin to seal everything under a new key. `secret` is the PRF output of one passkey that is to stay, if given."""
        proofs = [self._proof(request, current)]
        if secret is not None:
            proofs.append(Proof(secret, PASSKEY, slot_id(request)))
        begun = await self._access().begin_rekey(proofs)
        self.go_on()
        return {"left_out": [_row(slot) for slot in begun.left_out]}, begun.code

    def go_on(self) -> None:
        """Go on with a rekey that was begun, if there is one: called after every unlock."""
        vault = self._keeping.vault
        if self._task is None and not vault.read_only and vault.access.leaving:
            self._done = self._total = 0
            self._task = asyncio.get_running_loop().create_task(self._run(vault))
            self._changed()

    async def stopped(self) -> None:
        """Wait until a rekey has noticed that the vault was locked."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self, vault: Any) -> None:
        told_ns = self._clock.monotonic_ns()

        def progress(done: int, total: int) -> None:
            nonlocal told_ns
            self._done, self._total = done, total
            now_ns = self._clock.monotonic_ns()
            if now_ns - told_ns >= _TELL_S * 1e9:
                told_ns = now_ns
                self._changed()

        try:
            await vault.access.rekey(progress)
        except VaultError as error:  # what is done is kept; the rest goes on at the next unlock
            self._failed(error)
        finally:
            self._task = None
            self._changed()

    def _access(self) -> Any:
        if self._keeping.state != "unlocked":
            raise Refusal("not_unlocked", "the vault is not open", "unlock it first")
        return self._keeping.vault.access

    def _proof(self, request: dict, current: Any) -> Proof:
        if current is None:
            raise Refusal("proof_needed", "this asks for a secret that opens the vault now", "type the passphrase", "current")
        return Proof(current, str(request.get("current_kind") or PASSPHRASE))


def _row(slot: Any) -> dict:
    kdf = slot.kdf
    row = {"id": slot.id.hex(), "kind": slot.kind, "label": slot.label, "created_ns": slot.created_ns}
    row["kdf"] = {"name": kdf.name, "iterations": kdf.iterations, "memory_kib": kdf.memory_kib}
    if slot.kind == PASSKEY:
        row |= {"credential": _encoded(slot.credential), "prf_salt": _encoded(slot.prf_salt)}
    return row


def _label(request: dict) -> str:
    return str(request.get("label") or "").strip()


def slot_id(request: dict) -> bytes:
    """The id of the slot a request is about. Raises Refusal."""
    try:
        return bytes.fromhex(request["slot"])
    except (KeyError, TypeError, ValueError):
        raise Refusal("bad_slot", "there is no such slot", "look at the list of slots again", "slot") from None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(request: dict, name: str) -> bytes:
    text = request.get(name) or ""
    try:
        return base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
    except (binascii.Error, ValueError):
        raise Refusal("bad_request", f"{name} has to be base64url", "make the passkey again", name) from None
