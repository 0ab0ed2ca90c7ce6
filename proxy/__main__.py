"""`python -m proxy`: serve the built site and forward what the configuration allows.

Opens a browser window with --open, unless CI=true. --new-key prints a key for KONTOR_KEYS.
"""

from __future__ import annotations

import base64
import gc
import os
import sys
import threading
import time
import webbrowser
from pathlib import Path

import uvicorn

from .config import ConfigError, read_config
from .server import create_app, server_config


def main() -> int:
    """Serve until interrupted; returns the exit status."""
    if "--new-key" in sys.argv:
        print(f"{time.strftime('%Y%m%d')}:{base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip('=')}")
        return 0
    try:
        config = read_config(os.environ, Path(__file__).resolve().parent.parent / "build" / "site")
        server = uvicorn.Server(server_config(config, create_app(config)))
    except (ConfigError, OSError) as error:
        print(f"proxy: {error}", file=sys.stderr)
        return 2
    address = config.url or f"http://{config.host}:{config.port}"
    print(f"Kontor is at {address}  (end with Ctrl+C)", flush=True)
    if config.open:
        print("The open mode is on: any public host may be asked, by the desk on this computer.", flush=True)
    if "--open" in sys.argv and os.environ.get("CI") != "true":
        threading.Timer(1.0, webbrowser.open, [address]).start()
    # Almost all that a request makes dies without the collector of cycles, which would walk over every open socket again and again.
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
