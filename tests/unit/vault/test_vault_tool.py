"""`python -m app.vault` as a stranger would use it: on exports and stores, with passphrases on file descriptors."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyrage
import pytest

from app.platform.native.age import NativeFiles
from app.platform.native.sqlite import SqliteStore
from app.vault.tool import output
from app.vault.tool.cli import main
from tests.unit.vault.kit import QUICK, Machine, created, opened, secret

ROOT = Path(__file__).resolve().parents[3]
FILE_WORDS = "words for the file"
STORE_WORDS = "correct horse battery"


class Tool:
    """Runs the tool in this process; gives status, output and complaints."""

    def __init__(self, folder: Path, capfd: Any) -> None:
        self.folder, self._capfd = folder, capfd

    def __call__(self, *arguments: object, old: str | None = None, new: str | None = None, say: str | None = None) -> tuple[int, str, str]:
        given = [str(argument) for argument in arguments]
        ends = []
        for option, words in (("--passphrase-fd", old), ("--new-passphrase-fd", new)):
            if words is not None:
                reader, writer = os.pipe()
                os.write(writer, words.encode() + b"\n")
                os.close(writer)
                ends.append(reader)
                given += [option, str(reader)]
        self._capfd.readouterr()
        try:
            status = main(given, NativeFiles(work_factor=6), QUICK)
        finally:
            for end in ends:
                os.close(end)
        out, err = self._capfd.readouterr()
        return status, out, err


@pytest.fixture
def tool(tmp_path: Path, capfd: Any) -> Tool:
    return Tool(tmp_path, capfd)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A native vault with a journal, settings and a record that is no text."""
    path = tmp_path / "vault.sqlite"

    async def make() -> None:
        machine = Machine(SqliteStore(path))
        await machine.store.open()
        vault = await created(machine)
        await vault.put("settings", "../bin/..", b"\xff\x00")
        await vault.lock()
        machine.store.close()

    asyncio.run(make())
    return path


def test_a_store_exported_listed_verified_decrypted_and_restored(tool: Tool, store: Path) -> None:
    file, again, folder = tool.folder / "x.age", tool.folder / "again.sqlite", tool.folder / "out"
    status, out, _ = tool("export", store, file, old=STORE_WORDS, new=FILE_WORDS)
    assert status == 0 and "7 records" in out
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(pyrage.passphrase.decrypt(file.read_bytes(), FILE_WORDS).splitlines()[-1])["records"] == 7
    status, out, _ = tool("list", file, old=FILE_WORDS)
    assert status == 0 and "journal" in out and "settings" in out
    status, listed, _ = tool("list", file, "--class", "settings", old=FILE_WORDS)
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["../bin/..", "symbols", "theme"]
    status, out, _ = tool("verify", file, old=FILE_WORDS)
    assert status == 0 and "7 records" in out
    status, out, _ = tool("decrypt", file, "--record", "settings/theme", old=FILE_WORDS)
    assert (status, out) == (0, "dark")
    status, out, _ = tool("decrypt", file, "--to", folder, old=FILE_WORDS)
    index = json.loads((folder / "index.json").read_text())
    assert {(row["class"], row["id"]): (folder / row["file"]).read_bytes() for row in index}["settings", "../bin/.."] == b"\xff\x00"
    assert all((folder / row["file"]).resolve().is_relative_to(folder.resolve()) for row in index) and len(index) == 7
    assert tool("decrypt", file, "--to", folder, old=FILE_WORDS)[0] == 1  # not empty any more

    status, out, err = tool("restore", file, again, "--preview", old=FILE_WORDS)
    assert status == 1 and "Only a preview" in out and not again.exists()
    status, out, err = tool("restore", file, again, old=FILE_WORDS, new="a new passphrase")
    assert status == 1 and "--yes" in err and not again.exists()
    status, out, err = tool("restore", file, again, "--yes", old=FILE_WORDS, new="short")
    assert status == 1 and "too short" in err and not again.exists()
    status, out, _ = tool("restore", file, again, "--yes", old=FILE_WORDS, new="a new passphrase")
    assert status == 0 and "7 records taken" in out
    status, out, _ = tool("verify", again, old="a new passphrase")
    assert status == 0 and out.startswith("8 records")  # and where the journal came from
    status, out, _ = tool("restore", file, again, "--yes", old=FILE_WORDS, new="a new passphrase")
    assert status == 0 and "0 records taken, 0 set aside" in out


def test_two_histories_need_a_choice(tool: Tool, store: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "x.age", tmp_path / "other.sqlite"
    tool("export", store, file, old=STORE_WORDS, new=FILE_WORDS)

    async def make() -> None:
        machine = Machine(SqliteStore(other))
        await machine.store.open()
        vault = await created(machine)
        await vault.append("journal", [("000000000005", b"mine")])
        await vault.put("settings", "theme", b"light")
        await vault.lock()
        machine.store.close()

    asyncio.run(make())
    status, out, _ = tool("restore", file, other, "--yes", old=FILE_WORDS, new=STORE_WORDS)
    assert status == 0 and "1 records taken, 1 set aside" in out  # the journal here goes on; settings/theme differs

    async def rewrite() -> None:
        machine = Machine(SqliteStore(other))
        await machine.store.open()
        vault = await opened(machine)
        await vault.append("journal", [("000000000006", b"mine too")])
        await vault.lock()
        machine.store.close()
        source = Machine(SqliteStore(store))
        await source.store.open()
        vault = await opened(source)
        await vault.append("journal", [("000000000005", b"theirs")])
        await vault.lock()
        source.store.close()

    asyncio.run(rewrite())
    tool("export", store, file, "--force", old=STORE_WORDS, new=FILE_WORDS)
    status, _, err = tool("restore", file, other, "--yes", old=FILE_WORDS, new=STORE_WORDS)
    assert status == 1 and "part at 000000000005" in err and "vault or file" in err
    status, out, _ = tool("restore", file, other, "--yes", "--choose", "journal=file", old=FILE_WORDS, new=STORE_WORDS)
    assert status == 0 and "5 records taken, 6 set aside" in out
    status, out, _ = tool("decrypt", other, "--record", "journal/000000000005", old=STORE_WORDS)
    assert out == "theirs"
    assert tool("verify", other, old=STORE_WORDS)[0] == 0


def test_what_goes_wrong_is_said_and_changes_nothing(tool: Tool, store: Path, tmp_path: Path) -> None:
    file, text = tmp_path / "x.age", tmp_path / "notes.txt"
    tool("export", store, file, old=STORE_WORDS, new=FILE_WORDS)
    before = file.read_bytes()
    text.write_text("hello")
    for arguments, words, complaint in [
        (("list", tmp_path / "none"), FILE_WORDS, "No such file"),
        (("list", text), FILE_WORDS, "neither an export nor a vault store"),
        (("list", file), "not the words", "does not open this file"),
        (("list", store), "not the words", "does not open this vault"),
        (("list", file, "--class", "no"), FILE_WORDS, "no class no"),
        (("decrypt", file, "--record", "journal/9"), FILE_WORDS, "no record"),
        (("export", file, tmp_path / "y.age"), STORE_WORDS, "export already"),
        (("restore", store, tmp_path / "y.sqlite"), STORE_WORDS, "is no export"),
        (("restore", file, text, "--yes"), FILE_WORDS, "neither an export nor a vault store"),
    ]:
        status, _out, err = tool(*arguments, old=words)
        assert status == 1 and complaint in err and "What to do:" in err, (arguments, err)
    status, _, err = tool("export", store, file, old=STORE_WORDS, new=FILE_WORDS)
    assert status == 1 and "--force" in err and file.read_bytes() == before
    status, _, err = tool("list", file)
    assert status == 1 and "--passphrase-fd" in err  # nobody can be asked here
    file.write_bytes(before[:-1])
    status, _, err = tool("verify", file, old=FILE_WORDS)
    assert status == 1 and "cut short" in err
    assert not (tmp_path / "y.age").exists() and not (tmp_path / "y.sqlite").exists()


def test_damage_is_found_exported_and_told(tool: Tool, store: Path, tmp_path: Path) -> None:
    async def spoil() -> None:
        database = SqliteStore(store)
        await database.open()
        await database.put("journal", "000000000002", b"nonsense")
        database.close()

    asyncio.run(spoil())
    status, _out, err = tool("verify", store, old=STORE_WORDS)
    assert status == 1 and "journal/000000000002" in err
    status, _out, err = tool("export", store, tmp_path / "x.age", old=STORE_WORDS, new=FILE_WORDS)
    assert status == 0 and "1 damaged" in err
    status, _out, err = tool("verify", tmp_path / "x.age", old=FILE_WORDS)
    assert status == 1 and "journal/000000000002" in err


def test_as_it_is_started(store: Path, tmp_path: Path) -> None:
    def run(*arguments: object, words: bytes = b"") -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "app.vault", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, input=words, capture_output=True, timeout=60, check=False)

    help_text = run("--help")
    assert help_text.returncode == 0 and b"age -d" in help_text.stdout and b"examples" in help_text.stdout
    assert run().returncode == 2
    file = tmp_path / "x.age"
    file.write_bytes(pyrage.passphrase.encrypt(b"not an export\n", FILE_WORDS))
    wrong = run("verify", file, "--passphrase-fd", 0, words=FILE_WORDS.encode())
    assert wrong.returncode == 1 and b"line 1" in wrong.stderr and b"Traceback" not in wrong.stderr


def test_names_of_records_are_names_of_files() -> None:
    for name in (".", "..", "a/b", "a\\b", "C:x", "x" * 150, '"<>|?*', "%2E", "e\x7f"):
        made = output.file_name(name)
        assert made not in (".", "..") and "/" not in made and "\\" not in made and len(made) <= 200, name
    assert output.file_name("/" * 150) != output.file_name("/" * 149 + ":")
    assert secret() and output.file_name("000000000001") == "000000000001"
