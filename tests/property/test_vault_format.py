"""Any bytes: what is packed comes back, what is not ours is refused with FormatError and nothing else."""

from __future__ import annotations

import json
import struct

from hypothesis import given
from hypothesis import strategies as st

from app.platform.interfaces import Kdf
from app.vault import header as headers
from app.vault import manifest as manifests
from app.vault.format import (
    FORM_CHUNK,
    FORM_LOG,
    FORM_TABLE,
    TAG_BYTES,
    Chunk,
    FormatError,
    chunk_id,
    envelope_head,
    joined,
    pack_chunk,
    pack_log,
    pack_table,
    parse_chunk,
    parse_envelope,
    parse_table,
)
from app.vault.header import Header, Slot, Wrap
from app.vault.kdf import KdfPolicy

LIMITS = KdfPolicy(floor=1_000, ceiling=9_999)

fields = st.lists(st.binary(max_size=12), max_size=6)
u32, u64 = st.integers(1, 2**32 - 1), st.integers(0, 2**63 - 1)
wraps = st.builds(Wrap, u32, st.binary(min_size=12, max_size=12), st.binary(min_size=48, max_size=48))
slots = st.builds(
    Slot,
    st.binary(min_size=8, max_size=8),
    st.just("passphrase"),
    st.builds(Kdf, st.just(headers.PBKDF2), st.integers(1_000, 9_999), st.binary(min_size=16, max_size=64)),
    st.lists(wraps, min_size=1, max_size=2).map(tuple),
)
known_headers = st.builds(
    Header,
    st.binary(min_size=16, max_size=16),
    u64,
    u32,
    st.integers(1, 2**63 - 1),
    st.lists(slots, min_size=1, max_size=3).map(tuple),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(fields, fields)
def test_no_two_lists_of_fields_join_to_the_same_bytes(first: list[bytes], second: list[bytes]) -> None:
    assert (joined(*first) == joined(*second)) == (first == second)


@given(
    st.sampled_from([FORM_TABLE, FORM_LOG, FORM_CHUNK]), u32, u64, st.binary(min_size=12, max_size=12), st.binary(min_size=16, max_size=200)
)
def test_an_envelope_comes_back(form: int, epoch: int, version: int, nonce: bytes, sealed: bytes) -> None:
    found = parse_envelope(envelope_head(form, epoch, version, nonce, len(sealed) - TAG_BYTES) + sealed)
    assert (found.form, found.epoch, found.version, found.nonce, found.sealed) == (form, epoch, version, nonce, sealed)


@given(st.binary(max_size=120))
def test_any_bytes_are_an_envelope_or_refused(stored: bytes) -> None:
    try:
        found = parse_envelope(stored)
    except FormatError:
        return
    assert envelope_head(found.form, found.epoch, found.version, found.nonce, len(found.sealed) - TAG_BYTES) + found.sealed == stored


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16), st.binary(max_size=50))
def test_plaintexts_come_back(chain: bytes, token: bytes, payload: bytes) -> None:
    assert pack_log(chain, payload) == chain + payload
    chunk = Chunk(token, 3, 7, payload)
    assert parse_chunk(chunk_id("c", 3), pack_chunk(token, chunk)) == (int.from_bytes(token, "big"), "c", chunk)
    assert parse_table(pack_table(token, payload)) == (int.from_bytes(token, "big"), payload)


@given(known_headers)
def test_a_header_comes_back(header: Header) -> None:
    body = headers.encode_body(header)
    assert headers.split(body + bytes(32)) == (body, bytes(32))
    assert headers.decode_body(body, LIMITS) == header


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_header_or_refused(text: bytes) -> None:
    body = struct.pack(">8sBI", headers.MAGIC, headers.VERSION, len(text)) + text
    for attempt in (text, body + bytes(32)):
        try:
            headers.decode_body(headers.split(attempt)[0], LIMITS)
        except FormatError:
            continue
        raise AssertionError("no random text is a header")


@given(known_headers, st.data())
def test_a_header_with_one_value_exchanged_is_read_or_refused(header: Header, data: st.DataObject) -> None:
    raw = json.loads(headers.encode_body(header)[13:])
    target, key = data.draw(st.sampled_from([*_places(raw)]))
    target[key] = data.draw(json_values)
    text = json.dumps(raw).encode()
    body = struct.pack(">8sBI", headers.MAGIC, headers.VERSION, len(text)) + text
    try:
        found = headers.decode_body(body, LIMITS)
    except FormatError:
        return
    assert all(1_000 <= slot.kdf.iterations <= 9_999 and 16 <= len(slot.kdf.salt) <= 64 for slot in found.slots)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_manifest_or_refused(plain: bytes) -> None:
    try:
        found = manifests.decode(plain)
    except FormatError:
        return
    assert manifests.decode(manifests.encode(found)) == found


_numbers = st.integers(0, 2**62)
_logs = st.builds(manifests.LogEntry, _numbers, st.binary(min_size=32, max_size=32), st.text(max_size=8), *[_numbers] * 4)
_tables = st.builds(manifests.TableEntry, _numbers, st.integers(0, 2**128 - 1), *[_numbers] * 4)


@given(st.builds(manifests.Manifest, _numbers, st.binary(min_size=32, max_size=32), st.dictionaries(st.text(max_size=8), _logs | _tables)))
def test_a_manifest_is_canonical_json_and_comes_back_whole(manifest: manifests.Manifest) -> None:
    text = manifests.encode(manifest)
    assert manifests.decode(text) == manifest
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()


def _places(value: object) -> list[tuple[object, object]]:
    """Every container and key inside a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: list[tuple[object, object]] = []
    for key, inner in pairs:
        found += [(value, key), *_places(inner)]
    return found
