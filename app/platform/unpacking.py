"""A package taken out of its wheel piece by piece, so that others get their turn in between.

Its modules are compiled here as well: by far the most of what importing them would take at once.
"""

from __future__ import annotations

import importlib
import io
import py_compile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

_CODE = (".py", ".so")


def unpacked(wheel: bytes, into: Path, wanted: Callable[[str], bool]) -> Iterator[None]:
    """Put the code of a wheel into a folder of the path: the files that are wanted, by their names in the wheel. Goes on piece by piece, each some
    milliseconds, a large module thirty. Raises BadZipFile, PyCompileError."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        yield
        for info in archive.infolist():
            if not info.filename.endswith(_CODE) or not wanted(info.filename):
                continue
            file = archive.extract(info, into)
            yield
            if file.endswith(".py"):
                py_compile.compile(file, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
                yield
    importlib.invalidate_caches()
