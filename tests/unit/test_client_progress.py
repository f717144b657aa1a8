"""What is shown while somebody waits: in a notebook, in a terminal, or nowhere."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest
from client_lab import FakeService

from taskq_kernel.client import progress
from taskq_kernel.client.progress import Notice, ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """A notebook: what its one output shows, one after the other."""
    display = pytest.importorskip("IPython.display", reason="IPython is part of the extra `lab`")
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, bundle: dict[str, str], raw: bool) -> None:
            shown.append(bundle)

    def show(bundle: dict[str, str], raw: bool, display_id: bool) -> Handle:
        shown.append(bundle)
        return Handle()

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(display, "display", show)
    return shown


def test_without_a_terminal_nothing_is_drawn(capfd: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(2)
    bar.advance("FINISHED")
    bar.close()
    assert capfd.readouterr() == ("", "")


def test_in_a_terminal_a_line_counts_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    service = FakeService()
    q = service.client()
    service.connect_feed()
    batch = q.submit_many(["1", "2"])
    service.finish(batch[0].id)
    service.fail(batch[1].id)
    with redirect_stderr(terminal):
        batch.wait(5)
    assert "2 of 2 done, 1 without a value" in terminal.getvalue()


def test_in_a_notebook_one_output_changes_in_place(notebook: list[dict[str, str]]) -> None:
    bar = ProgressBar(2)
    bar.advance("FINISHED")
    bar.advance("FAILED")
    bar.close()
    assert notebook[0]["text/plain"].startswith("0 of 2 done")
    assert notebook[-1]["text/plain"].startswith("2 of 2 done, 1 without a value")
    assert 'aria-valuenow="100"' in notebook[-1]["text/html"]


def test_the_time_left_is_that_of_the_pace_since_the_bar_is_there(
    notebook: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    bar = ProgressBar(100, before=90)
    bar.show(90, 0)
    now += 10
    bar.show(90, 0)
    assert notebook[-1]["text/plain"] == "90 of 100 done, 10.0 s"
    bar.show(92, 0)
    now += 10
    bar.show(94, 0)
    assert notebook[-1]["text/plain"] == "94 of 100 done, 20.0 s, 30 s left"


def test_tasks_that_are_done_already_are_no_pace(
    notebook: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = FakeService()
    q = service.client()
    service.connect_feed()
    batch = q.submit_many(["1", "2", "3"])
    service.finish(batch[0].id)
    batch[0].wait(5)
    made: list[tuple[int, int]] = []

    class Bar(ProgressBar):
        def __init__(self, total: int, before: int = 0) -> None:
            made.append((total, before))
            super().__init__(total, before)

    monkeypatch.setattr(progress, "ProgressBar", Bar)
    ended = batch.as_completed(5)
    assert next(ended) is batch[0]
    service.finish(batch[1].id)
    service.finish(batch[2].id)
    assert len(list(ended)) == 2
    assert made == [(3, 1)]


def test_a_bar_of_no_tasks_can_be_drawn(notebook: list[dict[str, str]]) -> None:
    ProgressBar(0).close()
    assert notebook[-1]["text/plain"].startswith("0 of 0 done")


def test_a_notice_is_gone_in_the_end() -> None:
    terminal = Terminal()
    with redirect_stderr(terminal), Notice() as notice:
        notice("starting RabbitMQ")
        notice("starting the service")
    assert "starting RabbitMQ ..." in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_a_notice_in_a_notebook_changes_in_place_and_is_emptied(notebook: list[dict[str, str]]) -> None:
    with Notice() as notice:
        notice("starting RabbitMQ")
    assert notebook == [{"text/plain": "starting RabbitMQ"}, {"text/plain": ""}]


def test_elsewhere_a_notice_is_plain_lines() -> None:
    plain = io.StringIO()
    with redirect_stderr(plain), Notice() as notice:
        notice("one")
        notice("two")
    assert plain.getvalue() == "one\ntwo\n"


def test_a_notice_that_said_nothing_shows_nothing(notebook: list[dict[str, str]]) -> None:
    with Notice():
        pass
    assert notebook == []
