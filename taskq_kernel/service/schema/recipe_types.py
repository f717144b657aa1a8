"""GraphQL types of recipes."""

from __future__ import annotations

import graphene
from graphene import Boolean, Field, Float, Int, List, NonNull, ObjectType, String

from taskq_kernel.service.schema.enums import named_enum
from taskq_kernel.service.schema.fields import resolver_of
from taskq_kernel.service.schema.scalars import JSON, DateTime

ParameterType = named_enum("RecipeParameterType", "What a parameter of a recipe takes.", {
    "WHOLE": "A whole number.",
    "NUMBER": "A number.",
    "TRUTH": "True or false.",
    "TEXT": "Text.",
})
ShowKind = named_enum("RecipeShowKind", "How a recipe's result is shown.", {
    "NUMBER": "As a number, with its uncertainty where there is one.",
    "TABLE": "As a table.",
    "LINE": "As one line or several.",
    "HEATMAP": "As a picture of a matrix.",
    "PICTURE": "As the picture that it is.",
})


class RecipeParameter(ObjectType):
    """What may be set of a recipe."""

    class Meta:
        default_resolver = resolver_of("RecipeParameter")

    name = String(required=True, description="The argument's name.")
    type = Field(ParameterType, required=True, description="What it takes.")
    label = String(required=True, description="What people call it; empty: its name.")
    unit = String(required=True, description="Of what the number is; empty: of nothing.")
    default = JSON(required=True, description="What it is when nobody sets it.")
    minimum = Float(description="The least that it takes.")
    maximum = Float(description="The most that it takes.")
    step = Float(description="What an arrow key adds or takes away; values in between are taken as well.")
    choices = List(NonNull(JSON), required=True, description="The only values that it takes; any where it is empty.")
    help = String(required=True, description="A sentence for those who have never seen it.")


class RecipeShow(ObjectType):
    """How a recipe's result is shown. What is empty was not said."""

    class Meta:
        default_resolver = resolver_of("RecipeShow")

    kind = Field(ShowKind, required=True, description="As what.")
    value = String(required=True, description="The field of the result that is shown; empty: the result itself.")
    error = String(required=True, description="The field with the value's standard error.")
    x = String(required=True, description="The field with what goes to the right.")
    y = List(NonNull(String), required=True, description="The fields with what goes up.")
    columns = List(NonNull(String), required=True, description="The fields that are the columns of a table.")
    sweep = String(required=True, description="The field, a number, that is drawn where the recipe is swept.")
    label = String(required=True, description="What people call the value.")
    unit = String(required=True, description="Of what it is.")
    x_label = String(required=True, description="What stands at the axis to the right.")
    y_label = String(required=True, description="What stands at the axis up.")


class Recipe(ObjectType):
    """Code that an administrator has registered, with what may be set of it."""

    class Meta:
        default_resolver = resolver_of("Recipe")

    name = String(required=True, description="Its name.")
    version = Int(required=True, description="Its version, from 1.")
    title = String(required=True, description="The first line of its docstring.")
    help = String(required=True, description="The rest of its docstring, in Markdown.")
    parameters = List(NonNull(RecipeParameter), required=True, description="What may be set, in its order.")
    show = Field(RecipeShow, required=True, description="How its result is shown.")
    code = String(required=True, description="Its file, in Julia.")
    entry = String(required=True, description="The function that its tasks call.")
    definition = graphene.ID(required=True, description="The definition that its tasks call.")
    project = graphene.ID(description="The project that its tasks have at hand.")
    owner = String(required=True, description="Who registered this version.")
    created_at = DateTime(required=True, description="When this version was registered.")


class AddedRecipe(ObjectType):
    """What became of a registration."""

    recipe = Field(Recipe, required=True, description="The recipe.")
    added = Boolean(required=True, description="Whether it, or its version, is new.")
