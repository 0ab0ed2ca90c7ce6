"""Which files of npm's packages read Parquet in the browser: hyparquet, gzip and LZ4 of hyparquet-compressors, zstd of fzstd."""

from __future__ import annotations

from pathlib import Path

_COMPRESSORS = ("gzip.js", "gzip.huffman.js", "lz4.js")
_LICENCES = {"hyparquet": "hyparquet", "hyparquet-compressors": "hyparquet-compressors", "fzstd": "fzstd"}


def files(modules: Path) -> dict[Path, str]:
    """File below node_modules -> name in vendor/hyparquet."""
    found = {path: path.name for path in sorted((modules / "hyparquet" / "src").glob("*.js")) if path.name != "node.js"}
    found |= {modules / "hyparquet-compressors" / "src" / name: name for name in _COMPRESSORS}
    found[modules / "fzstd" / "esm" / "index.mjs"] = "fzstd.mjs"
    return found | {modules / package / "LICENSE": f"LICENSE-{name}.txt" for package, name in _LICENCES.items()}
