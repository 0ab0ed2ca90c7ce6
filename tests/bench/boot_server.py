"""The real server over a site with the yardstick pages in bench/: `python -m tests.bench.boot_server [SITE PORT]`, else as the environment says.

Stock PyScript does not run under Kontor's policy, so pages in bench/ get none. All other headers are the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn

from proxy.config import read_config
from proxy.server import create_app, server_config


def relaxed(app):
    """``app`` without a content security policy in bench/."""

    async def serve(scope, receive, send) -> None:
        async def forward(message) -> None:
            if message["type"] == "http.response.start" and scope["path"].startswith("/bench/"):
                message["headers"] = [(name, value) for name, value in message["headers"] if name.lower() != b"content-security-policy"]
            await send(message)

        await app(scope, receive, forward)

    return serve


def main() -> None:
    """Serve until ended."""
    named = dict(zip(("KONTOR_SITE", "PORT"), sys.argv[1:], strict=False))
    config = read_config(os.environ | named, Path("build/site"))
    app = create_app(config)
    settings = server_config(config, app)
    settings.app = relaxed(app)
    uvicorn.Server(settings).run()


if __name__ == "__main__":
    main()
