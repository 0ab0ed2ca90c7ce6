"""The key of a venue's account in the vault: what is left of it wherever keeping or removing it breaks off."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.desk.accountkeys import ACCOUNTS, SECRETS, AccountKeys
from app.desk.realvenues import account_of
from app.desk.settings import Settings
from app.vault import VaultRefused
from tests.unit.vault.kit import Machine, created

OLD, NEW = ({"algorithm": "HMAC-SHA256", "api_key": name} for name in ("oldKey01", "newKey01"))


class Breaking:
    """A vault in which one change to one table is never reached."""

    def __init__(self, vault, change: str, table: str) -> None:
        self._vault, self._broken = vault, (change, table)

    def __getattr__(self, name):
        found = getattr(self._vault, name)

        async def change(table, *rest):
            if (name, table) == self._broken:
                raise ConnectionAbortedError
            return await found(table, *rest)

        return change if name in ("put", "delete") else found


async def kept(change: str = "", table: str = "") -> tuple[AccountKeys, SimpleNamespace]:
    vault = await created(Machine())
    keeping = SimpleNamespace(state="unlocked", vault=vault)
    keys = AccountKeys("binance", account_of("binance"), Settings(), keeping)
    await keys.keep(OLD, bytearray(b"an old secret"))
    assert (await keys.credentials()).api_key == "oldKey01"
    keeping.vault = Breaking(vault, change, table)
    return keys, keeping


async def test_a_new_secret_is_never_found_beside_the_record_before():
    keys, _ = await kept("put", ACCOUNTS)
    with pytest.raises(ConnectionAbortedError):
        await keys.keep(NEW, bytearray(b"a new secret"))
    assert await keys.credentials() is None


@pytest.mark.parametrize("table", [ACCOUNTS, SECRETS])
async def test_a_key_that_was_not_wholly_removed_is_whole_or_of_no_use(table):
    keys, _ = await kept("delete", table)
    with pytest.raises(ConnectionAbortedError):
        await keys.forget()
    found = await keys.credentials()
    assert found is None if table == SECRETS else found.api_key == "oldKey01"


async def test_a_secret_that_is_refused_leaves_the_key_before():
    keys, _ = await kept()
    with pytest.raises(VaultRefused):
        await keys.keep(NEW, bytearray(b""))
    assert (await keys.credentials()).api_key == "oldKey01"
