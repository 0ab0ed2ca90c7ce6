"""What can go wrong with the vault.

    VaultError
      VaultAbsent       there is no vault here
      VaultExists       there is one already
      VaultLocked       it must be unlocked first
      VaultAuthFailed   wrong passphrase or changed bytes: one error for both, on purpose
      VaultDamaged      part of it cannot be trusted; the rest goes on
      VaultFull         no room; the write was rolled back whole
      VaultConflict     another writer was here; the write was rolled back whole
      VaultClosed       the store went away; whether the last write was kept is not known
      VaultRefused      the request itself is not acceptable

Each carries `code` (stable), `kept` (what was not lost) and `remedy` (what to do). None ever carries a secret.
"""


class VaultError(Exception):
    """Base of everything in this module."""

    code = "vault"
    kept = "Everything stored is as it was."
    remedy = "Reload the page; if it happens again, export the diagnostics from the health page."

    def __init__(self, message: str, *, kept: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        if kept is not None:
            self.kept = kept
        if remedy is not None:
            self.remedy = remedy


class VaultAbsent(VaultError):
    """There is no vault here."""

    code = "vault-absent"
    remedy = "Create a vault, or restore one from an export."


class VaultExists(VaultError):
    """There is a vault already; it is never overwritten."""

    code = "vault-exists"
    remedy = "Unlock the vault that is here."


class VaultLocked(VaultError):
    """The vault must be unlocked first."""

    code = "vault-locked"
    remedy = "Unlock the vault with its passphrase."


class VaultAuthFailed(VaultError):
    """Wrong passphrase or changed bytes; the caller cannot tell which."""

    code = "vault-auth"
    remedy = "Type the passphrase again. If it is surely right, the stored keys were changed: restore an export."


class VaultDamaged(VaultError):
    """Part of the vault cannot be trusted."""

    code = "vault-damaged"
    kept = "Records that verify stay readable; damaged ones are kept in place for export."
    remedy = "Export what is readable, then accept the damage to go on writing."


class VaultFull(VaultError):
    """No room left."""

    code = "vault-full"
    kept = "Everything committed before is intact; only this write was not kept."
    remedy = "Free disk space or remove recorded history, then try again."


class VaultConflict(VaultError):
    """Another writer was here."""

    code = "vault-conflict"
    kept = "What the other writer kept is intact; this write was not kept."
    remedy = "Use one tab as the desk and reload this one."


class VaultClosed(VaultError):
    """The store went away."""

    code = "vault-closed"
    kept = "Everything confirmed before is intact; the last unconfirmed write may or may not be."
    remedy = "Reload the page and unlock; the desk reads what was kept."


class VaultRefused(VaultError):
    """The request itself is not acceptable."""

    code = "vault-refused"
    remedy = "Change the request as the message says."
