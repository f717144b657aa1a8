"""What a recipe calls itself, its parameters and its results, for the pages of what it has made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from taskq_kernel.errors import InvalidDeclaration
from taskq_kernel.parameters import Parameter
from taskq_kernel.printable import one_line
from taskq_kernel.recipe_file import Show, read_recipe
from taskq_kernel.service.shared.facts import Facts, parameter_name
from taskq_kernel.service.shared.value_blocks import VALUE, cell

#: How long a title, a label with its unit, may be.
_TEXT = 200


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on a page for the names in the code; the names themselves where there is no recipe.

    Attributes
    ----------
    title : str
        The recipe's title; empty without a recipe.
    parameters : mapping of str to Parameter
        Its parameters by name.
    show : Show or None
        How it shows its result.
    """

    title: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    show: Show | None = None

    def given(self, arguments: Mapping[str, Any]) -> Facts:
        """What arguments are called, and their values with their units, in the recipe's order."""
        return [self._given(name, arguments[name]) for name in self.ordered(arguments)]

    def ordered(self, arguments: Iterable[str]) -> list[str]:
        """The names of arguments in the recipe's order; behind them what is no parameter of it."""
        names = list(arguments)
        return list(dict.fromkeys([*(name for name in self.parameters if name in names), *names]))

    def _given(self, name: str, value: Any) -> tuple[str, str]:
        one = self.parameters.get(name)
        if one is None:
            return parameter_name(name), cell(value)
        return one_line(one.title)[:_TEXT], f"{cell(value)} {one_line(one.unit)[:_TEXT]}".rstrip()

    def argument(self, name: str) -> str:
        """What an argument is called, with its unit: at an axis, above a column."""
        one = self.parameters.get(name)
        if one is None:
            return parameter_name(name)
        return one_line(one.measured)[:_TEXT]

    @property
    def swept(self) -> str:
        """The field of the result that is drawn where the recipe is swept; empty where the recipe names none."""
        return "" if self.show is None else self.show.swept

    def result(self, name: str) -> str:
        """What a field of the result is called, with its unit."""
        if self.show is None:
            return name
        is_result = name == VALUE and not self.show.value
        said = self.show.measured("" if is_result else name)
        return one_line(VALUE + said if is_result and not self.show.label else said)[:_TEXT]


def words_of(recipe: str | None, code: str | None) -> Words:
    """The words of a recipe for what it has made; none where it was made of no recipe.

    Parameters
    ----------
    recipe : str or None
        The recipe's name.
    code : str or None
        Its file, of the version that made this.
    """
    if not recipe or not code:
        return Words()
    try:
        file = read_recipe(code)
    except InvalidDeclaration:
        return Words()
    return Words(one_line(file.title)[:_TEXT], {one.name: one for one in file.parameters}, file.show)
