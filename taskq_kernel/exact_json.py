"""JSON as every part of taskq reads and writes it: strict, and true to every digit.

``docs/values.md`` tells the grammar. In short: a number with a point or an exponent is a
float where a float has its digits, else a `decimal.Decimal`; an integer is exact; what is
more than that (`LONG_BITS`, `MAX_EXPONENT`, `MAX_DEPTH`) is refused here, with the reason,
so that no reader behind this one meets what it cannot hold. ``julia/json.jl`` has the same
rules, and a test compares the two.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from taskq_kernel.errors import InvalidJSON

#: Digits that a float can tell apart.
FLOAT_DIGITS = 17
#: The largest power of ten of a number, either way: what decimal arithmetic takes as it stands.
MAX_EXPONENT = 999_999
#: Integers of more bits travel as ``{"$int": "0x..."}``: many a reader gives up at 4,300
#: digits, Python's among them, and from hexadecimal digits reading takes linear time.
LONG_BITS = 13_000
#: Levels of arrays and objects that arguments may have.
MAX_DEPTH = 200
#: Digits of an integer that somebody types. Reading them takes quadratic time.
MAX_TYPED_DIGITS = 100_000


def exact_number(text: str) -> float | Decimal:
    """A JSON number with a point or an exponent, with all its digits.

    Raises
    ------
    InvalidJSON
        If its power of ten is beyond `MAX_EXPONENT`.
    """
    number = float(text)
    if len(text) <= FLOAT_DIGITS and math.isfinite(number) and number:
        return number
    digits = _digits(text)
    if len(digits) <= FLOAT_DIGITS and math.isfinite(number) and bool(number) == bool(digits):
        return number
    try:
        decimal = Decimal(text)
    except ArithmeticError:
        _too_large(text)
    if abs(decimal.adjusted()) > MAX_EXPONENT:
        _too_large(text)
    return decimal


def _digits(text: str) -> str:
    """The digits of a number that count: without its point, exponent and outer zeros."""
    mantissa = text.lower().partition("e")[0]
    return mantissa.replace("-", "").replace(".", "").strip("0")


def _too_large(text: str) -> NoReturn:
    raise InvalidJSON(f"{_cut(text)} is beyond what a number may be: its power of ten is more than {MAX_EXPONENT:,}")


def _number_or_text(text: str) -> float | Decimal | str:
    try:
        return exact_number(text)
    except InvalidJSON:
        return text


_decoder = msgspec.json.Decoder(float_hook=exact_number)
_lenient = msgspec.json.Decoder(float_hook=_number_or_text)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(data: bytes | str) -> Any:
    """Read JSON.

    Raises
    ------
    InvalidJSON
        If it is not JSON, or holds a number that is beyond every reader, or half of a
        surrogate pair.
    """
    try:
        return _decoder.decode(data)
    except InvalidJSON:
        raise
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidJSON(_explain(data, error)) from None


def decode_kept(data: bytes | str) -> Any:
    """Read JSON that was kept, whichever release kept it: a number beyond all bounds is its text.

    One of a thousand values that are read at once must not hold up the others.

    Raises
    ------
    InvalidJSON
        If it is not JSON.
    """
    try:
        return _lenient.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        try:
            return json.loads(data, parse_int=_integer_or_text, parse_float=_number_or_text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            raise InvalidJSON(_explain(data, error)) from None


def encode(data: Any) -> bytes:
    """Write JSON; decimals are numbers."""
    return _encoder.encode(data)


def typed(text: str, read_object: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """Read JSON that a person typed: long integers are taken as they are.

    Parameters
    ----------
    text
        The JSON.
    read_object
        What makes an object of its keys and values.

    Raises
    ------
    InvalidJSON
        If it is JSON, and beyond what taskq takes.
    ValueError, RecursionError
        If it is not JSON.
    """
    return json.loads(
        text, parse_int=typed_integer, parse_float=exact_number, parse_constant=_refuse, object_pairs_hook=read_object
    )


def typed_integer(text: str) -> int:
    """An integer that a person typed.

    Raises
    ------
    InvalidJSON
        If it has more than `MAX_TYPED_DIGITS` digits.
    """
    digits = len(text.lstrip("-"))
    if digits > MAX_TYPED_DIGITS:
        raise InvalidJSON(f"{_cut(text)} has {digits:,} digits: at most {MAX_TYPED_DIGITS:,} can be typed")
    # Python itself refuses more than 4,300 digits; decimals have no such limit, and are exact.
    return int(Decimal(text))


def _integer_or_text(text: str) -> int | str:
    try:
        return typed_integer(text)
    except InvalidJSON:
        return text


def depth(data: Any) -> int:
    """How many levels of arrays and objects there are."""
    deepest, level = 0, [data]
    while level := [item for item in level if isinstance(item, list | dict)]:
        deepest += 1
        level = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
    return deepest


def check_arguments(text: bytes) -> None:
    """Check the JSON of a task's arguments, as whoever hands it on must.

    Raises
    ------
    InvalidJSON
        If it is not JSON, no object, or nested too deeply.
    """
    data = decode(text)
    if not isinstance(data, dict):
        raise InvalidJSON(f"arguments are an object, and not {_cut(str(data))}")
    check_depth(data, text)


def check_depth(data: Any, text: bytes) -> None:
    """Check that ``data``, whose JSON is ``text``, has no more than `MAX_DEPTH` levels.

    Raises
    ------
    InvalidJSON
        If it has.
    """
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and depth(data) > MAX_DEPTH:
        raise InvalidJSON(f"it is nested more than {MAX_DEPTH} levels deep")


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _explain(data: bytes | str, error: Exception) -> str:
    """A better reason than the fast decoder's, where there is one."""
    if "out of range" in str(error):
        return (
            "an integer has more than 4,300 digits: write it in hexadecimal digits, as "
            '{"$int": "0x1f"}, which may be of any length'
        )
    try:
        json.loads(data, parse_constant=_refuse, parse_int=len)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as known:
        return str(known)
    return "it holds half of a surrogate pair" if "\\u" in str(data) else str(error)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
