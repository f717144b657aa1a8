"""A slot's process is started with what its tasks ask for, and replaced where the next one asks for something else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sample_messages import TASK
from stacks import until
from taskq_worker.claims import claims as claims_module
from taskq_worker.claims.claim import Claim
from taskq_worker.claims.claims import Claims
from taskq_worker.julia.command import JuliaCommand, for_key
from taskq_worker.julia.juliacall_command import JuliacallCommand
from taskq_worker.julia.prepared_project import PreparedProject
from taskq_worker.julia.process_key import ProcessKey, variables_of
from taskq_worker.slots import slot as slot_module
from taskq_worker.slots.double import DoubleCommand
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.slot import Slot

from taskq_kernel.domain import TaskKind
from taskq_kernel.local.julia_project import Juliacall

LIMIT = 1 << 30


async def run(slot: Slot, code: str, **asked: Any) -> Any:
    job = Job(task_id="t", attempt=1, name="n", kind=TaskKind.SCRIPT, code=code, **asked)
    report: Report = await slot.run(job, lambda *_: None, lambda *_: None)
    assert report.value is not None, report.error
    return json.loads(bytes(report.value.data))


def play(folder: Path, scene: Callable[[Slot], Awaitable[None]], **options: Any) -> None:
    async def act() -> None:
        slot = Slot(
            DoubleCommand(**options), index=0, folder=folder, max_log_bytes=1 << 16, max_value_bytes=1 << 16,
            default_memory_limit_bytes=LIMIT,
        )  # fmt: skip
        await slot.start()
        try:
            await scene(slot)
        finally:
            await slot.close()

    asyncio.run(asyncio.wait_for(act(), 60))
    assert list(folder.iterdir()) == [], "the processes' folders are gone"


SEEN = '[ENV["JULIA_NUM_THREADS"], ENV["OMP_NUM_THREADS"], ENV["DOUBLE_HEAP_BYTES"], ENV.get("A")]'


def test_a_process_has_the_threads_variables_and_memory_that_its_task_asks_for(tmp_path: Path) -> None:
    async def scene(slot: Slot) -> None:
        first = slot.pid
        assert await run(slot, SEEN) == ["1", "1", str(LIMIT), None]
        assert slot.pid == first
        assert await run(slot, SEEN, threads=4, variables=(("A", "1"),)) == ["4", "4", str(LIMIT), "1"]
        second = slot.pid
        assert second != first
        assert await run(slot, "1", threads=4, variables=(("A", "1"),)) == 1
        assert slot.pid == second, "the next one asks for the same"
        assert await run(slot, SEEN, threads=4, variables=(("OMP_NUM_THREADS", "1"),)) == ["4", "1", str(LIMIT), None]
        assert await run(slot, SEEN, memory_limit_bytes=2 * LIMIT) == ["1", "1", str(2 * LIMIT), None]
        assert await run(slot, SEEN) == ["1", "1", str(LIMIT), None]
        assert slot.key == ProcessKey(heap_bytes=LIMIT)

    play(tmp_path, scene)


def test_a_successor_is_started_with_what_the_last_task_asked_for(tmp_path: Path) -> None:
    async def scene(slot: Slot) -> None:
        job = Job(task_id="t", attempt=1, name="n", kind=TaskKind.SCRIPT, code="exit(3)", threads=3)
        assert (await slot.run(job, lambda *_: None, lambda *_: None)).error is not None
        await slot.start()
        assert slot.key is not None
        assert slot.key.threads == 3

    play(tmp_path, scene)


def test_a_process_that_is_being_started_for_others_is_given_up(tmp_path: Path) -> None:
    async def scene(slot: Slot) -> None:
        job = Job(task_id="t", attempt=1, name="n", kind=TaskKind.SCRIPT, code="exit(3)")
        assert (await slot.run(job, lambda *_: None, lambda *_: None)).error is not None
        assert slot.pid is None, "its successor is on its way"
        assert await run(slot, SEEN, threads=2) == ["2", "2", str(LIMIT), None]

    play(tmp_path, scene, start_s=0.3)


def test_a_task_whose_variables_let_nothing_start_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_module, "_STARTS", 2)

    async def scene(slot: Slot) -> None:
        job = Job(task_id="t", attempt=1, name="n", kind=TaskKind.SCRIPT, code="1", variables=(("DOUBLE_FAILS", "1"),))
        report = await slot.run(job, lambda *_: None, lambda *_: None)
        assert report.error is not None
        assert "no good" in report.error.message
        await slot.start()
        assert slot.key == ProcessKey(heap_bytes=LIMIT)
        assert await run(slot, "6 * 7") == 42

    play(tmp_path, scene)


def claimed(**fields: Any) -> Claim:
    return Claim(msgspec.structs.replace(TASK, **fields), 1)


def test_a_slot_leaves_a_task_to_an_idle_one_that_is_ready_for_it() -> None:
    async def scene() -> None:
        claims = Claims()
        got: dict[str, list[str]] = {"one": [], "four": []}

        async def serve(name: str, threads: int) -> None:
            while True:
                claim = await claims.next_ready(lambda claim: 0 if claim.task.threads == threads else 2)
                got[name].append(claim.task.name)

        loops = [asyncio.ensure_future(serve("one", 1)), asyncio.ensure_future(serve("four", 4))]
        await asyncio.sleep(0)
        for number, threads in enumerate((4, 1, 1, 4)):
            claims.add(claimed(id=str(number), name=f"{number}", threads=threads))
        await until(lambda: sum(map(len, got.values())) == 4, "all are taken")
        for loop in loops:
            loop.cancel()
        assert got == {"one": ["1", "2"], "four": ["0", "3"]}

    asyncio.run(scene())


def test_a_slot_takes_what_it_is_not_ready_for_where_no_other_is_idle() -> None:
    async def scene() -> None:
        claims = Claims()
        for number, threads in enumerate((4, 1)):
            claims.add(claimed(id=str(number), name=f"{number}", threads=threads))
        order = [(await claims.next_ready(lambda claim: 2 * (claim.task.threads != 1))).task.name for _ in range(2)]
        assert order == ["1", "0"]

    asyncio.run(scene())


def test_an_idle_slot_leaves_a_task_for_a_while_to_a_busy_one_that_has_its_process_and_is_free_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims_module, "PASSED_OVER_S", -1.0)  # the first is late at once

    async def scene() -> None:
        claims = Claims()
        soon = True
        claims.leave_to_busy_slots(lambda claim: soon and claim.task.threads == 4)

        def next_one() -> asyncio.Future[Claim]:
            return asyncio.ensure_future(claims.next_ready(lambda claim: 2 * (claim.task.threads != 1)))

        for number, threads in enumerate((4, 1, 4)):
            claims.add(claimed(id=str(number), name=f"{number}", threads=threads))
        first = await next_one()
        assert (first.task.name, first.cold) == ("1", False), "what it is ready for, though another is late"
        waiting = next_one()
        await asyncio.sleep(0)
        assert not waiting.done(), "the others are left"
        soon = False
        second = await waiting
        assert (second.task.name, second.cold) == ("0", True), "the busy one is not free soon any more"
        soon = True
        assert (await next_one()).task.name == "2", "it was idle for long enough"

    asyncio.run(asyncio.wait_for(scene(), 30))


@pytest.mark.parametrize(("version", "hint"), [
    ("1.5.3", []), ("1.8.5", []), ("1.9.0", ["--heap-size-hint=512M"]), ("1.12.1", ["--heap-size-hint=512M"]),
])
def test_julia_is_told_of_its_memory_from_the_release_on_that_knows_the_option(
    tmp_path: Path, version: str, hint: list[str]
) -> None:
    command = _julia(tmp_path / "julia", version)
    assert command.takes_heap_size() is bool(hint)

    slot = Slot(
        command, index=0, folder=tmp_path, max_log_bytes=1, max_value_bytes=1, default_memory_limit_bytes=512 << 20,
    )  # fmt: skip
    asyncio.run(slot._warm.ask_runner())
    key = slot.key_for(2, variables_of({"B": "2", "A": "1"}, {"A": "3"}))
    started = command.started_with(key)
    assert [one for one in started.argv(3, 4, 5) if one.startswith("--heap")] == hint
    environment = started.environment()
    assert environment.pop("JULIA_NUM_THREADS") in ("2", "2,0")
    assert environment == {"A": "3", "B": "2"}


@pytest.mark.parametrize(("workers", "projects", "hint"), [
    ("1.5.3", "1.12.1", ["--heap-size-hint=512M"]), ("1.12.1", "1.8.5", []),
])
def test_a_project_with_another_julia_than_the_workers_is_told_of_its_memory_where_that_one_knows_the_option(
    tmp_path: Path, workers: str, projects: str, hint: list[str]
) -> None:
    own, other = (_julia(tmp_path / version, version) for version in (workers, projects))
    slot = Slot(
        own, index=0, folder=tmp_path, max_log_bytes=1, max_value_bytes=1, default_memory_limit_bytes=512 << 20,
    )  # fmt: skip
    asyncio.run(slot._warm.ask_runner())
    key = slot.key_for(project=PreparedProject("a" * 64, tmp_path, True, julia=other.program))
    assert [one for one in for_key(own, key).argv(3, 4, 5) if one.startswith("--heap")] == hint
    assert (slot.key_for().heap_bytes is None) == bool(hint), "what has no project has the worker's own"


def _julia(path: Path, version: str) -> JuliaCommand:
    path.write_text(f"#!/bin/sh\necho 'julia version {version}'\n")
    path.chmod(0o755)
    return JuliaCommand(str(path))


@pytest.mark.parametrize(("package", "knows"), [("0.9.24", False), ("0.9.25", True), ("0.10.0", True)])
def test_juliacall_is_told_of_threads_and_memory_by_variables(tmp_path: Path, package: str, knows: bool) -> None:
    juliacall = Juliacall(
        executable="/j/bin/julia", library="/j/lib/libjulia.so", bindir="/j/bin", julia="1.12.1", package=package,
    )  # fmt: skip
    command = JuliacallCommand(juliacall, tmp_path)
    assert command.takes_heap_size() is knows
    found = command.started_with(ProcessKey(4, (("A", "1"),), 3 << 30)).environment()
    assert (found["JULIA_NUM_THREADS"], found["A"]) == ("4,0", "1")
    assert found["PYTHON_JULIACALL_HEAP_SIZE_HINT"] == "3072M"
