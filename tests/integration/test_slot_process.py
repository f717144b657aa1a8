"""The slot and its process: starting, renewing, closing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from julia_fixtures import RUNNER_KINDS, Bench, runner
from stacks import eventually
from taskq_worker.julia.command import JuliaCommand
from taskq_worker.julia.process_key import ProcessKey
from taskq_worker.slots import descendants
from taskq_worker.slots.job import Job
from taskq_worker.slots.slot import Slot

from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.errors import SetupError


def slot_with(command: object, folder: Path, **options: object) -> Slot:
    """A slot that is not started."""
    return Slot(
        command,  # type: ignore[arg-type]  # some tests give stand-ins
        index=0,
        folder=folder,
        max_log_bytes=1 << 20,
        max_value_bytes=1 << 20,
        default_memory_limit_bytes=None,
        **options,  # type: ignore[arg-type]
    )


class Program:
    """A stand-in for Julia: any program."""

    kind = "program"

    def __init__(self, *argv: str) -> None:
        self._argv = list(argv)

    def argv(self, requests_fd: int, frames_fd: int, _ahead_fd: int) -> list[str]:
        return [item.format(requests=requests_fd, frames=frames_fd) for item in self._argv]

    def environment(self) -> dict[str, str]:
        return {}

    def started_with(self, _key: ProcessKey) -> Program:
        return self

    def takes_heap_size(self) -> bool:
        return False


# -- starting ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Program("/nonexistent/julia"), "Julia cannot be started: .*No such file"),
        (Program("sh", "-c", "echo 'cannot open libjulia.so' >&2; exit 3"),
         r"did not start \(exit code 3\): cannot open libjulia"),
        (Program("sh", "-c", "kill -11 $$"), r"did not start \(signal 11\): it said nothing"),
        (Program("sh", "-c", "echo hello > /proc/self/fd/{frames}; sleep 60"), "was not ready after 0.5 s"),
        (Program("sleep", "60"), "was not ready after 0.5 s: it said nothing"),
        (JuliaCommand("/nonexistent/julia"), "cannot be started as '/nonexistent/julia'"),
    ],
)  # fmt: skip
def test_a_julia_that_does_not_start_is_a_setup_error_with_its_words(
    tmp_path: Path, command: object, reason: str
) -> None:
    slot = slot_with(command, tmp_path, start_timeout_s=0.5 if "0.5 s" in reason else 30.0)

    async def start() -> None:
        try:
            await slot.start()
        finally:
            await slot.close()

    with pytest.raises(SetupError, match=reason):
        asyncio.run(start())
    assert list(tmp_path.iterdir()) == []


def test_another_protocol_is_refused(tmp_path: Path) -> None:
    hello = (
        "import os, struct, time\n"
        'p = b\'{{"protocol": 99, "julia": "9", "pid": 1, "threads": 1}}\'\n'
        "os.write({frames}, struct.pack('<2sBBI', b'TQ', 0x11, 0, len(p)) + p); time.sleep(60)"
    )
    slot = slot_with(Program(sys.executable, "-c", hello), tmp_path)

    async def start() -> None:
        try:
            await slot.start()
        finally:
            await slot.close()

    with pytest.raises(SetupError, match="speaks protocol 99"):
        asyncio.run(start())


def test_a_task_is_given_up_when_julia_cannot_be_started_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskq_worker.slots.slot._STARTS", 2)  # it waits between them
    slot = slot_with(Program("false"), tmp_path)
    job = Job("id", 1, "name", TaskKind.SCRIPT, "1")

    async def run() -> object:
        try:
            return await slot.run(job, lambda *_: None, lambda *_: None)
        finally:
            await slot.close()

    report = asyncio.run(run())

    assert report.status is TaskStatus.FAILED  # type: ignore[attr-defined]
    assert "Julia could not be started again" in report.error.message  # type: ignore[attr-defined]


# -- renewing ----------------------------------------------------------------------------


@pytest.fixture(params=RUNNER_KINDS)
def short_lived(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A slot whose processes serve twenty tasks each."""
    with Bench(runner(request.param), tasks_per_process=20) as made:
        yield made


def test_a_process_is_renewed_after_so_many_tasks_without_a_pause(short_lived: Bench) -> None:
    first = short_lived.slot.pid
    longest, ran = 0.0, 0
    deadline = time.monotonic() + 60
    while short_lived.slot.pid == first and time.monotonic() < deadline:
        began = time.monotonic()
        assert short_lived.run("1").value == 1
        longest, ran = max(longest, time.monotonic() - began), ran + 1

    assert short_lived.slot.pid not in (None, first)
    assert ran > 20, "the old process served on while the new one warmed up"
    assert longest < 2.0
    eventually(lambda: not Path(f"/proc/{first}").exists(), "the end of the old process", timeout_s=5)
    assert short_lived.run("1").value == 1


# -- closing -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RUNNER_KINDS)
def test_closing_ends_what_runs_and_leaves_nothing(kind: str) -> None:
    made = Bench(runner(kind))
    made.start()
    future = made.begin("run(`sleep 987654`); 1")
    pid = made.slot.pid
    assert pid is not None
    child = eventually(lambda: descendants.children_of(pid), "the task's child", timeout_s=30)[0]

    made.close()

    assert future.result(5).error.name == "Stopped"
    assert not Path(f"/proc/{pid}").exists()
    assert not descendants.is_alive(child)


SUPERVISOR = """
    import asyncio, sys
    from pathlib import Path
    from taskq_kernel.domain import TaskKind
    from taskq_worker.slots.job import Job
    from taskq_worker.julia.command import JuliaCommand
    from taskq_worker.slots.slot import Slot

    async def main():
        command = JuliaCommand(sys.argv[1], sources=Path(sys.argv[3]))
        slot = Slot(command, index=0, folder=Path(sys.argv[2]), max_log_bytes=1 << 20, max_value_bytes=1 << 20,
                    default_memory_limit_bytes=None)
        await slot.start()
        job = Job("id", 1, "name", TaskKind.SCRIPT, "progress(0.5); while true end")
        await slot.run(job, lambda *_: print(slot.pid, flush=True), lambda *_: None)

    asyncio.run(main())
"""


def test_a_julia_whose_supervisor_died_while_it_started_ends(tmp_path: Path) -> None:
    """Its first frame finds nobody; nothing else would ever end it."""
    command = runner("julia")
    requests, frames = os.pipe(), os.pipe()
    julia = subprocess.Popen(
        ["sh", "-c", 'setsid "$@" >/dev/null 2>&1 & echo $!', "sh", *command.argv(requests[0], frames[1], requests[0])],
        stdout=subprocess.PIPE,
        pass_fds=(requests[0], frames[1]),
        cwd=tmp_path,
    )
    for fd in (*requests, *frames):
        os.close(fd)
    pid = int(julia.communicate()[0])

    eventually(lambda: not descendants.is_alive(pid), "Julia's end", timeout_s=90)


def test_julia_dies_with_its_supervisor(tmp_path: Path) -> None:
    command = runner("julia")
    assert isinstance(command, JuliaCommand)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUPERVISOR), command.executable, str(tmp_path), str(command.sources)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())

    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()

    eventually(lambda: not descendants.is_alive(pid), "Julia's end", timeout_s=5)
