"""Where the desk's memory is: nowhere yet (this tab), in a locked vault, in an open one, or no longer here.

Decides which Recorder the writer uses and says in words whether orders are taken. One tab at a time is the desk: its page holds the
lead before this worker starts. What is written shows whether it still has it (docs/tabs.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from app.vault import PASSPHRASE, KdfPolicy, Vault, VaultAuthFailed
from app.vault.staging import Put

from .compacting import Snapshots, damage_text
from .errors import Refusal
from .kept import Kept
from .lockrules import Attempts
from .recorder import Session, VaultRecorder
from .vaultkeys import VaultKeys

SETTINGS = "settings"
NEARLY_FULL = 0.9

NOT_KEPT = "nothing is kept after this tab closes; create a vault to keep what happened so far"
REASONS = {
    "starting": "the desk is starting",
    "locked": "the vault is locked: market data shows, orders are refused until you unlock it",
    "other_tab": "another tab of this browser is the desk: this one follows it",
    "handing": "this tab is handing over to another one",
    "read_only": "the vault was damaged and takes no writes until you accept what is readable: orders are refused",
    "damaged": "the vault cannot be opened: orders are refused, what is stored is kept as it is",
}


class Keeping:
    """``accounts``: what trades, each with the name of its journal; ``changed`` is called on every change of state."""

    def __init__(
        self,
        surroundings: Any,
        accounts: Sequence[tuple[Any, str]],
        changed: Callable[[], None],
        measure_write: Callable[[float], None],
        measure_read: Callable[[float], None],
        kdf: KdfPolicy | None = None,
    ) -> None:
        self._around, self._changed = surroundings, changed
        self.accounts = [Kept(surroundings, trade, journal, self._checked) for trade, journal in accounts]
        self.shown = self.accounts[0]
        """That of the account which the page shows."""
        self._paper = next((kept.trade for kept in self.accounts if kept.trade.on_paper), self.shown.trade)
        self._apart: dict[str, list[tuple[str, bytes]]] = {}
        """Journals of a session whose accounts this tab does not have; kept as they are."""
        self._measure_write, self._measure_read = measure_write, measure_read
        self._kdf = kdf
        self.vault: Any = None
        self.state = "starting"
        self.detail = ""
        self.since_ns = surroundings.clock.now_ns()
        self.damaged: list = []
        self._opening = False
        self.keys = VaultKeys(self, surroundings.clock, changed, lambda error: self._set(self.state, f"the new keys have to wait: {error}"))
        self.attempts = Attempts(surroundings.clock)
        self.use_lock_record: Callable[[bytes | None], None] = lambda _record: None
        """Called at each unlock with the kept settings for locking, or None."""
        self.on_lost: Callable[[], None] = lambda: None
        """Called once when it shows that another tab has taken the lead."""
        self._settled_ns = surroundings.clock.monotonic_ns() + round(surroundings.settle_s * 1e9)
        self._busy = asyncio.Lock()

    async def start(self) -> None:
        """Find out whether there is a vault; without one go on with the session that was handed over, or begin one."""
        given = Session.from_text(self._around.given)
        try:
            self.vault = await Vault.find(self._around, self._kdf)
        except Exception as error:
            await self._use_memory(given)
            self._set("memory", f"the browser's storage cannot be used ({error}): nothing is kept after this tab closes")
            return
        if self.vault.state == "absent":
            await self._use_memory(given)
            self._set("memory", NOT_KEPT)
        elif self.vault.state == "damaged":
            self._set("damaged", self.vault.detail)
        else:
            if self._around.again:
                for kept in self.accounts:
                    kept.trade.clear()
            self._set("locked")

    @property
    def journal(self) -> str:
        """The name of the journal of the account that is shown."""
        return self.shown.journal

    @property
    def snapshots(self) -> Snapshots:
        """Those of the account that is shown."""
        return self.shown.snapshots

    async def _use_memory(self, given: Session | None = None) -> None:
        logs = dict(given.logs) if given is not None else {}
        if given is not None and given.settings:
            self._paper.use_paper_settings(given.settings)
        for kept in self.accounts:
            await kept.use_memory(logs.pop(kept.journal, []))
        self._apart = logs

    async def _close_accounts(self) -> None:
        for kept in self.accounts:
            await kept.close()

    async def hand_over(self) -> Session | None:
        """Stop for good in this worker, so that another tab can be the desk: what is under way is written, keys are forgotten. Gives the
        session where it lies in memory alone. Refusal while the vault is not known yet."""
        async with self._busy:
            if self.state not in ("memory", "locked", "unlocked", "damaged"):
                raise Refusal("not_ready", f"the desk cannot be handed over now: {REASONS.get(self.state, self.state)}", "try again in a moment")
            before = self.state
            self._set("handing")
            session = None
            if before in ("memory", "unlocked"):
                await self._close_accounts()
            if before == "memory":
                session = Session(self.session_logs(), self._paper.paper_settings_record())
            if before == "unlocked":
                await self.vault.lock()
                await self.keys.stopped()
            return session

    def lost(self) -> None:
        """Another tab has taken the lead: nothing is sent any more, and what is not written yet is that tab's to find out."""
        if self.state == "other_tab":
            return
        for kept in self.accounts:
            kept.snapshots.close()
            kept.trade.abandon()
        self._set("other_tab")
        self.on_lost()

    async def create(self, secret: Any) -> None:
        """Make a vault that begins with everything this session journalled. Raises VaultError and changes nothing."""
        async with self._busy:
            if self.state != "memory" or self.vault is None:
                raise Refusal("no_vault_here", "a vault can be created only while this session is in memory", "see the state of the vault")
            await self._while_nothing_is_written(self.accounts, lambda: self._create(secret))
            self._apart = {}
            self._set("unlocked")

    async def _while_nothing_is_written(self, accounts: Sequence[Kept], work: Callable[[], Awaitable[None]]) -> None:
        if not accounts:
            await work()
            return
        first, *others = accounts
        await first.trade.writer.exclusively(lambda: self._while_nothing_is_written(others, work))

    async def _create(self, secret: Any) -> None:
        around = self._around
        rows = [(journal, name, record) for journal, records in self.session_logs().items() for name, record in records]
        tables = {SETTINGS: [("paper", self._paper.paper_settings_record())]}
        self.vault = await Vault.create(
            around.store, around.crypto, around.clock, around.entropy, secret, rows, tables=tables, kdf=self._kdf
        )
        for kept in self.accounts:
            count, kept.memory = len(kept.memory.records), None
            kept.trade.writer.recorder = self._recorder(kept)
            kept.snapshots.opened(self.vault, kept.trade.engine, False, count, 0, 0.0)

    async def unlock(self, secret: Any, kind: str = PASSPHRASE, slot: bytes | None = None) -> None:
        """Open the vault and replay its journal. Raises VaultError and changes nothing."""
        async with self._busy:
            if self.state != "locked":
                raise Refusal("not_locked", f"there is nothing to unlock: the state is {self.state}", "see the state of the vault")
            self.attempts.check()
            with self._holding():
                try:
                    self.damaged = list(await self.vault.unlock(secret, kind, slot))
                except VaultAuthFailed:
                    self.attempts.wrong()
                    raise
                self.attempts.right()
                await self._open_account()

    @contextmanager
    def _holding(self) -> Iterator[None]:
        """Keys are about to be here before the state says so. The page is told first: frozen now, it ends this worker, which loses
        nothing. Making a vault is not this: there the session still lies in memory alone."""
        self._opening = True
        self._changed()
        try:
            yield
        except BaseException:
            self._opening = False
            self._changed()
            raise
        self._opening = False

    @property
    def holds(self) -> bool:
        """Whether this worker has keys of the vault, or is about to read them from it."""
        return self._opening or self.state == "unlocked"

    async def _open_account(self) -> None:
        """Replay the open vault's journals and trade on after them; what fails locks the vault again."""
        try:
            if not self.vault.read_only:
                await self.vault.claim()  # whoever else had it open cannot write from here on: what is read now is all there is
            await self._settle()
            settings = await self.vault.scan(SETTINGS)
            kept = {record.id: record.data for record in settings.records}
            if "paper" in kept:
                self._paper.use_paper_settings(kept["paper"])
            self.use_lock_record(kept.get("lock"))
            self.damaged, unreadable = [*self.vault.problems, *settings.damaged], 0
            for each in self.accounts:
                damaged, unknown = await each.open(self.vault, self._recorder(each))
                self.damaged, unreadable = [*self.damaged, *damaged], unreadable + unknown
        except Exception:
            await self._close_accounts()
            await self.vault.lock()
            self.damaged = []
            self._set("locked")
            raise
        parts = [self._damage_text(unreadable), await self._full_text()]
        self._set("unlocked", "; ".join(part for part in parts if part))
        self.keys.go_on()

    async def _settle(self) -> None:
        """After a lead that was taken from a tab that did not answer: wait until nothing that it had under way can still leave."""
        while (left_ns := self._settled_ns - self._around.clock.monotonic_ns()) > 0:
            await asyncio.sleep(min(left_ns / 1e9, 0.2))

    async def make_from(self, secret: Any, first: Callable[[dict[str, list]], list]) -> None:
        """Make a vault whose first transaction is the changes that ``first(this session's journals)`` gives. Raises VaultError
        and changes nothing."""
        async with self._busy:
            if self.state != "memory" or self.vault is None:
                raise Refusal("no_vault_here", "a vault can be made only while this session is in memory", "see the state of the vault")
            around, logs = self._around, self.session_logs()
            await self._close_accounts()
            try:
                changes = first(logs)
                if not any(change.cls == SETTINGS and "paper" in dict(change.records) for change in changes if isinstance(change, Put)):
                    changes.append(Put(SETTINGS, [("paper", self._paper.paper_settings_record())]))
                parts = around.store, around.crypto, around.clock, around.entropy
                made = await Vault.create(*parts, secret, more=changes, kdf=self._kdf)
            except BaseException:
                await self._use_memory(Session(logs, b""))
                raise
            self.vault, self._apart = made, {}
            await self._open_account()

    async def change_whole(self, change: Callable[[], Any]) -> Any:
        """Let ``change()`` rewrite what the open vault holds while nothing trades, then go on from what is there."""
        async with self._busy:
            if self.state != "unlocked":
                raise Refusal("not_unlocked", f"the vault is not open: the state is {self.state}", "unlock it first")
            await self._close_accounts()
            try:
                return await change()
            finally:
                await self._open_account()

    async def wipe(self) -> None:
        """Remove the vault and everything in it, also one that cannot be opened; a new session in memory begins."""
        async with self._busy:
            if self.vault is None or self.state not in ("locked", "unlocked", "damaged"):
                raise Refusal("nothing_to_wipe", f"there is no vault to remove here: the state is {self.state}", "see the state of the vault")
            if self.state == "unlocked":
                await self._close_accounts()
            await self.vault.wipe()
            await self.keys.stopped()
            self.damaged = []
            await self._use_memory()
            self._set("memory", NOT_KEPT)

    async def lock(self) -> None:
        """Forget the keys and everything read with them."""
        async with self._busy:
            if self.state != "unlocked":
                raise Refusal("not_unlocked", f"there is nothing to lock: the state is {self.state}", "see the state of the vault")
            await self._close_accounts()
            await self.vault.lock()
            await self.keys.stopped()
            self.damaged = []
            self._set("locked")

    async def accept_damage(self) -> None:
        """Go on with what is readable after the vault refused writes. Nothing is removed."""
        async with self._busy:
            if self.state != "unlocked" or not self.vault.read_only:
                raise Refusal("nothing_to_accept", "the vault takes writes: there is nothing to accept", "see the state of the vault")
            await self.vault.accept_damage()
            for kept in self.accounts:
                await kept.trade.begin()
            self._set("unlocked", self._damage_text(0))

    async def keep_settings(self) -> None:
        """Write the paper settings into the open vault."""
        if self.state == "unlocked":
            await self.vault.put(SETTINGS, "paper", self._paper.paper_settings_record())

    async def keep_lock(self, record: bytes) -> None:
        """Write the settings for locking into the open vault."""
        if self.state != "unlocked":
            raise Refusal("not_unlocked", "the settings for locking lie in the vault, which is not open", "unlock it first")
        await self.vault.put(SETTINGS, "lock", record)

    def session_records(self) -> list[tuple[str, bytes]]:
        """The journal of the account that is shown, as long as there is no vault."""
        return list(self.shown.memory.records) if self.shown.memory is not None else []

    def session_logs(self) -> dict[str, list[tuple[str, bytes]]]:
        """The journals of this session by name, as long as there is no vault."""
        return {**self._apart, **{kept.journal: list(kept.memory.records) for kept in self.accounts if kept.memory is not None}}

    async def contents(self) -> dict:
        """What is stored, by class; storage use of the browser."""
        if self.state != "unlocked":
            estimate = await self._around.store.estimate() if self.vault is not None else None
            return {"classes": [], "damaged": [], "copy": None, **_usage(estimate)}
        found = await self.vault.contents()
        return {
            "classes": [
                {"name": item.cls, "count": item.count, "bytes": item.bytes, "oldest_ns": item.oldest_ns, "newest_ns": item.newest_ns}
                for item in found.classes
            ],
            "damaged": [{"class": item.cls, "id": item.id, "reason": item.detail} for item in self.damaged],
            "copy": None if (copy := self._around.store.second_copy()) is None else asdict(copy),
            **_usage(found.estimate),
        }

    async def probe(self, reads: int) -> dict:
        """Read journal records back one by one, measuring each; none while the vault is not open."""
        if self.state != "unlocked":
            return {"reads": 0}
        found = await self.vault.scan(self.journal)
        clock, done = self._around.clock, 0
        for number in range(reads if found.records else 0):
            start = clock.monotonic_ns()
            await self.vault.get(self.journal, found.records[number % len(found.records)].id, fresh=True)
            self._measure_read((clock.monotonic_ns() - start) / 1e6)
            done += 1
        return {"reads": done}

    def _checked(self, damaged: list) -> None:
        """What the later check of the journal found; a start that read all of it has told already."""
        known = {(item.cls, item.id, item.kind) for item in self.damaged}
        if fresh := [item for item in damaged if (item.cls, item.id, item.kind) not in known]:
            self.damaged = [*self.damaged, *fresh]
            self._set("unlocked", damage_text(fresh))

    def _recorder(self, kept: Kept) -> VaultRecorder:
        return VaultRecorder(self.vault, self._around.clock, self._measure_write, kept.journal, self.lost)

    async def _full_text(self) -> str:
        """A word of warning while there still is some room."""
        estimate = await self._around.store.estimate()
        if not estimate.quota or (estimate.usage or 0) < NEARLY_FULL * estimate.quota:
            return ""
        return f"the browser's storage for this site is {estimate.usage * 100 // estimate.quota} % full: free disk space or remove recorded history"

    def _damage_text(self, unreadable: int) -> str:
        parts = []
        if self.damaged:
            parts.append(f"{len(self.damaged)} damaged records were found; they are kept for export and left out: positions may be incomplete")
        if unreadable:
            parts.append(f"{unreadable} journal records have a form this desk does not know; they are kept and left out")
        if self.vault.read_only:
            parts.append("the vault takes no writes until you accept what is readable")
        return "; ".join(parts)

    def view(self) -> dict:
        """The ``vault`` message."""
        return {
            "state": self.state,
            "detail": self.detail,
            "keeps": self.state == "unlocked",
            "holds": self.holds,
            "since_ns": self.since_ns,
            "damaged_records": len(self.damaged),
            "attempts": self.attempts.failed,
            "wait_s": round(self.attempts.wait_s, 1),
            "read_only": self.state == "unlocked" and self.vault.read_only,
            "id": self.vault.vault_id if self.vault is not None else "",
            "put_back": self._put_back(),
            "mended": self.vault.mended if self.vault is not None else 0,
            "cause": self.vault.cause if self.state == "damaged" else "",
            "slots": self.keys.slots(),
            "rekey": self.keys.progress(),
            "rekey_due": self.state == "unlocked" and self.vault.rekey_due,
        }

    def _put_back(self) -> dict | None:
        """What came back from the store's second copy when it was opened, because its database was lost or older."""
        copy = self._around.store.second_copy() if self.vault is not None else None
        return {"records": copy.restored, "lost": copy.lost, "modified_ms": copy.modified} if copy is not None and copy.restored else None

    def refusal(self) -> str:
        """Why orders are not taken now, in words; empty when they are."""
        if self.state == "unlocked" and self.vault.read_only:
            return REASONS["read_only"]
        return REASONS.get(self.state, "")

    def _set(self, state: str, detail: str = "") -> None:
        self.state, self.detail, self.since_ns = state, detail, self._around.clock.now_ns()
        self._changed()


def _usage(estimate: Any) -> dict:
    return {
        "usage": estimate.usage if estimate else None,
        "quota": estimate.quota if estimate else None,
        "persisted": bool(estimate and estimate.persisted),
    }
