"""Packages that a thread needs later, loaded while it does something else."""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path

import js

from app.platform.unpacking import unpacked

_PIECE_S = 0.005
_LEFT_OUT = {
    "numpy": (
        *("f2py", "distutils", "testing", "tests", "ma", "polynomial", "random", "fft", "core", "ctypeslib", "char", "rec", "strings", "typing"),
        "_pyinstaller",
    ),
}
"""Parts of packages that nobody here imports, and that the others do not import by themselves."""
_BEFORE = {"numpy": ("pickle", "ctypes", "platform")}
"""Modules of the library that a package imports, each a piece of work of its own."""


async def load_package(name: str, rest: Callable[[], Awaitable[object]]) -> None:
    """Make a package of this site importable, piece by piece with a ``rest`` after each. Raises an error where it cannot be fetched or is not what
    it should be."""
    for module in _BEFORE.get(name, ()):
        import_module(module)
        await rest()
    wheel = (await js.kontor.packageBytes(name)).to_bytes()
    out = tuple(f"{name}/{part}/" for part in _LEFT_OUT.get(name, ()))
    folder = Path("/", sysconfig.get_path("purelib").lstrip("/"))
    begun = time.monotonic()
    for _ in unpacked(wheel, folder, lambda file: not file.startswith(out) and "/tests/" not in file):
        if time.monotonic() - begun > _PIECE_S:
            await rest()
            begun = time.monotonic()
    for library in sorted((folder / name).rglob("*.so")):
        await js.kontor.loadLibrary(str(library))
        await rest()
