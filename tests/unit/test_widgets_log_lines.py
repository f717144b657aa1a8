"""The page is told what it lacks of a log, with colours that it can show."""

from __future__ import annotations

from typing import Any

import pytest
from taskq_widgets.panels.log_lines import PanelLog, line_for_page

from taskq_kernel.client import operations
from taskq_kernel.terminal.log import folded


class Printing:
    """A task that prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.status, self.attempt = "RUNNING", 1
        self.chunks: list[dict[str, Any]] = []
        monkeypatch.setattr(operations, "logs", self._logs)

    def prints(self, text: str, stream: str = "stdout") -> None:
        self.chunks.append({"seq": len(self.chunks) + 1, "attempt": self.attempt, "stream": stream, "text": text})

    def _logs(self, _transport: Any, _task_id: str, after: int | None) -> Any:
        fresh = [chunk for chunk in self.chunks if after is None or chunk["seq"] > after]
        return {"status": self.status, "attempt": self.attempt}, fresh


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Printing:
    return Printing(monkeypatch)


def read(log: PanelLog) -> list[Any] | None:
    """The lines that a page is told, from the first that changed on; None for another attempt."""
    first = log.read(None, "id")  # type: ignore[arg-type]
    return None if first is None else [first, *log.message(first)["lines"]]


def test_only_lines_that_changed_are_told(task: Printing) -> None:
    log = PanelLog()
    task.prints("one\n10 %")
    assert read(log) == [0, ["", ["one", "stdout"]], ["", ["10 %", "stdout"]]]
    assert read(log) == [2]
    task.prints("\r20 %")
    assert read(log) == [1, ["", ["20 %", "stdout"]]]
    task.prints("\x1b[")
    assert read(log) == [2]
    task.status = "FINISHED"
    assert read(log) == [1, ["", [r"20 %\x1b[", "stdout"]]]
    assert log.message(0)["complete"]


def test_another_attempt_is_told_apart(task: Printing) -> None:
    log = PanelLog()
    task.prints("one")
    read(log)
    task.attempt = 2
    assert read(log) is None


@pytest.mark.parametrize(
    ("printed", "runs"),
    [
        ("\x1b[1;31mred", [["red", " bold colour-1"]]), ("\x1b[95mpink", [["pink", " colour-13"]]),
        ("\x1b[38;5;208mo\x1b[38;2;1;2;3mp", [["o", " coloured", "#ff8700"], ["p", " coloured", "#010203"]]),
        ("\x1b[38;5;244mgrey", [["grey", " coloured", "#808080"]]),
        ("\x1b[4;9;2mx", [["x", " faint underline strike"]]),
        ("\x1b[43mx", [["x", "", "#000000", "#cdcd00"]]), ("\x1b[30;107mx", [["x", "", "#000000", "#ffffff"]]),
        ("\x1b[7mx", [["x", " inverse"]]), ("\x1b[7;31mx", [["x", "", "#ffffff", "#cd0000"]]),
    ],
)  # fmt: skip
def test_colours_have_classes_where_the_theme_chooses_their_shade(printed: str, runs: list[list[str]]) -> None:
    assert line_for_page(folded(printed)[0]) == ["", *runs]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[ Info: a", "info"), ("┌ Warning: a", "warn"), ("[ Error: a", "error"), ("[ Debug: a", "debug"), ("a", ""),
        ("[ LogLevel(500): a", "info"), ("[ LogLevel(5000): a", "error"), ("[ LogLevel(-5000): a", "debug"),
    ],
)  # fmt: skip
def test_every_line_of_a_record_is_one_of_four_levels(line: str, level: str) -> None:
    assert line_for_page(folded(line)[0])[0] == level
