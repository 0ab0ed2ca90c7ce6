"""What can be typed into the terminal: names, arguments, help. Parsing only; the view runs what is understood here."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from . import redact

COMMANDS = {
    # name: (arguments, what it does)
    "help": ("", "This list."),
    "test": ("<url>", "Ask for an address through every strategy in turn: what came back, how long it took, why one failed."),
    "rerun": ("<number>", "Do the step of that line again."),
    "show": ("<number>", "Everything known about that line."),
    "state": ("", "The connections as they are now: proxy, hosts, sign-ins, venue, vault."),
    "filter": ("[words]", "Show only lines with these words. Also area:oauth, level:warn, >200 (longer than 200 ms), -word. Alone: show all."),
    "find": ("<words>", "Go to the next line above with these words."),
    "copy": ("", "Copy the lines that are shown."),
    "export": ("", "Save all lines as a text file. Secrets are taken out."),
    "clear": ("", "Empty the terminal. What the desk keeps is not touched."),
    "close": ("", "Close the terminal."),
}
_NEEDS = {"test", "rerun", "show", "find"}


class CommandError(ValueError):
    """What was typed is not understood; the message says what would be."""


@dataclass(frozen=True, slots=True)
class Typed:
    """An understood command; ``echo`` is how it is written back, without secrets."""

    name: str
    argument: str
    number: int | None
    echo: str


def parse(text: str) -> Typed:
    """The command that was typed; CommandError otherwise."""
    name, _, argument = text.strip().partition(" ")
    name, argument = name.lower(), argument.strip()
    if name in ("?", "h"):
        name = "help"
    if name not in COMMANDS:
        close = [other for other in COMMANDS if other.startswith(name[:2])] if name else []
        raise CommandError(f"There is no command {redact.text(name)[:40]}. " + (f"Did you mean {close[0]}?" if close else "help lists them."))
    if name in _NEEDS and not argument:
        raise CommandError(f"{name} needs {COMMANDS[name][0]}: {COMMANDS[name][1]}")
    number = None
    if name in ("rerun", "show"):
        digits = argument.lstrip("#")
        if not digits.isdecimal():
            raise CommandError(f"{name} needs the number at the end of a line, such as {name} 12.")
        number = int(digits)
    if name == "test":
        argument = _address(argument)
    return Typed(name, argument, number, redact.text(f"{name} {argument}".strip()))


def complete(text: str) -> str | None:
    """The command's name that starts with what was typed, when there is only one."""
    names = [name for name in COMMANDS if name.startswith(text.lower())] if text and " " not in text else []
    return f"{names[0]} " if len(names) == 1 else None


def help_lines() -> list[str]:
    """One line a command."""
    return [f"{name + ' ' + arguments:<16} {meaning}" for name, (arguments, meaning) in COMMANDS.items()]


def _address(text: str) -> str:
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or any(character.isspace() for character in text):
        raise CommandError("test needs an address such as test https://api.example.com/time.")
    if parts.username is not None or parts.password is not None:
        raise CommandError("The address holds a user name or password. Leave it out: a test is sent through other machines too.")
    return text
