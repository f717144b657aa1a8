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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

from taskq_kernel.argument_names import why_no_name
from taskq_kernel.errors import InvalidDeclaration, InvalidJSON, InvalidParameter
from taskq_kernel.literals import JuliaValue, NotALiteral, Reader, read_value

#: A vector that begins otherwise is somebody's own.
_START = re.compile(r"^parameters[ \t]*=[ \t]*(?=\[(?:\s|#[^\n]*)*\(\s*name\s*=)", re.MULTILINE)
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")

Value = bool | int | float | str


@dataclass(frozen=True)
class Parameter:
    """What may be set before code is run.

    Attributes
    ----------
    name
        The argument's name.
    default
        What it is when nobody sets it; the kind of its value is that of every other.
    label
        What people call it; the name unless given.
    unit
        Of what the number is.
    minimum, maximum
        Between which it must lie; none where they are None.
    step
        What an arrow key adds or takes away.
    help
        A sentence for those who have never seen it.
    choices
        The only values that it takes; any where there are none.
    """

    name: str
    default: Value
    label: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    help: str = ""
    choices: tuple[Value, ...] = ()

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name

    @property
    def kind(self) -> str:
        """What it takes: ``whole``, ``number``, ``truth`` or ``text``."""
        kinds = {bool: "truth", int: "whole", float: "number"}
        return kinds.get(type(self.default), "text")

    def read(self, text: str) -> Value:
        """Return the value that a typed text means.

        Raises
        ------
        InvalidParameter
            If it is none that this parameter takes; the message is a sentence for people.
        """
        readers: dict[str, Callable[[str], Value]] = {
            "whole": self._whole, "number": self._real, "truth": self._truth, "text": self._text,
        }  # fmt: skip
        value = readers[self.kind](text)
        self._check(value, text)
        return value

    def _check(self, value: Any, text: str) -> None:
        if self.choices and value not in self.choices:
            self._refuse(text, f"choose one of {', '.join(map(shown, self.choices))}")
        if self.minimum is not None and value < self.minimum:
            self._refuse(text, f"the least is {shown(self.minimum)}")
        if self.maximum is not None and value > self.maximum:
            self._refuse(text, f"the most is {shown(self.maximum)}")

    def _refuse(self, text: str, instead: str) -> NoReturn:
        said = f"is “{text.strip()[:40]}”" if text.strip() else "is empty"
        raise InvalidParameter(self.name, f"{said}: {instead}.", self.title)

    def _whole(self, text: str) -> int:
        value = self._number(text, "give a whole number")
        if isinstance(value, float) and value.is_integer():
            return int(value)  # 1e6 is as good as 1_000_000
        if not isinstance(value, int):
            self._refuse(text, f"give a whole number, such as {shown(self.default)}")
        return value

    def _real(self, text: str) -> float:
        try:
            return float(self._number(text, "give a number"))
        except OverflowError:
            self._refuse(text, "it has too many digits")

    def _number(self, text: str, wanted: str) -> float:
        try:
            value = read_value(_without_groups(text))
            if isinstance(value, JuliaValue) and value.tag == "$rational":
                value = value.content[0] / value.content[1]
        except (InvalidJSON, OverflowError):
            value = text
        if isinstance(value, Decimal):
            value = float(value)
        if type(value) is not int and not (isinstance(value, float) and math.isfinite(value)):
            self._refuse(text, _about_commas(text) or f"{wanted}, such as {shown(self.default)}")
        return value

    def _truth(self, text: str) -> bool:
        value = text.strip().lower()
        if value not in ("true", "false"):
            self._refuse(text, "choose true or false")
        return value == "true"

    def _text(self, text: str) -> str:
        return text


# -- numbers as people write them ----------------------------------------------------------

#: Groups of three that can be nothing else: two commas or more, or spaces.
_GROUPS = re.compile(r"[-+]?[0-9]{1,3}(?:(?:,[0-9]{3}){2,}|(?:[ \u00a0\u2009\u202f][0-9]{3})+)(?:\.[0-9]*)?")
_ONE_COMMA = re.compile(r"([-+]?[0-9]*),([0-9]+)")


def _without_groups(text: str) -> str:
    """``1,000,000`` and ``1 000 000`` as 1000000; a single comma may be a decimal one, and stays."""
    plain = text.strip().replace("\u2212", "-")
    return re.sub(r"[,\s]", "", plain) if _GROUPS.fullmatch(plain) else plain


def _about_commas(text: str) -> str:
    """What to write in the place of a number with a comma; empty where that is not the trouble."""
    match = _ONE_COMMA.fullmatch(text.strip())
    if match is None:
        return ""
    before, after = match.groups()
    if len(after) == 3 and before.lstrip("-+0"):
        return f"write {before}{after} or {before}.{after}, whichever you mean"
    return f"a point stands before the decimals: write {before or '0'}.{after}"


def shown(value: Value) -> str:
    """A value as it stands in a sentence: digits of long numbers in groups.

    >>> shown(20_000_000)
    '20 000 000'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}".replace(",", "\u202f")
    return f"{value:.15g}" if isinstance(value, float) else str(value)


# -- the declaration -----------------------------------------------------------------------


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
    reader = _Declaration(code, start.end())
    try:
        found = reader.parameters()
    except NotALiteral as problem:
        raise InvalidDeclaration(_line(code, problem.at), f"{problem} should stand here") from None
    except InvalidJSON as problem:
        raise InvalidDeclaration(_line(code, reader.at), str(problem)) from None
    return tuple(found)


def with_defaults(code: str, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return arguments with the default of every parameter that code declares and that is not given.

    A declaration that cannot be read counts for nothing: it is good Julia all the same.
    """
    given = dict(arguments or {})
    try:
        return given | {one.name: one.default for one in declared(code) if one.name not in given}
    except InvalidDeclaration:
        return given


def _line(code: str, at: int) -> int:
    return code.count("\n", 0, at) + 1


class _Declaration(Reader):
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
            parameter = _checked(self.entries(), _line(self.text, at))
            if parameter.name in {other.name for other in found}:
                raise InvalidDeclaration(_line(self.text, at), f"{parameter.name} is declared twice")
            found.append(parameter)
            if not self.accept(","):
                self.accept("]") or self.fail("',' or ']'")
                break
        return found

    def entries(self) -> dict[str, Any]:
        """Read a named tuple."""
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
    parameter = Parameter(**{**entries, "name": name.content, "choices": tuple(choices)})
    try:
        parameter.read(typed_default(parameter))
    except InvalidParameter as problem:
        refuse(f"the default of {problem}")
    return parameter


def typed_default(parameter: Parameter) -> str:
    """A parameter's default as somebody would type it."""
    value = parameter.default
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
