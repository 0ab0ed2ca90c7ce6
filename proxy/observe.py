"""What the proxy tells about itself: Prometheus metrics and one line of JSON per request.

Lines have form, rule, method, host, outcome, bytes and milliseconds. Never paths, query strings, headers or bodies: all may hold secrets.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from .errors import Refused


class Observer:
    """Counters of one application, and its log on ``stream``."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("kontor_requests", "Requests made for readers", ["form", "rule", "outcome"], registry=self.registry)
        self.seconds = Histogram("kontor_seconds", "From asked to answered whole", ["form"], registry=self.registry)
        self.bytes = Counter("kontor_bytes", "Bytes of answers, as received", ["form"], registry=self.registry)
        self.refused = Counter("kontor_refused", "Requests the proxy refused", ["code"], registry=self.registry)
        self.under_way = Gauge("kontor_under_way", "Requests and sockets under way", ["form"], registry=self.registry)
        write = json.JSONEncoder().encode  # made once: json.dumps would make one for every line
        processors = [structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.JSONRenderer(lambda line, **_: write(line))]
        self.log = structlog.wrap_logger(structlog.PrintLogger(stream or sys.stderr), processors=processors).bind()

    @contextmanager
    def request(self, form: str, **about: Any) -> Iterator[dict[str, Any]]:
        """Measure one request; the block fills in rule, host, outcome and bytes of what is given to it."""
        line = {"form": form, "rule": "", "outcome": "ok", "bytes": 0} | about
        started = time.perf_counter()
        under_way = self.under_way.labels(form)
        under_way.inc()
        try:
            yield line
        except Refused as error:
            line["outcome"] = error.code
            raise
        except BaseException:
            line["outcome"] = "left"
            raise
        finally:
            seconds = time.perf_counter() - started
            under_way.dec()
            self.requests.labels(form, line["rule"], str(line["outcome"])).inc()
            self.seconds.labels(form).observe(seconds)
            self.bytes.labels(form).inc(line["bytes"])
            self.log.info("request", **line, ms=round(seconds * 1000, 1))

    def refuse(self, error: Refused) -> Response:
        """The answer for a refusal, counted."""
        self.refused.labels(error.code).inc()
        return error.response()

    async def metrics(self, _: Request) -> Response:
        """GET /metrics."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST, headers={"cache-control": "no-store"})
