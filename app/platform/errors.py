"""Errors a platform may raise, the same whichever implementation runs.

    PlatformError
      StoreError            the record store could not do what was asked
        StoreFull           no room; the transaction was rolled back whole
        StoreClosed         the connection went away; whether the last write was kept is not known
        StoreCorrupt        the database itself cannot be read
        StoreConflict       somebody else wrote first; the transaction was rolled back whole
        StoreBlocked        another tab holds an older version of the database open
        StoreUnavailable    this browser or profile offers no database at all
      CryptoAuthError       an authenticated decryption failed: wrong key, or changed bytes
      CryptoUnavailable     this machine cannot run a function, such as for lack of memory
      FetchError            an HTTP request gave no usable answer
      HttpError             the same, for any method; says whether the request may have reached the server
      SocketError           a socket could not be used
      FileRefused           an encrypted file cannot be read, whatever the passphrase
        FileLocked          the passphrase does not open it, or its head was changed

Each carries `code` (stable, for docs and tests), `kept` (what was not lost) and `remedy` (what to do).
"""


class PlatformError(Exception):
    """Base of everything in this module."""

    code = "platform"
    kept = "Nothing stored before was changed."
    remedy = "Reload the page; if it happens again, export the diagnostics from the health page."

    def __init__(self, message: str, *, kept: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        if kept is not None:
            self.kept = kept
        if remedy is not None:
            self.remedy = remedy


class StoreError(PlatformError):
    """The record store could not do what was asked."""

    code = "store"


class StoreFull(StoreError):
    """No room left; the transaction was rolled back whole."""

    code = "store-full"
    kept = "Everything committed before is intact; only this write was not kept."
    remedy = "Free disk space or remove recorded history, then try again."


class StoreClosed(StoreError):
    """The database connection went away; whether the last write was kept is not known."""

    code = "store-closed"
    kept = "Everything confirmed before is intact; the last unconfirmed write may or may not be."
    remedy = "Reload the page; the desk reads what was kept and resolves the rest with the venue."


class StoreCorrupt(StoreError):
    """The database itself cannot be read."""

    code = "store-corrupt"
    kept = "The files were left as they are."
    remedy = "Do not clear the browser's data; restore from your last export."


class StoreConflict(StoreError):
    """Somebody else wrote first; the transaction was rolled back whole."""

    code = "store-conflict"
    kept = "What the other writer kept is intact; this write was not kept."
    remedy = "Use one tab as the desk and reload this one."


class StoreBlocked(StoreError):
    """Another tab holds an older version of the database open."""

    code = "store-blocked"
    remedy = "Close the other tabs of this desk, then try again."


class StoreUnavailable(StoreError):
    """This browser or profile offers no database."""

    code = "store-unavailable"
    kept = "Nothing had been stored."
    remedy = "Leave private browsing or allow site data; until then the session lives in memory only."


class CryptoAuthError(PlatformError):
    """An authenticated decryption failed: the key is wrong or bytes were changed."""

    code = "crypto-auth"


class CryptoUnavailable(PlatformError):
    """This machine cannot run a function that is asked of it."""

    code = "crypto-unavailable"
    remedy = "Close other tabs and try again, or open the vault in another browser."


class FetchError(PlatformError):
    """An HTTP request gave no usable answer. `reason` is timeout, network, too-large or encoding."""

    code = "fetch"
    remedy = "Check the connection; the desk tries again by itself."

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class HttpError(PlatformError):
    """An HTTP request gave no usable answer.

    ``reason``: timeout, network, dns, refused, tls, policy, offline, redirect, too_large, address (not a usable URL) or
    unavailable (there is no such route). ``sent`` is False only when the request certainly never left this machine.
    """

    code = "http"
    remedy = "Check the connection and the address."

    def __init__(self, message: str, reason: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.reason = reason
        self.sent = sent


class SocketError(PlatformError):
    """A socket could not be used in its present state."""

    code = "socket"
    remedy = "Wait for the reconnection, or check the address."


class FileRefused(PlatformError):
    """An encrypted file cannot be read: not one, changed, cut short, or made too costly to open."""

    code = "file-refused"
    remedy = "Choose another copy of the file."


class FileLocked(FileRefused):
    """The passphrase does not open the file, or its head was changed; the caller cannot tell which."""

    code = "file-auth"
    remedy = "Type the passphrase that was chosen when this file was made."
