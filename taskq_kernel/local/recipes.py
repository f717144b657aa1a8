"""A local stack has the recipes that taskq brings, from its start on."""

from __future__ import annotations

from taskq_kernel.errors import ServiceError
from taskq_kernel.local.parts import Step
from taskq_kernel.recipes import shipped
from taskq_kernel.transport.graphql import GraphQLTransport

_ADD = "mutation Add($input: RecipeFileInput!) { addRecipe(input: $input) { added } }"


def register_shipped(transport: GraphQLTransport, on_step: Step = lambda _: None) -> list[str]:
    """Register the recipes that taskq brings, as far as they never were; the names of those that are new.

    By content: one that was removed or replaced stays so until a release of taskq brings another. A service of
    another release that runs still, and does not take them, is left alone.
    """
    added: list[str] = []
    for file in shipped():
        given = {"name": file.stem, "code": file.read_text("utf-8"), "once": True}
        try:
            done = transport.execute(_ADD, {"input": given}, repeatable=True)["addRecipe"]
        except ServiceError as error:
            on_step(f"the recipe {file.stem} was not registered: {error}")
            return added
        if done["added"]:
            added.append(file.stem)
    return added
