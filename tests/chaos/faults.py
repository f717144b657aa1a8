"""What is done to the stack, and how long it takes until tasks run as before.

Every fault is a function that does it, sets it right again, and returns how long the
recovery took. What "recovered" means depends on what was hit:

- a worker (killed, stopped, cut off): every task that it held runs elsewhere, or is final;
- a Julia process: its slot has a new one;
- anything else: a task submitted after the blow is finished.
"""

from __future__ import annotations

import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chaos.fleet import Fleet, Worker, wait_for
from chaos.load import FINAL, Load
from taskq_kernel.errors import StackError

#: How long a recovery is waited for; more is reported as a failure, whatever the limit.
PATIENCE_S = 90.0
#: The lease of a local stack, in seconds.
LEASE_S = 3.0


@dataclass
class Field:
    """Where faults happen."""

    fleet: Fleet
    load: Load
    random: random.Random
    #: Kinds of fault of which one is possible at a time only, because they need the whole stack.
    poison: list[str]

    def a_worker(self) -> Worker:
        """One of the workers that run."""
        return self.random.choice([one for one in self.fleet.workers if one.pid is not None])


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes
    ----------
    limit_s : float or None
        How long a recovery may take; None where nothing is promised.
    weight : int
        How often it is chosen.
    """

    kind: str
    inflict: Callable[[Field], float]
    weight: int
    limit_s: float | None
    why_not: Callable[[Fleet], str] = lambda _: ""


# -- how recovery is seen --------------------------------------------------------------------


def until_a_task_finishes(field: Field, since: float) -> float:
    """Submit a task, and wait until it is finished; the seconds since ``since``."""
    service = field.fleet.service
    task_id = str(uuid.uuid4())
    service.create([{"id": task_id, "name": "probe", "code": "1 + 1", "priority": 2, "maxAttempts": 5}])

    def finished() -> bool:
        found = service.tasks([task_id], "status")
        return bool(found) and found[0]["status"] in FINAL

    wait_for(finished, "a task submitted after the fault is finished", PATIENCE_S)
    return time.monotonic() - since


def until_others_have(field: Field, held: dict[str, int], since: float) -> float:
    """Wait until tasks have a later attempt, or are final; the seconds since ``since``."""

    def passed_on() -> bool:
        rows = field.fleet.service.tasks(list(held), "id attempt status")
        return all(row["status"] in FINAL or row["attempt"] > held[row["id"]] for row in rows)

    if held:
        wait_for(passed_on, f"others have the {len(held)} tasks", PATIENCE_S)
    return time.monotonic() - since


# -- workers -----------------------------------------------------------------------------------


def kill_julia(field: Field) -> float:
    """SIGKILL a Julia process."""
    worker = field.a_worker()
    before = worker.julias()
    if not before:
        return 0.0
    since = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(field.random.choice(before), signal.SIGKILL)
    pid = worker.pid

    def replaced() -> bool:
        now = worker.julias()
        return worker.pid != pid or (len(now) >= len(before) and set(now) != set(before))

    wait_for(replaced, f"a new Julia process in {worker.name}", PATIENCE_S)
    return time.monotonic() - since


def kill_worker(field: Field) -> float:
    """SIGKILL a supervisor, with nothing of it told to anybody."""
    return _kill_workers(field, [field.a_worker()])


def kill_two_workers(field: Field) -> float:
    """SIGKILL two supervisors at once."""
    return _kill_workers(field, field.random.sample(field.fleet.workers, 2))


def _kill_workers(field: Field, workers: Sequence[Worker]) -> float:
    held: dict[str, int] = {}
    for worker in workers:
        worker.signal(signal.SIGSTOP)  # so that what it holds does not change any more
        held |= field.fleet.claimed_by(worker)
    since = time.monotonic()
    for worker in workers:
        worker.signal(signal.SIGKILL)
    wait_for(lambda: all(worker.pid is None for worker in workers), "they are gone", 5)
    field.fleet.repair()
    seconds = until_others_have(field, held, since)
    field.fleet.wait_for_workers()
    return seconds


def pause_worker(field: Field) -> float:
    """SIGSTOP a supervisor for longer than its lease, then SIGCONT."""
    worker = field.a_worker()
    whole_session = field.random.random() < 0.5
    worker.signal(signal.SIGSTOP)
    julias = worker.julias() if whole_session else []
    _signal_all(julias, signal.SIGSTOP)
    since = time.monotonic()
    held = field.fleet.claimed_by(worker)
    try:
        seconds = until_others_have(field, held, since)
        time.sleep(max(0.0, since + LEASE_S + field.random.uniform(1, 4) - time.monotonic()))
    finally:
        _signal_all(julias, signal.SIGCONT)
        worker.signal(signal.SIGCONT)
    field.fleet.wait_for_workers()
    return seconds


def _signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def cut_off(field: Field) -> float:
    """Take a worker's network link down without a FIN, for longer than its lease."""
    fleet = field.fleet
    assert fleet.remote is not None
    assert fleet.link is not None
    since = time.monotonic()
    with fleet.link.cut():
        held = fleet.claimed_by(fleet.remote)
        seconds = until_others_have(field, held, since)
        time.sleep(max(0.0, since + LEASE_S + field.random.uniform(1, 6) - time.monotonic()))
    fleet.wait_for_workers()
    return seconds


def submit_poison(field: Field) -> float:
    """Submit a task that kills its worker, and go on; the checks look at what became of it."""
    field.poison.append(field.load.submit_poison())
    since = time.monotonic()
    task_id = field.poison[-1]

    def killed_one() -> bool:
        field.fleet.kill_worker_of(task_id)
        return any(one.pid is None for one in field.fleet.workers)

    wait_for(killed_one, "it killed a worker", PATIENCE_S)
    _let_it_kill(field, task_id)
    return time.monotonic() - since


def _let_it_kill(field: Field, task_id: str) -> None:
    def over() -> bool:
        field.fleet.kill_worker_of(task_id)
        field.fleet.repair()
        return field.fleet.service.tasks([task_id], "status")[0]["status"] in FINAL

    wait_for(over, "the task that kills its workers is given up", PATIENCE_S, 0.2)
    field.fleet.repair()
    field.fleet.wait_for_workers()


# -- service, sink, broker ---------------------------------------------------------------------


def kill_service(field: Field) -> float:
    """SIGKILL the service."""
    return _kill_core(field, "service")


def kill_sink(field: Field) -> float:
    """SIGKILL the sink."""
    return _kill_core(field, "sink")


def kill_broker(field: Field) -> float:
    """SIGKILL the RabbitMQ node with all it has started."""
    return _kill_core(field, "broker")


def kill_all_three(field: Field) -> float:
    """SIGKILL service, sink and broker at once, as a power cut would."""
    return _kill_core(field, "service", "sink", "broker")


def _kill_core(field: Field, *roles: str) -> float:
    since = time.monotonic()
    for role in roles:
        field.fleet.core(role).kill()
    time.sleep(field.random.uniform(0, 1.5))
    field.fleet.repair()
    return until_a_task_finishes(field, since)


def wipe_broker(field: Field) -> float:
    """Kill the RabbitMQ node, remove its data, start it empty."""
    since = time.monotonic()
    field.fleet.wipe_broker()
    field.fleet.repair()
    return until_a_task_finishes(field, since)


def close_connections(field: Field) -> float:
    """Let RabbitMQ close every AMQP connection."""
    since = time.monotonic()
    field.fleet.rabbitmqctl("close_all_connections", "chaos")
    return until_a_task_finishes(field, since)


def pause_service(field: Field) -> float:
    """SIGSTOP the service for longer than a lease, then SIGCONT."""
    return _pause_core(field, "service")


def pause_sink(field: Field) -> float:
    """SIGSTOP the sink for a while, then SIGCONT."""
    return _pause_core(field, "sink")


def _pause_core(field: Field, role: str) -> float:
    pid = field.fleet.core(role).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(LEASE_S + field.random.uniform(0, 2))
    finally:
        os.kill(pid, signal.SIGCONT)
    return until_a_task_finishes(field, time.monotonic())


# -- disks -----------------------------------------------------------------------------------


def fill_disk(field: Field) -> float:
    """Leave no room on the disk of the databases, for a few seconds."""
    fleet = field.fleet
    pids = [pid for role, pid in fleet.pids() if role in ("service", "sink")]
    with fleet.arena.disk.full(pids):
        time.sleep(field.random.uniform(1, 6))
    return _after_disk(field)


def results_read_only(field: Field) -> float:
    """Make the results database read-only, for a few seconds."""
    fleet = field.fleet
    pids = [pid for role, pid in fleet.pids() if role == "sink"]
    with fleet.arena.disk.read_only(fleet.arena.results_database, pids):
        time.sleep(field.random.uniform(1, 5))
    return _after_disk(field)


def _after_disk(field: Field) -> float:
    since = time.monotonic()
    with suppress(StackError):  # a part that ended for want of disk is reported by its log
        field.fleet.repair()
    return until_a_task_finishes(field, since)


# -- messages ----------------------------------------------------------------------------------


def everything_twice(field: Field) -> float:
    """For some seconds every message is delivered twice, and out of order."""
    since = time.monotonic()
    flag = field.fleet.arena.hook_flag
    flag.touch()
    try:
        time.sleep(field.random.uniform(3, 8))
    finally:
        flag.unlink()
    until_a_task_finishes(field, since)
    return 0.0


def _no_link(fleet: Fleet) -> str:
    if fleet.link is None:
        return "no worker behind a link"
    return fleet.link.why_not


ALL = (
    Fault("kill julia", kill_julia, 30, None),
    Fault("kill worker", kill_worker, 12, 6.0),
    Fault("kill two workers", kill_two_workers, 4, 6.0),
    Fault("pause worker", pause_worker, 8, 6.0),
    Fault("cut worker off", cut_off, 6, 6.0, _no_link),
    Fault("task kills its worker", submit_poison, 2, None),
    Fault("kill service", kill_service, 12, 15.0),
    Fault("kill sink", kill_sink, 10, 15.0),
    Fault("kill broker", kill_broker, 8, 15.0),
    Fault("kill service, sink and broker", kill_all_three, 3, 15.0),
    Fault("wipe broker", wipe_broker, 5, 15.0),
    Fault("close all connections", close_connections, 8, 15.0),
    Fault("pause service", pause_service, 3, 15.0),
    Fault("pause sink", pause_sink, 3, 15.0),
    Fault("disk full", fill_disk, 5, 15.0),
    Fault("results read-only", results_read_only, 4, 15.0),
    Fault("everything twice", everything_twice, 5, None),
)
