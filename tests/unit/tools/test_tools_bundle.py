"""The static site that the bundler makes: the same each time, all of it listed, nothing from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zipfile
from pathlib import Path

import pytest

from tools.bundle import build, page, precache, write
from tools.vendor import ROOT, SetupError

ELSEWHERE = re.compile(rb"jsdelivr|unpkg|esm\.(?:run|sh)|cdnjs|skypack|jspm|pyscript\.net|googleapis|gstatic")
# Default addresses in the runtimes. None is used: the interpreter, the lock file and the base of packages are set, and the
# policy lets the page and its workers reach their own host and the venues only.
UNUSED = re.compile(r"vendor/pyodide/pyodide\.mjs|vendor/pyscript/(core-[\w-]+\.js|xterm\.css)")
RUN = (".html", ".js", ".mjs", ".css", ".json", ".toml", ".webmanifest", ".zip")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A freshly built site and its list."""
    folder = tmp_path_factory.mktemp("bundle") / "site"
    return folder, build(folder)


def files_of(folder: Path) -> dict[str, Path]:
    """Every file by its path in the site."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_the_same_sources_make_the_same_bytes(site: tuple[Path, dict], tmp_path: Path) -> None:
    folder, manifest = site
    assert build(tmp_path / "again") == manifest
    first, second = files_of(folder), files_of(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name].read_bytes() != second[name].read_bytes()] == []


def test_every_file_is_listed_with_its_digest(site: tuple[Path, dict]) -> None:
    folder, manifest = site
    listed = {name: (digest, size) for name, digest, size in manifest["files"] + manifest["later"]}
    assert len(listed) == len(manifest["files"]) + len(manifest["later"])
    found = files_of(folder)
    packed = {name for name in found if name.endswith(".gz") and name.removesuffix(".gz") in found}
    assert listed.keys() == found.keys() - packed - {"sw.js"}
    for name, (digest, size) in listed.items():
        data = found[name].read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (digest, size), name
    for name in packed:
        assert gzip.decompress(found[name].read_bytes()) == found[name.removesuffix(".gz")].read_bytes()


def test_the_worker_script_carries_the_list(site: tuple[Path, dict]) -> None:
    folder, manifest = site
    line = next(line for line in (folder / "sw.js").read_text(encoding="utf-8").splitlines() if line.startswith("const BUNDLE"))
    assert json.loads(line.removeprefix("const BUNDLE = ").removesuffix(";")) == manifest


def test_what_the_desk_needs_to_open_is_fetched_ahead(site: tuple[Path, dict]) -> None:
    ahead = {row[0] for row in site[1]["files"]}
    assert {"index.html", "kontor.zip", "snapshot.bin", "worker/desk.mjs", "app/platform/boot.mjs", "recordings/index.json"} <= ahead
    assert {"vendor/pyodide/pyodide.asm.wasm", "vendor/pyodide/python_stdlib.zip", "vendor/pyodide/pyodide-lock.json"} <= ahead
    assert {row[0] for row in site[1]["later"] if "numpy" in row[0]}
    assert {"callback.html", "vendor/xterm/xterm.mjs"} <= ahead, "the debug terminal opens without a network as well"


def test_one_changed_byte_makes_another_version() -> None:
    versions = {precache({"a.txt": data, "b.txt": b"b"})["version"] for data in (b"a", b"A", b"a ")}
    assert len(versions) == 3
    assert precache({"a.txt": b"a", "b.txt": b"b"}) == precache({"b.txt": b"b", "a.txt": b"a"})


def test_only_what_changed_is_written_and_what_is_gone_is_removed(tmp_path: Path) -> None:
    write(tmp_path, {"one.css": b"1" * 2000, "deep/two.css": b"2" * 2000})
    before = (tmp_path / "one.css").stat()
    write(tmp_path, {"one.css": b"1" * 2000, "three.css": b"3"})
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == {"one.css", "one.css.gz", "three.css"}
    after = (tmp_path / "one.css").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("name", ["index.html", "callback.html"])
def test_each_page_carries_the_policy_for_hosts_without_headers(site: tuple[Path, dict], name: str) -> None:
    text = (site[0] / name).read_text(encoding="utf-8")
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', text)
    assert policy is not None
    assert "default-src 'none'" in policy[1] and "frame-ancestors" not in policy[1]
    # The policy comes before whatever it has to hold.
    assert policy.start() < min(text.index("<link"), text.index("<script"))
    assert not re.search(r"\son\w+=|javascript:|style=|<style", text)


def test_a_page_without_a_place_for_the_policy_is_refused() -> None:
    with pytest.raises(SetupError, match="policy"):
        page("<html></html>")


def test_nothing_is_fetched_from_elsewhere(site: tuple[Path, dict]) -> None:
    found = set()
    for name, path in files_of(site[0]).items():
        if path.suffix not in RUN:
            continue
        texts = [path.read_bytes()]
        if path.suffix == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                texts = [file.read(entry) for entry in file.namelist() if entry.startswith(("app/", "worker/"))]
        if any(ELSEWHERE.search(text) for text in texts):
            found.add(name)
    assert [name for name in found if not UNUSED.fullmatch(name)] == []
    config = (ROOT / "pyscript.toml").read_text(encoding="utf-8")
    assert 'interpreter = "./app/platform/interpreter.mjs"' in config


def test_every_address_of_the_page_is_relative(site: tuple[Path, dict]) -> None:
    text = (site[0] / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert addresses
    assert [address for address in addresses if address.startswith("/") or ":" in address] == []
    manifest = json.loads((site[0] / "manifest.webmanifest").read_text(encoding="utf-8"))
    for address in [manifest["start_url"], manifest["scope"], *(icon["src"] for icon in manifest["icons"])]:
        assert not address.startswith("/") and ":" not in address
    assert all((site[0] / icon["src"]).is_file() for icon in manifest["icons"])
    files = files_of(site[0])
    assert [address for address in addresses if not address.startswith("#") and address not in files] == []
