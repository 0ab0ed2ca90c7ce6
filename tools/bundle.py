"""Builds the static site that any host can serve, under any path.

    python -m tools.bundle [TARGET]      (default build/site)

Python sources become one zip of byte code made by the Python that will run it, and the memory snapshot of an interpreter that
has imported them. pyscript.toml becomes an attribute of the page, which saves the page a TOML parser. sw.js gets the list of
every file with its sha256, each page a meta policy for hosts that send no headers. Only files that changed are written; what
is no longer part of the site is removed. Text and wasm are also written gzipped, for servers that send precompressed files.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from proxy.policy import page_policy, worker_policy

from .vendor import PYODIDE_FILES, ROOT, VENDOR, SetupError, say, sha256

STATIC = ("index.html", "callback.html", "pyscript.toml", "manifest.webmanifest", "LICENSE", "NOTICE")
ASSETS = (("app", (".mjs", ".js", ".css", ".svg", ".png")), ("worker", (".mjs",)), ("recordings", (".gz", ".md", ".json", ".jsonl", ".txt")))
CODE = ("app", "worker")
NATIVE_ONLY = ("app/platform/native/", "app/history/__main__.py", "app/vault/__main__.py", "app/vault/tool/")
PACKED = (".html", ".js", ".mjs", ".css", ".json", ".toml", ".wasm", ".bin", ".zip", ".webmanifest", ".svg")
POLICY_MARK = "<!-- policy -->"
CORE_MARK = 'href="vendor/pyscript/core-*.js"'
CONFIG_MARK = 'config="pyscript.toml"'
SCRIPT_MARK = '<script type="py"'
LIST_MARK = "/* precache */"
KEPT_BUILDS = 8  # files: going back to a recent version costs nothing
# Bulky parts that the desk does not need to open are kept when first used, not fetched ahead.
LATER = ("vendor/pyodide/packages/", "vendor/zxcvbn/", "vendor/hyparquet/")
PYSCRIPT_LATER = ("codemirror", "py-editor", "py-game", "xterm", "py-terminal", "donkey", "mpy", "zip-", "py-Dl", "index-", "pyodide_graph", "storage")


def main() -> int:
    """Build; returns the exit status."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    try:
        build(target)
    except SetupError as error:
        print(f"Build stopped: {error}", file=sys.stderr)
        return 1
    return 0


def build(target: Path) -> dict:
    """Bring ``target`` up to date; returns the precache manifest that sw.js carries."""
    wanted = collect()
    wanted["kontor.zip"], wanted["snapshot.bin"] = (path.read_bytes() for path in compiled())
    wanted["index.html"] = page(wanted["index.html"].read_text(encoding="utf-8")).encode()
    wanted["callback.html"] = policed(wanted["callback.html"].read_text(encoding="utf-8"), "callback.html").encode()
    manifest = precache(wanted)
    source = (ROOT / "sw.js").read_text(encoding="utf-8")
    if LIST_MARK not in source:
        raise SetupError(f"sw.js has no place for the precache list ({LIST_MARK})")
    filling = json.dumps(manifest, separators=(",", ":"))
    wanted["sw.js"] = source.replace(f"{LIST_MARK} null", filling).encode()
    write(target, wanted)
    return manifest


def page(text: str) -> str:
    """index.html with the meta policy and PyScript's configuration in it."""
    text = policed(text, "index.html")
    config = tomllib.loads((ROOT / "pyscript.toml").read_text(encoding="utf-8"))
    inline = html.escape(json.dumps(config, separators=(",", ":")))
    core = f'href="{pyscript_core().relative_to(ROOT).as_posix()}"'
    # PyScript's other interpreter is not used here; without a configuration it would load its plugins all the same.
    other = f'<mpy-config type="json" hidden>{html.escape(json.dumps({"plugins": config["plugins"]}), quote=False)}</mpy-config>'
    script = f"{other}\n  {SCRIPT_MARK}"
    for mark, filling in ((CONFIG_MARK, f'config="{inline}"'), (CORE_MARK, core), (SCRIPT_MARK, script)):
        if text.count(mark) != 1:
            raise SetupError(f"index.html has to have one place for {mark}")
        text = text.replace(mark, filling)
    return text


def policed(text: str, name: str) -> str:
    """A page with the meta policy in it, for hosts that send no headers."""
    if text.count(POLICY_MARK) != 1:
        raise SetupError(f"{name} has to have one place for {POLICY_MARK}")
    return text.replace(POLICY_MARK, f'<meta http-equiv="Content-Security-Policy" content="{page_policy(framing=False)}">')


def collect() -> dict[str, Path | bytes]:
    """Path in the site -> source file."""
    wanted: dict[str, Path | bytes] = {name: ROOT / name for name in STATIC}
    for folder, endings in ASSETS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in endings:
                wanted[path.relative_to(ROOT).as_posix()] = path
    for path in sorted(VENDOR.rglob("*")):
        if path.is_file() and path.suffix not in (".stamp", ".part"):
            wanted[path.relative_to(ROOT).as_posix()] = path
    missing = [name for name, path in wanted.items() if not path.is_file()]
    if missing:
        raise SetupError(f"missing: {', '.join(missing)}")
    return wanted


def compiled() -> tuple[Path, Path]:
    """The zip of byte code and the snapshot, made again only when a source, a tool or the runtime changed."""
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in CODE
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(NATIVE_ONLY)
    }
    text = json.dumps(sources, sort_keys=True)
    runtime, core = VENDOR / "pyodide", pyscript_core()
    inputs = [core] + [ROOT / "tools" / name for name in ("compile.mjs", "snapshot.mjs")] + [ROOT / "app" / "platform" / "snapshot.mjs"]
    inputs += [runtime / name for name in PYODIDE_FILES]
    mark = hashlib.sha256((text + "".join(map(sha256, inputs))).encode()).hexdigest()[:24]
    cache = ROOT / "build" / "code"
    cache.mkdir(parents=True, exist_ok=True)
    code, snapshot = cache / f"{mark}.zip", cache / f"{mark}.bin"
    if not (code.is_file() and snapshot.is_file()):
        with tempfile.TemporaryDirectory(dir=cache) as name:
            listing, new_code, new_snapshot = (Path(name) / part for part in ("sources.json", "code.zip", "snapshot.bin"))
            listing.write_text(text, encoding="utf-8")
            say("compiling Python")
            node("compile.mjs", runtime, core, listing, new_code, trouble="a Python source does not compile")
            say("making the memory snapshot")
            node("snapshot.mjs", runtime, new_code, new_snapshot, trouble="the memory snapshot could not be made")
            new_code.replace(code)
            new_snapshot.replace(snapshot)
        for old in sorted(cache.glob("*.*"), key=lambda path: path.stat().st_mtime)[:-KEPT_BUILDS]:
            old.unlink(missing_ok=True)
    return code, snapshot


def pyscript_core() -> Path:
    """The file that vendor/pyscript/core.js imports; its name changes with its content."""
    found = sorted((VENDOR / "pyscript").glob("core-*.js"))
    if len(found) != 1:
        raise SetupError(f"vendor/pyscript has to hold one core-*.js, found {len(found)}; remove vendor/ and run the same command again")
    return found[0]


def node(script: str, *arguments: Path, trouble: str) -> None:
    """Run one of the tools that need Pyodide itself."""
    done = subprocess.run(["node", str(ROOT / "tools" / script), *map(str, arguments)], stdout=sys.stderr, check=False)
    if done.returncode:
        raise SetupError(f"{trouble}; the lines above say why")


def precache(wanted: dict[str, Path | bytes]) -> dict:
    """Version (hash of the whole list), files fetched ahead and files kept when first used, each [path, sha256, bytes]."""
    files, later = [], []
    for name, source in sorted(wanted.items()):
        data = source if isinstance(source, bytes) else source.read_bytes()
        row = [name, hashlib.sha256(data).hexdigest(), len(data)]
        bulky = name.startswith(LATER) or (name.startswith("vendor/pyscript/") and name.split("/")[-1].startswith(PYSCRIPT_LATER))
        (later if bulky else files).append(row)
    connect = tuple(os.environ.get("KONTOR_CONNECT", "").split())
    manifest = {"files": files, "later": later, "pagePolicy": page_policy(), "workerPolicy": worker_policy(connect)}
    version = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode() + (ROOT / "sw.js").read_bytes()).hexdigest()[:16]
    return {"version": version, **manifest}


def write(target: Path, wanted: dict[str, Path | bytes]) -> None:
    """Make the folder hold exactly these files, touching only what differs."""
    keep = set()
    for name, source in wanted.items():
        path = target / name
        data = source if isinstance(source, bytes) else source.read_bytes()
        keep.add(path)
        packed = path.with_name(path.name + ".gz") if path.suffix in PACKED and len(data) > 1000 else None
        if packed:
            keep.add(packed)
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data and (packed is None or packed.is_file()):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, data)
        if packed:
            replace(packed, gzip.compress(data, 6, mtime=0))
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_file() and path not in keep:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def replace(path: Path, data: bytes) -> None:
    """Put the file in place in one step: a server in the middle of the old one goes on with it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
