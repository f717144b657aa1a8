"""What a client asks of the service about recipes: one function a GraphQL operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.client.operations import Row
from taskq_kernel.client.refusals import input_refused
from taskq_kernel.recipe_file import Show, show_from
from taskq_kernel.transport.graphql import GraphQLTransport

#: What a recipe is.
RECIPE = (
    "name version title help code entry definition project owner createdAt"
    " parameters { name type label unit default minimum maximum step choices help }"
    " show { kind value error x y columns sweep label unit xLabel yLabel }"
)


def recipes(transport: GraphQLTransport) -> list[Row]:
    """The recipes that can be submitted, by name."""
    found: list[Row] = transport.execute(f"query Recipes {{ recipes {{ {RECIPE} }} }}")["recipes"]
    return found


def recipe(transport: GraphQLTransport, name: str) -> Row:
    """One recipe.

    Raises
    ------
    NotFound
        If there is none of this name.
    """
    query = f"query Recipe($name: String!) {{ recipe(name: $name) {{ {RECIPE} }} }}"
    found: Row = transport.execute(query, {"name": name})["recipe"]
    return found


def show_of(row: Row) -> Show:
    """How the results of a recipe are shown, of its row."""
    show = row["show"]
    return show_from({**show, "kind": show["kind"].lower(), "x_label": show["xLabel"], "y_label": show["yLabel"]})


def submit(transport: GraphQLTransport, given: Mapping[str, Any]) -> Row:
    """Submit a task of a recipe, given as ``RecipeInput`` with its ``id``; the whole task."""
    query = f"mutation Recipe($input: RecipeInput!) {{ submitRecipe(input: $input) {{ {operations.TASK} }} }}"
    with input_refused():
        made: Row = transport.execute(query, {"input": dict(given)}, repeatable=True)["submitRecipe"]
    return made


def submit_sweep(transport: GraphQLTransport, given: Mapping[str, Any]) -> Row:
    """Submit points of a recipe, given as ``RecipeSweepInput``; as `batch_operations.submit`."""
    query = (
        "mutation Sweep($input: RecipeSweepInput!) { submitRecipeSweep(input: $input)"
        f" {{ batch {{ {batch_operations.BATCH} }} added again }} }}"
    )
    with input_refused():
        done: Row = transport.execute(query, {"input": dict(given)}, repeatable=True)["submitRecipeSweep"]
    return done


def add(transport: GraphQLTransport, given: Mapping[str, Any]) -> tuple[Row, bool]:
    """Register a recipe, given as ``RecipeFileInput``; it, and whether anything is new."""
    query = f"mutation Add($input: RecipeFileInput!) {{ addRecipe(input: $input) {{ recipe {{ {RECIPE} }} added }} }}"
    with input_refused():
        done = transport.execute(query, {"input": dict(given)}, repeatable=True)["addRecipe"]
    return done["recipe"], bool(done["added"])


def remove(transport: GraphQLTransport, name: str) -> Row:
    """Take a recipe out of use."""
    query = "mutation Remove($name: String!) { removeRecipe(name: $name) { name version } }"
    gone: Row = transport.execute(query, {"name": name})["removeRecipe"]
    return gone
