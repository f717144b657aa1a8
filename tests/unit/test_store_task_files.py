"""Files of tasks in the database: of the attempt that ended, gone with their task, told to whom they may be."""

from __future__ import annotations

from typing import Any

import msgspec
from store_lab import Lab

from taskq_kernel.domain import Verdict
from taskq_kernel.grid import write_design
from taskq_kernel.store import batches, blob_refs, definitions, expansion, outbox, retention, task_files
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.retention import Rule
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.submission import check_batch, check_definition
from taskq_kernel.task_files import KeptFile

pytest_plugins = ["store_fixtures"]

REF = {letter: letter * 64 for letter in "abcdef"}
OUTPUTS = {"outputs": ["*.csv"]}


def file(name: str, letter: str, size: int = 10) -> KeptFile:
    return KeptFile(name, REF[letter], size)


def given(letter: str) -> dict[str, Any]:
    return {"input_files": {"mesh.vtk": {"ref": REF[letter], "size": 4}}}


def files_of(lab: Lab, task: Any) -> dict[str, tuple[str, int]]:
    found = lab.store.read(task_files.files_of, [task.number])[task.number]
    return {row.name: (row.ref[0], row.attempt) for row in found}


def kept(lab: Lab) -> str:
    """Which files the service has to keep."""
    return "".join(sorted(ref[0] for ref in lab.store.read(blob_refs.referenced, list(REF.values()))))


def test_the_files_of_the_attempt_that_ended_last_count_whichever_way_it_ended(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=2, **OUTPUTS)
    worker = lab.join()
    lab.claim(worker, task)
    lab.fail(task, worker, files=[file("a.csv", "a"), file("b.csv", "b")])
    assert files_of(lab, task) == {"a.csv": ("a", 1), "b.csv": ("b", 1)}
    lab.clock.advance(60)
    lab.publish()
    lab.claim(worker, task)
    assert files_of(lab, task) == {"a.csv": ("a", 1), "b.csv": ("b", 1)}
    assert lab.record(lab.outcome(task, worker, 2, files=[file("b.csv", "c")])) == [Verdict.ACCEPTED]
    # One that comes too late, or again, changes nothing.
    assert lab.record(lab.outcome(task, worker, 1, files=[file("a.csv", "d")])) == [Verdict.REPEATED]
    assert files_of(lab, task) == {"b.csv": ("c", 2)}
    assert kept(lab) == "c"


def test_an_attempt_that_leaves_none_takes_those_of_the_one_before_away(lab: Lab) -> None:
    [task] = lab.submit(max_attempts=2, **OUTPUTS)
    worker = lab.join()
    lab.claim(worker, task)
    lab.fail(task, worker, files=[file("a.csv", "a")])
    lab.clock.advance(60)
    lab.publish()
    lab.claim(worker, task)
    lab.finish(task, worker, 2)
    assert files_of(lab, task) == {}


def test_they_go_when_their_task_is_deleted_or_pruned_and_stay_with_results(lab: Lab) -> None:
    worker = lab.join()
    made = [*lab.submit(**given("a"), **OUTPUTS), *lab.submit(**given("b"), **OUTPUTS)]
    lab.claim(worker, *made)
    for task, letter in zip(made, "cd", strict=True):
        lab.record(lab.outcome(task, worker, files=[file("x.csv", letter, 1000)]))
    assert kept(lab) == "abcd"
    lab.bulk_action("delete", made[0])
    assert kept(lab) == "bd"
    lab.clock.advance(1000)
    step = retention.Step((made[1].number,))
    trimmed = lab.store.write(retention.trim_tasks, Rule(lab.clock.now, keep_results=True), step)
    assert trimmed.numbers == step.numbers
    assert kept(lab) == "bd"
    assert lab.store.read(retention.size_of, [made[1].number], keep_results=False) > 1000
    lab.store.write(retention.remove_tasks, Rule(lab.clock.now), step)
    assert kept(lab) == ""


def test_what_is_given_goes_with_the_message_and_to_whoever_repeats_the_task(lab: Lab) -> None:
    [task] = lab.submit(**given("a"), **OUTPUTS)
    [message] = lab.store.read(outbox.read_due, lab.clock.now).messages.values()
    told = msgspec.json.decode(message[0])
    assert (told["files"], told["outputs"]) == ({"mesh.vtk": {"ref": REF["a"], "size": 4}}, ["*.csv"])
    worker = lab.join()
    lab.claim(worker, task)
    lab.finish(task, worker)
    lab.bulk_action("retry", task)
    lab.bulk_action("delete", task)
    assert kept(lab) == "a"
    lab.submit()
    other = [body for bodies in lab.store.read(outbox.read_due, lab.clock.now).messages.values() for body in bodies][-1]
    assert not {"files", "outputs"} & msgspec.json.decode(other).keys(), "a task without files costs nothing"


def test_files_of_a_batch_are_kept_before_its_tasks_are_made_and_go_with_it(lab: Lab) -> None:
    ann = Actor("ann")
    made = lab.store.write(definitions.register_definition, check_definition({"code": "f(n) = n"}, "input"), "ann")
    new = check_batch({
        "name": "b", "definition": made.id, "design": write_design(columns={"n": [1, 2]}), **given("a"), **OUTPUTS,
    }, "input")  # fmt: skip
    batch = lab.store.write(batches.submit_batch, new, ann).batch
    assert kept(lab) == "a"
    lab.store.write(expansion.make_next, batch.id, expansion.Grids())
    [bodies] = lab.store.read(outbox.read_due, lab.clock.now).messages.values()
    assert [msgspec.json.decode(body)["outputs"] for body in bodies] == [["*.csv"]] * 2
    lab.store.write(batches.delete_batch, batch.id, ann)
    assert kept(lab) == ""


def test_files_tell_tasks_apart_that_ask_the_cache_and_come_with_a_value_from_it(lab: Lab) -> None:
    worker = lab.join()
    [first] = lab.submit("1", cache=True, **given("a"), **OUTPUTS)
    lab.claim(worker, first)
    lab.record(lab.outcome(first, worker, files=[file("x.csv", "b")]))
    [same] = lab.submit("1", cache=True, **given("a"), **OUTPUTS)
    assert (lab.task(same).cached_from, files_of(lab, same)) == (first.number, {"x.csv": ("b", 0)})
    for others in ({**given("c"), **OUTPUTS}, {**given("a"), "outputs": ["*.txt"]}, {**OUTPUTS}, {}):
        [task] = lab.submit("1", cache=True, seed=first.seed, **others)
        assert lab.task(task).cached_from is None, others
    # The files stay with the task that has them from the cache.
    lab.bulk_action("delete", first)
    assert "b" in kept(lab)
    [third] = lab.submit("1", cache=True, **given("a"), **OUTPUTS)
    assert files_of(lab, third) == {"x.csv": ("b", 0)}


def test_whose_a_file_is_is_known_for_those_who_may_see_their_own_tasks_alone(lab: Lab) -> None:
    worker = lab.join()
    [task] = lab.submit(**given("a"), **OUTPUTS)
    lab.claim(worker, task)
    lab.record(lab.outcome(task, worker, files=[file("x.csv", "b")]))
    assert lab.store.read(blob_refs.has_value, Sight("ann"), REF["b"])
    assert not lab.store.read(blob_refs.has_value, Sight("bob"), REF["b"])
    refs = [REF["a"], REF["b"], REF["c"]]
    assert lab.store.read(blob_refs.not_of, "ann", refs) == {REF["c"]}
    assert lab.store.read(blob_refs.not_of, "bob", refs) == set(refs)
