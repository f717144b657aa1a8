"""``taskq logs`` and ``taskq show`` write what a terminal would show, with its colours where there is one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from printed_samples import PROGRESS_METER, RECORDS
from test_cli import TASK, data, http_stub
from test_cli import taskq as taskq  # a fixture
from test_terminal_screen import lines as on_screen

from taskq_kernel.cli import log_output, look, output

METER = """\
Sweep 100%|████████████████████| Time: 0:00:06
        i: 4
   energy: -2.0
Solve  Time: 0:00:01 (3 iterations)
done
"""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that shows colours."""
    monkeypatch.setattr(output, "for_people", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def logs(taskq: Any, *arguments: str, text: str = PROGRESS_METER) -> str:
    chunk = {"seq": 1, "attempt": 1, "stream": "stderr", "text": text}
    with http_stub(data(task=TASK | {"logs": [chunk]})) as stub:
        code, out, err = taskq("logs", "7", *arguments, url=stub.url)
    assert (code, err) == (0, ""), err
    return str(out)


def test_a_file_gets_the_lines_that_a_progress_meter_has_left(taskq: Any) -> None:
    assert logs(taskq) == METER


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_them_with_their_colours(taskq: Any) -> None:
    out = logs(taskq)
    assert out.startswith("\x1b[0;32mSweep 100%")
    assert re.sub(r"\x1b\[[0-9;]*m", "", out) == METER


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_nobody_gets_colours_who_wants_none(
    taskq: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert logs(taskq) == METER


def test_every_character_that_was_printed_can_be_had(taskq: Any) -> None:
    assert logs(taskq, "--raw", text="10 %\r\x1b[K20 %\n") == "10 %\r\x1b[K20 %\n"


def test_records_are_chosen_by_their_level(taskq: Any) -> None:
    out = logs(taskq, "--level", "error", text=f"plain\n{RECORDS}")
    assert out == "┌ Error: bad\n│   exception = no\n└ @ Main model.jl:5\n"


@pytest.mark.parametrize("other", ["--raw", "--json"])
def test_pieces_have_no_level(taskq: Any, other: str) -> None:
    code, _, err = taskq("logs", "7", "--level", "warn", other)
    assert code == 2
    assert "leave out --raw and --json" in err


def following(monkeypatch: pytest.MonkeyPatch, taskq: Any, pieces: list[str], *arguments: str) -> str:
    """Follow a log whose pieces come one by one."""
    answers = iter(enumerate(pieces, 1))

    def read(*_: Any) -> Any:
        seq, text = next(answers)
        status = "FINISHED" if seq == len(pieces) else "RUNNING"
        return {"status": status, "attempt": 1}, [{"seq": seq, "attempt": 1, "stream": "stdout", "text": text}]

    monkeypatch.setattr(look, "read_logs", read)
    monkeypatch.setattr(look, "_FOLLOW_S", 0)
    with http_stub(data()) as stub:
        code, out, err = taskq("logs", "-f", "7", *arguments, url=stub.url)
    assert (code, err) == (0, ""), err
    return str(out)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("size", [1, 7, 40, 200])
def test_a_terminal_that_follows_shows_in_the_end_what_the_log_says(
    monkeypatch: pytest.MonkeyPatch, taskq: Any, size: int
) -> None:
    text = f"first\n{PROGRESS_METER}[ Info: a wide line {'x' * 200}\x1b[3D!\nlast"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    sent = following(monkeypatch, taskq, pieces)
    # The terminal's own lines are as wide as it is.
    width = log_output.shutil.get_terminal_size().columns
    wrapped = "\n".join(line[at : at + width] for line in on_screen(text) for at in range(0, max(1, len(line)), width))
    assert "\n".join(Terminal(width).shows(sent)) == wrapped


class Terminal:
    """A terminal of a width, of which what `taskq logs` sends is understood, and nothing else."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0

    def shows(self, sent: str) -> list[str]:
        for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\s\S]", sent):
            self._take(token)
        return ["".join(row) for row in self._rows]

    def _take(self, token: str) -> None:
        if token == "\n":
            self._row, self._column = self._row + 1, 0
        elif token == "\r":
            self._column = 0
        elif token.endswith("A") and len(token) > 1:
            self._row -= int(token[2:-1])
            assert self._row >= 0
        elif token == "\x1b[J":
            del self._rows[self._row + 1 :]
            del self._rows[self._row][self._column :]
        elif len(token) == 1:
            self._write(token)
        else:
            assert token.endswith("m"), token
        self._rows += [[] for _ in range(self._row + 1 - len(self._rows))]

    def _write(self, char: str) -> None:
        assert char.isprintable(), char
        if self._column == self._width:
            self._row, self._column = self._row + 1, 0
            self._rows += [[] for _ in range(self._row + 1 - len(self._rows))]
        row = self._rows[self._row]
        row[self._column : self._column + 1] = [char]
        self._column += 1


def test_a_file_that_follows_gets_every_line_when_it_is_complete(
    monkeypatch: pytest.MonkeyPatch, taskq: Any
) -> None:
    assert following(monkeypatch, taskq, ["10 %", "\r20 %", "\r100 %\na", "\nlast"]) == "100 %\na\nlast"


@pytest.mark.usefixtures("terminal")
def test_records_that_come_later_are_shown_below_those_before(monkeypatch: pytest.MonkeyPatch, taskq: Any) -> None:
    pieces = ["plain\n┌ Warn", "ing: a\n└ @ Main x:1\nplain\n", "plain\n", "[ Info: b\n┌ Error: c\n└ @ Main x:2\n"]
    out = following(monkeypatch, taskq, pieces, "--level", "warn")
    assert out == "┌ Warning: a\n└ @ Main x:1\n┌ Error: c\n└ @ Main x:2\n"


FAILED = TASK | {
    "status": "FAILED", "waitsFor": None, "progress": None, "progressMessage": None, "seconds": 1.0, "worker": "w",
    "attempt": 1, "maxAttempts": 1, "lost": 0, "queue": "default", "priority": 1, "timeoutSeconds": None,
    "memoryLimit": None, "owner": "ann", "batch": None, "repeats": None, "cachedFrom": None, "environment": None,
    "arguments": {}, "history": [],
    "createdAt": "2026-01-02T03:04:05Z", "code": "print(\"\\e[31mred\")", "valueKind": None,
    "error": {"name": "E", "message": "\x1b[31mred\x1b[0m\rR\x1b[2J", "stacktrace": "at \x1b[1mf\x1b[0m", "line": 1},
}  # fmt: skip


def shown_task(taskq: Any) -> str:
    with http_stub(data(task=FAILED)) as stub:
        code, out, err = taskq("show", "7", url=stub.url)
    assert (code, err) == (0, ""), err
    return str(out)


def test_the_text_of_an_error_is_shown_as_a_terminal_would(taskq: Any) -> None:
    out = shown_task(taskq)
    assert "  Red\n" in out
    assert "  at f\n" in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("terminal")
def test_a_terminal_gets_the_colours_of_an_error_and_nothing_else_of_it(taskq: Any) -> None:
    out = shown_task(taskq)
    assert "at \x1b[0;1mf\x1b[0m" in out
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;]*m", "", out)
