"""JSON in and out: fast, strict, and true to every digit."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

from taskq_kernel.errors import InvalidTask
from taskq_kernel.service.scalars import exact_number

_decoder = msgspec.json.Decoder(float_hook=exact_number)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(data: bytes | str) -> Any:
    """Read JSON.

    Raises
    ------
    InvalidTask
        If it is not JSON, or holds what is not text: NaN, or half of a surrogate pair.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidTask(f"the request is not JSON: {_explain(data, error)}") from None


def encode(data: Any) -> bytes:
    """Write JSON."""
    return _encoder.encode(data)


def _explain(data: bytes | str, error: Exception) -> str:
    """A better reason than the fast decoder's, where there is one."""
    try:
        json.loads(data, parse_constant=_refuse)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError as known:
        return str(known)
    return "it holds half of a surrogate pair" if "\\u" in str(data) else str(error)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
