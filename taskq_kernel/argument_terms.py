"""Conditions on arguments as people type them: ``n=200``, ``beta>0.5``, ``method=euler``.

Values are read as everywhere where arguments are typed (`taskq_kernel.literals`): ``n=200`` asks for a
number, ``n="200"`` for a text, and so does ``method=euler``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from taskq_kernel.argument_conditions import ArgumentCondition, Comparison
from taskq_kernel.argument_names import KEYWORDS
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.literals import NotALiteral, Reader, read_value

#: How comparisons are written; the first one of each is how they are shown.
_SIGNS = {
    "=": Comparison.EQ, "≠": Comparison.NE, "<": Comparison.LT, "≤": Comparison.LE, ">": Comparison.GT,
    "≥": Comparison.GE, "==": Comparison.EQ, "!=": Comparison.NE, "<=": Comparison.LE, ">=": Comparison.GE,
}  # fmt: skip
_SHOWN = {comparison: sign for sign, comparison in reversed(_SIGNS.items())}

_HEAD = re.compile(r"([^\W\d]\w*|[1-9][0-9]{0,4})(\s*)(==|!=|<=|>=|[=≠<≤>≥])(\s*)")
#: A text without quotes, where a condition stands among other words.
_BARE = re.compile(r"""[^\s"'()\[\]{},;=<>]+""")
_WORD = re.compile(r"\S+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?!\S)')
_BEHIND = re.compile(r",?(?=\s|$)|,(?=\w+\s*[=≠<≤>≥!])")


@dataclass(frozen=True, slots=True)
class Term:
    """A condition, and how it is shown to those who typed it."""

    condition: ArgumentCondition
    shown: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into a box that takes conditions and text.

    Attributes
    ----------
    terms : tuple of Term
        The conditions.
    text : str
        The rest: a text to be looked for.
    """

    terms: tuple[Term, ...] = ()
    text: str = ""

    @property
    def conditions(self) -> tuple[ArgumentCondition, ...]:
        """The conditions alone."""
        return tuple(term.condition for term in self.terms)


def read_typed(typed: str) -> Typed:
    """Tell conditions from text: ``n=200 spin glass`` is one of each.

    Around the sign may be spaces where a number, a quoted text or another literal follows. What stands
    in quotes is text, even if it looks like a condition: ``"n = 200"`` is looked for in the code.
    """
    terms: list[Term] = []
    words: list[str] = []
    at, unquoted = 0, False
    while match := _WORD.search(typed, at):
        at = match.start()
        quoted = _QUOTED.match(typed, at)
        if quoted and _HEAD.search(quoted[1]):
            words.append(quoted[1].replace('\\"', '"'))
            at, unquoted = quoted.end(), True
        elif found := _term(typed, at):
            term, at = found
            terms.append(term)
        else:
            words.append(match[0])
            at = match.end()
    return Typed(tuple(terms), " ".join(words) if terms or unquoted else typed.strip())


def read_condition(typed: str) -> ArgumentCondition:
    """Read one condition, with nothing else beside it.

    Raises
    ------
    InvalidTask
        If it is none.
    """
    head = _HEAD.match(typed.strip())
    if head is None:
        raise InvalidTask(
            f"is {typed[:80]!r}: write a condition such as n=200, beta>0.5 or method=euler", "arguments",
            place="a condition on arguments",
        )
    try:
        return _condition(head, read_value(typed.strip()[head.end() :].strip()))
    except InvalidJSON as error:
        raise InvalidTask(f"cannot be read: {error}", f"arguments.{head[1]}", place=f"argument {head[1]!r}") from None


def _condition(head: re.Match[str], value: Any) -> ArgumentCondition:
    encoded = encode_arguments({head[1]: value})[head[1]]
    return ArgumentCondition(head[1], _SIGNS[head[3]], encoded).check()


def _term(typed: str, at: int) -> tuple[Term, int] | None:
    """The condition that begins at a place, and where it ends; None where none does."""
    head = _HEAD.match(typed, at)
    if head is None or head[1] in KEYWORDS:
        return None
    try:
        value, end = _value(typed, head.end(), bare=not head[2] and not head[4])
        condition = _condition(head, value)
    except (NotALiteral, InvalidJSON, InvalidTask, RecursionError):
        return None
    behind = _BEHIND.match(typed, end)
    shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else typed[head.end() : end]
    return Term(condition, f"{head[1]} {_SHOWN[condition.comparison]} {shown}"), behind.end() if behind else end


def _value(typed: str, at: int, *, bare: bool) -> tuple[Any, int]:
    """The value at a place, and where it ends."""
    try:
        reader = Reader(typed, at)
        value = reader.value()
        if _BEHIND.match(typed, reader.at):
            return value, reader.at
    except (NotALiteral, RecursionError):
        pass
    word = _BARE.match(typed, at)
    if word is None or not _BEHIND.match(typed, word.end()):
        raise NotALiteral("a value", at)
    value = read_value(word[0])
    if isinstance(value, str) and not bare:
        raise NotALiteral("a literal", at)
    return value, word.end()
