"""How well a typed word fits a title, and how a shortcut is written. Pure, the same in CPython."""

from __future__ import annotations


def score(wanted: str, text: str) -> int:
    """How well ``wanted`` (lower case) fits: 0 not at all; letters in order are needed, beginnings of words count most."""
    text = text.lower()
    if not wanted:
        return 1
    at = text.find(wanted)
    if at == 0:
        return 1000 - len(text)
    if at > 0:
        return (700 if not text[at - 1].isalnum() else 500) - len(text)
    points, here = 0, -1
    for letter in wanted:
        found = text.find(letter, here + 1)
        if found < 0:
            return 0
        if found == 0 or not text[found - 1].isalnum():
            points += 12
        elif found == here + 1:
            points += 6
        here = found
    return max(1, 100 + points - len(text))


def key_names(keys: str, apple: bool = False) -> list[str]:
    """The keys as written on a keyboard: 'mod+k' -> ['Ctrl K'] or ['⌘ K']; 'g d' -> ['G', 'D']."""
    names = {"mod": "⌘" if apple else "Ctrl", "shift": "Shift"}
    return [" ".join(names.get(piece, piece.upper()) for piece in part.split("+")) for part in keys.split(" ")]
