"""Connections of a test, on this computer: none is left when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def cut_off() -> None:
    """Close what is still connected in this loop. httpx forgets a socket that is called off while it connects, as a slower way is: it, or its other
    end, would be found and complained of in whatever test comes later."""
    for transport in [*asyncio.get_running_loop()._transports.values()]:
        transport.abort()
    await asyncio.sleep(0)


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A server on a free port; gives its address, such as `127.0.0.1:4711`. Each connection is closed when it was served; at the end all others
    of this loop are, too."""
    tasks: set[asyncio.Task] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(2):  # who was just accepted becomes a connection first: asyncio forgets it, unclosed, where the server is closed before
            await asyncio.sleep(0)
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await cut_off()
