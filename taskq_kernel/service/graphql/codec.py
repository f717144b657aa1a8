"""JSON of requests and answers."""

from __future__ import annotations

from typing import Any

from taskq_kernel import exact_json
from taskq_kernel.errors import InvalidJSON, InvalidTask

encode = exact_json.encode


def decode(data: bytes | str) -> Any:
    """Read JSON.

    Raises
    ------
    InvalidTask
        If it is not JSON, or holds what is not text: NaN, or half of a surrogate pair; or a
        number that is beyond every reader.
    """
    try:
        return exact_json.decode(data)
    except InvalidJSON as error:
        raise InvalidTask(f"the request is not JSON: {error}") from None
