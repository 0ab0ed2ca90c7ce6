"""HTTP of a browser thread, with any method and by three routes: this thread, a worker of its own, the service worker.

A browser tells Python nothing but "failed" when a request is refused by CORS, by the name, by the connection or by the
certificate; what can be known beside that is looked up here: no network at all, the page's own policy (its report names the
address), a redirect. Cookies go only to the own site, and only where the caller says so.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import js
from pyodide.ffi import JsException, create_proxy, to_js

from app.platform.errors import HttpError
from app.platform.interfaces import HttpAnswer, HttpCall

from .web import read_body

_MARK = "x-kontor-sw"
_REPORT_S = 0.02
_COEP_REPORT_S = 0.5
_NO_BODY = ("GET", "HEAD")


class BrowserHttp:
    """``site``: absolute address of the site's folder; without it only `here` works."""

    hides_causes = True

    def __init__(self, site: str = "") -> None:
        self.site = site
        self.routes = frozenset({"here", "worker", "service_worker"} if site else {"here"})
        self._worker: Any = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._blocked: list[str] = []
        self._listening = False
        self._proxies: list[Any] = []

    async def send(self, call: HttpCall, via: str = "here") -> HttpAnswer:
        """The whole answer, whatever its status. Raises HttpError."""
        if via not in self.routes or (call.secret is not None and via != "here"):
            raise HttpError(f"There is no route {via} here.", "unavailable", sent=False)
        if not js.navigator.onLine and not _is_loopback(call.url):
            raise HttpError("The browser says that there is no network.", "offline", sent=False)
        self._listen()
        if via == "worker":
            return await self._by_worker(call)
        return await self._here(call, via == "service_worker")

    async def reaches(self, url: str, timeout_s: float = 1.0) -> bool | None:
        """Whether the host of this address answers anything at all; None where the browser does not let that be known.

        Asks for nothing that may be read (no-cors). This site's isolation blocks such an answer too, but the browser reports
        the block, which it can only do once an answer came; a host that does not answer gives no report.
        """
        if not hasattr(js, "ReportingObserver"):
            return None
        target = f"{_origin(url)}/"
        reported: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def report(reports: Any, _observer: Any) -> None:
            found = json.loads(str(js.JSON.stringify(reports)))  # their bodies show what they hold in this form only
            if not reported.done() and any(str(item["body"].get("blockedURL")).startswith(target) for item in found):
                reported.set_result(True)

        proxy = create_proxy(report)
        observer = js.ReportingObserver.new(proxy, _plain({"types": ["coep"]}))
        observer.observe()
        abort = js.AbortController.new()
        timer = asyncio.get_running_loop().call_later(timeout_s, abort.abort)
        try:
            options = _plain({"method": "HEAD", "mode": "no-cors", "credentials": "omit", "cache": "no-store"})
            options.signal = abort.signal
            await js.fetch(target, options)
            return True
        except JsException as error:
            if error.name == "AbortError":
                return False
            done, _ = await asyncio.wait({reported}, timeout=min(timeout_s, _COEP_REPORT_S))
            return bool(done)
        finally:
            timer.cancel()
            abort.abort()
            observer.disconnect()
            proxy.destroy()

    async def _here(self, call: HttpCall, by_service_worker: bool) -> HttpAnswer:
        abort = js.AbortController.new()
        timer = asyncio.get_running_loop().call_later(call.timeout_s, abort.abort)
        target = f"{self.site}sw/fetch?url={js.encodeURIComponent(call.url)}" if by_service_worker else call.url
        del self._blocked[:-20]
        done = False
        try:
            fetch = js.fetch if call.secret is None else call.secret.fetch
            response = await fetch(target, self._options(call, abort.signal, by_service_worker))
            if response.type == "opaqueredirect":
                raise HttpError(f"{call.url} redirects elsewhere, which is not followed.", "redirect")
            headers = {pair[0]: pair[1] for pair in js.Array.from_(response.headers.entries())}
            if by_service_worker:
                _check_service_worker(headers, call)
            body = await read_body(response, call.max_bytes)
            if body is None:
                raise HttpError(f"{call.url} sent more than {call.max_bytes} bytes.", "too_large")
            done = True
            return HttpAnswer(int(response.status), headers, body, headers.get("x-kontor-url") or str(response.url))
        except JsException as error:
            raise await self._failure(call, error) from error
        finally:
            timer.cancel()
            if not done:  # also when the task was cancelled: the request ends with it
                abort.abort()

    def _options(self, call: HttpCall, signal: Any, by_service_worker: bool) -> Any:
        headers = dict(call.headers)
        if by_service_worker:
            headers = {"x-kontor": "1", "x-kontor-headers": js.JSON.stringify(_plain(headers)), "x-kontor-redirects": call.redirects}
        fields = {
            "method": call.method,
            "headers": headers,
            "credentials": call.credentials,
            "referrerPolicy": "no-referrer",
            "redirect": "follow" if call.redirects == "follow" else "manual",
            "cache": "no-store",
        }
        options = _plain(fields)
        if call.body is not None and call.method not in _NO_BODY:
            options.body = to_js(call.body)
        options.signal = signal
        return options

    async def _by_worker(self, call: HttpCall) -> HttpAnswer:
        if self._worker is None:
            self._start_worker()
        self._count += 1
        number = self._count
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = done
        message = _plain({"id": number, "url": call.url, "max": call.max_bytes, "timeout": call.timeout_s * 1000})
        message.options = self._options(call, None, False)
        del message.options.signal
        self._worker.postMessage(message)
        try:
            data = await done
        finally:
            self._waiting.pop(number, None)
            if not done.done() or done.cancelled():
                self._worker.postMessage(_plain({"cancel": number}))
        if data.error:
            raise HttpError(f"{call.url} could not be read: {data.text}", str(data.error), sent=data.error != "policy")
        headers = {pair[0]: pair[1] for pair in data.headers}
        return HttpAnswer(int(data.status), headers, data.body.to_bytes(), str(data.url))

    def _start_worker(self) -> None:
        self._worker = js.Worker.new(f"{self.site}worker/fetch.mjs", _plain({"type": "module", "name": "kontor-fetch"}))

        def arrived(event: Any) -> None:
            waiting = self._waiting.get(event.data.id)
            if waiting is not None and not waiting.done():
                waiting.set_result(event.data)

        def broken(_event: Any) -> None:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(HttpError("The worker for requests could not be loaded.", "unavailable", sent=False))
            self._worker = None

        handlers = [create_proxy(arrived), create_proxy(broken)]
        self._proxies += handlers
        self._worker.onmessage, self._worker.onerror = handlers

    def _listen(self) -> None:
        """Hear which addresses the policy of this thread refuses; the report comes right after the failure."""
        if self._listening:
            return
        self._listening = True
        proxy = create_proxy(lambda event: self._blocked.append(str(event.blockedURI)))
        self._proxies.append(proxy)
        js.addEventListener("securitypolicyviolation", proxy)

    async def _failure(self, call: HttpCall, error: JsException) -> HttpError:
        if error.name in ("AbortError", "TimeoutError"):
            return HttpError(f"{call.url} did not answer within {call.timeout_s:g} s.", "timeout")
        await asyncio.sleep(_REPORT_S)
        origin = _origin(call.url)
        if any(_origin(blocked) == origin for blocked in self._blocked):
            self._blocked = [blocked for blocked in self._blocked if _origin(blocked) != origin]
            return HttpError(f"{origin} is not on the list of addresses that this desk may reach.", "policy", sent=False)
        if "Invalid URL" in str(error) or "parse" in str(error):
            return HttpError(f"{call.url[:200]} is not a usable address.", "address", sent=False)
        if "the secret does not go" in str(error):
            return HttpError(f"The key in the vault was not kept for {origin}.", "address", sent=False)
        return HttpError(f"{call.url} could not be read: {error}", "network")


def _check_service_worker(headers: dict[str, str], call: HttpCall) -> None:
    if headers.pop(_MARK, None) is None:
        raise HttpError("No service worker looks after this desk yet.", "unavailable", sent=False)
    failed = headers.get("x-kontor-error")
    if failed:
        reason = failed if failed in ("network", "policy", "redirect") else "network"
        raise HttpError(f"{call.url} could not be read by the service worker.", reason, sent=reason != "policy")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _plain(fields: dict[str, Any]) -> Any:
    return to_js(fields, dict_converter=js.Object.fromEntries)
