"""The task database against a model of it: any order of operations, over SQLite and PostgreSQL.

Clients, workers, the reaper, the sink, the publisher and the broker do what they like, in
any order; after each step the database must be what `store_model.Model` says, and what
always holds must hold.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from effort import scaled
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from store_lab import EVERYTHING, Clock, Lab, empty
from store_model import Model, ModelTask, ModelWorker

from taskq_kernel.domain import LEGAL_TRANSITIONS, TaskStatus
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound, ServiceError
from taskq_kernel.store import bulk_actions, claims, create, feed, leases, outbox, workers
from taskq_kernel.store.counts import read_counts
from taskq_kernel.store.made import Due
from taskq_kernel.store.outcomes import Outcome
from taskq_kernel.store.submission import check_all
from taskq_kernel.store.tables import Cause, refused_outcomes, task_events, tasks
from taskq_kernel.store.tables import outbox as outbox_rows

pytest_plugins = ["store_fixtures"]

#: What a follower of the feed can see of a task: none of it changes without a new version.
SEEN = (
    "status", "attempt", "worker", "worker_id", "progress", "progress_message", "started_at", "finished_at",
    "value_json", "value_kind", "error_name", "error_message", "failures", "lost", "deleted_at", "name",
)
OWNERS = st.sampled_from(["ann", "bob"])
ANY = st.data()


class StoreMachine(RuleBasedStateMachine):
    """Everybody who talks to the store, one step at a time."""

    def __init__(self, lab: Lab) -> None:
        super().__init__()
        empty(lab.store)
        self.clock = lab.store.clock = Clock()
        self.lab = Lab(lab.store, self.clock)
        self.model = Model(self.lab.policy, self.clock.now)
        #: What the publisher has read and the broker has, and the outbox does not know of yet.
        self.due: Due | None = None
        self.version = 0
        self.rows: dict[int, Any] = {}
        #: The table as a client knows it that follows the feed.
        self.cursor = 0
        self.followed: dict[str, tuple[str, int]] = {}

    @initialize(attempts=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def begin(self, attempts: list[int]) -> None:
        self.join()
        self.join()
        self.create("ann", attempts)
        self.publish()

    # -- clients -------------------------------------------------------------------------

    @rule(owner=OWNERS, attempts=st.lists(st.integers(1, 3), min_size=1, max_size=3))
    def create(self, owner: str, attempts: list[int]) -> None:
        new = check_all([{"code": "1 + 1", "id": str(uuid4()), "max_attempts": most} for most in attempts])
        made, count = self.lab.store.write(create.create_tasks, new, owner, EVERYTHING)
        assert count == len(new)
        for given, row in zip(new, made, strict=True):
            assert row.id == given.id
            self.model.create(row.number, row.id, owner, given.max_attempts)

    @precondition(lambda self: self.model.tasks)
    @rule(data=ANY, owner=OWNERS)
    def create_once_more(self, data: st.DataObject, owner: str) -> None:
        task = self.some(data, list(self.model.tasks.values()))
        new = check_all([{"code": "2 + 2", "id": task.id}])
        if task.deleted or task.owner != owner:
            with pytest.raises(InvalidTask, match="give another id"):
                self.lab.store.write(create.create_tasks, new, owner, EVERYTHING)
            return
        again, count = self.lab.store.write(create.create_tasks, new, owner, EVERYTHING)
        assert ([row.number for row in again], count) == ([task.number], 0)

    @precondition(lambda self: self.model.living())
    @rule(data=ANY, verb=st.sampled_from(["cancel", "retry", "delete"]), who=st.sampled_from(["ann", "bob", "root"]))
    def change(self, data: st.DataObject, verb: str, who: str) -> None:
        chosen = data.draw(st.lists(
            st.sampled_from(self.model.living()), min_size=1, max_size=3, unique_by=lambda task: task.number
        ))  # fmt: skip
        actor = bulk_actions.Actor(who, own_only=who != "root")
        selection = bulk_actions.Selection(ids=[task.id for task in chosen])
        operation = getattr(bulk_actions, f"{verb}_tasks")
        if who != "root" and any(task.owner != who for task in chosen):
            with pytest.raises(Forbidden):
                self.lab.store.write(operation, selection, actor, EVERYTHING)
            return
        finished = [task for task in chosen if task.status is TaskStatus.FINISHED] if verb == "retry" else []
        done = self.lab.store.write(operation, selection, actor, EVERYTHING)
        assert done.changed == sum([getattr(self.model, verb)(task) for task in chosen]) + len(finished)
        made = {row.repeats: row for row in done.tasks if row.number not in {task.number for task in chosen}}
        assert (sorted(made), done.created) == (sorted(task.number for task in finished), len(finished))
        for task in finished:
            new = made[task.number]
            self.model.create(new.number, new.id, who, task.max_attempts)

    @precondition(lambda self: any(task.deleted for task in self.model.tasks.values()))
    @rule(data=ANY, verb=st.sampled_from(["cancel", "retry", "delete"]))
    def change_what_is_gone(self, data: st.DataObject, verb: str) -> None:
        task = self.some(data, [task for task in self.model.tasks.values() if task.deleted])
        with pytest.raises(NotFound):
            self.lab.bulk_action(verb, task, admin=True)

    # -- workers -------------------------------------------------------------------------

    @precondition(lambda self: len(self.model.workers) < 3)
    @rule()
    def join(self) -> None:
        name = f"w{len(self.model.workers) + 1}"
        worker_id = self.lab.join(name)
        self.model.workers[worker_id] = ModelWorker(worker_id, name, self.clock.now + self.lab.policy.lease_s)

    @precondition(lambda self: self.model.workers)
    @rule(data=ANY)
    def join_again(self, data: st.DataObject) -> None:
        worker = self.worker(data)
        assert self.lab.join(worker.name, id=worker.id) == worker.id
        worker.state = "DRAINING" if worker.drain else "ONLINE"
        worker.lease_until = self.clock.now + self.lab.policy.lease_s

    @precondition(lambda self: self.model.workers and self.model.broker)
    @rule(data=ANY, acknowledged=st.booleans(), answered=st.booleans())
    def claim(self, data: st.DataObject, acknowledged: bool, answered: bool) -> None:
        worker = self.worker(data)
        in_hand = [self.model.tasks[number] for number in sorted(self.model.broker)]
        chosen = data.draw(st.lists(st.sampled_from(in_hand), min_size=1, max_size=3))  # a message may come twice
        if not worker.present:
            self.refused(worker, claims.claim_tasks, worker.id, [task.id for task in chosen])
            return
        granted = dict(self.lab.claim(worker.id, *chosen))
        unique = list({task.number: task for task in chosen}.values())
        expected = {task.id: attempt for task in unique if (attempt := self.model.claim(worker, task)) is not None}
        assert granted == expected
        if answered:
            worker.believes.update({task.number: granted[task.id] for task in unique if task.id in granted})
        if answered and acknowledged:  # else the broker hands the message out again
            self.model.broker -= {task.number: 1 for task in unique}  # type: ignore[arg-type]  # any mapping will do

    @precondition(lambda self: any(worker.present for worker in self.model.workers.values()))
    @rule(data=ANY)
    def all_that_waits_is_handed_out(self, data: st.DataObject) -> None:
        """As on a stack that is well; it takes the other rules to where tasks run."""
        for _ in range(2):  # what is on its way already, then the rest
            if self.due is None:
                self.publish()
            if self.due is not None:
                self.the_broker_confirms()
        worker = self.some(data, [worker for worker in self.model.workers.values() if worker.present])
        chosen = [self.model.tasks[number] for number in sorted(self.model.broker)]
        granted = dict(self.lab.claim(worker.id, *chosen))
        expected = {task.id: attempt for task in chosen if (attempt := self.model.claim(worker, task)) is not None}
        assert granted == expected
        worker.believes.update({task.number: granted[task.id] for task in chosen if task.id in granted})
        self.model.broker.clear()

    @precondition(lambda self: self.model.workers)
    @rule(data=ANY, progress=st.none() | st.floats(-1, 2), done=st.booleans())
    def heartbeat(self, data: st.DataObject, progress: float | None, done: bool) -> None:
        worker = self.worker(data)
        held = [
            claims.ClaimReport(self.model.tasks[number].id, attempt, progress, None, done=done)
            for number, attempt in worker.believes.items()
        ]
        if not worker.present:
            self.refused(worker, claims.heartbeat, worker.id, held, [], self.lab.policy)
            return
        reply = self.lab.beat(worker.id, *held)
        assert (reply.stop, reply.settled) == self.model.beat(worker, held)
        assert reply.drain == worker.drain
        gone = {*reply.stop, *reply.settled}
        worker.believes = {n: a for n, a in worker.believes.items() if self.model.tasks[n].id not in gone}

    @precondition(lambda self: any(worker.believes for worker in self.model.workers.values()))
    @rule(data=ANY)
    def release(self, data: st.DataObject) -> None:
        worker = self.some(data, [worker for worker in self.model.workers.values() if worker.believes])
        given = [(self.model.tasks[number], attempt) for number, attempt in worker.believes.items()]
        pairs = [(task.id, attempt) for task, attempt in given]
        worker.believes.clear()
        if not worker.present:
            self.refused(worker, workers.release_tasks, worker.id, pairs)
            return
        back = [task for task, attempt in given if task in self.model.claimed_by(worker) and task.attempt == attempt]
        assert self.lab.store.write(workers.release_tasks, worker.id, pairs) == len(back)
        self.model.release(worker, back)

    @precondition(lambda self: self.model.workers)
    @rule(data=ANY)
    def leave(self, data: st.DataObject) -> None:
        worker = self.worker(data)
        worker.believes.clear()
        if not worker.present:
            self.refused(worker, workers.leave_worker, worker.id)
            return
        held = self.model.claimed_by(worker)
        assert self.lab.store.write(workers.leave_worker, worker.id) == len(held)
        self.model.release(worker, held)
        worker.state = "LEFT"

    @precondition(lambda self: self.model.workers)
    @rule(data=ANY)
    def drain(self, data: st.DataObject) -> None:
        worker = self.worker(data)
        self.lab.store.write(workers.drain_worker, worker.id)
        worker.drain = True
        worker.state = "DRAINING" if worker.state == "ONLINE" else worker.state

    # -- time, the reaper and the service --------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 4.5, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.model.now = self.clock.now

    @rule()
    def reap(self) -> None:
        lost = self.model.reap()
        names, _taken = self.lab.reap()
        assert sorted(names) == sorted(worker.name for worker in lost)

    @rule()
    def the_service_starts_again(self) -> None:
        self.due = None  # what was handed over is handed over once more
        self.lab.store.write(leases.renew_all_leases, self.lab.policy)
        for worker in self.model.workers.values():
            if worker.present:
                worker.lease_until = self.clock.now + self.lab.policy.lease_s + self.lab.policy.return_s

    # -- the sink ------------------------------------------------------------------------

    @precondition(lambda self: self.model.tasks)
    @rule(data=ANY)
    def outcomes(self, data: st.DataObject) -> None:
        given = data.draw(st.lists(self.an_outcome(), min_size=1, max_size=4))
        assert self.lab.record(*given) == self.model.outcomes(given)

    def an_outcome(self) -> st.SearchStrategy[Outcome]:
        """Of the current attempt or another one, at the holder or at another worker."""
        names = [name for worker in self.model.workers.values() for name in (worker.id, worker.name)]

        def of(task: ModelTask) -> st.SearchStrategy[Outcome]:
            return st.builds(
                lambda attempt, worker, status, retryable, lost: self.lab.outcome(
                    task, worker, attempt, status=status, retryable=retryable, lost=lost and status == "FAILED"
                ),
                st.sampled_from([task.attempt, task.attempt, task.attempt - 1, task.attempt + 1]),
                st.just(task.worker or "nobody") | st.sampled_from([*names, "a stranger"]),
                st.sampled_from([TaskStatus.FINISHED, TaskStatus.FAILED]),
                st.booleans(),
                st.booleans(),
            )

        unknown = ModelTask(0, "00000000-0000-4000-8000-000000000000", "ann", 1)
        # Those that run, first: an outcome of another one is refused, whatever else it says.
        known = [*self.model.living(TaskStatus.RUNNING), *self.model.tasks.values(), unknown]
        return st.sampled_from(known).flatmap(of)

    # -- the publisher and the broker ------------------------------------------------------

    @precondition(lambda self: self.due is None)
    @rule()
    def publish(self) -> None:
        self.due = self.lab.store.read(outbox.read_due, self.clock.now)
        waiting = {task.number for task in self.model.living(TaskStatus.QUEUEING)}
        assert set(self.due.numbers) <= waiting
        assert len(set(self.due.numbers)) == len(self.due.numbers)
        self.model.broker.update(self.due.numbers)
        self.due = self.due if self.due.entries else None

    @precondition(lambda self: self.due is not None)
    @rule()
    def the_broker_confirms(self) -> None:
        assert self.due is not None
        self.lab.store.write(outbox.mark_published, self.due.entries)
        self.due = None

    @rule()
    def the_broker_is_wiped(self) -> None:
        if self.due is not None:
            # The publisher takes this round to its end before it looks at what is missing.
            self.the_broker_confirms()
        self.model.broker.clear()
        for queue in self.lab.store.read(outbox.waiting_queues):
            self.lab.store.write(outbox.publish_again, queue)

    @precondition(lambda self: self.model.broker)
    @rule(data=ANY)
    def a_message_comes_twice(self, data: st.DataObject) -> None:
        self.model.broker[data.draw(st.sampled_from(sorted(self.model.broker)))] += 1

    # -- what always holds -----------------------------------------------------------------

    @invariant()
    def the_database_is_what_the_model_says(self) -> None:
        rows = self.read_rows()
        assert set(rows) == set(self.model.tasks)
        for number, task in self.model.tasks.items():
            row = rows[number]
            assert (row.status, row.attempt, row.failures, row.lost, row.deleted_at is not None) == (
                task.status, task.attempt, task.failures, task.lost, task.deleted,
            )  # fmt: skip
            if task.status is TaskStatus.RUNNING:
                assert row.worker_id == task.worker
                assert row.progress is None or row.progress == task.progress

    @invariant()
    def what_is_counted_is_what_is_there(self) -> None:
        there = Counter(row.status for row in self.read_rows().values() if row.deleted_at is None)
        counts = self.lab.store.read(read_counts)
        assert {status: count for status, count in counts.items() if count} == dict(there)

    @invariant()
    def versions_are_unique_and_grow_with_every_change(self) -> None:
        rows = self.read_rows()
        versions = [row.version for row in rows.values()]
        assert len(set(versions)) == len(versions)
        for number, row in rows.items():
            known = self.rows.get(number)
            if known is None or any(getattr(row, name) != getattr(known, name) for name in SEEN):
                assert row.version > self.version
            else:
                assert row.version >= known.version
        self.version = max([self.version, *versions])
        self.rows = rows

    @invariant()
    def who_follows_the_feed_knows_the_table(self) -> None:
        changes = self.lab.store.read(feed.read_changes, self.cursor, None, frozenset())
        for row in changes.tasks:
            self.followed[row.id] = (row.status, row.attempt)
        for gone in changes.deleted:
            self.followed.pop(gone, None)
        self.cursor = changes.version
        assert self.followed == {task.id: (task.status, task.attempt) for task in self.model.living()}

    @invariant()
    def histories_are_whole_and_legal_with_one_outcome_an_attempt(self) -> None:
        with self.lab.store.reader.begin() as conn:
            events = conn.execute(sa.select(task_events).order_by(task_events.c.id)).all()
        found: dict[int, list[Any]] = {number: [] for number in self.model.tasks}
        for event in events:
            found[event.task].append(event)
        for number, task in self.model.tasks.items():
            history = found[number]
            assert [(event.status, event.attempt, event.worker) for event in history] == task.history
            transitions = itertools.pairwise(history)
            assert all((TaskStatus(a.status), TaskStatus(b.status)) in LEGAL_TRANSITIONS for a, b in transitions)
            outcomes = [event.attempt for event in history if event.cause == Cause.OUTCOME]
            assert sorted(outcomes) == sorted(task.settled)
            assert [event.attempt for event in history] == sorted(event.attempt for event in history)
            assert all(a.at <= b.at for a, b in itertools.pairwise(history))

    @invariant()
    def a_task_that_waits_is_in_the_outbox_or_with_the_broker(self) -> None:
        with self.lab.store.reader.begin() as conn:
            rows = conn.execute(sa.select(outbox_rows.c.task, outbox_rows.c.available_at)).all()
        first: dict[int, float] = {}
        for row in rows:
            first[row.task] = min(row.available_at, first.get(row.task, row.available_at))
        for task in self.model.living(TaskStatus.QUEUEING):
            assert self.model.broker[task.number] or first[task.number] <= max(task.due_at, self.clock.now), task

    @invariant()
    def what_was_refused_is_kept_apart(self) -> None:
        with self.lab.store.reader.begin() as conn:
            refused = conn.execute(sa.select(refused_outcomes.c.task, refused_outcomes.c.attempt)).all()
        assert all(row.task in self.model.tasks for row in refused)

    # -- helpers -------------------------------------------------------------------------

    def read_rows(self) -> dict[int, Any]:
        with self.lab.store.reader.begin() as conn:
            return {row.number: row for row in conn.execute(sa.select(tasks)).all()}

    def some(self, data: st.DataObject, choices: list[Any]) -> Any:
        return data.draw(st.sampled_from(choices))

    def worker(self, data: st.DataObject) -> ModelWorker:
        worker: ModelWorker = self.some(data, list(self.model.workers.values()))
        return worker

    def refused(self, worker: ModelWorker, operation: Any, *arguments: Any) -> None:
        """A worker without a lease is told why, and changes nothing."""
        with pytest.raises(ServiceError) as error:
            self.lab.store.write(operation, *arguments)
        assert error.value.code == ("WORKER_UNKNOWN" if worker.state == "LEFT" else "LEASE_LOST")


@pytest.mark.timeout(400)  # a failure is shrunk for up to five minutes
def test_any_order_of_operations_leaves_what_the_model_predicts(lab: Lab) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis does not say its types
        lambda: StoreMachine(lab),
        settings=settings(
            max_examples=scaled(20), stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, Phase.shrink),
            report_multiple_bugs=False, database=None,
        ),
    )  # fmt: skip
