"""Julia's literals, read without Julia: ``10:30``, ``1//3``, ``.5``, ``1_000_000``, ``1 + 2im``, ``:name``.

What is typed as an argument, in the form and after ``--arg``, is read here. ``docs/values.md``
has the table of forms and of what each is in Julia; a test asks Julia whether it agrees. Only
what is sure is read: a text that is no literal of these forms stays a text, so ``2026-11-25``
is not 1990, and ``007`` not 7.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is public in all but the stubs
from typing import Any, NoReturn

from taskq_kernel.errors import InvalidJSON
from taskq_kernel.exact_json import MAX_DEPTH, exact_number, typed, typed_integer

#: The tags that stand for what JSON lacks: all that ``julia/json.jl`` reads.
TAGS = frozenset({
    "$int", "$float", "$rational", "$complex", "$dict", "$range", "$symbol", "$array", "$missing", "$date",
    "$datetime", "$time",
})

_MOST_INT = 2**63 - 1
_CONSTANTS = {"π": math.pi, "pi": math.pi, "ℯ": math.e, "Inf": math.inf, "NaN": math.nan}
_WORDS = {"true": True, "false": False, "nothing": None}
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_BASED = re.compile(r"0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0o[0-7]+(?:_[0-7]+)*|0b[01]+(?:_[01]+)*")
_FLOAT = re.compile(rf"(?:{_DIGITS}\.(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?|{_DIGITS}[eE][-+]?[0-9]+")
_WHOLE = re.compile(r"0(?![0-9_])|[1-9][0-9]*(?:_[0-9]+)*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*!*")
_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r"[-+]?")
_BELONGS = re.compile(r"[\w.'\"(\[!]")


@dataclass(frozen=True)
class JuliaValue:
    """What Julia has and Python lacks, as it travels.

    Attributes
    ----------
    tag
        One of `TAGS`.
    content
        What stands under it, such as ``[1, 3]`` for ``$rational``.
    """

    tag: str
    content: Any


class NotALiteral(ValueError):
    """A text is no literal of these forms; it says where, and what was missing."""

    def __init__(self, wanted: str, at: int) -> None:
        super().__init__(wanted)
        self.at = at


def read_value(text: str) -> Any:
    """What a typed text means: JSON, else a literal of Julia, else the text itself.

    Returns
    -------
    Any
        What `taskq_kernel.arguments.encode_arguments` takes.

    Raises
    ------
    InvalidJSON
        If it is a number that is beyond what taskq takes.
    """
    try:
        return typed(text, _tagged)
    except InvalidJSON:
        raise
    except (ValueError, RecursionError):
        pass
    try:
        return read_literal(text)
    except (NotALiteral, RecursionError):
        return text


def read_literal(text: str) -> Any:
    """Read one literal.

    Raises
    ------
    NotALiteral
        If it is none of these forms.
    InvalidJSON
        If it is a number that is beyond what taskq takes.
    """
    reader = Reader(text)
    value = reader.value()
    reader.space()
    if reader.at < len(text):
        reader.fail("the end")
    return value


def kind_of(value: Any) -> str:
    """What a value is, in a word or two for those who typed it."""
    if isinstance(value, JuliaValue):
        names = {
            "$range": "range", "$rational": "fraction", "$complex": "complex", "$symbol": "symbol", "$array": "array",
            "$missing": "missing", "$date": "date", "$datetime": "date and time", "$time": "time",
        }
        return names.get(value.tag, "object" if value.tag == "$dict" else "number")
    for kinds, name in ((str, "text"), (bool, "true/false"), (list, "list"), (dict, "object"), (type(None), "nothing")):
        if isinstance(value, kinds):
            return name
    return "number"


def _tagged(entries: list[tuple[str, Any]]) -> Any:
    """An object of JSON; one with a single tag is what the tag says, as everywhere."""
    if len(entries) == 1 and entries[0][0] in TAGS:
        return JuliaValue(*entries[0])
    return dict(entries)


class Reader:
    """Reads values off a text, from `at` on.

    Parameters
    ----------
    text
        Julia code.
    at
        Where to begin.
    """

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at
        self._depth = 0

    def fail(self, wanted: str) -> NoReturn:
        """Say what should stand here."""
        raise NotALiteral(wanted, self.at)

    def space(self) -> None:
        """Skip white space."""
        self.take(_SPACE)

    def take(self, pattern: re.Pattern[str]) -> str:
        """Take what matches here; empty when nothing does."""
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0] if match else ""

    def accept(self, token: str) -> bool:
        """Take a token if it stands here, after space or not."""
        before = self.at
        self.space()
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        self.at = before
        return False

    def expect(self, token: str) -> None:
        """Take a token that must stand here."""
        if not self.accept(token):
            self.fail(repr(token))

    def value(self) -> Any:
        """Read a value of any kind."""
        self.space()
        here = self.text[self.at : self.at + 1]
        if here == '"':
            return self.string()
        if here == "[":
            return self.nested(self.list)
        if here == ":":
            return self.symbol()
        word = _WORD.match(self.text, self.at)
        if word and word[0] in _WORDS:
            self.at = word.end()
            return _WORDS[word[0]]
        return self.number_or_range()

    def nested(self, read: Callable[[], Any]) -> Any:
        """Read what holds values, to a depth that every reader takes."""
        self._depth += 1
        if self._depth >= MAX_DEPTH:
            self.fail("fewer brackets")
        value = read()
        self._depth -= 1
        return value

    def string(self) -> str:
        """Read a string whose escapes are ``\\$`` and those that JSON has too, and that interpolates nothing."""
        found = _STRING.match(self.text, self.at)
        if found is None:
            self.fail("a string")
        if re.search(r"(?<!\\)(?:\\\\)*\$", found[0]):
            self.fail("a string without $, or with \\$,")
        try:
            value, _ = scanstring(re.sub(r"\\(.)", _of_json, found[0]), 1, True)
        except ValueError:
            self.fail("a string")
        self.at = found.end()
        return str(value)

    def list(self) -> list[Any]:
        """Read ``[1, 2]``; a comma may end it."""
        self.expect("[")
        items: list[Any] = []
        while not self.accept("]"):
            if items:
                self.expect(",")
                if self.accept("]"):
                    break
            items.append(self.value())
        return items

    def name(self) -> str:
        """Read a name."""
        word = self.take(_WORD)
        if not word:
            self.fail("a name")
        return word

    def symbol(self) -> JuliaValue:
        """Read ``:name``."""
        self.at += 1
        return JuliaValue("$symbol", self.name())

    # -- numbers

    def number_or_range(self) -> Any:
        """Read a number, or two or three of them with colons between."""
        parts = [self.number()]
        while len(parts) < 3 and self.accept(":"):
            parts.append(self.number())
        if len(parts) == 1:
            return parts[0]
        if not all(map(_is_finite, parts)) or (len(parts) == 3 and _is_zero(parts[1])):
            self.fail("numbers with an order, and a step that is not zero")
        return JuliaValue("$range", parts)

    def number(self) -> Any:
        """Read a number, with an imaginary part or without."""
        first, imaginary = self.term()
        if imaginary:
            return JuliaValue("$complex", [_zero_like(first), first])
        before = self.at
        self.space()
        if self.text[self.at : self.at + 1] in ("+", "-"):
            sign = self.text[self.at]
            self.at += 1
            self.space()
            if self.text[self.at : self.at + 1] not in ("+", "-"):
                second, imaginary = self.term()
                if imaginary:
                    return JuliaValue("$complex", [first, -second if sign == "-" else second])
        self.at = before
        return first

    def term(self) -> tuple[Any, bool]:
        """Read a number with its sign, and whether ``im`` follows."""
        self.space()
        sign = self.take(_SIGN)
        number = self.unsigned()
        number = _negative(number) if sign == "-" else number
        imaginary = not isinstance(number, JuliaValue) and self.word("im")
        self.boundary()
        return number, imaginary

    def word(self, word: str) -> bool:
        """Take a whole word if it stands here."""
        match = _WORD.match(self.text, self.at)
        if match is None or match[0] != word:
            return False
        self.at = match.end()
        return True

    def boundary(self) -> None:
        """Nothing that belongs to the number may follow it."""
        if _BELONGS.match(self.text, self.at):
            self.fail("the end of the number")

    def unsigned(self) -> Any:
        """Read a number without its sign."""
        number = self.digits()
        if number is None:
            if self.text.startswith("im", self.at):
                return 1  # what `term` takes next
            return self.constant(1)
        if isinstance(number, int) and self.text.startswith("//", self.at):
            self.at += 2
            return self.fraction(number)
        if isinstance(number, int) and self.text.startswith("^", self.at):
            self.at += 1
            return self.power(number)
        word = _WORD.match(self.text, self.at)
        return self.constant(number) if word and word[0] in _CONSTANTS else number

    def digits(self) -> Any:
        """Read digits, with a point or an exponent or without; None where there are none."""
        if based := self.take(_BASED):
            return int(based, 0)
        if real := self.take(_FLOAT):
            return exact_number(real.replace("_", ""))
        if whole := self.take(_WHOLE):
            return typed_integer(whole.replace("_", ""))
        return None

    def constant(self, times: Any) -> float:
        """Read the name of a constant, which may have a number before it."""
        word = self.take(_WORD)
        if word not in _CONSTANTS:
            self.fail("a number")
        try:
            return _CONSTANTS[word] if times == 1 else float(times) * _CONSTANTS[word]
        except OverflowError:
            self.fail("a number that a float holds")

    def fraction(self, over: int) -> JuliaValue:
        """Read what is below ``//``."""
        under = self.digits()
        if not isinstance(under, int) or under == 0:
            self.fail("a whole number above zero")
        shared = math.gcd(over, under)
        return JuliaValue("$rational", [over // shared, under // shared])

    def power(self, base: int) -> int:
        """Read an exponent; what an `Int` of Julia does not hold is refused, not wrapped around."""
        exponent = self.digits()
        if not isinstance(exponent, int) or max(exponent, base.bit_length()) > 63 or base**exponent > _MOST_INT:
            self.fail("a power that an Int holds")
        return int(base**exponent)


def _of_json(escape: re.Match[str]) -> str:
    """An escape of Julia as JSON has it, which knows no dollar sign."""
    return "$" if escape[1] == "$" else escape[0]


def _negative(number: Any) -> Any:
    if isinstance(number, JuliaValue):
        over, under = number.content
        return JuliaValue(number.tag, [-over, under])
    return -number


def _zero_like(number: Any) -> Any:
    """The real part of ``number * im``: Julia's zero has the number's sign."""
    return 0 if isinstance(number, int) else math.copysign(0.0, number)


def _is_zero(number: Any) -> bool:
    return not (number.content[0] if isinstance(number, JuliaValue) else number)


def _is_finite(number: Any) -> bool:
    if isinstance(number, JuliaValue):
        return number.tag == "$rational"
    return isinstance(number, int) or math.isfinite(number)  # an integer may be more than a float holds

