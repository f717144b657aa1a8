"""The cache in the task database: an equal task's value stands for a run, and every other task runs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from store_lab import EVERYTHING, Lab

from taskq_kernel.errors import InvalidTask
from taskq_kernel.grid import write_design
from taskq_kernel.store import batch_figures, batches, blob_refs, create, definitions, expansion, outcomes
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.cache_explanation import Explanation, explain_cache
from taskq_kernel.store.submission import check_all, check_batch, check_definition
from taskq_kernel.store.tables import tasks

pytest_plugins = ["store_fixtures"]

ANN = Actor("ann")


def define(lab: Lab, code: str = "f(; n, k = 1) = n", name: str = "f") -> str:
    """The id of a definition."""
    new = check_definition({"code": code, "name": name}, "input")
    return str(lab.store.write(definitions.register_definition, new, "ann").id)


def call(lab: Lab, definition: str, owner: str = "ann", **given: Any) -> Any:
    """Submit a call with ``cache``; options beside ``arguments``."""
    new = check_all([{"definition": definition, "cache": True, **given}])
    return lab.store.write(create.create_tasks, new, owner, EVERYTHING)[0][0]


def sweep(lab: Lab, definition: str, name: str, actor: Actor = ANN, **given: Any) -> Any:
    """Submit a batch with ``cache`` and make all of its tasks; their rows, by points."""
    design = write_design(columns=given.pop("columns"))
    new = check_batch({"name": name, "definition": definition, "design": design, "cache": True, **given}, "input")
    batch = lab.store.write(batches.submit_batch, new, actor).batch
    lab.store.write(expansion.make_next, batch.id, expansion.Grids())
    with lab.store.reader.begin() as conn:
        rows = conn.execute(sa.select(tasks).where(tasks.c.batch == batch.id, tasks.c.point.isnot(None))).all()
    return {row.point: row for row in rows}


def run(lab: Lab, worker: str, *given: Any, **value: Any) -> None:
    """Run tasks to their ends."""
    lab.claim(worker, *given)
    lab.record(*(lab.outcome(task, worker, **value) for task in given))


def test_an_equal_task_has_its_value_at_once_and_names_who_computed_it(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    first = call(lab, f, arguments={"n": 1, "k": [1, {"b": 1, "a": 2}]})
    assert (first.status, first.cached_from, first.cache) == ("QUEUEING", None, True)
    run(lab, worker, first)
    lab.publish()
    again = call(lab, f, arguments={"k": [1, {"a": 2, "b": 1}], "n": 1})
    assert (again.status, again.cached_from, again.seed) == ("FINISHED", first.number, first.seed)
    assert (again.value_json, again.value_kind, again.progress, again.attempt) == ("2", "JSON", 1.0, 0)
    assert (again.worker, again.started_at, again.finished_at) == (None, None, lab.clock.now)
    assert again.environment == lab.task(first).environment == "Julia 1.10.4"
    assert lab.waiting() == []
    assert [event.reason for event in lab.history(again)][-1] == f"task {first.number} has computed its value"
    assert lab.task(call(lab, f, arguments={"n": 1, "k": [1, {"a": 2, "b": 1}]})).cached_from == first.number


@pytest.mark.parametrize("other", [
    {"arguments": {"n": 2}}, {"arguments": {"n": 1.0}}, {"arguments": {"n": 1}, "seed": 5},
    {"arguments": {"n": 1}, "cache": False}, {"arguments": {"n": 1}, "owner": "bob"},
    {"arguments": {"n": 1}, "code": "f(; n, k = 1) = n + 0"}, {"arguments": {"n": 1}, "queue": "gpu"},
], ids=lambda other: str(other))  # fmt: skip
def test_what_is_not_equal_runs(lab: Lab, other: dict[str, Any]) -> None:
    worker = lab.join()
    lab.join("w2", julia_version="1.11.3", queues=["gpu"])
    run(lab, worker, call(lab, define(lab), arguments={"n": 1}))
    assert call(lab, define(lab), arguments={"n": 1}).status == "FINISHED"
    options = dict(other)
    definition = define(lab, options.pop("code", "f(; n, k = 1) = n"))
    assert call(lab, definition, **options).status == "QUEUEING"


def test_a_script_hits_too_and_a_task_without_a_cache_is_no_source(lab: Lab) -> None:
    worker = lab.join()
    run(lab, worker, *lab.submit("rand()", seed=3))
    first, = lab.submit("rand()", cache=True, seed=3)
    assert first.status == "QUEUEING"
    run(lab, worker, first)
    assert [task.status for task in lab.submit("rand()", "rand() ", cache=True, seed=3)] == ["FINISHED", "QUEUEING"]


def test_only_a_value_counts_that_is_there(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    first, second = call(lab, f, arguments={"n": 1}), call(lab, f, arguments={"n": 1})
    assert second.status == "QUEUEING"  # submitted while the first one had no value yet: both run
    lab.claim(worker, first, second)
    lab.fail(first, worker)
    assert call(lab, f, arguments={"n": 1}).status == "QUEUEING"
    lab.finish(second, worker)
    third = call(lab, f, arguments={"n": 1})
    assert third.cached_from == second.number
    lab.bulk_action("delete", second)
    fourth = call(lab, f, arguments={"n": 1})  # the copy has the value still
    assert (fourth.status, fourth.value_json, fourth.cached_from) == ("FINISHED", "2", second.number)
    lab.bulk_action("delete", third, fourth)
    assert call(lab, f, arguments={"n": 1}).status == "QUEUEING"


def test_a_blob_is_in_use_as_long_as_one_of_those_that_share_it_is_there(lab: Lab) -> None:
    worker, f, ref = lab.join(), define(lab), "a" * 64
    first = call(lab, f, arguments={"n": 1})
    run(lab, worker, first, value=outcomes.Value("ARRAY", "Vector{Float64}", "[...]", None, ref, 10**6, ""))
    second = call(lab, f, arguments={"n": 1})
    assert (second.value_ref, second.value_size) == (ref, 10**6)
    lab.bulk_action("delete", first)
    assert lab.store.read(blob_refs.referenced, [ref]) == {ref}
    lab.bulk_action("delete", second)
    assert lab.store.read(blob_refs.referenced, [ref]) == set()


def test_the_environment_is_that_of_the_workers_which_serve_the_queue(lab: Lab) -> None:
    old, f = lab.join("old", manifest="ab" * 32), define(lab)
    first = call(lab, f, arguments={"n": 1})
    run(lab, old, first)
    assert lab.task(first).environment == "Julia 1.10.4, manifest abababababababab"
    lab.join("old", id=old, manifest="cd" * 32)  # its packages have changed
    assert call(lab, f, arguments={"n": 1}).status == "QUEUEING"
    lab.join("new", julia_version="1.11.3")
    assert call(lab, f, arguments={"n": 1}).status == "QUEUEING"
    lab.join("same", manifest="ab" * 32)  # one of several that could have run it
    assert call(lab, f, arguments={"n": 1}).status == "FINISHED"


def test_where_no_worker_is_there_the_last_one_tells_the_environment(lab: Lab) -> None:
    f = define(lab)
    assert call(lab, f, arguments={"n": 1}).status == "QUEUEING"
    worker = lab.join()
    run(lab, worker, call(lab, f, arguments={"n": 1}))
    lab.clock.advance(lab.policy.lease_s + 1)
    lab.reap()
    assert call(lab, f, arguments={"n": 1}).status == "FINISHED"


def test_points_of_a_sweep_hit_wherever_they_stand_and_calls_hit_points(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    first = sweep(lab, f, "a", columns={"n": [1, 2]})
    run(lab, worker, *first.values())
    second = sweep(lab, f, "b", columns={"n": [3, 2, 1]})
    assert [second[place].status for place in range(3)] == ["QUEUEING", "FINISHED", "FINISHED"]
    assert [second[place].cached_from for place in range(3)] == [None, first[1].number, first[0].number]
    assert lab.waiting() == [second[0].number]
    assert call(lab, f, arguments={"n": 2}).cached_from == first[1].number
    figures = lab.store.read(batch_figures.read_figures, lab.store.read(batches.find_batch, "b", "ann"), lab.clock.now)
    assert (figures.done, figures.seconds_left) == (2, None)


def test_a_sweep_with_a_seed_has_the_seeds_that_it_has_without_a_cache(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    first = sweep(lab, f, "a", columns={"n": [1, 1]}, seed=7)
    plain = sweep(lab, f, "plain", columns={"n": [1, 1]}, seed=7, cache=False)
    assert [first[place].seed for place in (0, 1)] == [plain[place].seed for place in (0, 1)]
    assert first[0].seed != first[1].seed
    run(lab, worker, *first.values())
    assert {row.status for row in sweep(lab, f, "b", columns={"n": [1, 1]}, seed=7).values()} == {"FINISHED"}
    assert {row.status for row in sweep(lab, f, "c", columns={"n": [1, 1]}, seed=8).values()} == {"QUEUEING"}


def test_a_batch_whose_seeds_follow_from_its_points_takes_no_seed_later(lab: Lab) -> None:
    f = define(lab)
    sweep(lab, f, "a", columns={"n": [1]})
    with pytest.raises(InvalidTask, match="seeds that follow from what its points compute"):
        sweep(lab, f, "a", columns={"n": [1]}, seed=0)
    assert len(sweep(lab, f, "a", columns={"n": [2]})) == 2


def test_a_value_that_is_passed_counts_as_an_argument(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    inner = call(lab, f, arguments={"n": 1})
    outer = call(lab, f, arguments={"n": {"$task": inner.id}})
    run(lab, worker, inner)
    run(lab, worker, outer)
    other = call(lab, f, arguments={"n": 5})
    waits = call(lab, f, arguments={"n": {"$task": other.id}})
    follows = call(lab, f, arguments={"k": {"$task": waits.id}})
    assert (waits.status, waits.seed) == ("QUEUEING", outer.seed)
    run(lab, worker, other)  # its value is the same
    assert lab.task(waits).cached_from == outer.number
    assert lab.waiting()[-1] == follows.number  # what needs it goes on its way
    # What it needs is done already when it is submitted.
    assert call(lab, f, arguments={"n": {"$task": other.id}}).cached_from == outer.number


def test_what_is_run_again_runs_and_what_failed_is_tried_again(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    first = call(lab, f, arguments={"n": 1})
    run(lab, worker, first)
    hit = call(lab, f, arguments={"n": 1})
    repeated = lab.bulk_action("retry", hit).tasks[0]
    assert (repeated.status, repeated.cached_from, repeated.seed) == ("QUEUEING", None, first.seed)
    run(lab, worker, repeated)
    assert call(lab, f, arguments={"n": 1}).cached_from == repeated.number  # the latest value


def test_a_request_that_is_repeated_finds_the_same_task(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    run(lab, worker, call(lab, f, arguments={"n": 1}))
    name = str(uuid4())
    assert call(lab, f, arguments={"n": 1}, id=name).number == call(lab, f, arguments={"n": 1}, id=name).number


# -- why ----------------------------------------------------------------------------------------


def explained(lab: Lab, definition: str | None, owner: str = "ann", **given: Any) -> Explanation:
    """What the cache says of a call, or of a script."""
    called = {} if definition is None else {"definition": definition}
    return lab.store.read(explain_cache, check_all([{**called, "cache": True, **given}])[0], owner)


def test_an_explanation_says_hit_or_which_arguments_and_which_seed_differ(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    assert explained(lab, f, arguments={"n": 1}).reasons == [
        "no task of the same code or name was submitted with cache=True"
    ]
    near, far = call(lab, f, arguments={"n": 1, "k": 2}), call(lab, f, arguments={"n": 9, "k": 9, "x": 9})
    run(lab, worker, near, far)
    assert explained(lab, f, arguments={"k": 2, "n": 1}) == Explanation(hit=near.number)
    differs = Explanation(None, near.number, ["argument k: 2 there, 3 here"])
    assert explained(lab, f, arguments={"n": 1, "k": 3}) == differs
    assert explained(lab, f, arguments={"k": 2}).reasons == ["argument n: 1 there, not given here"]
    assert explained(lab, f, arguments={"n": 1, "k": 2, "y": "z"}).reasons == ['argument y: not given there, "z" here']
    assert explained(lab, f, arguments={"n": 1, "k": 2}, seed=4).reasons == [f"seed: {near.seed} there, 4 here"]
    assert explained(lab, f, arguments={"n": 1, "k": 2}, owner="bob").hit is None


def test_an_explanation_names_the_earlier_definition_of_the_same_name(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    first = call(lab, f, arguments={"n": 1})
    run(lab, worker, first)
    edited = define(lab, "f(; n, k = 1) = 2n")
    found = explained(lab, edited, arguments={"n": 1})
    assert (found.hit, found.nearest) == (None, first.number)
    was = f"the definition f was {f[:8]}, registered on 2023-11-14 22:13 UTC"
    assert found.reasons == [f"{was}, and is {edited[:8]} now: its code has changed"]


def test_an_explanation_tells_what_became_of_an_equal_task(lab: Lab) -> None:
    worker, f = lab.join(), define(lab)
    task = call(lab, f, arguments={"n": 1})
    assert "is QUEUEING: its value is not there yet" in explained(lab, f, arguments={"n": 1}).reasons[0]
    lab.claim(worker, task)
    lab.fail(task, worker)
    assert "is FAILED: it has no value" in explained(lab, f, arguments={"n": 1}).reasons[0]
    other = call(lab, f, arguments={"n": 1})
    run(lab, worker, other)
    lab.join("w1", id=worker, julia_version="1.11.3")
    assert explained(lab, f, arguments={"n": 1}).reasons == [
        "environment: Julia 1.10.4 there, and the queue default is served by Julia 1.11.3"
    ]
    lab.bulk_action("delete", other)
    assert f"task {other.number}, which computed it, was deleted on" in explained(lab, f, arguments={"n": 1}).reasons[0]
    assert "no worker has ever served the queue gpu" in explained(lab, f, arguments={"n": 2}, queue="gpu").reasons[0]


def test_an_explanation_of_a_script_finds_the_one_of_the_same_name_and_one_without_a_cache(lab: Lab) -> None:
    worker = lab.join()
    run(lab, worker, *lab.submit("1 + 1"))
    assert "without cache=True" in explained(lab, None, code="1 + 1").reasons[0]
    first, = lab.submit("1 + 1", name="sum", cache=True)
    run(lab, worker, first)
    assert explained(lab, None, code="1 + 1").hit == first.number
    assert explained(lab, None, code="1 + 2", name="sum").reasons == ["its code is another"]


def test_a_task_that_was_cancelled_while_it_waited_for_its_arguments_gives_its_value_once_it_was_retried(
    lab: Lab,
) -> None:
    worker, f, g = lab.join(), define(lab), define(lab, "g(n) = n", "g")
    inner = call(lab, f, arguments={"n": 1}, cache=False)
    outer = call(lab, g, arguments={"n": {"$task": inner.id}}, seed=5)
    lab.bulk_action("cancel", outer)
    run(lab, worker, inner)
    lab.bulk_action("retry", outer)
    run(lab, worker, outer)
    assert call(lab, g, arguments={"n": 2}, seed=5).cached_from == outer.number


def test_an_explanation_reads_an_earlier_definition_once_however_many_tasks_called_it(lab: Lab) -> None:
    worker, before, now = lab.join(), define(lab), define(lab, "f(; n, k = 1) = n + 0")
    statements: list[str] = []

    def explained() -> int:
        new = check_all([{"definition": now, "cache": True, "arguments": {"n": 0}}])[0]
        statements.clear()
        assert lab.store.read(explain_cache, new, "ann").reasons
        return len(statements)

    sa.event.listen(lab.store.reader, "before_cursor_execute", lambda _c, _u, text, *_: statements.append(text))
    run(lab, worker, call(lab, before, arguments={"n": 1}))
    few = explained()
    run(lab, worker, *(call(lab, before, arguments={"n": n}) for n in range(2, 12)))
    assert explained() == few
