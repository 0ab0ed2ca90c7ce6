"""The one change Kontor makes to a library it carries: xterm under a policy without 'unsafe-inline' for styles.

xterm writes its rules into <style> elements and colours cells through the style attribute; the page's policy forbids both.
Here the element becomes <kontor-sheet> (app/ui/terminal/sheet.mjs: an adopted style sheet) and the attribute becomes the
style object, which the policy allows. Every change has to fit exactly as often as it says, else set-up stops.
"""

from __future__ import annotations

FILES = {"@xterm/xterm/lib/xterm.mjs": "xterm.mjs", "@xterm/addon-fit/lib/addon-fit.mjs": "addon-fit.mjs"}
FILES |= {"@xterm/addon-search/lib/addon-search.mjs": "addon-search.mjs", "@xterm/xterm/css/xterm.css": "xterm.css"}
"""Path in node_modules -> name in vendor/xterm."""

ADAPTED = "xterm.mjs"
CHANGES = (
    # what stands there, what stands there instead, how often
    ('createElement("style")', 'createElement("kontor-sheet")', 3),
    ('t.setAttribute("style",`${t.getAttribute("style")||""}${e};`)', "t.style.cssText+=`${e};`", 1),
)


class AdaptError(ValueError):
    """The library is another one than this was written for; the message says what was not found."""


def adapt(text: str) -> str:
    """The library's text with the changes in it; AdaptError when one does not fit."""
    for old, new, times in CHANGES:
        found = text.count(old)
        if found != times:
            raise AdaptError(f"xterm: expected {old} {times} times, found it {found} times")
        text = text.replace(old, new)
    return text
