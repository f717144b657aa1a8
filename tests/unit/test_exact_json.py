"""One grammar of JSON for every part: what is read keeps its digits, what is beyond is refused with the reason."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskq_kernel import exact_json
from taskq_kernel.errors import InvalidJSON
from taskq_kernel.exact_json import MAX_DEPTH, check_arguments, decode, decode_kept, depth, encode, typed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("1e400", Decimal("1e400")),
        ("-1E-400", Decimal("-1e-400")),
        ("0e999999999999999999999", 0.0),
        ("1.00000000000000000000000", 1.0),
        ("3.14159265358979323846", Decimal("3.14159265358979323846")),
        ("1e999999", Decimal("1e999999")),
        ("1" * 4300, int("1" * 4300)),
    ],
)
def test_a_number_keeps_its_digits_and_its_size(text: str, value: Any) -> None:
    for read in (decode, decode_kept, typed):
        assert read(text) == value
        assert type(read(text)) is type(value)
    assert decode(encode(value)) == value


@pytest.mark.parametrize("text", ["1e99999999999999999999", "1e1000000", "-1e-1000001", "5.87e1388255822130839282"])
def test_a_number_beyond_every_reader_is_refused_and_where_it_was_kept_it_is_its_text(text: str) -> None:
    with pytest.raises(InvalidJSON, match="its power of ten is more than 999,999"):
        decode(f'{{"x": [{text}]}}')
    with pytest.raises(InvalidJSON, match="its power of ten is more than 999,999"):
        typed(text)
    assert decode_kept(f'{{"x": [{text}, 1]}}') == {"x": [text, 1]}


def test_an_integer_of_too_many_digits_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(InvalidJSON, match=r'more than 4,300 digits: write it .* as {"\$int": "0x1f"}'):
        decode("1" * 5000)
    assert decode_kept(b'{"x": ' + b"7" * 5000 + b"}")["x"] == int(Decimal("7" * 5000))


def test_an_integer_that_is_typed_may_have_100_000_digits() -> None:
    assert typed("-1" + "0" * 5000) == -(10**5000)
    with pytest.raises(InvalidJSON, match="has 100,001 digits: at most 100,000 can be typed"):
        typed("1" * 100_001)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "1.", "01", "{", "[" * 100_000, '"\n"', "\xff"])
def test_what_is_no_json_is_refused(text: str) -> None:
    for read in (decode, decode_kept):
        with pytest.raises(InvalidJSON):
            read(text)


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InvalidJSON, match="half of a surrogate pair"):
        decode('"\\ud800"')


def test_arguments_are_an_object_of_few_levels() -> None:
    deepest = b'{"x":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    check_arguments(deepest)
    with pytest.raises(InvalidJSON, match="nested more than 200 levels deep"):
        check_arguments(deepest.replace(b"[]", b"[[]]"))
    with pytest.raises(InvalidJSON, match="arguments are an object"):
        check_arguments(b"[1]")
    check_arguments(b'{"x":"' + b"[" * 1000 + b'"}')


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,30})?", fullmatch=True)


@given(NUMBERS)
def test_every_number_is_read_to_its_last_digit_or_refused(text: str) -> None:
    try:
        value = decode(text)
    except InvalidJSON:
        assert abs(int(text.lower().partition("e")[2])) > 900_000
        return
    if isinstance(value, float):
        assert value == float(text)
    else:
        assert value == Decimal(text)
    assert decode(encode(value)) == value


@given(st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("a"), inner)))
def test_levels_are_counted(data: Any) -> None:
    assert depth(data) == _levels(data)


def _levels(data: Any) -> int:
    if not isinstance(data, list | dict):
        return 0
    return 1 + max((_levels(item) for item in (data.values() if isinstance(data, dict) else data)), default=0)


def test_what_is_written_is_read_by_others() -> None:
    written = encode({"x": Decimal("1E+400"), "y": [Decimal("0.10"), 10**40]})
    assert json.loads(written, parse_float=Decimal) == {"x": Decimal("1E+400"), "y": [Decimal("0.10"), 10**40]}
    assert msgspec.json.decode(encode([1, None])) == [1, None]
    assert exact_json.LONG_BITS < 4300 * 3.32
