"""A real DNS server on loopback whose answers change with every question (TTL 0), and the resolver that asks it."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp.abc import AbstractResolver, ResolveResult
from dnslib import AAAA, QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSServer


class Zone(BaseResolver):
    """Names to the answers of the first question, the second, and so on, over and over; each answer a list of addresses."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.answers = {name: itertools.cycle(turns) for name, turns in names.items()}
        self.asked: list[str] = []

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        """Answer one question with every address, whatever its type: what cannot be used is left to the asker."""
        reply, name = request.reply(), str(request.q.qname).rstrip(".")
        self.asked.append(name)
        if name not in self.answers:
            reply.header.rcode = RCODE.NXDOMAIN
            return reply
        for text in map(ipaddress.ip_address, next(self.answers[name])):
            data = A(tuple(text.packed)) if text.version == 4 else AAAA(tuple(text.packed))
            reply.add_answer(RR(name, QTYPE.A if isinstance(data, A) else QTYPE.AAAA, rdata=data, ttl=0))
        return reply


class Asking(AbstractResolver):
    """Asks one DNS server over UDP, once for every resolution."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        """All addresses in the answer."""
        packet = await asyncio.to_thread(DNSRecord.question(host).send, "127.0.0.1", self._port, timeout=5)
        found = []
        for answer in DNSRecord.parse(packet).rr:
            text = str(answer.rdata)
            kind = socket.AF_INET6 if ":" in text else socket.AF_INET
            found.append(ResolveResult(hostname=host, host=text, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST))
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return found

    async def close(self) -> None:
        """Nothing is kept."""


@contextmanager
def dns(names: dict[str, list[list[str]]]) -> Iterator[tuple[Zone, Asking]]:
    """The server with these names, in a thread of its own."""
    zone = Zone(names)
    server = DNSServer(zone, address="127.0.0.1", port=0, logger=_Quiet())
    port = server.server.server_address[1]
    server.start_thread()
    try:
        yield zone, Asking(port)
    finally:
        server.stop()
        server.server.server_close()
        server.thread.join()


class _Quiet:
    def __getattr__(self, name: str) -> object:
        return lambda *_: None
