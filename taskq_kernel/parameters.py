"""Parameters: what may be set without reading the code, and which values each takes.

What kind of value a parameter takes is that of its default: a whole number, a number, a truth value, or text. Values
come as JSON, or as what people type. How code declares parameters is in `taskq_kernel.declarations`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from taskq_kernel.errors import InvalidJSON, InvalidParameter
from taskq_kernel.literals import TAGS, JuliaValue, read_value

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
    def measured(self) -> str:
        """The same with its unit: what stands at an axis, or above a column."""
        return f"{self.title} in {self.unit}" if self.unit else self.title

    @property
    def kind(self) -> str:
        """What it takes: ``whole``, ``number``, ``truth`` or ``text``."""
        kinds = {bool: "truth", int: "whole", float: "number"}
        return kinds.get(type(self.default), "text")

    @property
    def type(self) -> str:
        """The same, as `kind` is called where recipes are."""
        return self.kind

    @property
    def takes(self) -> str:
        """What it takes, in words: ``a number from 0.5 to 5 K``."""
        if self.choices:
            return f"one of {', '.join(map(shown, self.choices))}"
        if self.kind in ("truth", "text"):
            return "true or false" if self.kind == "truth" else "text"
        what = "a whole number" if self.kind == "whole" else "a number"
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f"{what} from {shown(self.minimum)} to {shown(self.maximum)}{unit}"
        if self.minimum is not None:
            return f"{what} of at least {shown(self.minimum)}{unit}"
        if self.maximum is not None:
            return f"{what} of at most {shown(self.maximum)}{unit}"
        return f"{what}, such as {shown(self.default)}{unit}"

    def checked(self, value: Any) -> Value:
        """Return a value of JSON as this parameter takes it: a number where one is taken is a float, 3 too.

        Raises
        ------
        InvalidParameter
            If it takes none such. The message names the parameter, the value, its unit and its range.
        """
        kept: Any = {"whole": _as_whole, "number": _as_real, "truth": _as_truth, "text": _as_text}[self.kind](value)
        if (
            kept is None or (self.choices and kept not in self.choices)
            or (self.minimum is not None and kept < self.minimum)
            or (self.maximum is not None and kept > self.maximum)
        ):
            if self.kind == "text" and isinstance(value, str) and len(value) > MAX_TEXT:
                raise InvalidParameter(
                    self.name, f"has {shown(len(value))} characters: give {shown(MAX_TEXT)} at most", self.name
                )
            is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
            unit = f" {self.unit}" if self.unit and is_number else ""
            raise InvalidParameter(self.name, f"is {_quoted(value)}{unit}: give {self.takes}", self.name)
        taken: Value = kept
        return taken

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


def complete(whose: str, parameters: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments of what declares parameters: those given as they are taken, the others' defaults.

    Raises
    ------
    InvalidParameter
        If one is no parameter of ``whose``, or does not take its value.
    """
    check_names(whose, parameters, given)
    return {one.name: one.checked(given.get(one.name, one.default)) for one in parameters}


def check_names(whose: str, parameters: Sequence[Parameter], given: Iterable[str]) -> None:
    """Look whether arguments have the names of parameters.

    Raises
    ------
    InvalidParameter
        If one has not.
    """
    known = [one.name for one in parameters]
    for name in given:
        if name not in known:
            raise InvalidParameter(name[:80], f"is no parameter of {whose}: it has {', '.join(known)}", name[:80])


# -- values of JSON ------------------------------------------------------------------------

#: The longest text that a parameter takes.
MAX_TEXT = 10_000
_INT_BITS = 63


def _as_whole(value: Any) -> Any:
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        value = int(value)
    fits = type(value) is int and -(2**_INT_BITS) <= value < 2**_INT_BITS
    return value if fits else None


def _as_real(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if math.isfinite(real) else None


def _as_truth(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _as_text(value: Any) -> Any:
    return value if isinstance(value, str) and len(value) <= MAX_TEXT else None


def _quoted(value: Any) -> str:
    """A value as it stands in a refusal."""
    if isinstance(value, str):
        return f"“{value[:40]}”"
    if value is None:
        return "nothing"
    if isinstance(value, bool | int | float):
        return shown(value)
    if isinstance(value, Decimal):
        return str(value)[:40]
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= TAGS:  # what JSON lacks, such as NaN
        return str(*value.values())[:40]
    return "a list" if isinstance(value, list) else "an object"


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


def typed_default(parameter: Parameter) -> str:
    """A parameter's default as somebody would type it."""
    value = parameter.default
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
