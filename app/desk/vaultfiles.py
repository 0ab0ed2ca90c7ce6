"""What the page may ask about exports, restoring, the vault's health and its end. Arguments are as in docs/messages.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .errors import Refusal

CONFIRM = "wipe"


@dataclass(frozen=True, slots=True)
class WithFile:
    """A reply that carries a file, whose buffer is given away."""

    result: dict
    file: Any


async def vault_export(desk: Any, _request: dict, secret: Any = None) -> WithFile:
    """Everything in the open vault as one encrypted file."""
    return WithFile(*await desk.backup.export(_needed(secret)))


async def vault_restore_preview(desk: Any, request: dict, secret: Any = None) -> dict:
    """What is in a file, and what restoring it would do."""
    file = request.get("file")
    if file is None:
        raise Refusal("no_file", "there is no file", "choose the export", "file")
    return await desk.backup.preview(_needed(secret), file)


async def vault_restore(desk: Any, request: dict, secret: Any = None) -> dict:
    """Carry out a preview."""
    return await desk.backup.restore(request.get("preview"), request.get("choices"), secret)


def vault_restore_drop(desk: Any, _request: dict) -> None:
    """Forget the file that was opened for a preview."""
    desk.backup.drop()


async def vault_backup(desk: Any, request: dict) -> dict:
    """Read or change when to be reminded, and how things stand."""
    return await desk.backup.change({name: request[name] for name in ("days", "orders") if request.get(name) is not None})


async def vault_verify(desk: Any, _request: dict) -> dict:
    """Open and verify every record."""
    return await desk.backup.verify()


async def vault_wipe(desk: Any, request: dict) -> dict:
    """Remove the vault; what the trader typed has to be the word."""
    typed = request.get("confirm")
    if not isinstance(typed, str) or typed.strip().lower() != CONFIRM:
        raise Refusal("not_confirmed", "this removes everything the vault holds and cannot be undone", f"type {CONFIRM} to go on", "confirm")
    await desk.keeping.wipe()
    return {"vault": desk.keeping.view()}


def _needed(secret: Any) -> Any:
    if secret is None:
        raise Refusal("no_passphrase", "a passphrase is needed", "type the passphrase of the file", "secret")
    return secret


VAULT_FILE_REQUESTS = {
    "vault.export": vault_export,
    "vault.restore_preview": vault_restore_preview,
    "vault.restore": vault_restore,
    "vault.restore_drop": vault_restore_drop,
    "vault.backup": vault_backup,
    "vault.verify": vault_verify,
    "vault.wipe": vault_wipe,
}
