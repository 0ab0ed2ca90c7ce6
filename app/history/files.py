"""From the bytes of a file to rows of text: CSV as it is, gzipped, or in a zip. Nothing is decompressed beyond a limit."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator

from .errors import Unreadable

MOST_BYTES = 256 * 1024 * 1024
PARQUET = b"PAR1"
_DELIMITERS = ",;\t|"
_TABLES = (".csv", ".txt", ".tsv")
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def table(data: bytes, most: int = MOST_BYTES) -> tuple[str, str]:
    """(text, its delimiter) of a file's bytes. Raises Unreadable."""
    text = _text(_opened(data, most))
    lines = [line for line in text[:20_000].splitlines() if line.strip()][:20]
    if not lines:
        raise Unreadable("the file is empty", "choose a file with a row for each bar", "file")
    told = lines[-min(5, max(1, len(lines) - 2)) :]  # not what stands above the rows
    counts = {mark: min(line.count(mark) for line in told) for mark in _DELIMITERS}
    delimiter = max(counts, key=counts.__getitem__)
    # a semicolon between the fields leaves commas to the decimals
    if counts[";"] >= 4:
        delimiter = ";"
    if not counts[delimiter]:
        raise Unreadable("no columns were found", "use a CSV file whose fields are separated by comma, semicolon, tab or |", "file")
    return text, delimiter


def rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line number from 1, cells) of each row that is not empty. Raises Unreadable."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise Unreadable(f"line {reader.line_num} cannot be read as CSV: {error}", "mend the line, or export the file again", "file") from error


def _opened(data: bytes, most: int) -> bytes:
    if data[:4] == PARQUET:
        raise Unreadable(
            "this is a Parquet file, which is read in the browser only",
            "write it as CSV first, for example in Python: pandas.read_parquet('bars.parquet').to_csv('bars.csv.gz')",
            "file",
        )
    if data[:2] == b"\x1f\x8b":
        return _inflated(data, most)
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _from_zip(data, most)
    if len(data) > most:
        raise _too_large(most)
    start = data[:20].lstrip().lower()
    if start.startswith((b"<!", b"<html", b"<?xml", b"{", b"[")):
        kind = "a web page or XML" if start[:1] == b"<" else "JSON"
        raise Unreadable(f"this is {kind}, not a table of bars", "choose a CSV file; an address may need a sign-in or another path", "file")
    return data


def _inflated(data: bytes, most: int) -> bytes:
    out, left = [], most
    try:
        while data[:2] == b"\x1f\x8b":
            member = zlib.decompressobj(31)
            out.append(member.decompress(data, left + 1))
            left -= len(out[-1])
            if left < 0:
                raise _too_large(most)
            if not member.eof:
                raise Unreadable("the gzip file is cut short", "fetch or copy it again", "file")
            data = member.unused_data
    except zlib.error as error:
        raise Unreadable(f"the gzip file cannot be opened: {error}", "fetch or copy it again", "file") from error
    return b"".join(out)


def _from_zip(data: bytes, most: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [item for item in archive.infolist() if item.filename.lower().endswith(_TABLES) and not item.filename.startswith("__MACOSX")]
            if len(names) != 1:
                what = "no CSV file" if not names else f"{len(names)} CSV files"
                raise Unreadable(f"the zip holds {what}", "use a zip with exactly one, or the file itself", "file")
            with archive.open(names[0]) as file:
                found = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise Unreadable(f"the zip cannot be opened: {error}", "unpack it and choose the CSV file", "file") from error
    if len(found) > most:
        raise _too_large(most)
    return found


def _text(data: bytes) -> str:
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file is not text in UTF-8 (byte {error.start})", "save it as CSV in UTF-8", "file") from error
    if "\0" in text[:4096]:
        raise Unreadable("the file is not text", "choose a CSV file, also gzipped or in a zip", "file")
    return text


def _too_large(most: int) -> Unreadable:
    return Unreadable(f"the file unpacks to more than {most // 1024 // 1024} MB", "split it by years", "file")
