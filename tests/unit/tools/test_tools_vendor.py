"""The builds that set-up fetches: checked, resumed, named when they cannot be had. Against real servers on loopback."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.vendor import SetupError, packages

CONTENTS = {f"part{number}-1.0-py3-none-any.whl": f"content of part {number}".encode() * 1000 for number in range(3)}


class Source:
    """A web server over a folder that remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        folder.mkdir()
        handler = functools.partial(_Handler, self.asked, directory=folder)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], *arguments, **named) -> None:
        self.asked = asked
        super().__init__(*arguments, **named)

    def do_GET(self) -> None:
        self.asked.append(self.path.lstrip("/"))
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def cdn(tmp_path: Path) -> Iterator[Source]:
    """A release CDN that has every file."""
    source = Source(tmp_path / "cdn")
    for name, data in CONTENTS.items():
        (source.folder / name).write_bytes(data)
    yield source
    source.close()


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Source]:
    """A host with a wheel that carries every file in a folder of its own."""
    source = Source(tmp_path / "carrier")
    with zipfile.ZipFile(source.folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        for name, data in CONTENTS.items():
            wheel.writestr(f"carrier/inside/{name}", data)
        wheel.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        wheel.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    yield source
    source.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Target and cache, both empty; no settings from outside."""
    monkeypatch.delenv("KONTOR_PYODIDE_CDN", raising=False)
    monkeypatch.delenv("KONTOR_CACHE", raising=False)
    monkeypatch.setenv("PIP_RETRIES", "0")
    return tmp_path / "target", tmp_path / "cache"


def builds(cdn: str, carrier: str = "http://127.0.0.1:1/") -> dict:
    """A table like tools/builds.json."""
    return {
        "cdn": cdn,
        "carrier": {"requirement": f"{carrier}carrier-1.0-py3-none-any.whl", "folder": "carrier/inside/", "bytes": 1000},
        "packages": {name.partition("-")[0]: {"file_name": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in CONTENTS.items()},
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_everything_comes_from_the_release_and_is_kept(cdn: Source, place: tuple[Path, Path]) -> None:
    target, cache = place
    packages(builds(cdn.url), target, cache)
    assert contents(target) == contents(cache) == CONTENTS
    assert sorted(cdn.asked) == sorted(CONTENTS)


def test_a_second_run_asks_nobody(cdn: Source, place: tuple[Path, Path]) -> None:
    packages(builds(cdn.url), *place)
    cdn.asked.clear()
    packages(builds(cdn.url), *place)
    assert cdn.asked == []


@pytest.mark.parametrize("damage", [b"", b"something else", None])
def test_a_damaged_file_is_named_and_replaced(cdn: Source, place: tuple[Path, Path], damage: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    target, cache = place
    packages(builds(cdn.url), target, cache)
    name = next(iter(CONTENTS))
    for folder in place:
        if damage is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(damage)
    cdn.asked.clear()
    capsys.readouterr()
    packages(builds(cdn.url), target, cache)
    assert contents(target) == contents(cache) == CONTENTS
    assert cdn.asked == [name]
    assert name in capsys.readouterr().err


def test_a_damaged_file_comes_back_from_the_cache_without_a_network(cdn: Source, place: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    target, cache = place
    packages(builds(cdn.url), target, cache)
    name = next(iter(CONTENTS))
    (target / name).write_bytes(b"damaged")
    packages(builds("http://127.0.0.1:1/"), target, cache)
    assert contents(target) == CONTENTS
    assert f"{name} is corrupt" in capsys.readouterr().err


def test_a_wrong_file_at_the_release_is_taken_from_the_wheel(
    cdn: Source, carrier: Source, place: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    name = next(iter(CONTENTS))
    (cdn.folder / name).write_bytes(b"somebody else's file")
    packages(builds(cdn.url, carrier.url), *place)
    assert contents(place[0]) == CONTENTS
    assert f"{name} from the release CDN: wrong content, not kept" in capfd.readouterr().err


def test_without_the_release_all_come_from_the_wheel(carrier: Source, place: tuple[Path, Path]) -> None:
    packages(builds("http://127.0.0.1:1/", carrier.url), *place)
    assert contents(place[0]) == CONTENTS


def test_no_network_names_every_file_and_the_remedy(place: tuple[Path, Path]) -> None:
    with pytest.raises(SetupError) as caught:
        packages(builds("http://127.0.0.1:1/"), *place)
    text = str(caught.value)
    assert all(name in text for name in CONTENTS)
    assert "release CDN" in text and "PyPI wheel" in text
    assert str(place[1]) in text


def test_an_interrupted_run_goes_on_where_it_was(cdn: Source, place: tuple[Path, Path]) -> None:
    last = list(CONTENTS)[-1]
    (cdn.folder / last).unlink()
    with pytest.raises(SetupError, match=last):
        packages(builds(cdn.url), *place)
    (cdn.folder / last).write_bytes(CONTENTS[last])
    cdn.asked.clear()
    packages(builds(cdn.url), *place)
    assert contents(place[0]) == CONTENTS
    assert cdn.asked == [last]
