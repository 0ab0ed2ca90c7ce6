"""The commands of `python -m app.vault`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app import VERSION
from app.platform.errors import PlatformError
from app.platform.native.age import NativeFiles
from app.platform.native.crypto import NativeCrypto
from app.vault.checking import verify
from app.vault.errors import VaultError, VaultRefused
from app.vault.exportform import Export, ExportClass, ExportHead, Lost, records_of
from app.vault.exporting import export_vault
from app.vault.keys import check_passphrase
from app.vault.restoring import Preview, Restored, compare, decide, first_contents, held_by
from app.vault.vault import Vault

from .output import say, table, warn, write_folder, write_whole
from .passphrases import passphrase
from .sources import kind_of, open_store, read_file

ABOUT = """\
Work with Kontor's vault outside the browser.

An EXPORT is the encrypted file that the desk makes on its Vault page. It is a file in the age format: `age -d EXPORT` opens it
too, and docs/export.md says what is inside. A STORE is a vault in an SQLite file, as this tool makes it.

Passphrases are asked for in the terminal. Scripts give them on a file descriptor: --passphrase-fd 3 3<file
"""
EXAMPLES = """\
examples:
  python -m app.vault list kontor-2026-11-27-013000.age
  python -m app.vault verify kontor-2026-11-27-013000.age
  python -m app.vault decrypt kontor-2026-11-27-013000.age --to folder
  python -m app.vault decrypt kontor-2026-11-27-013000.age --record journal/000000000001
  python -m app.vault restore kontor-2026-11-27-013000.age vault.sqlite
  python -m app.vault export vault.sqlite kontor.age
"""


def main(arguments: Sequence[str] | None = None, files: Any = None, kdf: Any = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 refused or damaged, 2 not understood."""
    parsed = _parser().parse_args(arguments)
    try:
        return asyncio.run(parsed.run(parsed, files if files is not None else NativeFiles(), kdf))
    except (VaultError, PlatformError) as error:
        warn(f"{parsed.command}: {error}")
        warn(f"  {error.kept}")
        warn(f"  What to do: {error.remedy}")
        return 1
    except KeyboardInterrupt:
        warn("stopped; nothing was changed")
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1


async def show(asked: argparse.Namespace, files: Any, kdf: Any) -> int:
    """What is inside, by class, or the records of one class."""
    export = await _export_of(asked, files, kdf)
    if asked.cls is not None:
        if asked.cls not in export.classes:
            raise VaultRefused(f"There is no class {asked.cls}.", remedy=f"There are {', '.join(sorted(export.classes))}.")
        table(("id", "version", "bytes"), [(row.id, row.version, len(row.data)) for row in export.classes[asked.cls].records])
        return 0
    head = export.head
    say(f"vault {head.vault}, made {_time(head.created_ns)}, commit {head.counter}")
    say(f"exported {_time(head.exported_ns)} by Kontor {head.app}" if asked.kind == "export" else "a vault store")
    rows = [(name, item.kind, len(item.records), sum(len(row.data) for row in item.records), _lost(item)) for name, item in sorted(export.classes.items())]
    table(("class", "kind", "records", "bytes", "damaged"), rows)
    return 0


async def check(asked: argparse.Namespace, files: Any, kdf: Any) -> int:
    """Read and verify everything."""
    if kind_of(asked.file) == "export":
        export = await _export_of(asked, files, kdf)
        say(f"The export is whole: {export.records} records in {len(export.classes)} classes, every digest right.")
        damaged = [(name, lost.id, lost.detail) for name, item in export.classes.items() for lost in item.lost]
        where = "The vault had damage when it was exported:"
    else:
        secret = passphrase(str(asked.file), asked.passphrase_fd, "--passphrase-fd")
        async with open_store(asked.file, secret, kdf) as (vault, platform):
            found = await verify(vault, platform.clock)
        say(f"{found.records} records verified in {found.seconds:.1f} s.")
        damaged = [(item.cls, item.id, item.detail) for item in found.damaged]
        where = "Damaged:"
    if damaged:
        warn(where)
        for name, record_id, detail in damaged:
            warn(f"  {name}/{record_id}: {detail}" if record_id else f"  {name}: {detail}")
    return 1 if damaged else 0


async def decrypt(asked: argparse.Namespace, files: Any, kdf: Any) -> int:
    """Take records out."""
    export = await _export_of(asked, files, kdf)
    if asked.record is not None:
        name, _, record_id = asked.record.partition("/")
        found = [row for row in export.classes[name].records if row.id == record_id] if name in export.classes else []
        if not found:
            raise VaultRefused(f"There is no record {asked.record}.", remedy="`list` shows the classes, `list --class NAME` their records.")
        sys.stdout.buffer.write(found[0].data)
        sys.stdout.buffer.flush()
        return 0
    count = write_folder(asked.to, export)
    say(f"{count} records are in {asked.to}, not encrypted. Remove them when you are done.")
    return 0


async def make(asked: argparse.Namespace, files: Any, kdf: Any) -> int:
    """Export a store."""
    if kind_of(asked.store) != "store":
        raise VaultRefused(f"{asked.store} is an export already.", remedy="Copy the file.")
    secret = passphrase(str(asked.store), asked.passphrase_fd, "--passphrase-fd")
    async with open_store(asked.store, secret, kdf) as (vault, platform):
        new = passphrase(f"{asked.export} (new)", asked.new_passphrase_fd, "--new-passphrase-fd", new=True)
        made = await export_vault(vault, files, platform.crypto, platform.clock, new, VERSION)
        write_whole(asked.export, made.file, asked.force)
    say(f"{made.records} records are in {asked.export}, {len(made.file)} bytes.")
    if made.damaged:
        warn(f"{made.damaged} damaged places of the vault are listed in it.")
    return 0


async def restore_into(asked: argparse.Namespace, files: Any, kdf: Any) -> int:
    """Merge an export into a store, or make a store from it."""
    if kind_of(asked.export) != "export":
        raise VaultRefused(f"{asked.export} is no export.", remedy="Make one from it: `python -m app.vault export`.")
    choices = dict(choice.partition("=")[::2] for choice in asked.choose)
    export = await read_file(files, asked.export, passphrase(str(asked.export), asked.passphrase_fd, "--passphrase-fd"))
    if await _holds_vault(asked.store, kdf):
        result = await _merge(export, choices, asked, kdf)
    else:
        result = await _make_from(export, choices, asked, kdf)
    if result is None:
        return 1
    say(f"Done: {sum(result.taken.values())} records taken, {result.set_aside} set aside.")
    return 0


async def _holds_vault(path: Path, kdf: Any) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    if kind_of(path) != "store":
        raise VaultRefused(f"{path} is no vault store.", remedy="Choose another name.")
    async with open_store(path, None, kdf) as (vault, _):
        return vault.state != "absent"


async def _merge(export: Export, choices: dict[str, str], asked: argparse.Namespace, kdf: Any) -> Restored | None:
    secret = passphrase(str(asked.store), asked.new_passphrase_fd, "--new-passphrase-fd")
    async with open_store(asked.store, secret, kdf) as (vault, _):
        preview = compare(export, await held_by(vault), vault.vault_id, vault.commits)
        result = _decided(preview, choices, asked)
        if result is not None and result.changes:
            await vault.apply(result.changes)
    return result


async def _make_from(export: Export, choices: dict[str, str], asked: argparse.Namespace, kdf: Any) -> Restored | None:
    result = _decided(compare(export, {}), choices, asked)
    if result is None:
        return None
    secret = passphrase(f"{asked.store} (new)", asked.new_passphrase_fd, "--new-passphrase-fd", new=True)
    check_passphrase(NativeCrypto(), secret)
    async with open_store(asked.store, None, kdf) as (_, platform):
        parts = platform.store, platform.crypto, platform.clock, platform.entropy
        await (await Vault.create(*parts, secret, more=first_contents(result, {}), kdf=kdf)).lock()
    return result


def _decided(preview: Preview, choices: dict[str, str], asked: argparse.Namespace) -> Restored | None:
    """The preview shown, and the decision if the reader agrees."""
    if preview.rolled_back:
        warn("The store is older than this export of it: it was put back to an earlier state.")
    shown = [
        (plan.name, plan.relation, plan.in_file, plan.in_vault, plan.new, plan.same, plan.newer, plan.older, plan.conflicting, plan.mended,
         choices.get(plan.name, plan.default or " or ".join(plan.choices) + "?"))
        for plan in preview.plans.values()
    ]  # fmt: skip
    table(("class", "relation", "in file", "in store", "new", "same", "newer", "older", "conflicting", "mended", "choice"), shown)
    result = decide(preview, choices, time.time_ns())
    if asked.preview:
        say("Only a preview: nothing was changed.")
        return None
    if asked.yes:
        return result
    if not sys.stdin.isatty():
        raise VaultRefused("Nothing was changed: nobody could be asked.", remedy="Look at the table above and add --yes.")
    if input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        say("Nothing was changed.")
        return None
    return result


async def _export_of(asked: argparse.Namespace, files: Any, kdf: Any) -> Export:
    """The content of an export, or of a store as an export would have it."""
    asked.kind = kind_of(asked.file)
    secret = passphrase(str(asked.file), asked.passphrase_fd, "--passphrase-fd")
    if asked.kind == "export":
        return await read_file(files, asked.file, secret)
    async with open_store(asked.file, secret, kdf) as (vault, platform):
        head = ExportHead(vault.vault_id, vault.commits, vault.created_ns, platform.clock.now_ns(), VERSION)
        classes = {}
        for name in await vault.classes():
            found = await vault.scan(name)
            lost = [Lost(item.kind, item.detail, item.id, item.count, item.envelope) for item in found.damaged]
            classes[name] = ExportClass(name, found.kind, records_of(found), lost)
    return Export(head, classes)


def _lost(item: ExportClass) -> int:
    return sum(lost.count for lost in item.lost)


def _time(ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ns // 1_000_000_000))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m app.vault", description=ABOUT, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, **more: Any) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, **more)
        made.set_defaults(run=run)
        return made

    listing = command("list", show, "Show what an export or a store holds, by class.")
    checking = command("verify", check, "Read every record and check every digest; exit status 1 if anything is wrong.")
    taking = command("decrypt", decrypt, "Take records out, unencrypted: all into a folder, or one to the standard output.")
    making = command("export", make, "Make an encrypted export of a store.")
    putting = command("restore", restore_into, "Merge an export into a store, by the rules of docs/export.md; makes the store where there is none.")
    for one in (listing, checking, taking):
        one.add_argument("file", metavar="FILE", type=Path, help="an export, or a store")
    listing.add_argument("--class", dest="cls", metavar="NAME", help="the records of one class")
    where = taking.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", metavar="FOLDER", type=Path, help="a new folder: one file a record, and index.json")
    where.add_argument("--record", metavar="CLASS/ID", help="one record, to the standard output")
    making.add_argument("store", metavar="STORE", type=Path)
    making.add_argument("export", metavar="EXPORT", type=Path)
    making.add_argument("--force", action="store_true", help="replace EXPORT if it exists")
    putting.add_argument("export", metavar="EXPORT", type=Path)
    putting.add_argument("store", metavar="STORE", type=Path)
    choosing = "merge, vault (keep what is in the store) or file (the file wins); what loses is set aside. Again for more classes"
    putting.add_argument("--choose", metavar="CLASS=CHOICE", action="append", default=[], help=choosing)
    putting.add_argument("--preview", action="store_true", help="show what would happen and change nothing")
    putting.add_argument("--yes", action="store_true", help="do not ask")
    for one in (listing, checking, taking, making, putting):
        one.add_argument("--passphrase-fd", metavar="N", type=int, help="read the passphrase of what is read (the first file) from file descriptor N")
    for one in (making, putting):
        one.add_argument("--new-passphrase-fd", metavar="N", type=int, help="read the passphrase of what is written (the second file) from file descriptor N")
    return parser
