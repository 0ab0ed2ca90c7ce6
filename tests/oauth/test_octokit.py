"""GitHub's own SDK accepts the emulator that the other tests rely on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from .desk import ROOT
from .emulators import GitHub, Server


@pytest.mark.parametrize("said", ["accept", "deny"])
async def test_the_sdk_accepts_the_emulator(said: str) -> None:
    emulated = GitHub()
    emulated.interval = 1
    async with Server(emulated.app) as server:
        emulated.web = server.url
        script = str(Path(__file__).with_name("octokit_device.mjs"))
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
        process = await asyncio.create_subprocess_exec("node", script, server.url, emulated.client, cwd=ROOT, **pipes)
        shown = json.loads(await process.stderr.readline())
        assert shown["verification_uri"] == f"{server.url}/login/device" and shown["expires_in"] == 900
        emulated.enter(shown["user_code"], said)
        told = json.loads((await process.communicate())[0])
    if said == "deny":
        assert told == {"failed": "access_denied"}
    else:
        assert told["login"] == "octocat" and told["scopes"] == ["read:user"] and told["token"] in emulated.live
