"""What the desk may ask of the machine it runs on.

Protocols only: no behaviour beyond the small value types they exchange. Times are integer nanoseconds,
delays are float seconds, record values are bytes. A secret (a passphrase) is an opaque mutable buffer: a JS
Uint8Array in the browser, a bytearray natively; it is handed to `Crypto` and wiped, never converted to str.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from app.platform.columns import Layouts, Reader

Secret = Any
KeyHandle = Any
File = Any

PBKDF2 = "PBKDF2-HMAC-SHA256"
ARGON2ID = "Argon2id"
HKDF_SHA256 = "HKDF-SHA256"
HMAC_SHA256 = "HMAC-SHA256"
ED25519 = "Ed25519"
SENT_AS_IS = "sent-as-is"
"""Not a signing key: a secret that the venue wants to see itself, put into what is sent outside Python."""
SECRET_MARK = "{secret}"
"""Where such a secret belongs, in the value of a header (all of it) or within a text frame."""
KEK_INFO = b"kontor-kek/1"
"""HKDF info of a wrapping key made from a random secret."""


class Clock(Protocol):
    """Wall and monotonic time."""

    def now_ns(self) -> int:
        """UTC wall time in ns since 1970. May step when the system clock is set."""

    def monotonic_ns(self) -> int:
        """Ns since an arbitrary start; never goes back."""


class Entropy(Protocol):
    """Randomness. Only the system implementation is fit for keys and nonces."""

    def random_bytes(self, count: int) -> bytes:
        """`count` random bytes."""


class Cancellable(Protocol):
    """Something scheduled that can be called off; cancelling twice is harmless."""

    def cancel(self) -> Any:
        """Call it off if it has not run."""


class Scheduler(Protocol):
    """Timers and tasks on the one event loop."""

    def call_later(self, delay_s: float, function: Callable[[], object]) -> Cancellable:
        """Run `function` after `delay_s` seconds."""

    def call_soon(self, function: Callable[[], object]) -> Cancellable:
        """Run `function` on the next turn of the loop."""

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> Cancellable:
        """Start a coroutine; a failure is reported by the loop, never swallowed."""

    def begin(self, coroutine: Coroutine[Any, Any, Any]) -> Cancellable:
        """The same, but it goes as far as it can without waiting at once, where Python can do that (3.12 and later; Pyodide's)."""


class Write(NamedTuple):
    """One change of a transaction. `add` fails the whole transaction when the id exists."""

    op: Literal["put", "add", "delete"]
    cls: str
    id: str
    value: bytes = b""


class Guard(NamedTuple):
    """Commit only if the stored record starts with `prefix`; None means it must not exist."""

    cls: str
    id: str
    prefix: bytes | None


class SealedWrite(NamedTuple):
    """A write of a record still to be sealed: what is stored is `head`, then `data` sealed by `key` with the nonce that `head` ends
    with. `copy`: another id of the class under which the same bytes are put too."""

    op: Literal["put", "add"]
    cls: str
    id: str
    key: KeyHandle
    head: bytes
    aad: bytes
    data: bytes
    copy: str = ""


class Batch(NamedTuple):
    """Stored records of a class in id order. `heads`: the first 30 bytes of each, one after another, zeros where there are fewer.
    `values`: what each record holds, or what is stored of those that did not open, whose indices `closed` has."""

    ids: Sequence[str]
    heads: bytes
    values: Sequence[bytes]
    closed: frozenset[int]


class Opener(Protocol):
    """What opens the records of one class, in the layout of docs/vault.md."""

    @property
    def keys(self) -> Sequence[tuple[int, KeyHandle]]:
        """(epoch, key) of each epoch that can be opened, two at most."""

    @property
    def prefixes(self) -> Sequence[bytes]:
        """The constant part of the associated data of form 1, 2 and so on; all of one length."""

    def sealing(self, record_id: str, stored: bytes) -> Sealing | None:
        """How to open what is stored under an id; None if it is no record or not of these epochs."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Storage use in bytes; None where the browser does not say. `persisted`: exempt from eviction."""

    usage: int | None
    quota: int | None
    persisted: bool


@dataclass(frozen=True, slots=True)
class SecondCopy:
    """The second copy of a store, ``bytes`` long; ``kept`` False: there is none, and ``why``. ``ahead``: it is written before the database. What was done
    when the store was opened: ``forward`` commits that only the copy had were written into the database; ``restored`` records were put back from it,
    because the database was ``lost`` (else: older), as they were at ``modified`` (ms UTC)."""

    kept: bool
    why: str = ""
    bytes: int = 0
    ahead: bool = False
    forward: int = 0
    restored: int = 0
    lost: bool = False
    modified: int = 0


class Store(Protocol):
    """Records of bytes by (class, id). Class: [a-z0-9_-]; id: printable ASCII, ordered as text.

    `commit` is one transaction: all of it is kept or none. `strict` waits until the bytes are on disk.
    `meta_*` keep small texts in a second, separate database, so that losing the first can be noticed.
    """

    async def open(self) -> None:
        """Connect. Raises StoreUnavailable, StoreBlocked or StoreCorrupt."""

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none. Raises StoreFull, StoreConflict, StoreClosed."""

    async def append(self, cls: str, records: Sequence[tuple[str, bytes]], *, strict: bool = True) -> None:
        """Add new records in one transaction; StoreConflict if an id exists."""

    async def put(self, cls: str, record_id: str, value: bytes, *, strict: bool = True) -> None:
        """Write one record, replacing an older one."""

    async def delete(self, cls: str, record_id: str, *, strict: bool = True) -> None:
        """Remove one record if it is there."""

    async def get(self, cls: str, record_id: str) -> bytes | None:
        """One record or None."""

    async def scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Records of a class in id order, from `from_id` (inclusive) on: all of them, or `limit` at most."""

    async def commit_sealed(
        self, crypto: Crypto, plain: Sequence[Write], sealed: Sequence[Write | SealedWrite], *, strict: bool, guard: Guard
    ) -> None:
        """Seal and keep: `plain` as they are, then `sealed` in their order, as one `commit`."""

    async def get_opened(self, crypto: Crypto, cls: str, record_id: str, opener: Opener) -> Batch | None:
        """One record, opened, or None."""

    def scan_opened(
        self, crypto: Crypto, cls: str, opener: Opener, from_id: str | None = None, limit: int | None = None
    ) -> AsyncIterator[Batch]:
        """What `scan` finds, opened, some at a time. All of it is of the moment at which the first is asked for."""

    async def count(self, cls: str | None = None) -> int:
        """How many records a class, or the whole store, holds."""

    async def classes(self) -> list[str]:
        """The classes that have records, sorted."""

    async def clear(self) -> None:
        """Remove every record and every meta text. Cannot be undone."""

    async def meta_get(self, key: str) -> str | None:
        """A small text from the second database."""

    async def meta_put(self, key: str, value: str) -> None:
        """Keep a small text in the second database (not durable at once)."""

    async def settled(self) -> bool:
        """Wait until all that was committed is where it is read from; False where it does not get there."""

    def second_copy(self) -> SecondCopy | None:
        """The copy of all that is committed under a guard, beside the database; None where a store has no such thing."""

    async def mend(self, cls: str) -> int:
        """Make the records of a class what the second copy says they are; how many were not, none without a copy."""

    async def estimate(self) -> Estimate:
        """Storage use and quota in bytes."""

    async def persist(self) -> bool:
        """Ask to be exempt from eviction; True if granted."""

    def close(self) -> None:
        """Let go of the connection; later calls raise StoreClosed."""


@dataclass(frozen=True, slots=True)
class Kdf:
    """How a secret becomes a wrapping key. `name`: PBKDF2-HMAC-SHA256, Argon2id (`iterations` are its passes, `memory_kib`
    and `lanes` are its own), or HKDF-SHA256 for secrets that are random already (none of the numbers)."""

    name: str
    iterations: int
    salt: bytes
    memory_kib: int = 0
    lanes: int = 0


class Sealing(NamedTuple):
    """One AES-256-GCM operation; `data` is plaintext when sealing, ciphertext and tag when opening."""

    key: KeyHandle
    nonce: bytes
    aad: bytes
    data: bytes


class Crypto(Protocol):
    """The primitives the vault is built from. Key handles are opaque; key bytes are never returned."""

    @property
    def keys(self) -> KeyWork:
        """What is needed seldom, loaded when first asked for."""

    def secret_length(self, secret: Secret) -> int:
        """Length of a secret in bytes."""

    def wipe(self, secret: Secret) -> None:
        """Overwrite a secret with zeros."""

    async def derive_kek(self, secret: Secret, kdf: Kdf) -> KeyHandle:
        """Stretch a secret into a 256-bit wrapping key. The secret is left for the caller to wipe.

        Raises CryptoUnavailable where this machine cannot run the function, such as for lack of memory."""

    async def new_data_key(self, kek: KeyHandle, nonce: bytes, aad: bytes) -> tuple[KeyHandle, bytes]:
        """A fresh random data key, and its 48 bytes wrapped under `kek`."""

    async def unwrap_data_key(self, kek: KeyHandle, nonce: bytes, aad: bytes, wrapped: bytes) -> KeyHandle:
        """The data key. Raises CryptoAuthError for a wrong key or changed bytes alike."""

    async def record_key(self, data_key: KeyHandle, salt: bytes, info: bytes) -> KeyHandle:
        """An AES-256-GCM subkey by HKDF-SHA256."""

    async def mac_key(self, data_key: KeyHandle, salt: bytes, info: bytes) -> KeyHandle:
        """An HMAC-SHA256 subkey (32 bytes) by HKDF-SHA256."""

    async def mac(self, key: KeyHandle, data: bytes) -> bytes:
        """HMAC-SHA256, 32 bytes."""

    async def mac_matches(self, key: KeyHandle, data: bytes, mac: bytes) -> bool:
        """Whether `mac` is right, in constant time."""

    async def seal_many(self, items: Sequence[Sealing]) -> list[bytes]:
        """Ciphertext with its 16-byte tag for each item."""

    async def open_many(self, items: Sequence[Sealing]) -> list[bytes | None]:
        """Plaintext for each item; None where authentication failed."""


class KeyWork(Protocol):
    """Work on secrets and signing keys; secrets are buffers, keys are handles, and neither becomes a Python value."""

    async def rewrap(self, kek: KeyHandle, nonce: bytes, aad: bytes, wrapped: bytes, to: Rewrap) -> bytes:
        """What is wrapped under `kek`, wrapped under another key. Raises CryptoAuthError."""

    async def new_recovery(self) -> Secret:
        """A fresh recovery code as it is shown: ASCII text, 136 random bits and a check of 24."""

    async def read_recovery(self, typed: Secret) -> Secret | None:
        """The 17 random bytes of a recovery code as somebody typed it; None where its check does not match."""

    async def wrapping_key(self, data_key: KeyHandle, salt: bytes, info: bytes) -> KeyHandle:
        """An AES-256-GCM subkey by HKDF-SHA256 that wraps and unwraps keys."""

    async def wrap_signer(self, key: KeyHandle, nonce: bytes, aad: bytes, algorithm: str, secret: Secret) -> bytes:
        """A venue's secret wrapped. `algorithm`: HMAC-SHA256 (any bytes), Ed25519 (seed, PKCS#8 as DER or PEM), or SENT_AS_IS (visible
        ASCII without quotes and backslashes; blanks around it are dropped).

        Raises ValueError for a secret that is no key of this algorithm; the message does not hold it."""

    async def unwrap_signer(self, key: KeyHandle, nonce: bytes, aad: bytes, algorithm: str, wrapped: bytes) -> KeyHandle:
        """The signing key, or for SENT_AS_IS what `injector` takes. Raises CryptoAuthError."""

    async def injector(self, key: KeyHandle, origins: Sequence[str]) -> KeyHandle:
        """What puts the secret into requests to these origins (scheme, host and port) and nowhere else: see HttpCall and Socket."""

    async def new_signing_pair(self) -> tuple[KeyHandle, bytes]:
        """A fresh Ed25519 key and its public half, 32 bytes."""

    async def sign(self, key: KeyHandle, data: bytes) -> bytes:
        """HMAC-SHA256 (32 bytes) or Ed25519 signature (64 bytes), by the kind of key."""


class Rewrap(NamedTuple):
    """Under what something is to be wrapped."""

    kek: KeyHandle
    nonce: bytes
    aad: bytes


class Lease(Protocol):
    """A held lock."""

    def release(self) -> None:
        """Give the lock back; twice is harmless."""


class Locks(Protocol):
    """Named exclusive locks over all tabs of the desk."""

    async def acquire(self, name: str, if_available: bool = False, steal: bool = False) -> Lease | None:
        """Hold the lock; None if `if_available` and somebody else has it. `steal` takes it from whoever has it, before all who wait."""


class Channel(Protocol):
    """Texts to every other tab and worker of this origin that listens on the same name; none to itself."""

    def post(self, text: str) -> None:
        """Tell the others."""

    def on_message(self, handler: Callable[[str], object]) -> None:
        """Set the receiver."""

    def close(self) -> None:
        """Leave; twice is harmless."""


OnOpen = Callable[[], object]
OnText = Callable[[Sequence[str], int], object]
OnClose = Callable[[int, str], object]


class Socket(Protocol):
    """One WebSocket connection carrying text; a binary frame that comes in counts as the UTF-8 text that it holds."""

    def send(self, text: str, secret: KeyHandle | None = None) -> None:
        """Queue a text frame. With an injector its secret takes the place of SECRET_MARK; for an address that it is not bound to the
        connection is closed instead. Raises SocketError when the connection is not open."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; `on_close` still comes, once."""


class Sockets(Protocol):
    """Opens WebSockets."""

    def connect(self, url: str, *, on_open: OnOpen, on_text: OnText, on_close: OnClose, reader: Reader | None = None) -> Socket:
        """Start connecting. `on_text` gets every frame that has queued and the monotonic ns at which the first of them arrived. `on_close`
        comes exactly once, also on failure. ``reader``, one of `columns`: the frames are those of a market and are for this reader alone. They
        may be gathered and read beside this thread and wait while it is busy; no secret may be sent."""

    def columns(self, told: Layouts) -> Reader:
        """A reader of such frames."""

    def give_way(self, on: bool) -> None:
        """While ``on``, and for a moment then, the frames of markets let other work go first."""


class Answer(NamedTuple):
    """An HTTP answer: status, body as text, headers by lower-case name (those the platform exposes)."""

    status: int
    text: str
    headers: dict[str, str]


class Fetch(Protocol):
    """Plain HTTP GET without credentials; redirects are not followed, bodies must be UTF-8."""

    async def fetch(self, url: str, *, timeout_s: float = 10.0, max_bytes: int = 8_000_000) -> Answer:
        """The whole answer, whatever its status. Raises FetchError."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One HTTP request. ``credentials`` "same-origin" sends the site's own cookies; ``redirects`` "error" refuses to follow any.

    ``secret`` is an injector: headers that are SECRET_MARK get its secret on their way out, through `here` only.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    credentials: Literal["omit", "same-origin"] = "omit"
    redirects: Literal["error", "follow"] = "error"
    timeout_s: float = 10.0
    max_bytes: int = 8_000_000
    secret: KeyHandle | None = None


class HttpAnswer(NamedTuple):
    """Status, headers by lower-case name (those the platform exposes), body, and the address that answered in the end."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str


class Http(Protocol):
    """HTTP with any method. ``routes`` lists who may send: `here` is this thread; a browser also has `worker` and `service_worker`.

    Cancelling the task ends the request. Nothing is ever sent twice and no cookie goes to another site. ``hides_causes``: reason
    `network` may be anything, CORS included.
    """

    routes: frozenset[str]
    hides_causes: bool

    async def send(self, call: HttpCall, via: str = "here") -> HttpAnswer:
        """The whole answer, whatever its status. Raises HttpError."""

    async def reaches(self, url: str, timeout_s: float = 1.0) -> bool | None:
        """Whether the host of this address answers anything at all, to nobody in particular; None where that cannot be known."""


class Files(Protocol):
    """Files encrypted with a passphrase in the age format (age-encryption.org/v1, scrypt).

    A file is an opaque buffer like a secret: a JS Uint8Array in the browser, bytes natively. The secret is used up.
    """

    def size(self, file: File) -> int:
        """Its bytes."""

    def read(self, file: File) -> bytes:
        """The bytes of a plain file, one that holds nothing secret."""

    def make(self, data: bytes) -> File:
        """A plain file of these bytes."""

    async def csv_of_parquet(self, data: bytes) -> bytes:
        """A Parquet file as CSV. Raises FileRefused."""

    async def seal(self, secret: Secret, chunks: AsyncIterator[bytes]) -> File:
        """The file that holds what the chunks hold. Raises FileRefused."""

    def open(self, secret: Secret, file: File) -> AsyncIterator[bytes]:
        """What it holds, piece by piece; only after the last piece is it known to be whole. Raises FileLocked, FileRefused."""


class Loaded(Protocol):
    """A WebAssembly module at work on float64 series, with a memory of its own."""

    def write(self, at: int, values: Any) -> None:
        """Bytes, or contiguous float64 numbers, into its memory."""

    def read(self, at: int, out: Any) -> None:
        """Numbers from its memory into something as long."""

    def run(self, size: int) -> None:
        """Go through so many bars, 8 for each."""

    def keep(self, size: int) -> None:
        """Remember the first bytes of its memory."""

    def back(self, size: int) -> None:
        """Take them back."""


class Machine(Protocol):
    """Something that runs WebAssembly."""

    def load(self, code: bytes) -> Loaded:
        """Compile and instantiate. Imports from ``m`` are functions of one float: log, log10, exp, sin, ..."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One implementation of everything above, as an entry point hands it to the desk."""

    clock: Clock
    entropy: Entropy
    scheduler: Scheduler
    store: Store
    crypto: Crypto
    locks: Locks
    sockets: Sockets
    fetch: Fetch
    http: Http
    files: Files
    history: Store
    """Public market history, not encrypted; opened with its first use. It has no meta texts."""
    machine: Machine | None = None
    """None: code is not compiled here."""
