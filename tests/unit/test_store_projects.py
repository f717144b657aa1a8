"""Projects in the task database: named by tasks and batches, and kept as long as one of these is there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from store_lab import EVERYTHING, Lab
from store_plans import executed

from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.grid import write_design
from taskq_kernel.messages import TaskMessage, decode
from taskq_kernel.project_manifest import ProjectFile, ProjectManifest, project_id
from taskq_kernel.store import batches, blob_refs, create, definitions, expansion, outbox, projects
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.submission import check_all, check_batch, check_definition

pytest_plugins = ["store_fixtures"]

FILES = ["a" * 64, "b" * 64]


def register(lab: Lab, *refs: str) -> str:
    manifest = ProjectManifest(ProjectFile(f"{place}.jl", ref, 10) for place, ref in enumerate(refs or FILES))
    project = project_id(manifest.encode())
    lab.store.write(projects.register_project, project, manifest, "ann")
    return project


def submit(lab: Lab, **given: Any) -> Any:
    new = check_all([{"code": "1 + 1", **given}])
    return lab.store.write(create.create_tasks, new, "ann", EVERYTHING)[0][0]


def prune(lab: Lab) -> None:
    lab.store.write(projects.forget_unused_projects, lab.clock() - projects.UNUSED_S)


def test_a_task_brings_its_project_to_the_worker_and_so_does_the_one_that_repeats_it(lab: Lab) -> None:
    project = register(lab)
    task = submit(lab, project=project, project_commit="abc-dirty")
    assert (task.project, task.project_commit) == (project, "abc-dirty")
    worker = lab.join()
    [[body]] = lab.store.read(outbox.read_due, lab.clock()).messages.values()
    message = decode(TaskMessage, body)
    assert (message.project, message.project_commit) == (project, "abc-dirty")
    lab.claim(worker, task)
    assert lab.task(task).environment.endswith(f", project {project[:16]}")
    lab.finish(task, worker)
    again = lab.bulk_action("retry", task).tasks
    assert [lab.task(one).project for one in again if one.number != task.number] == [project]


def test_a_project_that_is_sent_again_is_noted_as_used_and_its_files_are_not_written_again(lab: Lab) -> None:
    project = register(lab)
    lab.clock.advance(projects.UNUSED_S)
    with executed(lab.store.writer) as statements:
        assert register(lab) == project
    assert not [one for one, _parameters in statements if "project_files" in one]
    lab.clock.advance(1)
    prune(lab)
    assert submit(lab, project=project).project == project


def test_a_task_whose_project_is_not_there_is_refused_and_so_is_what_names_none(lab: Lab) -> None:
    with pytest.raises(NotFound, match="no project has the id"):
        submit(lab, project="0" * 64)
    with pytest.raises(InvalidTask, match="names no project"):
        submit(lab, project="mine")


def test_the_points_of_a_batch_have_its_project(lab: Lab) -> None:
    project = register(lab)
    code = check_definition({"code": "f(n) = n"}, "input")
    definition = lab.store.write(definitions.register_definition, code, "ann").id
    given = {"name": "b", "definition": definition, "design": write_design(columns={"1": [1, 2]}), "project": project}
    made = lab.store.write(batches.submit_batch, check_batch(given, "input"), Actor("ann"))
    lab.store.write(expansion.make_next, made.batch.id, expansion.Grids())
    [bodies] = lab.store.read(outbox.read_due, lab.clock()).messages.values()
    assert [msgspec.json.decode(body)["project"] for body in bodies] == [project, project]


def test_the_files_of_a_project_are_kept_while_a_task_names_it_and_for_some_days_after_it_was_sent(lab: Lab) -> None:
    first, second = register(lab), register(lab, FILES[0])
    refs = [first, second, *FILES, "c" * 64]
    task = submit(lab, project=first)
    assert lab.store.read(blob_refs.referenced, refs) == {first, second, *FILES}
    prune(lab)
    assert lab.store.read(blob_refs.referenced, refs) == {first, second, *FILES}
    lab.clock.advance(projects.UNUSED_S + 1)
    prune(lab)
    assert lab.store.read(blob_refs.referenced, refs) == {first, *FILES}
    lab.bulk_action("delete", task)
    prune(lab)
    assert lab.store.read(blob_refs.referenced, refs) == set()


def test_a_value_counts_in_the_project_that_it_was_computed_in_and_in_no_other(lab: Lab) -> None:
    first, second, worker = register(lab), register(lab, FILES[0]), lab.join()
    task = submit(lab, project=first, cache=True)
    lab.claim(worker, task)
    lab.finish(task, worker)
    assert submit(lab, project=first, cache=True).cached_from == task.number
    assert submit(lab, project=second, cache=True).cached_from is None
    assert submit(lab, cache=True).cached_from is None
