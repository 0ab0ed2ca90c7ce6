"""A package out of its wheel, piece by piece: what is wanted of it, compiled, importable afterwards."""

from __future__ import annotations

import importlib
import importlib.util
import io
import py_compile
import sys
import zipfile
from pathlib import Path

import pytest

from app.platform.unpacking import unpacked

FILES = {
    "parcel/__init__.py": "from . import inner\nVALUE = inner.VALUE + 1\n",
    "parcel/inner.py": "VALUE = 41\n",
    "parcel/inner.pyi": "VALUE: int\n",
    "parcel/tests/test_inner.py": "raise SystemExit\n",
    "parcel-1.dist-info/METADATA": "Name: parcel\n",
}


def wheel(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


def test_what_is_wanted_is_there_compiled_and_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = unpacked(wheel(FILES), tmp_path, lambda name: "/tests/" not in name)
    next(pieces)
    assert not list(tmp_path.iterdir()), "nothing yet but the list of what there is"
    assert len(list(pieces)) == 4, "each file, and each file compiled"
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    compiled = {importlib.util.cache_from_source(str(tmp_path / f"parcel/{name}.py")) for name in ("__init__", "inner")}
    assert found == {"parcel/__init__.py", "parcel/inner.py", *(str(Path(path).relative_to(tmp_path)) for path in compiled)}
    (tmp_path / "parcel/inner.py").write_text("VALUE = 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert importlib.import_module("parcel").VALUE == 42, "what was compiled is taken as it is"
    finally:
        for name in ("parcel", "parcel.inner"):
            sys.modules.pop(name, None)


def test_what_is_no_wheel_and_what_is_no_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(zipfile.BadZipFile):
        list(unpacked(b"nothing of the kind", tmp_path, lambda name: True))
    with pytest.raises(py_compile.PyCompileError):
        list(unpacked(wheel({"parcel/__init__.py": "def"}), tmp_path, lambda name: True))
