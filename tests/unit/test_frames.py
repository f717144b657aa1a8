"""Frames are cut and read right, and the page, Python and Julia agree about them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskq_worker.julia.sources import JULIA_SOURCES
from taskq_worker.slots import frames
from taskq_worker.slots.frames import HEADER, MAGIC, FrameReader, ProtocolError, decode, run_frame

PAGE = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
WIRE = (JULIA_SOURCES / "wire.jl").read_text()
TYPES = ("RUN", "HELLO", "PROGRESS", "EVALUATED", "END", "BYE", "SERIES", "DISPLAY")


def frame(kind: int, payload: bytes) -> bytes:
    return HEADER.pack(MAGIC, kind, 0, len(payload)) + payload


def fields_on_page(name: str) -> list[str]:
    section = PAGE.split(f"\n`{name}`\n", 1)[1].split("\n`", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


# -- the page, Python and Julia ----------------------------------------------------------


def test_the_page_lists_the_types_that_python_and_julia_use() -> None:
    page = {name: int(number, 16) for number, name in re.findall(r"^\| `(0x\w\w)` \| `(\w+)` \|", PAGE, re.MULTILINE)}
    julia = {
        name: int(number, 16) for name, number in re.findall(r"^const FRAME_(\w+) = (0x\w\w)$", WIRE, re.MULTILINE)
    }
    python = {name: getattr(frames, name) for name in TYPES}

    assert page == python == julia


def test_the_page_python_and_julia_have_one_version_and_one_header() -> None:
    assert int(re.findall(r"version is \*\*(\d+)\*\*", PAGE)[0]) == frames.PROTOCOL_VERSION
    assert int(re.findall(r"^const PROTOCOL_VERSION = (\d+)", WIRE, re.MULTILINE)[0]) == frames.PROTOCOL_VERSION
    assert re.findall(r"^\| 0–1 \| `(\w+)` \|", PAGE, re.MULTILINE) == [MAGIC.decode()]
    assert re.findall(r'^const MAGIC = "(\w+)"', WIRE, re.MULTILINE) == [MAGIC.decode()]
    assert int(re.findall(r"^const HEADER_BYTES = (\d+)", WIRE, re.MULTILINE)[0]) == HEADER.size == 8


@pytest.mark.parametrize("name", ["HELLO", "PROGRESS", "SERIES", "DISPLAY", "EVALUATED", "END"])
def test_the_page_lists_the_fields_that_python_reads(name: str) -> None:
    struct = getattr(frames, name.capitalize())

    assert fields_on_page(name) == [field.name for field in msgspec.structs.fields(struct)]


def test_the_page_lists_the_fields_that_python_writes() -> None:
    sent = run_frame(
        1, "CALL", "f(; n) = n", "abc", "f", 7, {"n": 1}, 100, files={"abc": ".taskq-given-0"}, cell="In[1]",
        max_display_bytes=9,
    )

    assert fields_on_page("RUN") == list(json.loads(sent[HEADER.size :]))


@pytest.mark.parametrize("name", ["HELLO", "PROGRESS", "SERIES", "DISPLAY", "EVALUATED", "END"])
def test_julia_writes_the_fields_on_the_page(name: str) -> None:
    files = ("serve.jl", "prelude.jl", "series.jl", "timing.jl", "displays.jl")
    source = "".join((JULIA_SOURCES / file).read_text() for file in files)
    written = set(re.findall(r'\\"(\w+)\\":', source)) | set(re.findall(r'put_field\(io, "(\w+)"', source))

    assert set(fields_on_page(name)) <= written


# -- cutting -----------------------------------------------------------------------------


def test_frames_come_out_whole_however_the_bytes_are_cut() -> None:
    stream = frame(0x12, b'{"a":1}') + frame(0x15, b"") + frame(0x14, b"x" * 300)
    for step in (1, 7, 8, 9, len(stream)):
        reader = FrameReader(1000)
        out = [item for i in range(0, len(stream), step) for item in reader.feed(stream[i : i + step])]

        assert out == [(0x12, b'{"a":1}'), (0x15, b""), (0x14, b"x" * 300)]
        assert not reader.pending


def test_a_frame_in_part_is_pending() -> None:
    reader = FrameReader(1000)

    assert list(reader.feed(frame(0x14, b"abc")[:-1])) == []
    assert reader.pending


@pytest.mark.parametrize(
    "garbage",
    [b"hello, world", b"T", b"TQ\x14\x01\0\0\0\0", b"\0" * 8, b"QT\x14\0\x01\0\0\0x", b"TX"],
    ids=["text", "half a mark", "no zero", "zeros", "wrong mark", "wrong half"],
)
def test_garbage_is_refused_as_soon_as_it_cannot_be_a_frame(garbage: bytes) -> None:
    reader = FrameReader(1000)
    if garbage == b"T":  # may still become a frame
        assert list(reader.feed(garbage)) == []
        garbage = b"ask"

    with pytest.raises(ProtocolError, match="no frame"):
        list(reader.feed(garbage))


def test_a_frame_longer_than_the_limit_is_refused_before_it_is_here() -> None:
    reader = FrameReader(1000)

    with pytest.raises(ProtocolError, match="a frame of 1001 bytes, and 1000 is the limit"):
        list(reader.feed(HEADER.pack(MAGIC, 0x14, 0, 1001)))


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_raise_anything_but_a_protocol_error(chunks: list[bytes]) -> None:
    reader = FrameReader(50)
    for chunk in chunks:
        try:
            for kind, payload in reader.feed(chunk):
                decode(kind, payload)
        except ProtocolError:
            return


# Frames as Julia may send them, and where a stream of them is cut.
FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), min_size=1, max_size=5)


def read(chunks: list[bytes], limit_bytes: int = 50) -> tuple[list[tuple[int, bytes]], str | None]:
    """The frames in a stream, and why it went no further."""
    reader, out = FrameReader(limit_bytes), []
    try:
        for chunk in chunks:
            for item in reader.feed(chunk):
                out.append(item)  # noqa: PERF402  (what came before the error counts)
    except ProtocolError as error:
        return out, str(error)
    return out, None


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


@given(FRAMES, st.lists(st.integers(0, 400), max_size=6))
def test_any_frames_come_out_as_they_went_wherever_the_stream_is_cut(
    sent: list[tuple[int, bytes]], places: list[int]
) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in sent)
    assert read(cut(stream, places)) == (sent, None)


@given(FRAMES, st.integers(1, 400))
def test_of_a_truncated_stream_only_whole_frames_come_out_and_the_rest_is_pending(
    sent: list[tuple[int, bytes]], missing: int
) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in sent)
    kept = stream[: -min(missing, len(stream))]
    reader = FrameReader(50)
    out = list(reader.feed(kept))
    assert out == sent[: len(out)]
    assert reader.pending == (len(kept) > sum(HEADER.size + len(payload) for _, payload in out))


@given(FRAMES, st.binary(min_size=1, max_size=30).filter(lambda data: data[:1] != MAGIC[:1]), st.integers(0, 5))
def test_a_print_between_frames_is_refused_where_it_stands(
    sent: list[tuple[int, bytes]], printed: bytes, place: int
) -> None:
    before = sent[: min(place, len(sent))]
    parts = [frame(kind, payload) for kind, payload in before] + [printed]
    out, refusal = read(parts + [frame(kind, payload) for kind, payload in sent[len(before) :]] + [bytes(8)])
    assert out == before
    assert refusal is not None
    assert "bytes that are no frame" in refusal


@given(FRAMES, st.integers(51, 2**32 - 1))
def test_an_oversized_frame_is_refused_before_it_is_here_and_what_came_before_counts(
    sent: list[tuple[int, bytes]], size: int
) -> None:
    stream = b"".join(frame(kind, payload) for kind, payload in sent) + HEADER.pack(MAGIC, 0x14, 0, size)
    out, refusal = read([stream])
    assert (out, refusal) == (sent, f"a frame of {size} bytes, and 50 is the limit")


# -- reading and writing -----------------------------------------------------------------


@given(st.sampled_from([0x11, 0x12, 0x13, 0x14, 0x17]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["job", "value", "error"]), inner),
    max_leaves=10,
))  # fmt: skip
def test_json_of_the_wrong_shape_is_a_protocol_error_at_most(kind: int, value: object) -> None:
    with suppress(ProtocolError):
        decode(kind, json.dumps(value).encode())


def test_an_end_keeps_the_values_json_as_julia_wrote_it() -> None:
    end = decode(
        frames.END,
        b'{"job":7,"seconds":0.5,"took_s":0.6,"children":false,"tainted":"","left":"","value":{"kind":"JSON","type":"BigInt",'
        b'"text":"1","note":"","data":123456789012345678901234567890}}',
    )

    assert isinstance(end, frames.End)
    assert end.value is not None
    assert bytes(end.value.data) == b"123456789012345678901234567890"
    assert end.error is None


def test_a_frame_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(ProtocolError, match="unknown type 0x77"):
        decode(0x77, b"{}")


@pytest.mark.parametrize("text", ["é😀", "\ud800", "\0", "\x7f\x1b[31m", '"\\\n'], ids=ascii)
def test_every_string_that_python_holds_can_be_sent(text: str) -> None:
    sent = run_frame(1, "SCRIPT", text, "", None, 0, {text: [text, 10**30, float("nan")]}, 100)

    kind, payload = next(FrameReader(1000).feed(sent))
    assert kind == frames.RUN
    assert json.loads(payload)["code"] == text
