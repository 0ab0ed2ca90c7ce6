"""The terminal's plain parts: lines, filter, commands, redaction, the bounded log. And the change that xterm gets."""

from __future__ import annotations

import re

import pytest

from app.ui.terminal import commands, filters, redact
from app.ui.terminal.lines import Line, clean, own, stamp
from app.ui.terminal.log import Log
from tools.vendor import MODULES
from tools.xterm import CHANGES, AdaptError, adapt

AT = 1_760_000_000_123.0


def row(text: str = "GET api.example.com through the proxy: 200", **more) -> dict:
    return {"id": 7, "at_ms": AT, "level": "info", "area": "network", "text": text, "ms": 34.2, "step": None, "rerun": None, "detail": None, **more}


def test_a_line_says_when_how_bad_where_what_and_how_long():
    line = Line(row(level="warn"))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.123  WARN   network  GET api\.example\.com through the proxy: 200  34 ms  #7", line.plain)
    assert line.exported().startswith(f"{stamp(AT)}  WARN   network")
    assert stamp(AT) == "2025-10-09T08:53:20.123Z"


def test_colour_is_never_the_only_sign():
    words = [Line(row(level=level)).plain.split()[1] for level in ("debug", "info", "good", "warn", "error")]
    assert len(set(words)) == 5


def test_what_is_seen_is_what_is_copied_but_for_the_colours():
    line = Line(row(level="error"))
    assert re.sub(r"\x1b\[[\d;]*m", "", line.ansi) == line.plain + "\r\n"


@pytest.mark.parametrize(
    "hostile",
    ["a\x1b[2Jb", "a\x1b]0;title\x07b", "a\x9b31mb", "a\rb", "a\nb", "a\x00b", "a\u202eb", "a\u2066b", "a\u200fb", "a\x7fb", "a\ue000b", "a\u2028b"],
)
def test_text_from_the_network_cannot_drive_the_screen(hostile: str):
    line = Line(row(hostile, area=hostile))
    for text in (line.plain, line.ansi.replace("\r\n", "")):
        assert re.sub(r"\x1b\[[\d;]*m", "", text).isprintable()
    assert line.ansi.count("\x1b") == Line(row("ab")).ansi.count("\x1b")
    assert clean("naïve → 5 µs − ok") == "naïve → 5 µs − ok"


def test_a_row_with_unknown_level_or_without_duration_is_still_a_line():
    line = Line(own("typed", AT, level="loud", ms=None))
    assert line.level == "info"
    assert line.plain.endswith("you      typed")


def test_a_step_that_took_no_time_says_so():
    assert Line(row(ms=0.0)).plain.endswith("200  0 ms  #7")


def test_detail_stands_in_the_export():
    assert Line(row(detail={"host": "api.example.com", "cause": "cors"})).exported().endswith('{"cause": "cors", "host": "api.example.com"}')


# Filter

LINES = [
    Line(row("Sign-in with GitHub: the code was exchanged", area="oauth", level="good", ms=412)),
    Line(row("GET api.example.com: refused", area="network", level="error", ms=1200)),
    Line(row("GET stream.example.com: 200", area="network", level="debug", ms=12)),
    Line(row("Python restored", area="boot", level="info", ms=180)),
]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", [0, 1, 2, 3]),
        ("example", [1, 2]),
        ("EXAMPLE refused", [1]),
        ("example -refused", [2]),
        ("area:oauth", [0]),
        ("area:oauth,boot", [0, 3]),
        ("-area:network", [0, 3]),
        ("level:good", [0, 1]),
        ("level:ok", [0, 1]),
        ("level:error", [1]),
        (">200", [0, 1]),
        (">200ms", [0, 1]),
        (">1s", [1]),
        ('"with github"', [0]),
        ('"github with"', []),
        ('-"with github" area:oauth', []),
        ("area:network level:warn >1s refused", [1]),
    ],
)
def test_the_filter_chooses_lines(text: str, passes: list[int]):
    chosen = filters.parse(text)
    assert [index for index, line in enumerate(LINES) if chosen.match(line)] == passes


def test_the_least_level_is_the_filters_unless_it_says_another():
    assert [line.level for line in LINES if filters.parse("", "good").match(line)] == ["good", "error"]
    assert [line.level for line in LINES if filters.parse("level:debug", "good").match(line)] == ["good", "error", "debug", "info"]


@pytest.mark.parametrize(("text", "names"), [("area:nowhere", "network"), ("level:loud", "warn")])
def test_an_unknown_area_or_level_is_named_with_what_there_is(text: str, names: str):
    with pytest.raises(filters.FilterError, match=names):
        filters.parse(text)


def test_a_line_without_duration_is_not_longer_than_anything():
    assert not filters.parse(">0").match(Line(row(ms=None)))


# Log


def test_each_id_comes_once_and_only_what_passes_is_told():
    log = Log()
    assert len(log.add([row(id=1), row(id=2)])) == 2
    assert len(log.add([row(id=2), row(id=3)])) == 1
    log.show(filters.parse("level:error"))
    assert log.add([row(id=4)]) == []
    assert [line.id for line in log.add([row(id=5, level="error")])] == [5]
    assert log.last_id == 5
    assert len(log) == 5


def test_the_log_is_bounded_and_clearing_it_does_not_bring_old_lines_back():
    log = Log(kept=10)
    log.add(row(id=number) for number in range(1, 101))
    assert [line.id for line in log.shown()] == list(range(91, 101))
    assert log.find(95).id == 95
    assert log.find(5) is None
    assert log.count == 10
    log.show(filters.parse("level:error"))
    assert log.count == 0
    log.add(row(id=number, level="error" if number % 2 else "info") for number in range(101, 161))
    assert log.count == len(log.shown()) == 5
    log.clear()
    assert log.count == 0
    assert log.add([row(id=160)]) == []
    assert len(log) == 0


def test_lines_of_page_and_desk_stand_in_the_order_of_time():
    log = Log()
    log.add([row("second", id=1, at_ms=AT + 5)])
    log.add([own("first", AT)])
    assert [line.row["text"] for line in log.shown()] == ["first", "second"]


def test_copy_is_what_is_shown_and_export_is_everything_both_without_secrets():
    log = Log()
    log.add([row("GET https://x.example/a?key=tops3cret&b=2", id=1), row("authorization: Bearer abcdefgh12345678", id=2, detail={"access_token": "aabbccdd"})])
    log.show(filters.parse("https"))
    assert log.copied().count("\n") == 1
    exported = log.exported("Kontor 0.1.0")
    assert exported.splitlines()[0] == "Kontor 0.1.0"
    assert exported.count("\n") == 3
    for secret in ("tops3cret", "abcdefgh12345678", "aabbccdd"):
        assert secret not in exported
        assert secret not in log.copied()


# Redaction


@pytest.mark.parametrize(
    ("text", "clean_text"),
    [
        ("GET https://a.example/p?x=1&y=2 200", "GET https://a.example/p?x=[redacted]&y=[redacted] 200"),
        ("https://user:pass@a.example/p", "https://[redacted]@a.example/p"),
        ("https://a.example/p#access_token=z", "https://a.example/p#[redacted]"),
        ("wss://a.example/ws?apikey=1", "wss://a.example/ws?apikey=[redacted]"),
        ("authorization: Bearer abc.def.ghi0", "authorization: [redacted]"),
        ("sent Bearer abcdefgh.ijkl", "sent Bearer [redacted]"),
        ('{"refresh_token": "r-1-2-3"}', '{"refresh_token": "[redacted]"}'),
        ("client_secret=hush&grant=x", "client_secret=[redacted]&grant=x"),
        ("token gho_16C7e42F292c6912E7710c838347Ae178B4a", "token [redacted]"),
        ("eyJhbGciOiJkaXIi.eyJzdWIiOiIx.sig", "[redacted]"),
        ("nothing to hide: 200, 34 ms", "nothing to hide: 200, 34 ms"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, clean_text: str):
    assert redact.text(text) == clean_text
    assert redact.text(redact.text(text)) == redact.text(text)


# Commands


@pytest.mark.parametrize(
    ("typed", "name", "argument", "number"),
    [
        ("help", "help", "", None),
        ("?", "help", "", None),
        ("  Rerun #12 ", "rerun", "#12", 12),
        ("show 3", "show", "3", 3),
        ("test api.example.com/time", "test", "https://api.example.com/time", None),
        ("test http://127.0.0.1:9/x?a=1", "test", "http://127.0.0.1:9/x?a=1", None),
        ("filter area:oauth level:warn", "filter", "area:oauth level:warn", None),
        ("filter", "filter", "", None),
    ],
)
def test_commands_are_understood(typed: str, name: str, argument: str, number: int | None):
    found = commands.parse(typed)
    assert (found.name, found.argument, found.number) == (name, argument, number)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "help lists"),
        ("tset https://x", "no command tset"),
        ("te", "Did you mean test"),
        ("test", "test needs <url>"),
        ("test ftp://x.example", "address such as"),
        ("test https://", "address such as"),
        ("test https://[::1", "address such as"),
        ("test https://x.example:99999/", "address such as"),
        ("test https://me:pw@x.example/", "user name or password"),
        ("rerun", "rerun needs"),
        ("rerun twelve", "number at the end"),
    ],
)
def test_what_is_not_understood_says_what_would_be(typed: str, says: str):
    with pytest.raises(commands.CommandError, match=says):
        commands.parse(typed)


def test_a_typed_address_is_written_back_without_its_secrets():
    assert commands.parse("test https://a.example/p?key=hush").echo == "test https://a.example/p?key=[redacted]"
    assert commands.parse("test https://a.example/p?key=hush").argument.endswith("key=hush")


def test_a_started_name_is_completed_when_it_is_the_only_one():
    assert commands.complete("te") == "test "
    assert commands.complete("c") is None
    assert commands.complete("") is None
    assert commands.complete("test x") is None


def test_help_names_every_command():
    assert [line.split()[0] for line in commands.help_lines()] == list(commands.COMMANDS)


# xterm


def test_xterm_is_carried_without_inline_styles():
    text = adapt((MODULES / "@xterm" / "xterm" / "lib" / "xterm.mjs").read_text(encoding="utf-8"))
    assert not re.search(r"""createElement\(["'`]style|setAttribute\(["'`]style""", text)


def test_another_xterm_stops_the_set_up():
    whole = "".join(old * times for old, _new, times in CHANGES)
    assert adapt(whole)
    with pytest.raises(AdaptError, match="expected"):
        adapt(whole.replace('createElement("style")', "", 1))
