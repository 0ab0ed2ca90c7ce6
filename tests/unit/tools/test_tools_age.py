"""The age library as the site carries it: whole, and with imports that a browser can follow."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from tools.age import ENTRY, AgeError, adapted, files

MODULES = Path(__file__).resolve().parents[3] / "node_modules"


def test_every_import_leads_to_a_file_that_is_carried() -> None:
    carried = files(MODULES)
    assert ENTRY in carried and len(carried) > 20
    count = 0
    for name, text in carried.items():
        for wanted in re.findall(r"""^(?:import|export)[^;]*?from\s*["']([^"']+)["'];""", text, re.MULTILINE) if name.endswith(".js") else ():
            count += 1
            assert wanted.startswith("."), (name, wanted)
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted)) in carried, (name, wanted)
    assert count > 50
    assert "age-encryption\n" in carried["LICENSES.txt"] and "@noble/hashes\n" in carried["LICENSES.txt"]


def test_only_the_addresses_of_imports_are_changed() -> None:
    text = 'import { a, b as c } from "@noble/hashes/sha2.js";\nexport * from "./io.js";\nconst x = "import { y } from \\"@noble/z\\";";\n'
    made, needed = adapted("age-encryption/dist/index.js", text)
    assert made == text.replace("@noble/hashes/sha2.js", "../../@noble/hashes/sha2.js")
    assert needed == ["@noble/hashes/sha2.js", "age-encryption/dist/io.js"]


def test_an_import_that_is_not_known_stops_set_up() -> None:
    with pytest.raises(AgeError, match="left-pad"):
        adapted("age-encryption/dist/index.js", 'import { pad } from "left-pad";\n')
