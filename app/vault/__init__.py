"""The encrypted vault: key hierarchy, record format and the journal's durable home.

`Vault` keeps records of named classes, either logs (append only, chained) or tables (put and delete by id),
sealed with AES-256-GCM under keys that only the passphrase opens. It works over any `Store` and `Crypto` of
`app.platform` and never imports a browser module. What the bytes are is written in docs/vault.md.
"""

from app.vault.access import Access, Rekeying
from app.vault.contents import ClassContents, Contents
from app.vault.errors import (
    VaultAbsent,
    VaultAuthFailed,
    VaultClosed,
    VaultConflict,
    VaultDamaged,
    VaultError,
    VaultExists,
    VaultFull,
    VaultLocked,
    VaultRefused,
)
from app.vault.header import PASSKEY, PASSPHRASE, RECOVERY, Slot
from app.vault.kdf import KdfPolicy
from app.vault.keys import Proof
from app.vault.reading import Damage, LogPlace, Record, ScanResult
from app.vault.signing import Signer
from app.vault.slots import NewSlot
from app.vault.vault import Vault

__all__ = [
    "PASSKEY",
    "PASSPHRASE",
    "RECOVERY",
    "Access",
    "ClassContents",
    "Contents",
    "Damage",
    "KdfPolicy",
    "LogPlace",
    "NewSlot",
    "Proof",
    "Record",
    "Rekeying",
    "ScanResult",
    "Signer",
    "Slot",
    "Vault",
    "VaultAbsent",
    "VaultAuthFailed",
    "VaultClosed",
    "VaultConflict",
    "VaultDamaged",
    "VaultError",
    "VaultExists",
    "VaultFull",
    "VaultLocked",
    "VaultRefused",
]
