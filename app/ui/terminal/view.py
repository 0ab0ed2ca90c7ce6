"""The debug terminal on the page: a drawer under every view, with its lines on xterm or as a plain list, filter and commands.

Nothing of it is loaded before it opens first, and the desk worker sends no lines while it is closed. Lines come in batches
and are drawn once a frame. The plain list is the accessible twin, and what stands in when xterm cannot be loaded.
"""

from __future__ import annotations

from typing import Any

from js import URL, document, kontor, matchMedia, navigator, performance, window
from pyodide.ffi import JsException, create_proxy

from .. import format as fmt
from ..dom import by_id, el, listen, need_style, save_text, set_text
from ..format import refusal, sentences
from ..link import Refused
from ..views.frame import OncePerFrame
from . import commands, filters, page_rows
from .bar import Bar
from .lines import Line, own, stamp
from .log import Log
from .resize import Height
from .run import Runner
from .twin import Twin

_SCREEN = "app/ui/terminal/screen.mjs"


class Terminal:
    """Owns #terminal. ``toggle`` opens and closes it; ``say`` writes a line of the page's own."""

    def __init__(self, ctx: Any, tracing: Any) -> None:
        self._ctx = ctx
        self._tracing = tracing
        self._log = Log()
        self._runner = Runner(ctx, self)
        self._waiting: list[Line] = []
        self._again = True
        self._followed = False
        self._errors = page_rows.Errors(ctx.errors)
        self._screen: Any = None
        self._loading = False
        self._history: list[str] = []
        self._at = 0
        self._return_to: Any = None
        self._wants_end = False
        self.root = by_id("terminal")
        need_style("terminal.css")
        self._twin = Twin()
        self._holder = el("div", {"class": "terminal-screen", "data-testid": "terminal-screen"})
        self._bar = bar = Bar()
        self.root.append(bar.grip, bar.head, bar.problem, self._holder, self._twin.root, bar.form)
        self._listen()
        self._draw = OncePerFrame(self._write)
        self._log.show(filters.parse("", str(self._bar.level.value)))
        self._height = Height(self.root, self._bar.grip, ctx.prefs)
        ctx.store.subscribe("theme", lambda _value: self._screen and self._screen.recolour())
        matchMedia("(prefers-color-scheme: light)").addEventListener("change", create_proxy(lambda _event: self._screen and self._screen.recolour()))
        ctx.keys.on_escape(self._escape)

    def _listen(self) -> None:
        bar = self._bar
        listen(bar.head, "click", self._click)
        listen(bar.filter, "input", lambda _event: self._refilter())
        listen(bar.level, "change", lambda _event: self._refilter())
        listen(bar.find, "keydown", self._find_key)
        listen(bar.command, "keydown", self._command_key)
        listen(bar.form, "submit", self._submit)

    # Opening and closing

    @property
    def opened(self) -> bool:
        """Whether it shows."""
        return not self.root.hidden

    def toggle(self) -> None:
        """Open it, or close it when it is open."""
        if self.opened:
            self.close()
        else:
            self.open()

    def open(self, wanted: str = "") -> None:
        """Show it, ask the desk for its lines, and put the cursor into the command field; ``wanted``: a filter to begin with."""
        if not self.opened:
            self._return_to = document.activeElement
            self.root.hidden = False
            document.documentElement.setAttribute("data-terminal", "open")
            self._ctx.errors.run("Debug terminal", self._follow())
        if wanted:
            self.filter(wanted)
        self._show_kind()
        self._bar.command.focus()

    def close(self) -> None:
        """Hide it; the desk sends no more lines, and focus goes back where it was."""
        if not self.opened:
            return
        self.root.hidden = True
        document.documentElement.removeAttribute("data-terminal")
        self._tracing.stop(self._take)
        if self._return_to and self._return_to.isConnected:
            self._return_to.focus()

    def _escape(self) -> bool:
        if not self.opened or not self.root.contains(document.activeElement):
            return False
        self.close()
        return True

    async def _follow(self) -> None:
        self._take(page_rows.boot(not self._followed) + self._errors.new())
        self._followed = True
        await self.catch_up()

    async def catch_up(self) -> None:
        """Take what the desk has told meanwhile, at once."""
        try:
            await self._tracing.follow(self._take, after=self._log.last_id)
        except Refused as error:
            self.say(sentences(f"The desk sends no lines: {error.reason}", error.remedy), "error")

    @property
    def _as_list(self) -> bool:
        """As the trader chose; else as a list where xterm would break every line."""
        chosen = self._ctx.prefs.get("terminal.list")
        return chosen if chosen is not None else bool(matchMedia("(max-width: 720px)").matches)

    def _show_kind(self) -> None:
        as_list = self._as_list
        self._twin.root.hidden = not as_list
        self._holder.hidden = as_list
        set_text(self._bar.twin, "As a terminal" if as_list else "As a list")
        self._bar.finder.hidden = as_list
        self._again = True
        if not as_list and self._screen is None and not self._loading:
            self._loading = True
            self._ctx.errors.run("Debug terminal", self._load())
        self._draw()

    async def _load(self) -> None:
        try:
            library = await getattr(kontor, "import")(URL.new(_SCREEN, document.baseURI).href)
            self._screen = await library.createScreen(self._holder, create_proxy(self._counted))
            window.kontor.terminal = self._screen
        except JsException as error:
            self._ctx.prefs.put("terminal.list", True)
            self.say(f"The terminal's screen could not be loaded ({error}). The lines stand here as a list.", "warn")
            self._show_kind()
        finally:
            self._loading = False
        self._again = True
        self._draw()

    # Lines

    def say(self, text: str, level: str = "info", area: str = "you", **more: Any) -> None:
        """Write a line of the page's own."""
        self._take([own(text, performance.timeOrigin + performance.now(), level, area, **more)])

    def _take(self, rows: list[dict]) -> None:
        new = self._log.add(rows)
        if new:
            self._waiting.extend(new)
            self._draw()
        elif rows:
            self._tell_count()

    def _write(self) -> None:
        """Draw what waits: whole after a change of filter, else only what is new."""
        if not self.opened:
            self._waiting.clear()
            self._again = True
            return
        as_list = not self._twin.root.hidden
        if self._again:
            if not as_list and self._screen is None:
                return
            self._again = False
            lines = self._log.shown()
            if as_list:
                self._twin.replace(lines)
            else:
                self._screen.replace("".join(line.ansi for line in lines))
        elif self._waiting:
            if as_list:
                self._twin.add(self._waiting)
            else:
                self._screen.write("".join(line.ansi for line in self._waiting))
        if self._wants_end and self._screen is not None:
            self._screen.toEnd()
        self._wants_end = False
        self._waiting.clear()
        self._tell_count()

    def _tell_count(self) -> None:
        all_lines, shown = len(self._log), self._log.count
        set_text(self._bar.count, fmt.plural(all_lines, "line") if shown == all_lines else f"{fmt.number(shown)} of {fmt.plural(all_lines, 'line')}")

    # Filter and search

    def filter(self, text: str) -> None:
        """Show only lines that pass."""
        self._bar.filter.value = text
        self._refilter()

    def _refilter(self) -> None:
        try:
            chosen = filters.parse(str(self._bar.filter.value), str(self._bar.level.value))
        except filters.FilterError as error:
            set_text(self._bar.problem, str(error))
            self._bar.filter.setAttribute("aria-invalid", "true")
            return
        set_text(self._bar.problem, "")
        self._bar.filter.removeAttribute("aria-invalid")
        self._log.show(chosen)
        self._waiting.clear()
        self._again = True
        self._draw()

    def find(self, text: str, back: bool = True) -> None:
        """Go to the next line above, or below, with these words."""
        self._bar.find.value = text
        if self._screen is None or not text:
            set_text(self._bar.found, "")
            if self._screen is not None:
                self._screen.endFind()
            return
        if not self._screen.find(text, back):
            set_text(self._bar.found, "not found")

    def _counted(self, index: int, count: int) -> None:
        set_text(self._bar.found, f"{index + 1} of {count}" if count else "not found" if self._bar.find.value else "")

    def _find_key(self, event: Any) -> None:
        if event.key == "Enter":
            event.preventDefault()
            self.find(str(self._bar.find.value), not event.shiftKey)
        elif event.key == "Escape" and self._bar.find.value:
            event.stopPropagation()
            self.find("")

    # Buttons and commands

    def _click(self, event: Any) -> None:
        node = event.target.closest("[data-do]")
        if not node:
            return
        do = node.getAttribute("data-do")
        if do in ("back", "next"):
            self.find(str(self._bar.find.value), do == "back")
        elif do == "twin":
            self._ctx.prefs.put("terminal.list", not self._as_list)
            self._show_kind()
        else:
            getattr(self, do)()

    def copy(self) -> None:
        """Copy the lines that are shown."""
        self._ctx.errors.run("Copying the lines", self._copy())

    async def _copy(self) -> None:
        shown = self._log.count
        try:
            await navigator.clipboard.writeText(self._log.copied())
        except (JsException, AttributeError):
            self.say("This browser did not allow copying. Export saves the lines as a file.", "warn")
            return
        self._ctx.toasts.show("good", f"Copied {fmt.plural(shown, 'line')}, secrets taken out.")

    def export(self) -> None:
        """Save all lines as a text file."""
        now = performance.timeOrigin + performance.now()
        hello = self._ctx.store.hello or {}
        head = f"Kontor {hello.get('version', '')}, {stamp(now)}, {navigator.userAgent}. Secrets are taken out by value and by shape."
        save_text("kontor-terminal.txt", self._log.exported(head), "text/plain;charset=utf-8")

    def clear(self) -> None:
        """Empty the terminal."""
        self._log.clear()
        self._waiting.clear()
        self._again = True
        self._draw()

    def line(self, number: int) -> Line | None:
        """The line with this number."""
        return self._log.find(number)

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        text = str(self._bar.command.value).strip()
        if not text:
            return
        self._bar.command.value = ""
        if not self._history or self._history[-1] != text:
            self._history.append(text)
        self._at = len(self._history)
        self._wants_end = True
        try:
            typed = commands.parse(text)
        except commands.CommandError as error:
            self.say(str(error), "warn")
            return
        self.say(f"› {typed.echo}")
        self._ctx.errors.run(f"Command {typed.name}", self._runner.run(typed), refused=self._refused)

    def _refused(self, error: Refused) -> None:
        self.say(refusal(error), "error")

    def _command_key(self, event: Any) -> None:
        step = {"ArrowUp": -1, "ArrowDown": 1}.get(event.key)
        if step:
            event.preventDefault()
            self._at = max(0, min(len(self._history), self._at + step))
            self._bar.command.value = self._history[self._at] if self._at < len(self._history) else ""
        elif event.key == "Tab" and not event.shiftKey and (whole := commands.complete(str(self._bar.command.value))):
            event.preventDefault()
            self._bar.command.value = whole
