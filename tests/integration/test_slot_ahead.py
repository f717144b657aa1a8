"""Tasks that are sent ahead, over Julia and over its double: each runs once or not at all, and has its own output."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from julia_fixtures import Bench, Ran, runner
from stacks import until
from taskq_worker.slots import ahead as module
from taskq_worker.slots.ahead import Listeners
from taskq_worker.slots.double import DoubleCommand
from taskq_worker.slots.job import Job, Report

from taskq_kernel.domain import TaskKind, TaskStatus
from taskq_kernel.messages import ErrorInfo


@pytest.fixture(scope="module", params=["double"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Bench(DoubleCommand() if request.param == "double" else runner(request.param)) as made:
        yield made


#: What Julia has to do with it is tested with each kind of process; the rest, how this side takes it, with the double.
every_kind = pytest.mark.parametrize("bench", ["double", "julia", "juliacall"], indirect=True)
julia = pytest.mark.parametrize("bench", ["julia"], indirect=True)


class Row:
    """Tasks that follow one another in a slot, and what came of each."""

    def __init__(self, bench: Bench, jobs: Sequence[Job]) -> None:
        self._bench = bench
        self._waiting = [*enumerate(jobs)]
        self._ahead: list[tuple[int, Job]] = []
        self._running = 0
        self.ran = [Ran(report=None) for _ in jobs]  # type: ignore[arg-type]  # set as each ends
        #: The places of those that Julia has gone on with, and of those that were given back.
        self.followed: list[int] = []
        self.given_back: list[int] = []
        #: Called when one has begun, with its place; what it returns ends it at once.
        self.on_begin: Callable[[int], ErrorInfo | None] = lambda _: None
        #: So many of those that wait may be sent ahead.
        self.most = len(jobs)
        #: Those that wait would begin elsewhere sooner.
        self.held_up = False

    def run(self) -> list[Ran]:
        """Run all, those that come back too."""
        while self._waiting:
            self.run_some()
        return self.ran

    def run_some(self) -> None:
        """Run the first of those that wait, and what follows it; what comes back meanwhile does not."""
        self.most = len(self.ran)
        self._bench.wait(self._run())

    async def _run(self) -> None:
        self._running, job = self._waiting.pop(0)
        report = await self._bench.slot.run(job, *self._listeners(self._running), self)
        self.ran[self._running].report = report

    def _listeners(self, place: int) -> Listeners:
        one = self.ran[place]
        return Listeners(
            lambda fraction, message: one.progress.append((fraction, message)),
            lambda stream, text: one.chunks.append((stream, text)),
            lambda _series: None,
        )

    def more(self, _head: Job, most: int) -> Sequence[tuple[Job, Listeners]]:
        most = min(most, self.most)
        some, self._waiting = self._waiting[:most], self._waiting[most:]
        self._ahead += some
        return [(job, self._listeners(place)) for place, job in some]

    def went_on(self, report: Report) -> ErrorInfo | None:
        self.ran[self._running].report = report
        self._running, _ = self._ahead.pop(0)
        self.followed.append(self._running)
        return self.on_begin(self._running)

    def give_back(self, places: Sequence[int]) -> None:
        back = [self._ahead[place] for place in places]
        self._ahead = [one for one in self._ahead if one not in back]
        self.given_back += [place for place, _ in back]
        self._waiting = back + self._waiting
        self.most = 0


def scripts(bench: Bench, *codes: str, **asked: Any) -> Row:
    return Row(bench, [
        Job(task_id=str(place), attempt=1, name="n", kind=TaskKind.SCRIPT, code=code, **asked)
        for place, code in enumerate(codes)
    ])  # fmt: skip


@pytest.fixture(autouse=True)
def _trust(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the slot send some ahead, whatever the test before has come to and however slow the machine is."""
    monkeypatch.setattr(module, "BEHIND_S", 60.0)
    scripts(bench, *["1"] * 8).run()


@every_kind
def test_tasks_that_are_sent_ahead_begin_by_themselves_in_their_order_and_in_the_same_process(bench: Bench) -> None:
    pid = bench.slot.pid
    row = scripts(bench, "sleep(0.1)", *(f"{n} * 2" for n in range(1, 60)))
    ran = row.run()
    assert [one.value for one in ran[1:]] == [2 * n for n in range(1, 60)]
    assert row.followed == [*range(1, 60)]
    assert (bench.slot.pid, row.given_back) == (pid, [])
    times = [(one.report.started_at, one.report.finished_at) for one in ran]
    assert times == sorted(times)
    assert all(one.report.runner for one in ran)


@every_kind
def test_every_task_has_its_own_output_and_progress_whether_or_not_it_began_by_itself(bench: Bench) -> None:
    row = scripts(bench, *(f'print("<{n}>")' if n % 3 else f'progress({n} / 30, "{n}")' for n in range(30)))
    for n, one in enumerate(row.run()):
        assert one.output("stdout").strip() == (f"<{n}>" if n % 3 else "")
        assert one.progress == ([] if n % 3 else [(n / 30, str(n))])


@every_kind
def test_behind_one_that_fails_or_ends_its_process_none_begins_and_all_are_run_all_the_same(bench: Bench) -> None:
    row = scripts(bench, "sleep(0.1)", 'error("no")', "1 + 1", "exit(3)", "2 + 2")
    ran = row.run()
    assert [ran[place].report.status for place in (1, 3)] == [TaskStatus.FAILED] * 2
    assert [ran[place].value for place in (2, 4)] == [2, 4]
    assert not set(row.followed) & {2, 4}


def test_what_is_taken_back_behind_one_does_not_begin(bench: Bench) -> None:
    row = scripts(bench, "sleep(0.3)", "6 * 7", "5 * 5")

    async def act() -> None:
        running = asyncio.ensure_future(row._run())
        await until(lambda: row._ahead, "it is sent, and the others behind it")
        bench.slot.take_back()
        assert row.given_back == [1, 2]
        await running

    bench.wait(act())
    assert row.followed == []
    assert [one.value for one in row.run()[1:]] == [42, 25]


def test_behind_one_that_takes_long_nothing_waits(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEHIND_S", 0.05)
    row = scripts(bench, "sleep(0.5)", "6 * 7")
    row.run_some()
    assert (row.followed, row.given_back) == ([], [1])
    assert row.run()[1].value == 42


def test_what_would_begin_elsewhere_sooner_is_given_back_as_soon_as_one_has_ended(bench: Bench) -> None:
    def slower(_place: int) -> None:
        row.held_up = True

    row = scripts(bench, "sleep(0.1)", "sleep(1)", "6 * 7", "5 * 5")
    row.on_begin = slower
    row.run_some()
    assert (row.followed, row.given_back) == ([1], [2, 3])
    row.held_up = False
    assert [one.value for one in row.run()[2:]] == [42, 25]


def test_one_that_has_begun_and_is_not_wanted_is_ended_with_its_process(bench: Bench) -> None:
    pid = bench.slot.pid
    row = scripts(bench, "sleep(0.1)", "sleep(60)", "6 * 7")
    row.on_begin = lambda place: ErrorInfo(name="Stopped", message="taken away") if place == 1 else None
    ran = row.run()
    assert ran[1].error.name == "Stopped"
    assert (row.given_back, ran[2].value) == ([2], 42)
    assert bench.slot.pid != pid


def test_a_process_that_is_killed_ends_the_one_that_runs_and_no_other(bench: Bench) -> None:
    def kill(_place: int) -> None:
        assert bench.slot.pid is not None
        os.kill(bench.slot.pid, signal.SIGKILL)

    row = scripts(bench, "sleep(0.1)", "sleep(60)", "6 * 7", "5 * 5")
    row.on_begin = kill
    row.run_some()
    row.on_begin = lambda _: None
    assert row.ran[1].report.lost, "it was running"
    assert row.given_back == [2, 3]
    assert [one.value for one in row.run()[2:]] == [42, 25]


def test_each_has_a_time_limit_of_its_own(bench: Bench) -> None:
    row = scripts(bench, *["sleep(0.1)"] * 6, "sleep(60)", timeout_s=0.5)
    ran = row.run()
    assert [one.report.status for one in ran[:6]] == [TaskStatus.FINISHED] * 6, "0.6 s in all"
    assert ran[6].error.name == "TimeoutExceeded"


@julia
def test_behind_one_that_leaves_something_none_begins(bench: Bench) -> None:
    leave = [
        'write("left.txt", "x")', "chmod(pwd(), 0o755)", "run(`sleep 60`, wait = false); 1", "Base.sqrt(s::String) = 1",
    ]  # fmt: skip
    look = "readdir(), stat(pwd()).mode & 0o777, hasmethod(sqrt, (String,))"
    row = scripts(bench, "Libc.systemsleep(0.1)", *(code for one in leave for code in (one, look)))
    ran = row.run()
    assert [one.value for one in ran[2::2]] == [[[], 0o700, False]] * len(leave)
    assert not set(row.followed) & {*range(2, len(ran), 2)}


@julia
def test_what_a_task_has_changed_in_its_environment_is_put_back_before_the_next_begins(bench: Bench) -> None:
    look = 'get(ENV, "LEFT", ""), ENV["HOME"] == pwd()'
    change = 'ENV["LEFT"] = "x"; ENV["HOME"] = "/"; get(ENV, "LEFT", "")'
    row = scripts(bench, "Libc.systemsleep(0.1)", *[change, look] * 3)
    assert [one.value for one in row.run()[1:]] == ["x", ["", True]] * 3
    assert row.followed == [*range(1, 7)]


@julia
def test_calls_of_a_definition_that_changes_its_process_follow_one_another(bench: Bench) -> None:
    code = "Base.sqrt(s::String) = length(s)\nf(; n) = (Libc.systemsleep(0.001); (sqrt(\"abc\") + n, rand()))"
    row = Row(bench, [
        Job(task_id=str(n), attempt=1, name="n", kind=TaskKind.CALL, code=code, arguments={"n": n}, seed=7)
        for n in range(40)
    ])  # fmt: skip
    values = [one.value for one in row.run()]
    assert [value[0] for value in values] == [3 + n for n in range(40)]
    assert len({value[1] for value in values}) == 1, "each is seeded with its own seed, which is one here"
    assert row.followed
    assert bench.run("try\n sqrt(\"abc\")\ncatch\n 0\nend").value == 0, "and nobody else meets the change"
