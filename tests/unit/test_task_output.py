"""What a task prints is decoded, bounded and handed on in order."""

from __future__ import annotations

import pytest
from taskq_worker.slots.output import TaskOutput

from taskq_kernel import displays


class Taken:
    """Keeps what a `TaskOutput` hands on."""

    def __init__(self, limit_bytes: int = 1 << 20) -> None:
        self.chunks: list[tuple[str, str]] = []
        self.output = TaskOutput(limit_bytes, lambda stream, text: self.chunks.append((stream, text)))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.chunks)


def test_text_is_handed_on_at_once_with_its_stream() -> None:
    taken = Taken()

    taken.output.feed("stdout", b"one\n")
    taken.output.feed("stderr", b"two\n")

    assert taken.chunks == [("stdout", "one\n"), ("stderr", "two\n")]


def test_a_character_cut_in_two_comes_out_whole() -> None:
    taken = Taken()
    for byte in "é😀".encode():
        taken.output.feed("stdout", bytes([byte]))

    assert taken.text == "é😀"


def test_bytes_that_are_no_utf8_are_replaced_and_nul_too() -> None:
    taken = Taken()

    taken.output.feed("stdout", b"a\xffb\0c\xc3")
    taken.output.finish()

    assert taken.text == "a\ufffdb\ufffdc\ufffd"


@pytest.mark.parametrize("step", [1, 64, 10_000])
def test_beyond_the_limit_the_beginning_and_the_end_stay_and_a_line_says_what_is_missing(step: int) -> None:
    taken = Taken(limit_bytes=1600)
    flood = b"".join(b"%09d\n" % number for number in range(1000))
    for start in range(0, len(flood), step):
        taken.output.feed("stdout", flood[start : start + step])

    taken.output.finish()

    text = flood.decode()
    assert taken.text == text[:1300] + "\n[taskq: 8,500 bytes of output are left out here]\n" + text[-200:]


def test_what_just_fits_is_whole() -> None:
    taken = Taken(limit_bytes=1600)

    taken.output.feed("stdout", b"x" * 1600)
    taken.output.finish()

    assert taken.text == "x" * 1600


@pytest.mark.parametrize("piece", [b"line\n", b"\xff\xfe\n", b"\0\n", "é😀".encode(), "😀".encode()[:3]])
@pytest.mark.parametrize("limit_bytes", [1024, 1025, 1600])
def test_what_is_handed_on_is_never_longer_than_the_limit_however_it_is_written(piece: bytes, limit_bytes: int) -> None:
    taken = Taken(limit_bytes)
    for _ in range(2000):
        taken.output.feed("stdout", piece)
        taken.output.feed("stderr", piece)
    taken.output.feed("stdout", b"\nLAST WORDS\n")

    taken.output.finish()

    assert len(taken.text.encode()) <= limit_bytes
    assert "\nLAST WORDS\n" in taken.text[-20:]
    assert taken.text.count("are left out here]") == 1


def test_the_end_keeps_its_streams_apart() -> None:
    taken = Taken(limit_bytes=1600)
    taken.output.feed("stdout", b"x" * 5000)
    taken.output.feed("stderr", b"warning\n")
    taken.output.feed("stdout", b"done\n")

    taken.output.finish()

    assert taken.chunks[-2:] == [("stderr", "warning\n"), ("stdout", "done\n")]


def test_what_is_displayed_comes_whole_in_its_place_and_takes_room() -> None:
    taken = Taken(limit_bytes=1600)
    bundle = {"image/svg+xml": "<svg/>" * 100, "text/plain": "Dot(1)"}

    taken.output.feed("stdout", b"before\n")
    taken.output.display(bundle)
    taken.output.display(bundle)
    taken.output.feed("stdout", b"after\n")
    taken.output.display(bundle, "Some of it was left out.")
    taken.output.finish()

    assert [stream for stream, _text in taken.chunks][:4] == ["stdout", "display", "display", "stdout"]
    assert displays.bundle_of(taken.chunks[1][1]) == bundle
    assert "".join(text for _stream, text in taken.chunks[3:]) == (
        "after\nDot(1)\n(Some of it was left out.)\n[taskq: a display of 670 bytes is left out here: of what a task "
        "prints and displays, 1,600 bytes are kept]\n"
    )
    assert len(taken.text.encode()) <= 1600


def test_no_more_than_the_limit_is_held() -> None:
    taken = Taken(limit_bytes=1600)
    for number in range(1000):
        taken.output.feed(("stderr", "stdout")[number % 2], b"x" * 1000)

    assert sum(len(raw) for _stream, raw in taken.output._held) <= 300
