"""Records of Julia's loggers are known in a log, and a log is text with colours or without."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from printed_samples import PROGRESS_METER, RECORDS

from taskq_kernel import task_log
from taskq_kernel.client.log_text import log_text
from taskq_kernel.errors import InvalidTask
from taskq_kernel.terminal.levels import Level, marks
from taskq_kernel.terminal.log import ShownLog, coloured, plain, shown


def chunks(*texts: str, stream: str = "stderr") -> list[dict[str, Any]]:
    return [{"seq": seq, "stream": stream, "text": text} for seq, text in enumerate(texts)]


def levels(*lines: str) -> list[int | None]:
    return [level for level, _ in marks(lines)]


def test_every_line_of_a_record_has_its_level_in_colours_too() -> None:
    lines = shown(chunks(RECORDS))
    assert [(line.text.split()[0], line.level) for line in lines if line.text] == [
        ("┌", 0), ("└", 0), ("[", 0), ("┌", 1000), ("│", 1000), ("└", 1000), ("┌", 2000), ("│", 2000), ("└", 2000),
        ("[", 500),
    ]  # fmt: skip
    assert lines[5].text == "└ @ Main model.jl:4"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["[ Info: a", "b"], [0, None]), (["[ LogLevel(-1): x"], [-1]), (["Info: a", " [ Info: a"], [None] * 2),
        (["┌ Warning: a", "plain", "└ @ Main x:1", "└ b"], [1000, None, 1000, None]),
        (["┌─────┬", "│ a   │", "└─────┘"], [None] * 3), (["┌ Error: a", "┌─────┐", "│ a │"], [2000, None, None]),
        (["┌ Error: a", "┌ Debug: b", "│ c"], [2000, -1000, -1000]),
        (["┌ Error: a", task_log.left_out(9).strip(), "│ b"], [2000, None, None]),
    ],
)  # fmt: skip
def test_what_is_no_record_has_no_level(lines: list[str], expected: list[int | None]) -> None:
    assert levels(*lines) == expected


def test_levels_are_the_same_however_the_log_comes() -> None:
    log = ShownLog()
    for char in RECORDS:
        log.feed(chunks(char))
    assert log.lines() == shown(chunks(RECORDS))


def test_what_is_erased_below_a_very_long_line_is_gone() -> None:
    log = ShownLog()
    log.feed(chunks(f"{'x' * 20_000}\nbelow"))
    assert log.feed(chunks("\x1b[A\x1b[J")) == 1
    assert [len(line.text) for line in log.lines()] == [20_000]


def test_records_from_a_level_on_are_chosen() -> None:
    text = f"plain\n{RECORDS}plain\n"
    assert [line.text[:10] for line in shown(chunks(text), Level.WARN)] == [
        "┌ Warning:", "│ second l", "└ @ Main m", "┌ Error: b", "│   except", "└ @ Main m",
    ]  # fmt: skip


def test_a_log_is_text_and_shows_itself_in_colours() -> None:
    text = log_text([*chunks("\x1b[1;31mred\x1b[0m and\x1b]0;title\x07"), *chunks(" more\n", stream="stdout")])
    assert text == "red and more\n"
    assert text.coloured == "\x1b[0;1;31mred\x1b[0m and more\n"
    assert text._repr_mimebundle_() == {"text/plain": text.coloured}
    assert copy.copy(text).coloured == text.coloured  # and so it is pickled
    assert log_text(chunks(PROGRESS_METER)).splitlines()[0] == "Sweep 100%|████████████████████| Time: 0:00:06"
    assert log_text(chunks("no line end")) == "no line end"


def test_a_log_from_a_level_on_is_the_lines_of_its_records() -> None:
    assert log_text(chunks("plain\n[ Info: a\n┌ Warning: b\n└ @ Main x:1\n"), "warn") == "┌ Warning: b\n└ @ Main x:1\n"
    assert log_text(chunks("[ Info: last"), "INFO") == "[ Info: last\n"
    assert log_text(chunks("plain\n"), "error") == ""
    with pytest.raises(InvalidTask, match="level is 'loud': use debug, info, warn, error"):
        log_text([], "loud")


def test_each_coloured_line_leaves_the_terminal_as_it_was() -> None:
    lines = shown(chunks("\x1b[32mgreen\nstill\x1b[0m\n"))
    assert coloured(lines).split("\n") == ["\x1b[0;32mgreen\x1b[0m", "\x1b[0;32mstill\x1b[0m", ""]
    assert plain(lines) == "green\nstill\n"
