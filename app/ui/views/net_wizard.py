"""The connection wizard: an address, every way tried in turn, one sentence about all of it and what to do."""

from __future__ import annotations

from typing import Any

from .. import format as fmt
from .. import net_words
from ..dom import clear, el, listen, set_text
from ..format import refusal
from ..link import Refused
from ..terminal import commands


class WizardCard:
    """One field and a button; the answer is a table under a sentence."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._address = el(
            "input",
            {
                "type": "text", "id": "wizard-url", "inputmode": "url", "autocomplete": "off", "spellcheck": "false",
                "placeholder": "https://api.example.com/time", "aria-describedby": "wizard-url-error", "data-testid": "wizard-url",
            },
        )  # fmt: skip
        self._error = el("p", {"class": "field-error", "id": "wizard-url-error", "role": "alert"})
        self._button = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "wizard-test"}, "Test every way")
        self._sentence = el("p", {"class": "wizard-sentence", "data-testid": "wizard-sentence"})
        self._remedy = el("p", {"data-testid": "wizard-remedy"})
        self._answer = el("div", {"role": "status"}, self._sentence, self._remedy)
        self._body = el("tbody")
        heads = (el("th", {"scope": "col", "class": kind}, name) for name, kind in (("Way", None), ("What came of it", None), ("Took", "num")))
        table = el("table", {"class": "table"}, el("thead", None, el("tr", None, *heads)), self._body)
        self._table = el("div", {"class": "scroll wizard-rows", "tabindex": "0", "role": "region", "aria-label": "Every way", "hidden": True}, table)
        form = el(
            "form",
            {"class": "wizard-form", "novalidate": True, "aria-label": "Connection wizard"},
            el("div", {"class": "field"}, el("label", {"for": "wizard-url"}, "Address"), self._address, self._error),
            self._button,
        )
        self.root = el(
            "section",
            {"class": "card", "aria-label": "Connection wizard"},
            el("h2", None, "Does it connect?"),
            el("p", None, "Type an address. Kontor asks for it in every way it knows, one after the other, without sign-ins or keys, and says what is wrong."),
            form,
            self._answer,
            self._table,
        )
        listen(form, "submit", self._submit)

    def focus(self) -> None:
        """Put the cursor where typing starts."""
        self._address.focus()

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        try:
            typed = commands.parse(f"test {self._address.value}")
        except commands.CommandError as error:
            self._problem(str(error).replace("test needs an address such as test ", "Type an address such as ").replace("test needs <url>: ", ""))
            return
        self._problem("")
        self._ctx.errors.run("Connection wizard", self._test(typed.argument), refused=self._refused)

    def _problem(self, text: str) -> None:
        set_text(self._error, text)
        self._address.setAttribute("aria-invalid", "true" if text else "false")

    def _refused(self, error: Refused) -> None:
        self._problem(refusal(error))

    async def _test(self, url: str) -> None:
        self._button.disabled = True
        set_text(self._button, "Testing…")
        set_text(self._sentence, "Asking in every way; slow ones take up to their time limit.")
        set_text(self._remedy, "")
        try:
            answer = await self._ctx.link.ask("net.test", url=url)
        except BaseException:
            set_text(self._sentence, "")
            raise
        finally:
            self._button.disabled = False
            set_text(self._button, "Test every way")
        sentence, remedy = net_words.verdict(answer["rows"])
        set_text(self._sentence, sentence)
        set_text(self._remedy, remedy)
        self._answer.setAttribute("data-tone", "good" if any(row["outcome"] == "ok" for row in answer["rows"]) else "warn")
        clear(self._body)
        self._body.append(*(_row(row) for row in answer["rows"]))
        self._table.hidden = False


def _row(row: dict) -> Any:
    title, meaning = net_words.STRATEGIES.get(row["strategy"], (row["strategy"], ""))
    mark = {"ok": "✓", "failed": "✗", "skipped": "–"}[row["outcome"]]
    said = net_words.outcome(row)
    return el(
        "tr",
        {"data-testid": "wizard-row", "data-strategy": row["strategy"], "data-outcome": row["outcome"]},
        el("th", {"scope": "row", "title": meaning}, title),
        el("td", {"class": "wrap"}, el("span", {"class": f"mark mark-{row['outcome']}", "aria-hidden": "true"}, mark), f" {said[:1].upper()}{said[1:]}"),
        el("td", {"class": "num"}, fmt.latency(row.get("ms")) if row["outcome"] != "skipped" else fmt.NOTHING),
    )
