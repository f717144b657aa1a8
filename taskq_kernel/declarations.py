"""Parameters that code declares: what may be set without reading the code.

A declaration is plain Julia, a vector of named tuples at the start of a line::

    parameters = [
        (name = :darts, default = 20_000_000, label = "Darts", minimum = 1_000, maximum = 10^9,
         help = "More darts, more digits."),
        (name = :speed, default = 12.0, label = "Speed", unit = "m/s", minimum = 0.0, maximum = 100.0, step = 0.5),
        (name = :method, default = "Euler", choices = ["Euler", "Heun"]),
    ]

It is read here without Julia, so it holds literals only (`taskq_kernel.literals`); in Julia
it is a variable that nobody needs. ``name`` comes first. Each parameter is an argument of the task, which the code
finds under its name. What kind of value it takes is that of its default: a whole number, a
number, a truth value, or text.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from taskq_kernel.argument_names import why_no_name
from taskq_kernel.errors import InvalidDeclaration, InvalidJSON, InvalidParameter
from taskq_kernel.literals import JuliaValue, NotALiteral, Reader
from taskq_kernel.parameters import Parameter, typed_default

#: White space and comments, of several lines too. Nothing of it is given back (``*+``): a line of number signs can be
#: taken apart in more ways than anybody has time to try.
_SPACE = re.compile(r"(?:\s|#=(?:[^=]|=(?!#))*+=#|#(?!=)[^\n]*+)*+")
#: A vector that begins otherwise is somebody's own.
_START = re.compile(
    rf"^(?:const[ \t]+)?parameters[ \t]*=[ \t]*(?=\[{_SPACE.pattern}\({_SPACE.pattern}name\s*=)", re.MULTILINE
)

T = TypeVar("T")


@lru_cache(16)  # a thousand tasks have the same code
def declared(code: str) -> tuple[Parameter, ...]:
    """Return the parameters that code declares; none where it declares none.

    Raises
    ------
    InvalidDeclaration
        If there is a declaration that cannot be read.
    """
    start = _START.search(code)
    if start is None:
        return ()
    return tuple(read_block(code, start.end(), DeclarationReader.parameters))


def read_block(code: str, at: int, read: Callable[[DeclarationReader], T]) -> T:
    """Read a block of literals that begins at a place in code.

    Raises
    ------
    InvalidDeclaration
        If something else stands there; it says in which line, and what should.
    """
    reader = DeclarationReader(code, at)
    try:
        return read(reader)
    except NotALiteral as problem:
        raise InvalidDeclaration(line_of(code, problem.at), f"{problem} should stand here") from None
    except InvalidJSON as problem:
        raise InvalidDeclaration(line_of(code, reader.at), str(problem)) from None
    except RecursionError:
        raise InvalidDeclaration(line_of(code, at), "it is nested too deep") from None


def with_defaults(code: str, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return arguments with the default of every parameter that code declares and that is not given.

    A declaration that cannot be read counts for nothing: it is good Julia all the same.
    """
    given = dict(arguments or {})
    try:
        return given | {one.name: one.default for one in declared(code) if one.name not in given}
    except InvalidDeclaration:
        return given


def line_of(code: str, at: int) -> int:
    """The line, from 1, of a place in code."""
    return code.count("\n", 0, at) + 1


class DeclarationReader(Reader):
    """Reads the declaration, with its comments."""

    def space(self) -> None:
        self.take(_SPACE)

    def parameters(self) -> Sequence[Parameter]:
        """Read all of them."""
        self.expect("[")
        found: list[Parameter] = []
        while not self.accept("]"):
            self.space()
            at = self.at
            parameter = _checked(self.entries(), line_of(self.text, at))
            if parameter.name in {other.name for other in found}:
                raise InvalidDeclaration(line_of(self.text, at), f"{parameter.name} is declared twice")
            found.append(parameter)
            if not self.accept(","):
                self.accept("]") or self.fail("',' or ']'")
                break
        return found

    def named_tuple(self) -> dict[str, Any]:
        """Read a named tuple, which needs a comma where it has one entry only."""
        found = self.entries()
        if len(found) == 1 and not self.text[: self.at - 1].rstrip().endswith(","):
            self.at -= 1
            self.fail("',' after the only entry")
        return found

    def entries(self) -> dict[str, Any]:
        """Read the entries of a named tuple."""
        self.expect("(")
        found: dict[str, Any] = {}
        while not self.accept(")"):
            self.space()
            name = self.name()
            self.expect("=")
            found[name] = self.value()
            if not self.accept(","):
                self.accept(")") or self.fail("',' or ')'")
                break
        return found


_ENTRIES = tuple(field.name for field in fields(Parameter))


def _checked(entries: dict[str, Any], line: int) -> Parameter:
    """Make a parameter of what stands in its named tuple."""

    def refuse(reason: str) -> NoReturn:
        raise InvalidDeclaration(line, reason)

    if unknown := [entry for entry in entries if entry not in _ENTRIES]:
        refuse(f"a parameter has no {unknown[0]}; it has {', '.join(_ENTRIES)}")
    name = entries.get("name")
    if not isinstance(name, JuliaValue) or name.tag != "$symbol":
        refuse("a parameter has a name, such as name = :n")
    if reason := why_no_name(name.content):
        refuse(f"{name.content} is no name that Julia takes: {reason}")
    if not isinstance(entries.get("default"), bool | int | float | str):
        refuse(f"{name.content} has a default, such as default = 10: a number, true, false, or text")
    default, choices = entries["default"], entries.get("choices", [])
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    for entry in ("label", "unit", "help"):
        if not isinstance(entries.get(entry, ""), str):
            refuse(f"{entry} of {name.content} is text")
    for entry in ("minimum", "maximum", "step"):
        if entry in entries and not (is_number and type(entries[entry]) in (int, float)):
            refuse(f"{entry} of {name.content} is a number, and so is its default")
    if not isinstance(choices, list) or any(type(one) is not type(default) for one in choices):
        refuse(f"choices of {name.content} are a list of values like its default")
    numbers = [default, *choices, *(entries[entry] for entry in ("minimum", "maximum", "step") if entry in entries)]
    if any(isinstance(number, int) and abs(number) > sys.float_info.max for number in numbers):
        refuse(f"a number of {name.content} is more than a float holds")
    if isinstance(default, float) and not math.isfinite(default):
        refuse(f"the default of {name.content} is {default}: give a number, such as default = 1.0")
    if entries.get("minimum", -math.inf) > entries.get("maximum", math.inf):
        refuse(f"minimum of {name.content} is more than its maximum")
    parameter = Parameter(**{**entries, "name": name.content, "choices": tuple(choices)})
    try:
        parameter.read(typed_default(parameter))
    except InvalidParameter as problem:
        refuse(f"the default of {problem}")
    return parameter
