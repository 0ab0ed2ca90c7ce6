"""The portfolio: account figures, exposure drawn as bars, positions, and the paper account's settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..dom import el, listen, set_text
from ..exposure import Exposure, Exposures, account_notes, exposures
from ..format import direction, group, minus, refusal, signed
from ..link import Refused
from ..ticket_rules import Unreadable, read_number
from .accounts import AccountsCard
from .booking import BookingForm
from .equity import EquityCard
from .exposure import ExposureTable
from .positions import PositionsView
from .statement import StatementForm

_FIGURES = (
    ("equity", "Equity", False, "Cash and positions at the mark"),
    ("cash", "Cash", False, "Free of positions"),
    ("buying_power", "Buying power", False, "What new orders may cost"),
    ("day_pnl", "Day P&L", True, "Since the start of the UTC day"),
    ("unrealised", "Unrealised", True, "Open positions at the mark"),
    ("realised", "Realised", True, "Closed quantity, before fees"),
    ("fees", "Fees paid", False, "All fees of this account"),
    ("income", "Income booked", True, "Dividends, interest, financing and fees that no fill made"),
    ("margin_used", "Margin used", False, "Bound by positions and working orders; the leverage is set on the risk page"),
    ("margin_free", "Free margin", False, "Equity that nothing binds"),
    ("leverage", "Leverage", False, "Positions for each unit of equity"),
)
_SETTINGS = (
    ("latency_ms", "Latency", "ms", "From the desk to the paper venue"),
    ("maker_fee_bps", "Maker fee", "bps", "For orders that rest; live venues have their own, on the risk page"),
    ("taker_fee_bps", "Taker fee", "bps", "For orders that trade at once; 1 bps is 0.01 %"),
)


_CURVE_EVERY = 3
"""Seconds between two looks at the curve. Exposure stands beside figures that move: it is asked for each second."""


class PortfolioView:
    """Owns the portfolio route."""

    title = "Portfolio"

    def __init__(self, ctx: Any) -> None:
        self._ctx, self._store = ctx, ctx.store
        self._visible = False
        self._shown: dict[str, str] = {}
        self._equity, self._by = EquityCard(ctx), ExposureTable(ctx)
        self._beats = 0
        self._accounts = AccountsCard(ctx)
        self._positions = PositionsView(ctx, marked=False)
        self._figures: dict[str, Any] = {}
        figures = el("dl", {"class": "portfolio-figures"})
        for name, label, _sign, hint in _FIGURES:
            self._figures[name] = el("dd", {"class": "num"}, "–")
            figures.append(el("div", {"title": hint}, el("dt", None, label), self._figures[name]))
        self._unit = el("span", {"class": "hint"})
        self._summary = el("p", {"class": "hint"})
        self._notes = el("p", {"class": "account-notes", "data-tone": "amber"})
        self._bars = el("div", {"class": "exposure", "role": "list", "aria-label": "Exposure of each position as a share of equity"})
        settings = el("section", {"class": "card", "aria-label": "Paper account"}, el("h2", None, "Paper account"), self._make_settings())
        self._of_paper = (BookingForm(ctx).root, settings)
        self.root = el(
            "div",
            {"class": "portfolio"},
            self._accounts.root,
            el("section", {"class": "card", "aria-label": "Account"}, el("h2", None, "Account ", self._unit), figures, self._notes),
            el("section", {"class": "card", "aria-label": "Exposure"}, el("h2", None, "Exposure"), self._summary, self._bars),
            self._equity.root,
            el("section", {"class": "card portfolio-wide", "aria-label": "Exposure by"}, el("h2", None, "Exposure by"), self._by.root),
            el("section", {"class": "card portfolio-positions", "aria-label": "Positions"}, el("h2", None, "Positions"), self._positions.root),
            StatementForm(ctx).root,
            *self._of_paper,
        )
        ctx.store.subscribe("account", self._draw)
        ctx.store.subscribe("stats", lambda _stats: self._second())
        ctx.store.subscribe("vault", self._vault)
        ctx.store.subscribe("switched", lambda _account: self._switched())
        ctx.store.subscribe("hello", self._offer)
        if ctx.store.hello is not None:
            self._offer(ctx.store.hello)

    def shown(self) -> None:
        """The route appears."""
        self._visible = True
        self._accounts.shown()
        self._draw(self._store.account)
        self._ask()
        self._ctx.errors.run("Paper account", self._load_settings(), self._settings_refused)

    def _offer(self, hello: dict) -> None:
        """Nothing is booked by hand on a real account, and it has its venue's fees and latency."""
        for card in self._of_paper:
            card.hidden = hello["capabilities"].get("account", "paper") != "paper"

    def hidden(self) -> None:
        """The route goes."""
        self._visible = False

    def _vault(self, vault: dict) -> None:
        if vault["state"] not in ("memory", "unlocked"):  # nothing of a locked account stays on the page
            self._equity.clear()
            self._by.clear()
        self._ask()

    def _switched(self) -> None:
        self._equity.clear()
        self._by.clear()
        self._ask()

    def _second(self) -> None:
        self._beats += 1
        self._ask(curve=self._beats % _CURVE_EVERY == 0)

    def _ask(self, *, curve: bool = True) -> None:
        """What the desk worker adds up by itself: asked for while it can be seen."""
        if self._visible:
            self._by.show()
            if curve:
                self._equity.show()

    def _draw(self, account: dict | None) -> None:
        if not self._visible or account is None:
            return
        self._put("unit", self._unit, account["currency"])
        for name, _label, sign, _hint in _FIGURES:
            node = self._figures[name]
            text = account.get(name) or "–"
            if sign:
                way = direction(minus(text))
                text = signed(text)
                node.dataset.tone = "up" if way > 0 else "down" if way < 0 else ""
            self._put(name, node, text)
        self._exposures(account)

    def _exposures(self, account: dict) -> None:
        found = exposures(account)
        self._put("summary", self._summary, found.text)
        self._put("notes", self._notes, " ".join(account_notes(account)))
        known = [row for row in found.rows if row.worth is not None]
        key = repr([(row.symbol, found.share(row.worth)) for row in known])
        if self._shown.get("bars") == key:
            return
        self._shown["bars"] = key
        widest = max([found.equity, *(abs(row.worth) for row in known)])
        self._bars.replaceChildren(*[self._bar(row, found, widest) for row in known])

    def _bar(self, row: Exposure, found: Exposures, widest: Decimal) -> Any:
        fill = el("span", {"class": "exposure-fill"})
        half = float(abs(row.worth) / widest) * 50 if widest > 0 else 0.0
        fill.style.width = f"{half:.2f}%"
        fill.style.left = f"{50 - half if row.short else 50:.2f}%"
        side = "short" if row.short else "long"
        return el(
            "div",
            {"class": f"exposure-row {side}", "role": "listitem"},
            el("span", {"class": "exposure-name"}, row.symbol),
            el("span", {"class": "exposure-track", "aria-hidden": "true"}, fill),
            el("span", {"class": "exposure-value num"}, f"{side.capitalize()} {found.share(abs(row.worth))}"),
        )

    def _put(self, name: str, node: Any, text: str) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            set_text(node, text)

    def _make_settings(self) -> Any:
        self._inputs: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        form = el("form", {"class": "settings", "novalidate": True})
        for name, label, unit, hint in _SETTINGS:
            key = f"paper-{name}"
            field = self._inputs[name] = el(
                "input", {"id": key, "name": name, "type": "text", "inputmode": "decimal", "class": "num", "aria-describedby": f"{key}-hint {key}-error"}
            )
            self._errors[name] = el("p", {"class": "field-error", "id": f"{key}-error"})
            form.append(
                el(
                    "div",
                    {"class": "field"},
                    el("label", {"for": key}, f"{label} ({unit})"),
                    field,
                    el("p", {"class": "hint", "id": f"{key}-hint"}, hint),
                    self._errors[name],
                )
            )
        self._started = el("p", {"class": "hint"})
        self._settings_said = el("p", {"class": "tool-said", "role": "status"})
        form.append(el("button", {"type": "submit", "class": "btn btn-primary"}, "Use these settings"), self._settings_said, self._started)
        listen(form, "submit", self._save_settings)
        return form

    async def _load_settings(self) -> None:
        self._show_settings(await self._ctx.link.ask("paper.settings"))

    def _show_settings(self, settings: dict) -> None:
        for name, field in self._inputs.items():
            field.value = str(settings[name])
        self._put(
            "started", self._started, f"Started with {group(str(settings['starting_cash']))} {settings['currency']}. Changes count for orders sent from now on."
        )

    def _save_settings(self, event: Any) -> None:
        event.preventDefault()
        texts, wrong = {}, None
        for name, label, _unit, _hint in _SETTINGS:
            text = self._inputs[name].value.strip()
            problem = ""
            try:
                # A rebate is a negative maker fee; nothing costs nothing.
                if text.lstrip("-\u2212").strip("0.") or not text:
                    read_number(text.lstrip("-\u2212") if name == "maker_fee_bps" else text)
            except Unreadable as error:
                problem = f"{label} {error} {error.remedy}"
            self._mark(name, problem)
            wrong = wrong or (name if problem else None)
            texts[name] = text.replace("\u2212", "-").replace(",", "")
        if wrong is not None:
            self._inputs[wrong].focus()
            return
        self._ctx.errors.run("Paper account", self._send_settings(texts), self._settings_refused)

    async def _send_settings(self, texts: dict[str, str]) -> None:
        self._show_settings(await self._ctx.link.ask("paper.settings", **texts))
        self._settings_said.dataset.tone = "good"
        set_text(self._settings_said, "In use for orders sent from now on.")

    def _settings_refused(self, error: Refused) -> None:
        text = refusal(error)
        if error.field in self._errors:
            self._mark(error.field, text)
            self._inputs[error.field].focus()
        else:
            self._settings_said.dataset.tone = "danger"
            set_text(self._settings_said, text)

    def _mark(self, name: str, text: str) -> None:
        self._errors[name].textContent = text
        if text:
            self._inputs[name].setAttribute("aria-invalid", "true")
        else:
            self._inputs[name].removeAttribute("aria-invalid")
