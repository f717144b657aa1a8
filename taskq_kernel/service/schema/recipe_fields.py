"""Root fields about recipes: what administrators register, and everybody who may look can submit."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from graphene import Field, List, NonNull, ObjectType, String
from graphql import GraphQLResolveInfo

from taskq_kernel.errors import InvalidTask
from taskq_kernel.service import recipes as made_of
from taskq_kernel.service.schema import batch_types, inputs, recipe_types, types
from taskq_kernel.service.schema.selection import wanted
from taskq_kernel.store import batches, create, recipes
from taskq_kernel.store.rows import RecipeRow, TaskRow

log = logging.getLogger(__name__)


def _name() -> Any:
    return String(required=True, description="The recipe's name.")


class RecipeQuery(ObjectType):
    """What can be read of recipes."""

    recipes = List(
        NonNull(recipe_types.Recipe), required=True, description="The recipes that can be submitted, by name."
    )
    recipe = Field(recipe_types.Recipe, required=True, description="One recipe.", name=_name())

    @staticmethod
    async def resolve_recipes(_root: Any, info: GraphQLResolveInfo) -> list[RecipeRow]:
        found: list[RecipeRow] = await info.context.runtime.store.read(recipes.list_recipes)
        return found

    @staticmethod
    async def resolve_recipe(_root: Any, info: GraphQLResolveInfo, name: str) -> RecipeRow:
        return await _recipe(info, name)


class RecipeMutation(ObjectType):
    """What can be done with recipes."""

    submit_recipe = Field(
        types.Task, required=True, description=(
            "Submit a task that is made of a recipe. Each argument is checked against what the recipe declares."
        ),
        input=inputs.RecipeInput(required=True, description="The recipe and its arguments."),
    )
    submit_recipe_sweep = Field(
        batch_types.SubmittedBatch, required=True, description=(
            "Submit points of a recipe, as submitBatch does a definition's. Each argument is checked."
        ),
        input=inputs.RecipeSweepInput(required=True, description="The recipe and its points."),
    )
    add_recipe = Field(
        recipe_types.AddedRecipe, required=True, description=(
            "Register a recipe; under a name that is there, a new version of it. What was made of an earlier one stays "
            "as it is."
        ),
        input=inputs.RecipeFileInput(required=True, description="The recipe."),
    )
    remove_recipe = Field(
        recipe_types.Recipe, required=True, description="Take a recipe out of use; what it made stays.", name=_name()
    )

    @staticmethod
    async def resolve_submit_recipe(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> TaskRow:
        context = info.context
        new = made_of.task_of(await _recipe(info, input["recipe"]), input)
        wants = wanted(info) | {"recipe"}
        (task,), count = await context.runtime.store.write(
            create.create_tasks, [new], context.identity.name, wants, out_of_reach=context.runtime.out_of_reach
        )
        if task.recipe != new.recipe:  # its id was given, and is that of another task of the same owner
            raise InvalidTask(f"is {new.id}, which cannot be had for a new task: give another id", "id")
        context.runtime.metrics.submitted.inc(count)
        log.info("submit task %s of recipe %s by %s", task.number, new.recipe, context.identity.name)
        made: TaskRow = task
        return made

    @staticmethod
    async def resolve_submit_recipe_sweep(
        _root: Any, info: GraphQLResolveInfo, input: dict[str, Any]
    ) -> batches.Submitted:
        context = info.context
        row = await _recipe(info, input["recipe"])
        new = await asyncio.to_thread(made_of.batch_of, row, input)
        done: batches.Submitted = await context.runtime.store.write(batches.submit_batch, new, context.actor)
        context.runtime.expander.wake()
        log.info(
            "submit batch %s (%s) of recipe %s: %d points are new of %d, by %s",
            done.batch.id, done.batch.name, new.recipe, done.added, done.batch.total, context.identity.name,
        )
        return done

    @staticmethod
    async def resolve_add_recipe(_root: Any, info: GraphQLResolveInfo, input: dict[str, Any]) -> dict[str, Any]:
        context = info.context
        new = made_of.definition_of(input)
        row, added = await context.runtime.store.write(
            recipes.add_recipe, new.name, new, context.identity.name, input.get("project"),
            input.get("project_commit"), once=bool(input.get("once")),
        )
        if added:
            log.info("add recipe %s, version %d, by %s", row.name, row.version, context.identity.name)
        return {"recipe": row, "added": added}

    @staticmethod
    async def resolve_remove_recipe(_root: Any, info: GraphQLResolveInfo, name: str) -> RecipeRow:
        row: RecipeRow = await info.context.runtime.store.write(recipes.remove_recipe, name)
        log.info("remove recipe %s by %s", row.name, info.context.identity.name)
        return row


async def _recipe(info: GraphQLResolveInfo, name: str) -> RecipeRow:
    row: RecipeRow = await info.context.runtime.store.read(recipes.get_recipe, name)
    return row
