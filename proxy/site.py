"""Serves the files of the static site: right type, security headers, precompressed bodies, revalidation by content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from .policy import headers

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".toml": "application/toml",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
    ".md": "text/markdown; charset=utf-8",
}


class Site:
    """An ASGI endpoint over a folder. Never leaves it, lists nothing, follows no links out of it."""

    def __init__(self, folder: Path, connect: tuple[str, ...] = ()) -> None:
        self._folder = folder.resolve()
        self._connect = connect
        self._tags: dict[tuple[str, float, int], str] = {}

    async def __call__(self, request: Request) -> Response:
        """Answer GET and HEAD for one file."""
        path = request.path_params["path"] or "index.html"
        file = self._find(path)
        tag = self._tag(file)
        answer = headers(path, self._connect) | {"etag": tag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=answer)
        kind = TYPES.get(file.suffix, "application/octet-stream")
        packed = file.with_name(file.name + ".gz")
        if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
            answer |= {"content-encoding": "gzip", "x-kontor-bytes": str(file.stat().st_size)}
            file = packed
        response = FileResponse(file, media_type=kind, headers=answer)
        response.headers["etag"] = tag  # FileResponse would make one of its own
        return response

    def _find(self, path: str) -> Path:
        try:
            file = (self._folder / path).resolve()
            inside = file.is_relative_to(self._folder) and file.is_file()
        except (ValueError, OSError):
            inside = False
        if not inside or any(part.startswith(".") for part in Path(path).parts):
            raise HTTPException(404)
        return file

    def _tag(self, file: Path) -> str:
        stat = os.stat(file)
        key = (str(file), stat.st_mtime, stat.st_size)
        if key not in self._tags:
            with file.open("rb") as stream:
                self._tags[key] = f'"{hashlib.file_digest(stream, "sha256").hexdigest()[:32]}"'
        return self._tags[key]
