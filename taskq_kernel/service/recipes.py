"""From what is set of a recipe to a task and a batch: every argument is checked against what the recipe declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from taskq_kernel import exact_json
from taskq_kernel.call_name import call_name
from taskq_kernel.errors import InvalidTask
from taskq_kernel.grid import read_design
from taskq_kernel.parameters import check_names, complete
from taskq_kernel.recipe_file import RecipeFile, check_name, read_new_recipe, read_recipe
from taskq_kernel.store.definitions import NewDefinition
from taskq_kernel.store.rows import RecipeRow
from taskq_kernel.store.submission import NewBatch, NewTask, check, check_batch, check_definition


def definition_of(given: Mapping[str, Any]) -> NewDefinition:
    """The definition of a recipe that is to be registered, given as ``RecipeFileInput``.

    Raises
    ------
    InvalidTask
        If its file is none; the message says in which line, and what should stand there.
    """
    name = check_name(given["name"])
    code = given["code"].replace("\r\n", "\n")
    return check_definition({"code": code, "entry": read_new_recipe(code).entry, "name": name}, "input")


def task_of(row: RecipeRow, given: Mapping[str, Any]) -> NewTask:
    """The task that a recipe makes, given as ``RecipeInput``.

    Raises
    ------
    InvalidTask
        If it does not take an argument. The message names the parameter, the value, its unit and its range.
    """
    given_arguments = given.get("arguments")
    if given_arguments is not None and not isinstance(given_arguments, dict):
        raise InvalidTask(f"is {type(given_arguments).__name__}: give an object, the parameters by name", "arguments")
    recipe = read_recipe(row.code)
    arguments = complete(recipe.title, recipe.parameters, given_arguments or {})
    name = given.get("name")
    if name is None or not name.strip():
        set_ones = ((one, exact_json.encode(arguments[one]).decode()) for one in given_arguments or ())
        name = call_name(row.name, set_ones)
    new = check({
        "id": given.get("id"), "name": name, "definition": row.definition, "arguments": arguments,
        "seed": given.get("seed"), "cache": given.get("cache"), "project": row.project,
        "project_commit": row.project_commit,
    }, "input")
    return replace(new, recipe=row.name)


def batch_of(row: RecipeRow, given: Mapping[str, Any]) -> NewBatch:
    """The batch that a sweep of a recipe is, given as ``RecipeSweepInput``.

    Raises
    ------
    InvalidTask
        As for `task_of`, of any of its points; or if the design is none.
    """
    design = complete_design(read_recipe(row.code), read_design(given["design"]))
    wanted = ("id", "name", "seed", "cache", "resume")
    new = check_batch({
        **{name: given.get(name) for name in wanted}, "definition": row.definition, "design": design,
        "project": row.project, "project_commit": row.project_commit,
    }, "input")
    return replace(new, recipe=row.name)


def complete_design(recipe: RecipeFile, design: str) -> str:
    """A design with every argument of a recipe: those given as it takes them, and the defaults of the others."""
    kind, lists = next(item for item in exact_json.decode(design).items() if item[1] is not None)
    check_names(recipe.title, recipe.parameters, lists)
    count = len(next(iter(lists.values()), [])) if kind == "columns" and lists else 1
    made = {}
    for one in recipe.parameters:  # given ones keep their places: the last axis runs fastest
        if one.name not in lists:
            made[one.name] = [one.default] * count
    for name, items in lists.items():
        parameter = next(one for one in recipe.parameters if one.name == name)
        made[name] = [parameter.checked(item) for item in items]
    return msgspec.json.encode({kind: made}).decode()
