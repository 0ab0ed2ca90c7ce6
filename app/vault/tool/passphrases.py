"""Passphrases of the tool: asked for on the terminal, or read from a file descriptor; never an argument, never an environment variable."""

from __future__ import annotations

import getpass
import os
import sys
import unicodedata

from app.vault.errors import VaultRefused

_LONGEST = 4096


def passphrase(what: str, descriptor: int | None, option: str, *, new: bool = False) -> bytearray:
    """The bytes of a passphrase, as the desk makes them (NFKC, UTF-8). ``new``: typed twice. Raises VaultRefused."""
    if descriptor is not None:
        return _bytes(_read(descriptor, option))
    if not sys.stdin.isatty():
        raise VaultRefused(f"The passphrase of {what} is needed.", remedy=f"Run this in a terminal, or give it on a file descriptor: {option} 3 3<file")
    typed = getpass.getpass(f"Passphrase of {what}: ")
    if new and getpass.getpass("The same again: ") != typed:
        raise VaultRefused("The two passphrases differ.", remedy="Run the command again.")
    return _bytes(typed)


def _read(descriptor: int, option: str) -> str:
    try:
        data = b""
        while len(data) <= _LONGEST and not data.endswith(b"\n") and (more := os.read(descriptor, _LONGEST)):
            data += more
        return data.split(b"\n")[0].rstrip(b"\r").decode()
    except OSError as error:
        reason = f"File descriptor {descriptor} cannot be read: {error.strerror}."
        raise VaultRefused(reason, remedy=f"Open it for the tool, such as {option} 3 3<file") from None
    except UnicodeDecodeError:
        raise VaultRefused("The passphrase is not UTF-8 text.") from None


def _bytes(text: str) -> bytearray:
    return bytearray(unicodedata.normalize("NFKC", text).encode())
