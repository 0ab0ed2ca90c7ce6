"""The card of restoring: choose a file, open it, look at what would happen, decide where the two differ, then take it all at once."""

from __future__ import annotations

from typing import Any

from .. import format as fmt
from .. import vault_words, words
from ..dom import clear, el, fill, listen
from ..link import Refused
from .vault_fields import NewSecret, Outcome, SecretField, button, card, load, refill, row, table


class RestoreCard:
    """Shown beside an open vault, and where there is none."""

    def __init__(self, ctx: Any) -> None:
        self._ctx = ctx
        self._preview: dict | None = None
        self._choices: dict[str, Any] = {}
        self._file = el("input", {"type": "file", "id": "restore-file", "data-testid": "vault-restore-file", "accept": ".age,application/octet-stream"})
        self._secret = SecretField("restore-secret", "Passphrase of the file", "vault-restore-passphrase")
        self._look = el("button", {"type": "submit", "class": "btn", "data-testid": "vault-restore-look"}, "Open and compare")
        self._said = Outcome("vault-restore-said")
        form = el(
            "form",
            {"class": "vault-fields", "aria-label": "Open an export", "novalidate": True},
            el("div", {"class": "field"}, el("label", {"for": "restore-file"}, "Exported file"), self._file),
            self._secret.root,
            el("div", {"class": "row"}, self._look),
        )
        about = {"aria-label": "What a restore would do", "data-testid": "vault-restore-plan", "novalidate": True, "hidden": True}
        self._plan = el("form", {"class": "restore-plan", **about})
        self._new = NewSecret("restored", "vault-restore-new", "Passphrase of the new vault")
        self._send = el("button", {"type": "submit", "class": "btn btn-primary", "data-testid": "vault-restore"}, "Restore")
        note = el("p", {"class": "hint"}, "Opening a file changes nothing. What it would do is shown before anything is done.")
        self.root = card("Restore", note, form, self._plan, self._said.root)
        listen(form, "submit", self._open)
        listen(self._plan, "submit", self._submit)
        listen(self._plan, "click", self._click)

    def draw(self, vault: dict) -> None:
        """Follow the state: a preview lasts as long as the state it was made in."""
        self.root.hidden = vault["state"] not in ("memory", "unlocked")
        if self._preview is not None and (self.root.hidden or self._preview["creates"] != (vault["state"] == "memory")):
            self._drop()
        if self.root.hidden:
            self._secret.forget()
            self._said.say("")

    def _open(self, event: Any) -> None:
        event.preventDefault()
        if self._look.disabled:
            return
        if not self._file.files.length:
            self._said.say("Choose the exported file first.", "bad")
        elif not self._secret.length:
            self._secret.say("Type the passphrase the file was made with.", focus=True)
        else:
            self._secret.say("")
            self._ctx.errors.run("Opening the export", self._compare())

    async def _compare(self) -> None:
        self._look.disabled = True
        self._drop()
        self._said.say("Opening the file and comparing…", "plain")
        try:
            data = await (await load("handing")).read(self._file)
            found = await self._ctx.link.ask_secret("vault.restore_preview", self._secret.take(), file=data)
        except Refused as error:
            self._said.refused(error)
            return
        finally:
            self._look.disabled = False
        self._said.say("")
        self._preview = found
        self._draw_plan(found)

    def _draw_plan(self, found: dict) -> None:
        file = found["file"]
        when = fmt.stamp(int(file["exported_ns"]))
        facts = [f"Made {when} by Kontor {file['app']}: {fmt.plural(file['records'], 'record')}."]
        if found["creates"]:
            facts.append("A new vault is made from it; what this session did so far is compared too.")
        else:
            facts.append("It is an export of this vault." if found["same_vault"] else "It is an export of another vault.")
        if found["rolled_back"]:
            facts.append("It is newer than this vault: the vault here is an older copy.")
        if file.get("damaged"):
            facts.append(f"{fmt.plural(file['damaged'], 'record')} were damaged when it was made and are not in it.")
        self._choices = {}
        rows = [self._plan_row(plan) for plan in found["classes"]]
        rows += [
            row(_class(item["name"]), ("0", {"class": "num"}), (fmt.number(item["in_vault"]), {"class": "num"}), "not in the file: stays as it is", fmt.NOTHING)
            for item in found["only_here"]
        ]
        heads = ("What", ("In the file", "num"), ("Here", "num"), "Compared", "What to do")
        clear(self._plan)
        fill(
            self._plan,
            None,
            el("h3", None, "What a restore would do"),
            *(el("p", None, text) for text in facts),
            table(heads, rows, "Classes of records"),
            self._new.root if found["creates"] else None,
            el("div", {"class": "row"}, self._send, button("Leave it", "vault-restore-drop", "btn-quiet", **{"data-do": "drop"})),
        )
        self._plan.hidden = False

    def _plan_row(self, plan: dict) -> Any:
        text = vault_words.RELATIONS.get(plan["relation"], plan["relation"])
        counts = [f"{fmt.number(plan[key])} {word}" for key, word in _COUNTS if plan.get(key)]
        what: Any = fmt.NOTHING
        if plan["choices"]:
            what = el("select", {"aria-label": f"What to do with {_class(plan['name'])}", "data-testid": "vault-restore-choice", "data-class": plan["name"]})
            if plan["default"] is None:
                what.append(el("option", {"value": ""}, "Choose…"))
            for choice in plan["choices"]:
                what.append(el("option", {"value": choice}, vault_words.CHOICES.get(choice, choice)))
            what.value = plan["default"] or ""
            self._choices[plan["name"]] = what
        said = f"{text} ({', '.join(counts)})" if counts else text
        numbers = ((fmt.number(plan["in_file"]), {"class": "num"}), (fmt.number(plan["in_vault"]), {"class": "num"}))
        return row(_class(plan["name"]), *numbers, said, what)

    def _click(self, event: Any) -> None:
        if event.target.closest('[data-do="drop"]'):
            self._drop()
            self._said.say("Nothing was changed.", "plain")
            self._ctx.errors.run("Restore", self._ctx.link.ask("vault.restore_drop"))

    def _drop(self) -> None:
        self._preview = None
        self._new.forget()
        self._plan.hidden = True
        clear(self._plan)

    def _submit(self, event: Any) -> None:
        event.preventDefault()
        if self._send.disabled or self._preview is None:
            return
        open_choices = [name for name, node in self._choices.items() if not node.value]
        if open_choices:
            self._said.say(f"Choose what to do with {_class(open_choices[0])} first.", "bad")
            self._choices[open_choices[0]].focus()
        elif not (self._preview["creates"] and self._new.problem()):
            self._ctx.errors.run("Restoring", self._restore())

    async def _restore(self) -> None:
        self._send.disabled = True
        preview = self._preview
        choices = {name: str(node.value) for name, node in self._choices.items()}
        try:
            if preview["creates"] and not await self._new.accepted():
                return
            secret = self._new.take() if preview["creates"] else None
            found = await self._ctx.link.ask_secret("vault.restore", secret, preview=preview["preview"], choices=choices)
        except Refused as error:
            self._said.refused(error)
            return
        finally:
            self._send.disabled = False
        self._drop()
        self._file.value = ""
        self._said.say(vault_words.restored(found))
        refill(self._plan)


_COUNTS = (("new", "new"), ("same", "the same"), ("newer", "newer"), ("older", "older"), ("conflicting", "different"), ("mended", "mended"))


def _class(name: str) -> str:
    return words.VAULT_CLASSES.get(name, name.capitalize()).partition(":")[0]
