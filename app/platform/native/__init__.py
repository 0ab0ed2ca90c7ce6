"""The platform on CPython: tests, simulation and the recovery tool run here.

`build` gives a whole `Platform`. The stores keep records in memory (`MemoryStore`) or in one SQLite file
(`SqliteStore`); `NativeCrypto` is byte-compatible with the browser's. `ManualClock` and `ManualScheduler`
make runs repeatable.
"""

from __future__ import annotations

from app.platform.interfaces import Platform, Store
from app.platform.memory import MemoryStore
from app.platform.native.age import NativeFiles
from app.platform.native.basics import LocalLocks, SystemClock, SystemEntropy
from app.platform.native.crypto import NativeCrypto
from app.platform.native.http import NativeHttp
from app.platform.native.web import NativeFetch, NativeSockets
from app.platform.scheduler import LoopScheduler


def build(store: Store | None = None) -> Platform:
    """A native platform; records live in memory unless a store is given."""
    clock = SystemClock()
    return Platform(
        clock=clock,
        entropy=SystemEntropy(),
        scheduler=LoopScheduler(),
        store=store if store is not None else MemoryStore(),
        crypto=NativeCrypto(),
        locks=LocalLocks(),
        sockets=NativeSockets(clock),
        fetch=NativeFetch(),
        http=NativeHttp(),
        files=NativeFiles(),
        history=MemoryStore(),
    )
