"""A second reader of the vault, written from docs/vault.md alone: no code of app.vault or app.platform.

It takes the stored records as {(class, id): bytes} and a passphrase, and gives every payload, or raises.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def lp(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def u32(number: int) -> bytes:
    return struct.pack(">I", number)


def u64(number: int) -> bytes:
    return struct.pack(">Q", number)


def recovery_bytes(code: str) -> bytes:
    """The 17 random bytes of a recovery code."""
    number = 0
    for symbol in code.replace("-", ""):
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(symbol)
    both = number.to_bytes(20, "big")
    assert hashlib.sha256(b"kontor-recovery/1" + both[:17]).digest()[:3] == both[17:]
    return both[:17]


def stretched(secret: bytes, kdf: dict) -> tuple[bytes, bytes]:
    """(wrapping key, how it was made as it is bound into what it wraps)."""
    name, salt = kdf["name"], bytes.fromhex(kdf["salt"])
    if name == "HKDF-SHA256":
        return HKDF(SHA256(), 32, salt, b"kontor-kek/1").derive(secret), lp(name.encode(), salt)
    if name == "Argon2id":
        numbers = kdf["iterations"], kdf["memory_kib"], kdf["lanes"]
        kek = Argon2id(salt=salt, length=32, iterations=numbers[0], lanes=numbers[2], memory_cost=numbers[1]).derive(secret)
    else:
        numbers = (kdf["iterations"],)
        kek = hashlib.pbkdf2_hmac("sha256", secret, salt, kdf["iterations"], 32)
    return kek, lp(name.encode(), *map(u32, numbers), salt)


class Reader:
    """`secret`: a passphrase, a recovery code's 17 bytes, or a passkey's 32."""

    def __init__(self, records: dict[tuple[str, str], bytes], secret: bytes, kind: str = "passphrase") -> None:
        self.records = records
        stored = records["header", "vault"]
        magic, self.version, length = struct.unpack_from(">8sBI", stored)
        assert magic == b"KONTORVH" and self.version in (1, 2)
        assert len(stored) == 13 + length + 32
        self.header = json.loads(stored[13:-32])
        self.vault_id = bytes.fromhex(self.header["vault"])
        self.data_keys = self.unwrap(secret, kind)
        mac_key = self.derive("header", "", self.header["epoch"])
        assert hmac.digest(mac_key, stored[:-32], "sha256") == stored[-32:]
        assert records["header", "copy"] == stored
        self.manifest = json.loads(self.open("manifest", "manifest", records["manifest", "manifest"])[2])
        assert self.manifest["header"] == hashlib.sha256(stored).hexdigest()

    def unwrap(self, secret: bytes, kind: str) -> dict[int, bytes]:
        for slot in self.header["slots"]:
            if slot["kind"] != kind:
                continue
            kek, bound = stretched(secret, slot["kdf"])
            try:
                return {wrap["epoch"]: self.unwrapped(slot, kek, bound, wrap) for wrap in slot["wraps"]}
            except InvalidTag:
                continue
        raise AssertionError("no slot opens")

    def unwrapped(self, slot: dict, kek: bytes, bound: bytes, wrap: dict) -> bytes:
        aad = lp(self.vault_id, b"kontor-wrap/1", bytes.fromhex(slot["id"]), slot["kind"].encode(), bound, u32(wrap["epoch"]))
        return AESGCM(kek).decrypt(bytes.fromhex(wrap["nonce"]), bytes.fromhex(wrap["key"]), aad)

    def derive(self, purpose: str, cls: str, epoch: int) -> bytes:
        info = lp(b"kontor-vault/1", purpose.encode(), cls.encode(), u32(epoch))
        return HKDF(SHA256(), 32, self.vault_id, info).derive(self.data_keys[epoch])

    def open(self, cls: str, record_id: str, stored: bytes) -> tuple[int, int, bytes]:
        """(form, version, plaintext)."""
        number, form, length, epoch, version = struct.unpack_from(">BBIIQ", stored)
        assert number == 1 and length == len(stored)
        nonce, sealed = stored[18:30], stored[30:]
        schema = b"kontor-record/1.%d" % form
        aad = lp(self.vault_id, schema, cls.encode(), record_id.encode(), u64(version), u32(epoch))
        return form, version, AESGCM(self.derive("record", cls, epoch)).decrypt(nonce, sealed, aad)

    def signing_secret(self, record_id: str) -> tuple[str, bytes]:
        """(algorithm, secret) of a record of the class `secrets`."""
        kept = json.loads(self.table("secrets")[record_id])
        epoch = int(kept["epoch"], 16)
        aad = lp(self.vault_id, b"kontor-secret/1", b"secrets", record_id.encode(), kept["algorithm"].encode(), u32(epoch))
        key = AESGCM(self.derive("secret", "secrets", epoch))
        return kept["algorithm"], key.decrypt(bytes.fromhex(kept["nonce"]), bytes.fromhex(kept["key"]), aad)

    def log(self, cls: str) -> dict[str, bytes]:
        entry = self.manifest["classes"][cls]
        chain = hashlib.sha256(lp(b"kontor-chain/1", self.vault_id, cls.encode())).digest()
        result = {}
        for position, record_id in enumerate(self.ids(cls), 1):
            form, version, plain = self.open(cls, record_id, self.records[cls, record_id])
            assert (form, version, plain[:32]) == (2, position, chain)
            encoded, payload = record_id.encode(), plain[32:]
            chain = hashlib.sha256(chain + u64(position) + u32(len(encoded)) + encoded + payload).digest()
            result[record_id] = payload
        assert entry["kind"] == "log" and entry["count"] == len(result)
        assert entry["head"] == chain.hex() and entry["last"] == self.ids(cls)[-1]
        return result

    def table(self, cls: str) -> dict[str, bytes]:
        entry = self.manifest["classes"][cls]
        total, result, parts = 0, {}, {}
        ids = self.ids(cls)
        for record_id in ids:
            form, version, plain = self.open(cls, record_id, self.records[cls, record_id])
            assert form in (1, 3) and version <= self.manifest["counter"]
            total = (total + int.from_bytes(plain[:16], "big")) % 2**128
            if form == 1:
                result[record_id] = plain[16:]
                continue
            index, count = struct.unpack_from(">II", plain, 32)
            column, _, number = record_id.rpartition("/")
            assert int(number) == index and len(number) == 6
            parts.setdefault((column, plain[16:32], count), {})[index] = plain[40:]
        for (column, _write, count), chunks in parts.items():
            assert sorted(chunks) == list(range(count)) and column not in result
            result[column] = b"".join(chunks[index] for index in range(count))
        assert entry["kind"] == "table" and entry["count"] == len(ids)
        assert entry["sum"] == f"{total:032x}"
        return result

    def ids(self, cls: str) -> list[str]:
        return sorted(record_id for its_class, record_id in self.records if its_class == cls)
