"""Tasks that lie behind one that runs, while Julia and this process both take them: each ends once, as itself."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from random import Random
from typing import Any, cast

import msgspec
import pytest
from claimer_lab import Lab, message, run_tasks
from taskq_worker import task_errors
from taskq_worker.bundle import Bundle
from taskq_worker.claims.claim import Claim, ClaimState
from taskq_worker.slots.ahead import Ahead, Listeners, Window
from taskq_worker.slots.attempt import Attempt
from taskq_worker.slots.ending import Ending, NeverStarted
from taskq_worker.slots.frames import END, HEADER, End, Value
from taskq_worker.slots.job import Job, Report
from taskq_worker.slots.packet_queue import MOST_BYTES, PacketQueue
from taskq_worker.slots.report import report_of
from taskq_worker.slots.runs import Runs

from taskq_kernel.domain import TaskKind, TaskStatus, ValueKind
from taskq_kernel.messages import TaskMessage

TASKS = 800
#: How often a slot may be looked at before it is done with a task that is to be ended.
SOON = 4
LISTENERS = Listeners(lambda *_: None, lambda *_: None, lambda *_: None)


class Process:
    """Stands for a slot's: a thread that takes one packet after another, as Julia does, each while a task runs."""

    julia_pid = used_bytes = threads = 0
    julia_version = julia_flags = cpu_target = kind = ""

    def __init__(self, lasts: Callable[[str], bool]) -> None:
        self._lasts = lasts
        self.queue = PacketQueue()
        self.began: list[str] = []
        self._packets = socket.socket(fileno=socket.dup(self.queue.child_fd))
        self._listener: Any = None
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._ends: SimpleQueue[End] = SimpleQueue()
        self._sent = self._taken_up = 0
        self.is_dead = False
        self._julia = threading.Thread(target=self._serve, daemon=True)
        self._julia.start()

    # -- Julia's side --------------------------------------------------------------------

    def _serve(self) -> None:
        while (frame := self._requests.get()) is not None:
            time.sleep(self._sent % 3 * 1e-5)  # it may be killed before it has taken the task up
            if self.is_dead:
                break
            self._taken_up += 1
            request: bytes | None = frame[HEADER.size :]
            while request is not None:
                request = self._run(json.loads(request))

    def _run(self, request: dict[str, Any]) -> bytes | None:
        self.began.append(request["code"])
        time.sleep(request["seed"] % 3 * 1e-5)  # some take longer than it takes to look
        while self._lasts(request["code"]) and not self.is_dead:
            time.sleep(1e-5)
        try:
            following: bytes | None = self._packets.recv(MOST_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            following = None
        time.sleep(request["seed"] % 7 // 6 * 1e-4)  # it may have taken one, of which nobody has heard yet
        if self.is_dead:  # between two tasks, and nobody is told
            return None
        value = Value(ValueKind.JSON, "Int64", request["code"], "", msgspec.Raw(request["code"].encode()))
        next_number = 0 if following is None else json.loads(following)["job"]
        self._ends.put(End(request["job"], 0.0, 0.0, False, "", "", next=next_number, value=value))
        return following

    # -- this side -----------------------------------------------------------------------

    def attach(self, listener: Any) -> None:
        self._listener = listener

    def detach(self) -> None:
        self.take_frames()
        self._listener = None

    def send(self, frame: bytes) -> None:
        self._sent += 1
        self._requests.put(frame)

    def take_frames(self) -> None:
        while self._listener is not None:
            try:
                self._listener.on_message(END, self._ends.get_nowait())
            except Empty:
                break

    def has_unread_request(self) -> bool:
        return self._sent > self._taken_up

    def end(self) -> None:
        """Kill it, at whatever it is, and tell who listens. Safe to call twice."""
        if self.is_dead:
            return
        self.is_dead = True
        self._requests.put(None)
        self._julia.join()
        self.take_frames()
        if self._listener is not None:
            self._listener.on_exit(-signal.SIGKILL)
        self._packets.close()
        self.queue.close()

    def killed_by(self, _status: int) -> bool:
        return True

    def stderr_text(self) -> str:
        return ""

    def resident_bytes(self) -> int:
        return 0

    tree_resident_bytes = resident_bytes

    def check_frames(self) -> None:
        """They come whole."""

    def count_task(self) -> None:
        """It is not replaced for that."""


def task(number: int) -> TaskMessage:
    """Its code is its number, and so is its value."""
    made: TaskMessage = msgspec.structs.replace(
        message(number), code=str(number), seed=number, timeout_s=None, memory_limit_bytes=None
    )
    return made


class Race:
    """A slot, whose tasks meet with everything at any time, and what came of each of them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        lab = Lab(slots=2)
        run_tasks(lab, 50, 0.0)
        self.claims, self._claimer = lab.claims, lab.claimer
        for number in range(1, TASKS + 1):
            self.claims.add(Claim(task(number), 1))
        self._runs = Runs(max_log_bytes=1 << 16, max_value_bytes=1 << 16, max_array_bytes=1 << 16)
        self._window = Window()
        #: Those that need no outcome.
        self.cancelled: set[str] = set()
        self._process = self._new_process()
        #: Those whose end was heard of the process that there is now.
        self._heard: set[str] = set()
        #: How often each began, and how often that was in a process that was killed and had not told of its end.
        self.began: Counter[str] = Counter()
        self.in_vain: Counter[str] = Counter()
        #: How often each has an outcome; which of them were lost, and which failed.
        self.outcomes: Counter[str] = Counter()
        self.lost: set[str] = set()
        self.failed: set[str] = set()
        self.never_started = 0

    async def run(self) -> None:
        while self.claims.ready:
            claim = await self.claims.next_ready()
            with self._claimer.occupied_by(claim):
                last = await self._see_through(claim)
            self.claims.leave_slot(last)
        self._end_process()

    async def _see_through(self, claim: Claim) -> Claim:
        """What a slot and its loop do; the task that ran last."""
        bundle = Bundle(
            claim, self.claims, self._claimer,
            listeners_of=lambda _: LISTENERS, on_end=self._on_end, on_next=lambda _: None,
        )  # fmt: skip
        job = Job(
            task_id=claim.task.id, attempt=1, name="n", kind=TaskKind.SCRIPT, code=claim.task.code,
            seed=claim.task.number,
        )  # fmt: skip
        run, ending = self._runs.of(job, LISTENERS), cast("Ending", NeverStarted.NEVER_STARTED)
        while isinstance(ending, NeverStarted):
            process = cast("Any", self._process)
            attempt = Attempt(
                process, run, show_timeout_s=60, memory_limit_bytes=None, run_of=self._runs.of_following
            )
            ahead = Ahead(run.job, bundle, process.queue, self._window, self._runs.packet, lambda _: True)
            running = asyncio.ensure_future(attempt.run(self._runs.frame(run.number, run.job), 0, ahead))
            late = 0
            while not running.done():
                await asyncio.sleep(0)
                late = 0 if self.claims.holds(bundle.running) else late + 1
                assert late < SOON, "what was cancelled is ended as soon as it is heard that it has begun"
                await self._meet(attempt, ahead, bundle)
            ending, run = await running, attempt.current
            if not isinstance(ending, End):
                self._check_end()
            self.never_started += isinstance(ending, NeverStarted)
            if isinstance(ending, End):
                self._heard.add(run.job.code)
            if process.is_dead or not isinstance(ending, End):
                self._end_process()
                self._process = self._new_process()
            ahead.close()
            if isinstance(ending, NeverStarted) and not self.claims.holds(bundle.running):
                ending = task_errors.taken_away()  # a slot that was told to stop starts no other process for it
        bundle.close()
        self._on_end(bundle.running, report_of(ending, process, 0.0, 0.0, 0))
        return bundle.running

    def _new_process(self) -> Process:
        return Process(lambda code: code in self.cancelled)  # that does not end by itself

    def _check_end(self) -> None:
        """Until its process is dealt with, nothing begins but what Julia had taken up by then."""
        begun = len(self._process.began)
        time.sleep(1e-3)
        assert len(self._process.began) <= begun + 1, "what was sent ahead is taken back at the end"

    async def _meet(self, attempt: Attempt, ahead: Ahead, bundle: Bundle) -> None:
        """Let something happen while a task runs."""
        chance = self._random.random()
        if chance < 0.6:
            attempt.look()
        elif chance < 0.7:
            attempt.take_back()
        elif chance < 0.8:
            ahead.top_up()
        elif chance < 0.84 and len(self.claims):
            behind = [claim for claim in self.claims if claim in bundle] if chance < 0.82 else []
            self._cancel(self._random.choice(behind or list(self.claims)), attempt, bundle)
        elif chance < 0.86 and self.claims.ready:
            await self._run_elsewhere()
        elif chance < 0.87:
            attempt.look()
            attempt.end(task_errors.timed_out(1.0))
        elif chance > 0.98:
            self._process.end()

    def _cancel(self, claim: Claim, attempt: Attempt, bundle: Bundle) -> None:
        self.claims.forget(claim)
        self.cancelled.add(claim.task.code)
        attempt.look()
        if bundle.running is claim:
            attempt.end(task_errors.taken_away())
        elif claim in bundle:
            attempt.take_back()

    async def _run_elsewhere(self) -> None:
        claim = await self.claims.next_ready()
        for counted in (self.began, self.outcomes):
            counted[claim.task.code] += 1
        self.claims.leave_slot(claim)
        self.claims.forget(claim)

    def _end_process(self) -> None:
        self._process.end()
        self.began.update(self._process.began)
        self.in_vain.update(code for code in self._process.began if code not in self._heard)
        self._heard.clear()

    def _on_end(self, claim: Claim, report: Report) -> None:
        code = claim.task.code
        if report.status is TaskStatus.FINISHED:
            assert report.value is not None
            assert report.value.text == code
            self._heard.add(code)
        if not self.claims.holds(claim):
            return
        timed_out = report.error is not None and report.error.name == task_errors.timed_out(1.0).name
        assert report.lost or timed_out or report.status is TaskStatus.FINISHED, report.error
        self.outcomes[code] += 1
        self.lost |= {code} if report.lost else set()
        self.failed |= {code} if timed_out else set()
        self.claims.forget(claim)


@pytest.fixture(autouse=True)
def _threads_take_turns() -> Iterator[None]:
    """Often: Julia is a thread here."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("seed", range(2))
def test_each_task_ends_once_and_with_its_own_value_whatever_happens_meanwhile(seed: int) -> None:
    async def scene() -> None:
        race = Race(seed)
        await race.run()
        tasks = {task(number).code for number in range(1, TASKS + 1)}
        assert race.outcomes == Counter(tasks - race.cancelled), "each that was not cancelled has one outcome"
        assert race.never_started, "a process has ended before it took a task up"
        assert [race.claims.count(state) for state in ClaimState] == [0] * len(ClaimState)
        for one in tasks:
            counted = race.began[one] - race.in_vain[one]
            cut_short = one in race.cancelled | race.lost | race.failed
            assert counted == 1 or (counted == 0 and cut_short), "none begins twice"

    asyncio.run(scene())
