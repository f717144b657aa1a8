"""What is printed is shown as a terminal would show it, and nothing of it is obeyed later."""

from __future__ import annotations

import gc
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from printed_samples import PROGRESS_METER
from test_printable import obeyed

from taskq_kernel import task_log
from taskq_kernel.terminal.screen import REACH, Screen
from taskq_kernel.terminal.style import PLAIN, Style, restyled, sgr


def lines(*pieces: str) -> list[str]:
    screen = Screen()
    for piece in pieces:
        screen.feed(piece)
    screen.finish()
    return ["".join(run.text for run in line) for line in screen.lines]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("", [""]), ("a\nb\n", ["a", "b", ""]), ("a\r\nb", ["a", "b"]),
        ("10 %\r100 %", ["100 %"]), ("100 %\r10 %", ["10 %%"]), ("100 %\r\x1b[K10 %", ["10 %"]),
        ("abc\b\bX", ["aXc"]), ("abc\x1b[2DX", ["aXc"]), ("abc\x1b[1GX", ["Xbc"]), ("a\x1b[3CX", ["a   X"]),
        ("one\ntwo\x1b[A!", ["one!", "two"]), ("one\ntwo\x1b[F!", ["!ne", "two"]), ("one\ntwo\x1bM!", ["one!", "two"]),
        ("one\ntwo\x1b[A\r\x1b[2K1\n2", ["1", "2wo"]), ("one\ntwo\r\x1b[A\x1b[Jnew", ["new"]),
        ("abc\x1b[2D\x1b[1K", ["  c"]), ("a\n\x1b[1Jb", ["", "b"]),
        ("\x1b[sabc\x1b[uX", ["Xbc"]), ("\x1b7abc\x1b8X", ["Xbc"]), ("a\x1b[2Bb", ["a", "", " b"]),
        ("a\tb\n", ["a\tb", ""]), ("abcdefghij\r\tX", ["abcdefghXj"]), ("a\x0bb", ["a", "b"]),
    ],
)  # fmt: skip
def test_the_cursor_goes_where_it_is_sent(printed: str, shown: list[str]) -> None:
    assert lines(printed) == shown
    assert lines(*printed) == shown


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("a\x1b]0;title\x07b", "ab"), ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"), ("\x1bPq#0\x1b\\", ""),
        ("\x1b]52;c;c2VjcmV0\x07", ""), ("\x1b[?25lx\x1b[?25h", "x"),
        ("\x1b[6n\x1b[c\x1b(B\x1b=", ""), ("a\x07\x00", "a"), ("\x9b2J", r"\x9b2J"), ("\u202eabc", r"\u202eabc"),
        ("\x1b", r"\x1b"), ("\x1b[3", r"\x1b[3"), ("\x1b[3\n", r"\x1b[3"),
        ("\x1b]0;" + "x" * 5000, r"\x1b]0;" + "x" * 5000), ("\x01\x7f", r"\x01\x7f"),
    ],
)  # fmt: skip
def test_what_is_meant_for_the_terminal_itself_is_left_out_and_what_is_nothing_is_shown(
    printed: str, shown: str
) -> None:
    assert lines(printed)[0] == lines(*printed)[0] == shown


def test_a_progress_meter_is_one_line_with_its_values_below() -> None:
    assert lines(PROGRESS_METER) == [
        "Sweep 100%|████████████████████| Time: 0:00:06", "        i: 4", "   energy: -2.0",
        "Solve  Time: 0:00:01 (3 iterations)", "done", "",
    ]  # fmt: skip


def test_a_screen_that_is_erased_leaves_the_log_before_it_and_shows_the_last_of_what_was_drawn() -> None:
    frames = "".join(f"\x1b[2J\x1b[Hframe {frame}\nrow" for frame in range(5))
    assert lines("before\n" + frames) == ["before", "frame 4", "row"]


def test_the_cursor_reaches_the_last_lines_alone() -> None:
    text = "".join(f"{i}\n" for i in range(3 * REACH))
    shown = lines(f"{text}\x1b[999A\x1b[2KX")
    assert shown.index("X") == len(shown) - REACH
    assert shown[:-REACH] == [str(i) for i in range(2 * REACH + 1)]


def test_what_comes_after_output_was_left_out_writes_over_nothing_before_it() -> None:
    shown = lines(f"first\nhalf of a meter{task_log.left_out(1234)}\x1b[5A\r\x1b[Klast")
    assert shown == ["first", "half of a meter", "[taskq: 1,234 bytes of output are left out here]", "last"]


def test_streams_share_the_cursor_and_not_what_each_has_begun() -> None:
    screen = Screen()
    screen.feed("\x1b[3", "stdout")
    screen.feed("b", "stderr")
    screen.feed("1ma\n", "stdout")
    assert [(run.text, run.stream, run.style.foreground) for run in screen.lines[0]] == [
        ("b", "stderr", None), ("a", "stdout", 1),
    ]  # fmt: skip


def test_the_first_line_that_changed_is_told() -> None:
    screen = Screen()
    assert screen.feed("a\nb\nc") == 0
    assert screen.feed("d") == 2
    assert screen.feed("\x1b[2A!") == 0
    assert screen.feed("\x1b[?25l") == 3
    assert screen.feed("\x1b[2B\n") == 3


#: What terminals obey, and what stands around it.
PRINTED = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(["\r", "\n", "\b", "\t", "\x1b", "\x1b[", "\x1b]0;", "\x07", "[taskq: 1 bytes of output"]),
        st.builds("\x1b[{}{}".format, st.sampled_from(["", "1", "2", "3;4", "31", "999999999", "38;5;9", "?25"]),
                  st.sampled_from("ABCDEFGHJKMPmsudh")),
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(PRINTED, st.randoms(use_true_random=False))
def test_no_line_has_anything_that_is_obeyed_however_the_text_is_cut(text: str, chance: random.Random) -> None:
    at = sorted(chance.randrange(len(text) + 1) for _ in range(3))
    pieces = [text[start:stop] for start, stop in zip([0, *at], [*at, len(text)], strict=True)]
    shown = lines(text)
    assert lines(*pieces) == shown
    assert obeyed("".join(shown)) == ""
    assert "\n" not in "".join(shown)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"])).map(lambda text: text + "\n"))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert "\n".join(lines(text)) == text


@pytest.mark.parametrize(
    "printed",
    ["\x1b[31ma\x1b[32mb", "\x1b", "a\b", "x\x1b[A\n", "\r\x1b[Kstep", "\x1b[31ma\x1b[Gb\x1b[999C", "ä\n"],
)
def test_reading_takes_time_in_proportion_to_the_length_whatever_is_printed(
    printed: str, request: pytest.FixtureRequest
) -> None:
    # Its time is that of all objects that other tests have left.
    gc.disable()
    request.addfinalizer(gc.enable)

    def seconds(size: int) -> float:
        began = time.process_time()
        lines(printed * (size // len(printed)))
        return time.process_time() - began

    # 8 times the text would take 64 times the time, were it its square.
    assert seconds(160_000) < 30 * max(0.01, *(seconds(20_000) for _ in range(3)))


@pytest.mark.parametrize(
    ("parameters", "style"),
    [
        ("", PLAIN), ("0", PLAIN), ("1;3;4;9", Style(bold=True, italic=True, underline=True, strike=True)),
        ("31", Style(foreground=1)), ("97;40", Style(foreground=15, background=0)), ("1;22", PLAIN),
        ("7", Style(inverse=True)), ("2;90", Style(faint=True, foreground=8)), ("31;39", PLAIN),
        ("38;5;208", Style(foreground=208)), ("38:5:7", Style(foreground=7)), ("38;5", Style(foreground=0)),
        ("48;2;1;2;3", Style(background=(1, 2, 3))), ("38:2::1:2:3", Style(foreground=(1, 2, 3))),
        ("38;2;1;2", Style(foreground=(1, 2, 0))), ("38;5;999;1", Style(bold=True)), ("5;8;200", PLAIN),
        ("4:3", Style(underline=True)), ("4;4:0", PLAIN),
    ],
)  # fmt: skip
def test_colours_and_faces_are_read(parameters: str, style: Style) -> None:
    assert restyled(PLAIN, parameters) == style


COLOURS = st.none() | st.integers(0, 255) | st.tuples(*[st.integers(0, 255)] * 3)


@given(st.builds(Style, *[st.booleans()] * 6, COLOURS, COLOURS), st.builds(Style, foreground=COLOURS))
def test_a_style_is_written_so_that_it_is_read_again(style: Style, before: Style) -> None:
    assert restyled(before, sgr(style)[2:-1]) == style
