"""Projects whose making is cut off on a worker, by a full disk or with the worker: nothing half-made is ever used."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest
from small_disk import more_room, small_disk
from stacks import RunningStack, eventually
from test_own_project import write
from test_worker_stop import worker

from taskq_kernel import TaskFailed
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def queue() -> str:
    return f"cut-off-{uuid4().hex[:8]}"


@pytest.fixture
def home(effects: Path) -> Path:
    """A worker's own data folder, which tasks that run as somebody else can reach."""
    folder = effects / "home"
    (folder / "projects").mkdir(parents=True)
    return folder


def entries(home: Path) -> list[str]:
    """What lies there of projects, locks and notes aside."""
    return sorted(path.name for path in (home / "projects/by-hash").iterdir() if path.is_dir())


def test_a_disk_that_is_full_while_files_are_laid_out_is_a_clear_error_and_with_room_the_task_ends_right(
    q: Client, stack: RunningStack, queue: str, home: Path, tmp_path: Path
) -> None:
    folder = write(tmp_path / "project", {"Project.toml": "", "small.txt": "1"})
    (folder / "data.bin").write_bytes(os.urandom(3 << 20))
    p = q.project(folder)

    def submit() -> Task:
        return q.submit('(filesize("data.bin"), read("small.txt", String))', queue=queue, project=p, max_attempts=1)

    with (
        small_disk(home / "projects", "size=2m"),
        worker(stack, queue, tmp_path / "log", TASKQ_HOME=str(home)) as process,
    ):
        with pytest.raises(TaskFailed, match=r"ProjectFailed: its files cannot be laid out: No space left on device"):
            submit().result(120)
        assert entries(home) == []
        more_room(home / "projects", "size=32m")
        # A failure is remembered for some seconds.
        ended = eventually(lambda: (task := submit()).wait(60).status == "FINISHED" and task, "it runs", 30)
        assert ended.result(1) == [3 << 20, "1"]
        assert len(entries(home)) == 1
        process.terminate()
        process.wait(20)


def test_a_project_whose_worker_is_killed_while_it_prepares_is_made_anew_and_the_task_ends_right(
    q: Client, stack: RunningStack, queue: str, home: Path, effects: Path, tmp_path: Path
) -> None:
    # Compiling the package takes until it is told to go on.
    waits = f"""
        touch("{effects}/began-$(getpid())")
        while !isfile("{effects}/go") sleep(0.05) end
    """
    folder = write(tmp_path / "project", {
        "Project.toml": 'name = "Slow"\nuuid = "44444444-2222-3333-4444-555555555555"\n',
        "src/Slow.jl": f"module Slow\n{waits}\nwhere() = 7\nend\n", "data.txt": "whole",
    })

    def compiling() -> int:
        return len(list(effects.glob("began-*")))

    with worker(stack, queue, tmp_path / "log", TASKQ_HOME=str(home)) as process:
        task = q.submit('using Slow; (Slow.where(), read("data.txt", String))', queue=queue, project=q.project(folder))
        eventually(compiling, "it prepares", 60)
        [half_made] = entries(home)
        process.kill()
    assert not (home / "projects/by-hash" / half_made / "ready.json").exists()
    with worker(stack, queue, tmp_path / "log2", TASKQ_HOME=str(home)):
        eventually(lambda: compiling() == 2, "the next worker prepares it anew", 60)
        (effects / "go").touch()
        assert task.result(120) == [7, "whole"]
        assert task.attempt == 2
    assert entries(home) == [half_made]
    assert (home / "projects/by-hash" / half_made / "ready.json").exists()
