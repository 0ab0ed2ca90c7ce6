"""Programs from Debian packages for the benchmarks, unpacked under build/ and installed nowhere: no service is started, no root needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "build" / "debian"


def program(name: str, package: str, *needs: str) -> tuple[str, dict[str, str]] | None:
    """The executable and its environment: the system's, else unpacked from ``package`` and the packages it ``needs``; None where neither works."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found:
        return found, dict(os.environ)
    target = FOLDER / package
    if not target.is_dir() and not _unpack(target, (package, *needs)):
        return None
    path = next((file for file in target.rglob(name) if file.is_file() and os.access(file, os.X_OK)), None)
    libraries = ":".join(sorted({str(file.parent) for file in target.rglob("*.so*")}))
    return (str(path), os.environ | {"LD_LIBRARY_PATH": libraries}) if path else None


def _unpack(target: Path, packages: tuple[str, ...]) -> bool:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return False
    loading = target.with_name(target.name + ".loading")
    shutil.rmtree(loading, ignore_errors=True)
    loading.mkdir(parents=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "timeout": 120}
    try:
        subprocess.run(["apt-get", "download", *packages], cwd=loading, check=True, **quiet)
        for file in loading.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", file.name, "root"], cwd=loading, check=True, **quiet)
    except (subprocess.SubprocessError, OSError):
        return False
    loading.rename(target)
    return True
