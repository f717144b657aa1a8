"""Waiting for what is slow, but not for what is stuck."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from stacks import eventually

from taskq_kernel.errors import StackError
from taskq_kernel.local import ready
from taskq_kernel.local.info import StackInfo
from taskq_kernel.local.parts import Parts
from taskq_kernel.local.patience import Patience, spent_s


class Clock:
    """Tells the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_is_at_work_is_waited_for_however_slow_it_is() -> None:
    clock = Clock()
    patience = Patience(60, 600, clock)
    for minute in range(1, 10):
        clock.now = minute * 59.0
        assert not patience.is_out
        assert patience.look(minute * 1.5)
    assert patience.waited_s == 9 * 59


def test_what_is_at_rest_is_not_waited_for_any_longer_than_before() -> None:
    clock = Clock()
    patience = Patience(60, 600, clock)
    assert patience.look(5.0)
    clock.now = 59.0
    assert not patience.look(5.1)  # a waiting process takes a little, too
    clock.now = 61.0
    assert patience.is_out


def test_a_process_that_has_ended_and_another_that_begins_are_work() -> None:
    clock = Clock()
    patience = Patience(60, 600, clock)
    assert patience.look(40.0)
    clock.now = 50.0
    assert patience.look(0.1)
    clock.now = 100.0
    assert not patience.is_out


def test_what_works_for_ever_is_not_waited_for() -> None:
    clock = Clock()
    patience = Patience(60, 600, clock)
    clock.now = 601.0
    assert patience.look(600.0)
    assert patience.is_out


@pytest.fixture
def busy() -> Iterator[int]:
    """A process that only waits for another, which is at work."""
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"
    with subprocess.Popen([sys.executable, "-c", work], start_new_session=True) as process:
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_the_work_of_what_a_process_has_started_is_its_own(busy: int) -> None:
    eventually(lambda: spent_s(busy) >= 0.5, "its work is seen", 60)
    assert spent_s(None) == 0.0


def waiting(folder: Path, worker: int | None, answers: Iterator[bool], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Wait for a stack to be ready, with two seconds of patience; what is said meanwhile."""
    (folder / "token").write_text("x", encoding="utf-8")
    monkeypatch.setattr(ready, "START_TIMEOUT_S", 2.0)
    monkeypatch.setattr(ready, "_SAY_EVERY_S", 1.0)
    monkeypatch.setattr(ready, "_ready", lambda _: next(answers))
    parts = Parts(folder, grace_s=0)
    parts.daemons = {"worker": SimpleNamespace(state="running", pid=worker)}  # type: ignore[dict-item]
    said: list[str] = []
    info = StackInfo("http://127.0.0.1:9/graphql", str(folder / "token"), 9, 1)
    ready.wait_until_ready(parts, info, {}, said.append)
    return said


def test_a_stack_is_waited_for_while_its_julia_compiles_and_it_is_said(
    busy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: spent_s(busy) > 0, "it is at work", 60)
    began = time.monotonic()
    said = waiting(tmp_path, busy, iter(lambda: time.monotonic() > began + 2.5, None), monkeypatch)
    assert said
    assert all(re.fullmatch(r"Julia compiles what tasks need at the first start \(\d+ s so far\)", one) for one in said)


def test_a_stack_that_does_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StackError, match="took no tasks within 2 s"):
        waiting(tmp_path, None, itertools.repeat(False), monkeypatch)
