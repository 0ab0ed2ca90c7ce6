"""Tables order, filter and copy rows without losing any."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.ui.views.rows import Column, amount, arrange, shown_columns, tsv

COLUMNS = [
    Column("name", "Name", lambda row: row["name"]),
    Column("qty", "Quantity", lambda row: row["qty"], lambda row: amount(row["qty"]), end=True),
]


def row(name: str, qty: str) -> dict:
    return {"name": name, "qty": qty}


def test_sorts_by_value_and_keeps_unknown_last_both_ways():
    rows = [row("a", "1,000"), row("b", "–"), row("c", "−2"), row("d", "30")]
    names = [r["name"] for r in arrange(rows, COLUMNS, ("qty", 1), "", COLUMNS)]
    assert names == ["c", "d", "a", "b"]
    names = [r["name"] for r in arrange(rows, COLUMNS, ("qty", -1), "", COLUMNS)]
    assert names == ["a", "d", "c", "b"]


def test_without_a_sort_the_given_order_stays():
    rows = [row("b", "1"), row("a", "2")]
    assert arrange(rows, COLUMNS, None, "", COLUMNS) == rows


def test_filter_needs_every_word_in_the_visible_text():
    rows = [row("buy btc", "1"), row("sell btc", "2")]
    assert arrange(rows, COLUMNS, None, "btc sell", COLUMNS) == [rows[1]]
    assert arrange(rows, COLUMNS, None, "2", [COLUMNS[0]]) == []


def test_hidden_columns_leave_in_order():
    assert [column.key for column in shown_columns(COLUMNS, {"name"})] == ["qty"]


def test_copy_is_read_by_sheets_and_runs_no_formula():
    rows = [row("a\tb\nc", "−1,234.50"), row("=cmd()", "–")]
    assert tsv(COLUMNS, rows) == "Name\tQuantity\na b c\t-1234.50\n'=cmd()\t\n"


def test_amount_reads_display_text():
    assert amount("+1,234.5") == Decimal("1234.5")
    assert amount("−3") == Decimal(-3)
    assert amount("") is None and amount("n/a") is None


@given(st.lists(st.tuples(st.text(max_size=5), st.integers(-999, 999)), max_size=30), st.sampled_from([-1, 1]))
def test_sorting_neither_loses_nor_invents_rows(pairs, direction):
    rows = [row(name, str(qty)) for name, qty in pairs]
    out = arrange(rows, COLUMNS, ("qty", direction), "", COLUMNS)
    assert sorted(map(id, out)) == sorted(map(id, rows))
    values = [int(r["qty"]) for r in out]
    assert values == sorted(values, reverse=direction < 0)
