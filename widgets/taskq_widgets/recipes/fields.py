"""The fields of a recipe's form: what is typed into them, what it means, and what is said where it means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taskq_kernel.errors import InvalidParameter, InvalidTask, TaskqError
from taskq_kernel.parameters import typed_default
from taskq_widgets.panels.arguments import described, sentence
from taskq_widgets.recipes.ranges import USUAL, is_swept, usual_range, values_of

if TYPE_CHECKING:
    from taskq_kernel.client.recipe import Recipe
    from taskq_kernel.parameters import Parameter


class Fields:
    """The fields of one recipe, or of none.

    Parameters
    ----------
    recipe
        The recipe; None for no fields.
    """

    def __init__(self, recipe: Recipe | None = None) -> None:
        self._parameters = {} if recipe is None else {one.name: one for one in recipe.parameters}

    def filled(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        """What stands in them for some arguments, as somebody would type it; the default for each that is not given."""
        return {
            name: _typed(arguments[name]) if name in arguments else typed_default(parameter)
            for name, parameter in self._parameters.items()
        }

    def wrong(self, typed: Mapping[str, str]) -> dict[str, str]:
        """What they do not take, by parameter."""
        wrong = {}
        for name, text in typed.items():
            try:
                self._parameters[name].read(text)
            except InvalidParameter as problem:
                wrong[name] = _refusal(self._parameters[name], text, problem)
        return wrong

    def meant(self, typed: Mapping[str, str]) -> dict[str, Any]:
        """The arguments that are typed.

        Raises
        ------
        InvalidParameter
            If a field does not take what is typed into it.
        """
        return {name: self._parameters[name].read(text) for name, text in typed.items()}

    def swept(self, name: str, content: Mapping[str, Any]) -> tuple[list[float], dict[str, str]]:
        """The values of a sweep, or what is wrong with it: ``low``, ``high`` and ``count`` as they are typed."""
        parameter = self._parameters[name]
        try:
            return list(values_of(parameter, *(str(content[end]) for end in ("low", "high", "count")))), {}
        except InvalidParameter as problem:
            said = _refusal(parameter, str(content[problem.name]), problem)
            return [], {problem.name: said.replace(parameter.title, problem.place, 1)}

    def remarks(self, error: TaskqError) -> dict[str, str]:
        """What is said of an error of the service, beside its field where it names one, else under ``form``."""
        name = error.field.removeprefix("arguments.") if isinstance(error, InvalidTask) else ""
        if name in self._parameters and isinstance(error, InvalidTask):
            return {name: sentence(str(error.at(self._parameters[name].title)))}
        return {"form": sentence(str(error))}


def described_recipe(recipe: Recipe) -> dict[str, Any]:
    """What a browser has to know of a recipe to show its form."""
    swept = [one for one in recipe.parameters if is_swept(one)]
    return {
        "name": recipe.name, "title": recipe.title, "help": recipe.help, "kind": recipe.show.kind,
        "parameters": [described(one) | {"default": typed_default(one)} for one in recipe.parameters],
        "swept": [{"name": one.name, "label": one.title, "range": list(usual_range(one))} for one in swept],
        "count": str(USUAL),
    }  # fmt: skip


def _typed(value: Any) -> str:
    """A value as somebody would type it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else f"{value:.15g}" if isinstance(value, float) else str(value)


def _refusal(parameter: Parameter, text: str, problem: InvalidParameter) -> str:
    """What is wrong with what was typed: what is out of range is told the whole of it, with its unit."""
    if parameter.choices or "the least is" in problem.problem or "the most is" in problem.problem:
        unit = f" {parameter.unit}" if parameter.unit else ""
        return f"{parameter.title} is {text.strip()}{unit}: give {parameter.takes}."
    return sentence(str(problem))
