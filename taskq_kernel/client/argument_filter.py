"""Conditions on arguments, as the client's functions take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from taskq_kernel.argument_conditions import ArgumentCondition, Comparison
from taskq_kernel.argument_terms import read_condition, read_typed
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.refusals import refused
from taskq_kernel.errors import InvalidTask


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
        yield from _typed(given)
    elif isinstance(given, Iterable):
        for one in given:
            yield from _conditions(one)
    else:
        advice = "give values by name, or a text such as 'n>=100 beta=0.5'"
        raise refused(f"is {type(given).__name__}: {advice}", "arguments")


def _typed(given: str) -> tuple[ArgumentCondition, ...]:
    """Conditions as they are typed; a single one may have a text with spaces: ``name=two words``."""
    typed = read_typed(given)
    if typed.terms and not typed.text:
        return typed.conditions
    # Of one with a number, or that is no equation, what is left over is no part of a text, but of another condition.
    if typed.terms and [(one.comparison, type(one.value)) for one in typed.conditions] != [(Comparison.EQ, str)]:
        advice = "leave it out, or put a text with spaces into quotes"
        raise InvalidTask(
            f"is {given[:80]!r}, in which {typed.text[:80]!r} is no condition: {advice}", "arguments",
            place="a condition on arguments",
        )
    return (read_condition(given),)
