"""The age library as the site carries it: the files that its entry imports, with addresses a browser can follow.

npm's packages name each other (`@noble/hashes/sha2.js`); a worker has no map from such names to files. Each import is written as the
relative path of the same file instead, nothing else is changed. A package that cannot be followed stops set-up.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

ENTRY = "age-encryption/dist/index.js"
PACKAGES = ("@noble/ciphers", "@noble/curves", "@noble/hashes", "@noble/post-quantum", "@scure/base")
ALONE = {"@scure/base": "@scure/base/index.js"}
"""Packages that are imported by their name alone, and the file that is meant."""

_IMPORT = re.compile(r"""^((?:import|export)\s+(?:\*[^'"`;{}]*|\{[^}'"`]*\})\s*from\s*)(["'])([^"']+)\2;""", re.MULTILINE)
_COMMENT_MAP = re.compile(r"^//# sourceMappingURL=.*\n?", re.MULTILINE)


class AgeError(ValueError):
    """The library imports something that this was not written for; the message names file and import."""


def files(modules: Path) -> dict[str, str]:
    """Path below node_modules (and below vendor/age) -> text, of every file that the library's entry needs, and their licences."""
    found: dict[str, str] = {}
    waiting = [ENTRY]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name], needed = adapted(name, (modules / name).read_text(encoding="utf-8"))
        waiting += needed
    holders = {name: name.split("/")[0] if not name.startswith("@") else "/".join(name.split("/")[:2]) for name in found}
    licences = [f"{package}\n\n{(modules / package / 'LICENSE').read_text(encoding='utf-8').strip()}" for package in sorted(set(holders.values()))]
    return {**found, "LICENSES.txt": "\n\n\n".join(licences) + "\n"}


def adapted(name: str, text: str) -> tuple[str, list[str]]:
    """A file's text with relative imports, and the paths of what it imports."""
    needed: list[str] = []

    def relative(match: re.Match[str]) -> str:
        target = _target(name, match[3])
        if match[1].split() in (["import", "{}", "from"], ["import", "{}from"]):  # what is left of types
            return ""
        needed.append(target)
        path = posixpath.relpath(target, posixpath.dirname(name))
        return f"{match[1]}{match[2]}{path if path.startswith('.') else './' + path}{match[2]};"

    return _COMMENT_MAP.sub("", _IMPORT.sub(relative, text)), needed


def _target(name: str, wanted: str) -> str:
    if wanted.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted))
    if wanted in ALONE:
        return ALONE[wanted]
    if wanted.endswith(".js") and wanted.startswith(tuple(f"{package}/" for package in PACKAGES)):
        return wanted
    raise AgeError(f"{name} imports {wanted}, which tools/age.py does not know")
