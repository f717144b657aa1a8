"""Recipes in the store: versions, what they made, and who sees it; on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from store_lab import Lab

from taskq_kernel.errors import InvalidTask, NotFound
from taskq_kernel.project_manifest import ProjectManifest
from taskq_kernel.service import recipes as made_of
from taskq_kernel.store import batches, create, expansion, projects, recipes
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.feed import read_changes
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import read_page
from taskq_kernel.store.records import get_task
from taskq_kernel.store.rows import RecipeRow, TaskRow
from taskq_kernel.store.sight import Sight
from taskq_kernel.store.submission import check_batch
from taskq_kernel.store.window import Window

pytest_plugins = ["store_fixtures"]

ALL = frozenset({"recipe", "code", "arguments", "seed", "definition", "totalCount", "tasks"})
RECIPES_ONLY = Sight(recipes_only=True)


def code(body: str = "n") -> str:
    """A recipe's file with one parameter."""
    return f'''parameters = [(name = :n, default = 2, minimum = 1, maximum = 9, unit = "m")]
shown = (kind = :number,)
"""
Twice
"""
twice(; n) = {body}
'''


def add(lab: Lab, body: str = "n", **given: Any) -> tuple[RecipeRow, bool]:
    new = made_of.definition_of({"name": "twice", "code": code(body)})
    return lab.store.write(recipes.add_recipe, "twice", new, "root", **given)


def submit(lab: Lab, owner: str = "ron", **given: Any) -> TaskRow:
    row = lab.store.read(recipes.get_recipe, "twice")
    new = made_of.task_of(row, {"arguments": {"n": 3}, **given})
    (task,), _ = lab.store.write(create.create_tasks, [new], owner, ALL)
    return task


def sweep(lab: Lab, name: str = "b", owner: str = "ron", n: str = "[1, 2]") -> batches.Submitted:
    row = lab.store.read(recipes.get_recipe, "twice")
    new = made_of.batch_of(row, {"name": name, "design": f'{{"axes": {{"n": {n}}}}}'})
    return lab.store.write(batches.submit_batch, new, Actor(owner))


def test_the_same_code_is_the_same_version_and_other_code_the_next_one(lab: Lab) -> None:
    assert [(row.version, new) for row, new in (add(lab), add(lab), add(lab, "n + n"), add(lab))] == [
        (1, True), (1, False), (2, True), (3, True)
    ]
    assert [(row.name, row.version, row.code) for row in lab.store.read(recipes.list_recipes)] == [
        ("twice", 3, code())
    ]


def test_what_was_registered_once_does_not_come_back_by_itself(lab: Lab) -> None:
    add(lab)
    lab.store.write(recipes.remove_recipe, "twice")
    assert not add(lab, once=True)[1]
    assert lab.store.read(recipes.list_recipes) == []
    with pytest.raises(NotFound, match="no recipe is named 'twice'"):
        lab.store.read(recipes.get_recipe, "twice")
    assert add(lab, "n + n", once=True)[1]
    assert not add(lab, once=True)[1]
    assert lab.store.read(recipes.get_recipe, "twice").code == code("n + n")
    assert add(lab)[0].version == 3


def test_a_text_that_no_recipe_is_named_by_finds_none(lab: Lab) -> None:
    add(lab)
    submit(lab)
    for name in ("twice\0", "\0", "tw\x10ice"):
        with pytest.raises(NotFound):
            lab.store.write(recipes.remove_recipe, name)
        page = lab.store.read(read_page, TaskFilter(recipe=name), [], Window(), frozenset({"totalCount"}))
        assert (page.rows, page.total) == ([], 0)
        with pytest.raises(NotFound):
            add(lab, "n + n", project=name)
    assert [row.name for row in lab.store.read(recipes.list_recipes)] == ["twice"]


def test_a_task_keeps_the_version_that_made_it(lab: Lab) -> None:
    add(lab)
    first, batch = submit(lab), sweep(lab).batch
    add(lab, "2n")
    second = submit(lab)
    lab.store.write(recipes.remove_recipe, "twice")
    lab.store.write(expansion.make_next, batch.id, expansion.Grids())
    made = lab.store.read(read_page, TaskFilter(recipe="twice"), [], Window(), ALL).rows
    assert {row.code for row in made if row.batch == batch.id} == {code()}
    assert {row.number: row.code for row in made if row.batch is None} == {
        first.number: code(), second.number: code("2n"),
    }
    assert {row.recipe for row in made} == {"twice"}
    assert len(made) == 4


def test_a_finished_task_that_is_run_again_is_of_the_same_recipe(lab: Lab) -> None:
    add(lab)
    done = submit(lab)
    worker = lab.join()
    lab.claim(worker, done)
    lab.record(lab.outcome(done, worker))
    (again,) = lab.bulk_action("retry", done, actor="ron").tasks
    assert lab.store.read(get_task, again.id, ALL).recipe == "twice"
    assert again.number != done.number


def test_who_sees_recipes_only_sees_nothing_else(lab: Lab) -> None:
    add(lab)
    seen, gone, (hidden, hidden_gone) = submit(lab), submit(lab), lab.submit("1", "2", owner="ron")
    swept, own = sweep(lab).batch, sweep(lab, owner="ann").batch
    other = check_batch({"name": "free", "definition": swept.definition, "design": '{"axes": {"n": [1]}}'}, "input")
    free = lab.store.write(batches.submit_batch, other, Actor("ron")).batch
    for one in (gone, hidden_gone):
        lab.bulk_action("delete", one, actor="ron")

    def listed(sight: Sight | None) -> set[int]:
        page = lab.store.read(read_page, TaskFilter(visible_to=sight), [], Window(), ALL)
        assert page.total == len(page.rows)
        return {row.number for row in page.rows}

    assert (listed(RECIPES_ONLY), listed(None)) == ({seen.number}, {seen.number, hidden.number})
    assert listed(Sight("eve", recipes_only=True)) == set()
    told = lab.store.read(read_changes, 0, TaskFilter(visible_to=RECIPES_ONLY), ALL)
    assert ([row.number for row in told.tasks], told.deleted) == ([seen.number], [gone.id])
    page = lab.store.read(batches.list_batches, 10, 0, visible_to=RECIPES_ONLY)
    assert ({row.id for row in page.rows}, page.total) == ({swept.id, own.id}, 2)
    assert lab.store.read(batches.find_batch, "b", "ron", RECIPES_ONLY).id == swept.id
    for find in (
        lambda: lab.store.read(batches.get_batch, free.id, RECIPES_ONLY),
        lambda: lab.store.read(batches.find_batch, "free", "ron", RECIPES_ONLY),
    ):
        with pytest.raises(NotFound):
            find()


def test_a_batch_is_of_one_recipe_or_of_none(lab: Lab) -> None:
    add(lab)
    of_recipe = sweep(lab).batch
    free = check_batch({"name": "b", "definition": of_recipe.definition, "design": '{"axes": {"n": [99]}}'}, "input")
    with pytest.raises(InvalidTask, match="a batch of the recipe twice, and this is one of no recipe"):
        lab.store.write(batches.submit_batch, free, Actor("ron"))
    lab.store.write(batches.submit_batch, replace(free, name="c", id=str(uuid4())), Actor("ron"))
    with pytest.raises(InvalidTask, match="a batch of no recipe, and this is one of the recipe twice"):
        sweep(lab, "c")
    assert sweep(lab, n="[2, 3]").added == 1


def test_the_project_of_a_recipe_is_kept_as_long_as_it_is_in_use(lab: Lab) -> None:
    project = "a" * 64
    lab.store.write(projects.register_project, project, ProjectManifest(()), "root")
    add(lab, project=project)
    assert submit(lab).recipe == "twice"
    lab.bulk_action("delete", *lab.store.read(read_page, TaskFilter(), [], Window(), ALL).rows, actor="ron")

    def known() -> bool:
        lab.store.write(projects.forget_unused_projects, lab.clock.now + 1)
        try:
            lab.store.read(projects.check_projects, [project])
        except NotFound:
            return False
        return True

    assert known()
    lab.store.write(recipes.remove_recipe, "twice")
    assert not known()
