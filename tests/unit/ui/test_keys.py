"""Shortcuts: single keys, sequences, Ctrl or Cmd, fields, Escape."""

import pytest

from app.ui.keys import Keys


class Press:
    """What a keydown event offers."""

    def __init__(self, key, *, ctrl=False, meta=False, shift=False, alt=False, at=0.0):
        self.key, self.ctrlKey, self.metaKey, self.shiftKey, self.altKey = key, ctrl, meta, shift, alt
        self.timeStamp = at
        self.prevented = False

    def preventDefault(self):
        self.prevented = True


@pytest.fixture
def ran():
    return []


@pytest.fixture
def keys(ran):
    made = Keys()
    made.bind("b", "Buy", lambda: ran.append("b"))
    made.bind("mod+k", "Palette", lambda: ran.append("mod+k"))
    made.bind("mod+shift+l", "Theme", lambda: ran.append("theme"))
    made.bind("g d", "Desk", lambda: ran.append("g d"))
    made.bind("", "Only in the palette", lambda: ran.append("never by key"))
    return made


def test_a_single_key_runs_its_command(keys, ran):
    press = Press("b")
    assert keys.press(press, typing=False)
    assert press.prevented
    assert ran == ["b"]


def test_a_capital_is_the_same_key(keys, ran):
    assert keys.press(Press("B", shift=True), typing=False)
    assert ran == ["b"]


def test_single_keys_are_text_while_typing(keys, ran):
    press = Press("b")
    assert not keys.press(press, typing=True)
    assert not press.prevented
    assert ran == []


@pytest.mark.parametrize("held", ["ctrl", "meta"])
def test_ctrl_and_cmd_work_while_typing(keys, ran, held):
    assert keys.press(Press("k", **{held: True}), typing=True)
    assert keys.press(Press("L", shift=True, **{held: True}), typing=True)
    assert ran == ["mod+k", "theme"]


def test_a_sequence_needs_both_keys_in_time(keys, ran):
    assert not keys.press(Press("g", at=0), typing=False)
    assert keys.press(Press("d", at=500), typing=False)
    assert not keys.press(Press("g", at=2000), typing=False)
    assert not keys.press(Press("d", at=9000), typing=False)
    assert ran == ["g d"]


def test_alt_belongs_to_the_browser(keys, ran):
    assert not keys.press(Press("b", alt=True), typing=False)
    assert ran == []


def test_escape_backs_out_of_the_newest_thing_first(keys):
    asked = []
    keys.on_escape(lambda: asked.append("old") or True)
    keys.on_escape(lambda: asked.append("new") or False)
    assert keys.press(Press("Escape"), typing=False)
    assert asked == ["new", "old"]


def test_a_key_is_given_once(keys):
    with pytest.raises(ValueError, match="taken by Buy"):
        keys.bind("b", "Something else", lambda: None)


def test_every_command_is_listed_for_the_palette(keys):
    assert [command.title for command in keys.commands] == ["Buy", "Palette", "Theme", "Desk", "Only in the palette"]


def test_escape_ends_a_drag_before_arming_and_arming_before_the_rest(keys):
    ended, open_ = [], {"drag", "arming", "rest", "older"}

    def end(name):
        def handler():
            if name not in open_:
                return False
            open_.discard(name)
            ended.append(name)
            return True

        return handler

    stop = keys.on_escape(end("drag"), "drag")
    keys.on_escape(end("arming"), "arming")
    keys.on_escape(end("older"))
    keys.on_escape(end("rest"))
    for _ in range(4):
        assert keys.press(Press("Escape"), typing=True)
    assert ended == ["drag", "arming", "rest", "older"]
    press = Press("Escape")
    assert not keys.press(press, typing=False) and not press.prevented
    open_.add("drag")
    stop()
    assert not keys.press(Press("Escape"), typing=False)


def test_a_key_that_may_end_a_sequence_is_known(keys):
    assert not keys.is_sequence(0.0)
    keys.press(Press("g", at=100.0), typing=False)
    assert keys.is_sequence(1000.0) and not keys.is_sequence(2000.0)
    keys.press(Press("d", at=1000.0), typing=False)
    assert not keys.is_sequence(1001.0)
