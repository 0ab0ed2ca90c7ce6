"""Vaults as earlier versions wrote them, kept as files."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from app.platform.memory import MemoryStore

FOLDER = Path(__file__).parents[2] / "data" / "vault"


def restored(store: MemoryStore, name: str = "format-1") -> dict[str, dict[str, bytes]]:
    """Fill the store from a file; gives what it holds, by class and id."""
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    store.records = {(cls, record_id): base64.b64decode(value) for cls, record_id, value in kept["records"]}
    store.meta = dict(kept["meta"])
    return {cls: {record_id: data.encode() for record_id, data in held.items()} for cls, held in kept["holds"].items()}
