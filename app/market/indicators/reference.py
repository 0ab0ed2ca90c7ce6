"""docs/indicators.md from the registry: `python -m app.market.indicators.reference` prints it, a test holds the file against it."""

from __future__ import annotations

from . import catalogue
from .spec import FAMILIES, Indicator

_HEAD = """# Indicators

{count} indicators, under the field's names: TA-Lib's names, parameters and outputs where it has them. Each has one definition, a few operators
put together (`app/market/indicators/nodes.py`, `rolling.py`, `recursive.py`); every operator has a form over whole series (numpy) and one bar by
bar, so both forms of an indicator follow from it. Numbers are floats.

One more form is compiled from the same graph (`compiled.py`, `writing.py`): one loop over the bars, written as WebAssembly in half a ms, run by the
browser's engine. Charts use it, for whole series and for the newest bar; `study.array(columns, compiler)` uses it from 20,000 bars on. What has
steps of its own (SAR, SUPERTREND, the HT family and a few more) or sorts its window has none, and goes by the other two.

- What a bar lacks (a volume that is not known) is NaN; what is not finite counts as NaN. A window with a NaN in it, or not yet full, gives NaN. A
  recurrence steps over NaN: NaN comes out for that bar, and the next goes on as if the bar had not been. Division by zero gives the value that
  the definition names.
- The newest bar may change until it closes: each step replaces what it said before.
- Nothing looks ahead. Spans that are drawn later (Ichimoku, Alligator) stand where they are drawn; there is no lagging span.
- `bars` is the warm-up with the parameters shown: how many bars pass before every output has a number (of SWINGS and PIVOTS at least so many).
- Held by tests: the forms against each other over generated bars (to 1e-7 of the greatest), the compiled one besides over rough bars, in stretches
  of any length and bar by bar, in another WebAssembly runtime than a browser's; against TA-Lib on real bars (to 1e-9; the bands of KC
  begin otherwise and are compared from bar 200 on); against the series of Stock.Indicators and of Tulip Indicators.

This file is made from the registry: `python -m app.market.indicators.reference > docs/indicators.md`.
"""


def reference() -> str:
    """The whole text."""
    items = catalogue()
    parts = [_HEAD.format(count=len(items))]
    for family in FAMILIES:
        rows = sorted((item for item in items.values() if item.family == family), key=lambda item: item.name)
        parts += [f"## {family.capitalize()}\n", "| name | what | parameters (bounds) | outputs | bars | pane |", "|---|---|---|---|---|---|"]
        parts += [*map(_row, rows), ""]
    return "\n".join(parts)


def _row(item: Indicator) -> str:
    params = []
    for param in item.params:
        bounds = "" if param.kind == "choice" else f" ({param.low:g} to {param.high:g})"
        default = param.default if param.kind == "choice" else f"{param.default:g}"
        params.append(f"`{param.name}` {default}{bounds}")
    what = item.title + (f". {' '.join(item.notes.split())}" if item.notes else "")
    outputs = ", ".join(f"`{output.name}`" for output in item.outputs)
    return f"| `{item.name}` | {what} | {', '.join(params)} | {outputs} | {item.build().warmup} | {item.pane} |"


if __name__ == "__main__":
    print(reference(), end="")
