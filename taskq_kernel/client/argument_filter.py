"""Conditions on arguments, as the client's functions take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from taskq_kernel.argument_conditions import ArgumentCondition, Comparison
from taskq_kernel.argument_terms import read_condition, read_typed
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.refusals import refused


def conditions_of(given: Any) -> list[dict[str, Any]]:
    """Conditions on arguments, as GraphQL's ``ArgumentCondition``.

    Parameters
    ----------
    given : dict, str or iterable of str
        Values that arguments are equal to, by name; or conditions as they are typed: ``"n>=100 beta=0.5"``.

    Raises
    ------
    InvalidTask
        If it is none of these.
    """
    return [as_input(condition) for condition in _conditions(given)]


def as_input(condition: ArgumentCondition) -> dict[str, Any]:
    """A condition as GraphQL's ``ArgumentCondition``."""
    return {"name": condition.name, "comparison": str(condition.comparison), "value": condition.value}


def _conditions(given: Any) -> Iterator[ArgumentCondition]:
    if isinstance(given, Mapping):
        for name, value in encode_arguments(given).items():
            yield ArgumentCondition(name, Comparison.EQ, value).check()
    elif isinstance(given, str):
        typed = read_typed(given)
        yield from typed.conditions if typed.terms and not typed.text else [read_condition(given)]
    elif isinstance(given, Iterable):
        for one in given:
            yield from _conditions(one)
    else:
        advice = "give values by name, or a text such as 'n>=100 beta=0.5'"
        raise refused(f"is {type(given).__name__}: {advice}", "arguments")
