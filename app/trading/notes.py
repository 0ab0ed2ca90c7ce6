"""Notes and tags of the trader on an order, a fill or a day: read from what was typed, and taken from the journal.

A note is never edited: each is an event of its own, and the latest about a thing counts.
"""

from __future__ import annotations

import re
import time
from typing import Any

from app.model.events import NoteSet

from .errors import Denied

MAX_TEXT, MAX_TAGS, MAX_TAG = 2_000, 12, 32
_TAG = re.compile(r"[^\W_][\w.+-]*\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def take(notes: dict[str, NoteSet], unnoted: dict[str, NoteSet], event: NoteSet) -> list:
    """A note out of the journal; one that was taken away is among ``unnoted``."""
    notes.pop(event.about, None)
    unnoted.pop(event.about, None)
    (notes if event.tags or event.text else unnoted)[event.about] = event
    return []


def written(engine: Any, about: Any, tags: Any, text: Any, now_ns: int) -> list[NoteSet]:
    """The event of a note; nothing where it says what is known. Denied names what is wrong."""
    about = _subject(engine, about)
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise Denied("bad_note", "text", f"A note has at most {MAX_TEXT} characters.", "Shorten it.")
    text, joined = text.strip(), " ".join(read_tags(tags))
    before = engine.notes.get(about)
    if (joined, text) == (("", "") if before is None else (before.tags, before.text)):
        return []
    return [NoteSet(now_ns, about, joined, text)]


def read_tags(typed: Any) -> list[str]:
    """Tags as typed (separated by spaces or commas, with or without #), lower case, each once, in their order."""
    if not isinstance(typed, str):
        raise Denied("bad_tags", "tags", "Tags are words.", "Type words with spaces between them.")
    found = list(dict.fromkeys(tag.lstrip("#").lower() for tag in re.split(r"[\s,]+", typed) if tag.strip("#")))
    for tag in found:
        if len(tag) > MAX_TAG or not _TAG.match(tag):
            raise Denied("bad_tags", "tags", f"{tag[:40]!r} cannot be a tag.", f"Use letters, digits, - and ., at most {MAX_TAG}.")
    if len(found) > MAX_TAGS:
        raise Denied("bad_tags", "tags", f"There are {len(found)} tags.", f"Use at most {MAX_TAGS}.")
    return found


def of_fill(notes: dict[str, NoteSet], fill: Any) -> tuple[str, str]:
    """(tags, text) that concern a fill: its own and its order's, own first."""
    found = [notes[key] for key in (f"fill:{fill.fill_id}", f"order:{fill.client_order_id}") if key in notes]
    tags = dict.fromkeys(tag for note in found for tag in note.tags.split())
    return " ".join(tags), " / ".join(note.text for note in found if note.text)


def _subject(engine: Any, about: Any) -> str:
    kind, _, name = about.partition(":") if isinstance(about, str) else ("", "", "")
    if kind == "order" and name in engine.orders:
        return about
    if kind == "fill" and engine.knows_fill(name):
        return about
    if kind == "day" and _DAY.match(name):
        try:
            time.strptime(name, "%Y-%m-%d")
        except ValueError:
            pass
        else:
            return about
    raise Denied("bad_subject", "about", "There is no such order, fill or day.", "Choose one from the journal.")
