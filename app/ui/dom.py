"""Small helpers over the DOM: build, find, listen. Text is always set as text, never parsed as HTML.

A listener is one proxy that lives until the function ``listen`` returned is called: delegate events on
containers rather than listening on every row. What goes before the page does is built within ``gathered``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from js import URL, Blob, Date, ResizeObserver, document
from pyodide.ffi import create_proxy, to_js

_SVG = "http://www.w3.org/2000/svg"
_gathering: list[list[Callable[[], None]]] = []


def el(tag: str, attrs: dict[str, Any] | None = None, *children: Any, on: dict[str, Callable] | None = None) -> Any:
    """A new element. ``attrs``: attribute -> text (None and False leave it out, True sets it empty); children: elements or text."""
    node = document.createElement(tag)
    fill(node, attrs, *children, on=on)
    return node


def svg(tag: str, attrs: dict[str, Any] | None = None, *children: Any) -> Any:
    """A new SVG element."""
    node = document.createElementNS(_SVG, tag)
    fill(node, attrs, *children)
    return node


def fill(node: Any, attrs: dict[str, Any] | None, *children: Any, on: dict[str, Callable] | None = None) -> None:
    """Set attributes, append children and listen on an existing element."""
    for name, value in (attrs or {}).items():
        if value is True:
            node.setAttribute(name, "")
        elif value is not None and value is not False:
            node.setAttribute(name, str(value))
    for child in children:
        if child is not None:
            node.append(child if not isinstance(child, (int, float)) else str(child))
    for name, handler in (on or {}).items():
        listen(node, name, handler)


def listen(node: Any, name: str, handler: Callable, *, first: bool = False) -> Callable[[], None]:
    """Call ``handler(event)`` on each event, with ``first`` before anything inside the node hears of it; returns a function that
    stops it and frees the proxy."""
    proxy = create_proxy(handler)
    node.addEventListener(name, proxy, first)

    def stop() -> None:
        node.removeEventListener(name, proxy, first)
        proxy.destroy()

    return once(stop)


def watch_size(node: Any, handler: Callable[[Any, Any], None]) -> Callable[[], None]:
    """Call ``handler(entries, observer)`` when the element has another size; returns a function that stops it and frees the proxy."""
    proxy = create_proxy(handler)
    observer = ResizeObserver.new(proxy)
    observer.observe(node)

    def stop() -> None:
        observer.disconnect()
        proxy.destroy()

    return once(stop)


def once(end: Callable[[], None]) -> Callable[[], None]:
    """``end`` as a function that does it the first time only; it is among what is gathered now."""
    ends = [end]

    def stop() -> None:
        if ends:
            ends.pop()()

    if _gathering:
        _gathering[-1].append(stop)
    return stop


@contextmanager
def gathered() -> Iterator[list[Callable[[], None]]]:
    """The functions that stop whatever begins to listen within the block; without calling them, elements and views live as long as the page."""
    stops: list[Callable[[], None]] = []
    _gathering.append(stops)
    try:
        yield stops
    finally:
        _gathering.pop()


def by_id(name: str) -> Any:
    """The element with this id; LookupError when the page has none."""
    node = document.getElementById(name)
    if not node:  # a miss is JavaScript's null, which is not None
        raise LookupError(f"the page has no #{name}")
    return node


def need_style(name: str) -> None:
    """Load a style sheet of app/ui/style/ that the first paint does without; once."""
    href = f"app/ui/style/{name}"
    if not document.querySelector(f'link[href="{href}"]'):
        document.head.append(el("link", {"rel": "stylesheet", "href": href}))


def save_text(name: str, text: str, kind: str) -> None:
    """Let the browser save a text as a file of this name and MIME type."""
    address = URL.createObjectURL(Blob.new(to_js([text]), type=kind))
    link = el("a", {"href": address, "download": name})
    document.body.append(link)
    link.click()
    link.remove()
    URL.revokeObjectURL(address)


def clear(node: Any) -> None:
    """Remove all children."""
    node.replaceChildren()


def set_text(node: Any, text: str) -> None:
    """Set the text of an element whose only child is a text node, without re-parsing."""
    child = node.firstChild
    if not child:
        node.textContent = text
    else:
        child.data = text


def today() -> date:
    """The date now, in UTC."""
    return date.fromisoformat(str(Date.new().toISOString())[:10])
