"""Slots for tests: real Julia processes, driven from ordinary test functions.

Import `bench` and `slots` into a test module to use them as fixtures. Both are shared by
the tests of a module: starting Julia takes seconds.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from stacks import missing
from taskq_worker.julia.command import JuliaCommand, RunnerCommand
from taskq_worker.julia.compiled import RUNNERS, compile_ahead
from taskq_worker.julia.juliacall_command import find_juliacall
from taskq_worker.sandbox.sandbox import OWN_USER
from taskq_worker.sandbox.sandboxes import make_sandboxes
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.slot import Slot

from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.errors import SetupError
from taskq_kernel.local.julia import find_julia
from taskq_kernel.messages import ErrorInfo, ValueInfo
from taskq_kernel.settings import Settings, default_home, load_settings, user_home

T = TypeVar("T")

#: Every kind of Julia process: the contract is one.
RUNNER_KINDS = ("julia", "juliacall")

#: Generous: a slot may wait for its Julia to start on a machine that does much else.
PATIENCE_S = 100.0

#: How long jobs that ruin their process may take to show a value: where a method of Base was
#: redefined, newer Julias compile what shows it anew, and that is seconds.
SHOW_PATIENCE_S = 20.0


@dataclass
class Ran:
    """A job that has been run, and all that came of it."""

    report: Report
    progress: list[tuple[float, str]] = field(default_factory=list)
    chunks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def info(self) -> ValueInfo:
        """The value; fails where there is none, with the reason."""
        assert self.report.status is TaskStatus.FINISHED, self.report.error
        assert self.report.value is not None
        return self.report.value

    @property
    def value(self) -> Any:
        """The value's JSON, decoded."""
        assert self.info.data is not None
        return json.loads(bytes(self.info.data))

    @property
    def error(self) -> ErrorInfo:
        """Why it failed."""
        assert self.report.status is TaskStatus.FAILED, self.report.value
        assert self.report.error is not None
        return self.report.error

    def output(self, *streams: str) -> str:
        """What was printed, on all streams or on these."""
        return "".join(text for stream, text in self.chunks if not streams or stream in streams)


class Bench:
    """Some slots on an event loop of their own, in a thread of its own."""

    def __init__(
        self, runner: RunnerCommand, count: int = 1, settings: Settings | None = None, **options: Any
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="taskq-slots-"))
        #: With settings, slots are confined as a worker's are; without, as `Slot` is by default.
        self.sandboxes = make_sandboxes(settings, runner, self.folder, count) if settings else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._number = itertools.count(1)
        options = {
            "max_log_bytes": 1 << 20,
            "max_value_bytes": 1 << 20,
            "default_memory_limit_bytes": 4 << 30,
            "show_timeout_s": 60.0,
        } | options
        confined = [self.sandboxes.slot(index) if self.sandboxes else OWN_USER for index in range(count)]
        self.slots = [
            Slot(runner, index=index, folder=self.folder, sandbox=one, **options)
            for index, one in enumerate(confined)
        ]
        self._turn = itertools.cycle(self.slots)
        self._to_check: set[Slot] = set()

    @property
    def slot(self) -> Slot:
        """The first slot."""
        return self.slots[0]

    def __enter__(self) -> Bench:
        """Start every slot, and close them at the end."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def start(self) -> None:
        """Start every slot."""
        self.wait(*(slot.start() for slot in self.slots))

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the slots' loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, *work: Coroutine[Any, Any, T]) -> list[T]:
        """Run coroutines on the slots' loop, all at once, and wait for them."""
        return [future.result(PATIENCE_S) for future in [self.submit(one) for one in work]]

    def begin(
        self, code: str, *, slot: Slot | None = None, ran: Ran | None = None,
        on_series: Callable[[dict[str, Any]], None] = lambda _: None, **job: Any,
    ) -> Future[Ran]:
        """Start to run a job in a slot."""
        ran = ran or Ran(report=None)  # type: ignore[arg-type]  # set before anyone may look
        one = Job(
            task_id=f"task-{next(self._number)}",
            attempt=1,
            name=job.pop("name", "a test"),
            kind=job.pop("kind", TaskKind.SCRIPT),
            code=code,
            **job,
        )

        async def run() -> Ran:
            ran.report = await (slot or self.slot).run(
                one,
                lambda fraction, message: ran.progress.append((fraction, message)),
                lambda stream, text: ran.chunks.append((stream, text)),
                lambda series: on_series(json.loads(bytes(series))),
            )
            return ran

        return self.submit(run())

    def run(self, code: str, **job: Any) -> Ran:
        """Run a job in the first slot."""
        return self.begin(code, **job).result(PATIENCE_S)

    def misbehave(self, code: str, *, replaced: bool = False, **job: Any) -> Ran:
        """Run a job that the next one in its slot must not suffer from, which is checked.

        Where it has to be, that is by another process, which is checked too.

        """
        slot = self.take_turn()
        pid = slot.pid
        ran = self.begin(code, slot=slot, **job).result(PATIENCE_S)
        assert slot.pid != pid or not replaced, "its process serves on"
        return ran

    def take_turn(self) -> Slot:
        """The next slot, whose Julia stands ready, for a job that may cost it that.

        The slots take turns, and each is checked before its next job, so that a slot can
        start another Julia while the others are used.
        """
        slot = next(self._turn)
        self.check(slot)
        self._to_check.add(slot)
        return slot

    def check(self, *slots: Slot) -> None:
        """Check that slots work that had a misbehaving job."""
        for slot in slots or tuple(self._to_check):
            if slot in self._to_check:
                assert self.begin("6 * 7", slot=slot).result(PATIENCE_S).value == 42
                self._to_check.discard(slot)

    def close(self) -> None:
        """Close the slots; nothing of them may stay."""
        try:
            self.wait(*(slot.close() for slot in self.slots))
            left = list(self.folder.iterdir())
        finally:
            if self.sandboxes is not None:
                self.sandboxes.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, "folders of Julia processes are left behind"


def julia() -> str:
    """The Julia to test with; a test that needs one is skipped without, and fails under CI."""
    try:
        return str(find_julia(load_settings()).path)
    except SetupError as error:
        missing(str(error))
        raise


def runner(kind: str) -> RunnerCommand:
    """The command that starts a process of this kind.

    juliacall needs a Julia that no distribution has; where it cannot start, under CI too,
    its tests are skipped with the reason.
    """
    if kind == "julia":
        return compile_ahead(JuliaCommand(julia()), user_home() / RUNNERS)
    try:
        return compile_ahead(find_juliacall(default_home()), user_home() / RUNNERS)
    except SetupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=RUNNER_KINDS)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """One warm slot."""
    with Bench(runner(request.param)) as made:
        yield made


@pytest.fixture(scope="module", params=RUNNER_KINDS)
def slots(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Three warm slots that take turns, for jobs that ruin their process."""
    with Bench(runner(request.param), count=3, show_timeout_s=SHOW_PATIENCE_S) as made:
        yield made
        made.check()
