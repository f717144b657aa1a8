"""A slot over the double of Julia: what ends an attempt, what replaces the process, and that no error gets out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from stacks import until
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.slots import attempt as attempt_module
from taskq_worker.slots.double import DoubleCommand
from taskq_worker.slots.folder import WorkFolder
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.memory import MemoryWatch
from taskq_worker.slots.output import TaskOutput
from taskq_worker.slots.process import JuliaProcess
from taskq_worker.slots.slot import Slot

from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.messages import ErrorInfo


class Bench:
    """A slot, and what its tasks say."""

    def __init__(self, folder: Path) -> None:
        self.slot = Slot(
            DoubleCommand(), index=0, folder=folder, max_log_bytes=1 << 16, max_value_bytes=1 << 16,
            default_memory_limit_bytes=None,
        )  # fmt: skip
        self.progress: list[tuple[float, str]] = []
        self.printed = ""

    def on_progress(self, fraction: float, message: str) -> None:
        self.progress.append((fraction, message))

    def on_log(self, _stream: str, text: str) -> None:
        self.printed += text

    async def run(self, code: str, **job: Any) -> Report:
        task = Job(task_id="t", attempt=1, name="n", kind=TaskKind.SCRIPT, code=code, **job)
        return await self.slot.run(task, lambda *what: self.on_progress(*what), lambda *what: self.on_log(*what))

    async def check(self) -> None:
        """It runs the next task as if nothing had been."""
        assert value_of(await self.run("6 * 7")) == 42


def value_of(report: Report) -> Any:
    assert report.value is not None, report.error
    return json.loads(bytes(report.value.data))


def error_of(report: Report) -> ErrorInfo:
    assert report.status is TaskStatus.FAILED
    assert report.error is not None
    return report.error


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Callable[[Bench], Awaitable[None]]], None]:
    def run(scene: Callable[[Bench], Awaitable[None]]) -> None:
        async def act() -> None:
            bench = Bench(tmp_path)
            await bench.slot.start()
            try:
                await scene(bench)
            finally:
                await bench.slot.close()

        asyncio.run(asyncio.wait_for(act(), 60))
        assert list(tmp_path.iterdir()) == [], "the processes' folders are gone"

    return run


Play = Callable[[Callable[[Bench], Awaitable[None]]], None]


def test_one_process_runs_one_task_after_another(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        pid = bench.slot.pid
        assert value_of(await bench.run("6 * 7")) == 42
        report = await bench.run("[1, 2]")
        assert (value_of(report), report.runner) == ([1, 2], "double")
        assert bench.slot.pid == pid

    play(scene)


def test_the_process_of_a_session_is_none_whose_successor_is_on_its_way(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        bench.slot._lifetime.tasks = 1
        await bench.check()
        await bench.slot.start_pristine(bench.slot.key_for())
        pid = bench.slot.pid
        starting = bench.slot._warm._starting
        assert starting is not None
        await until(starting.done, "no other process is being started")
        assert value_of(await bench.run("(x := 41)", cell="In[1]", process=pid)) == 41
        assert bench.slot.pid == pid

    play(scene)


def test_progress_and_output_are_handed_on(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.run('[progress(0.5, "half"), print("so far"), progress(1.0, "all")]')
        assert bench.progress == [(0.5, "half"), (1.0, "all")]
        assert bench.printed == "so far\n"

    play(scene)


def test_an_error_of_the_task_fails_the_attempt_and_keeps_the_process(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        pid = bench.slot.pid
        error = error_of(await bench.run('error("no")'))
        assert (error.name, error.message) == ("ErrorException", "no")
        assert bench.slot.pid == pid

    play(scene)


def test_a_task_that_ends_its_process_fails_and_the_next_has_another(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        pid = bench.slot.pid
        assert error_of(await bench.run("exit(3)")).name == "ProcessExited"
        await bench.check()
        assert bench.slot.pid not in (pid, None)

    play(scene)


def test_a_time_limit_and_a_word_from_outside_end_a_task(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        assert error_of(await bench.run("sleep(60)", timeout_s=0.1)).name == "TimeoutExceeded"
        running = asyncio.create_task(bench.run('[progress(0.0, "on"), sleep(60)]'))
        await until(lambda: bool(bench.progress), "it runs")
        await bench.slot.stop_task(ErrorInfo(name="Stopped", message="enough"))
        assert error_of(await running).name == "Stopped"
        await bench.check()

    play(scene)


def test_a_process_that_is_killed_from_outside_is_lost_and_one_that_taskq_ends_has_failed(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        running = asyncio.create_task(bench.run('[progress(0.5, "on"), sleep(60)]'))
        await until(lambda: bool(bench.progress), "it runs")
        assert bench.slot.pid is not None
        os.kill(bench.slot.pid, signal.SIGKILL)
        report = await running
        assert report.lost
        assert "killed (signal 9)" in error_of(report).message
        await bench.check()
        for told in (
            await bench.run("sleep(60)", timeout_s=0.1),
            await bench.run("[bytearray(1 << 30), sleep(60)]", memory_limit_bytes=200 << 20),
            await bench.run("exit(9)"),
        ):
            assert not told.lost
            error_of(told)
        await bench.check()

    play(scene)


def test_how_much_memory_a_process_has_is_known_while_tasks_run_in_it(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        process = bench.slot._warm.alive
        assert process is not None
        before = process.used_bytes
        running = asyncio.create_task(bench.run('[b"x" * (64 << 20), sleep(60)]'))
        await until(lambda: process.used_bytes > before + (60 << 20), "what the task has is seen")
        await bench.slot.stop_task(ErrorInfo(name="Stopped", message="enough"))
        assert error_of(await running).name == "Stopped"

    play(scene)


def test_a_process_that_dies_between_two_tasks_is_replaced(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        pid = bench.slot.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: bench.slot.pid not in (pid, None), "there is another")
        await bench.check()

    play(scene)


def test_code_that_cannot_be_run_is_refused_without_a_process(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        assert error_of(await bench.run("  ")).name == "InvalidSource"
        assert error_of(await bench.run("1", refused="its kind is POEM")).name == "UnreadableTask"

    play(scene)


def failing(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a mistake")


#: Where something may go wrong while a task runs, and on whose account.
AROUND = [
    (attempt_module.Attempt, "run"),
    (TaskOutput, "feed"),
    (TaskOutput, "finish"),
    (MemoryWatch, "start"),
    (MemoryWatch, "stop"),
    (JuliaProcess, "tree_resident_bytes"),
    (JuliaProcess, "send"),
    (JuliaProcess, "has_unread_request"),
]


@pytest.mark.parametrize(("owner", "name"), AROUND, ids=lambda one: one if isinstance(one, str) else one.__name__)
def test_whatever_goes_wrong_around_a_task_fails_its_attempt_with_the_reason_and_replaces_the_process(
    play: Play, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    async def scene(bench: Bench) -> None:
        pid = bench.slot.pid
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing)
            # It prints, is looked at, and ends by itself: all that can fail is called.
            report = await bench.run('[print("x"), sleep(0.5), exit(1)]')
        assert (error_of(report).name, report.retryable) == ("WorkerError", True)
        assert "a mistake" in error_of(report).message
        await bench.check()
        assert bench.slot.pid not in (pid, None)

    play(scene)


@pytest.mark.parametrize("listener", ["on_progress", "on_log"])
def test_a_listener_that_fails_fails_the_attempt(play: Play, monkeypatch: pytest.MonkeyPatch, listener: str) -> None:
    async def scene(bench: Bench) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(bench, listener, failing)
            report = await bench.run('[progress(0.5, "half"), print("x"), sleep(0.2)]')
        assert error_of(report).name == "WorkerError"
        await bench.check()

    play(scene)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ZeroDivisionError("a mistake")])
def test_what_goes_wrong_after_a_task_replaces_the_process_and_takes_nothing_from_its_value(
    play: Play, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def renew(_folder: WorkFolder) -> None:
        raise error

    async def scene(bench: Bench) -> None:
        pid = bench.slot.pid
        with monkeypatch.context() as patch:
            patch.setattr(WorkFolder, "renew", renew)
            assert value_of(await bench.run("6 * 7")) == 42
        await bench.check()
        assert bench.slot.pid not in (pid, None)

    play(scene)


def test_a_process_that_cannot_be_started_again_fails_the_attempt_with_the_reason(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(bench: Bench) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Sandbox, "make_depot", failing)
            await bench.run("exit(1)")
            assert error_of(await bench.run("1")).name == "WorkerError"
        await bench.check()

    play(scene)
