"""Values among arguments that are too long to stand there: names of files that the service keeps.

``{"$value": {"ref": "<sha256>", "kind": "ARRAY", "type": "Matrix{Float64}", "size": 800128}}``
stands for what is kept under that SHA-256. The worker fetches it before the task starts, and
Julia reads it from a file. Whoever knows the SHA-256 of a value has seen it, or what names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from taskq_kernel.domain import ValueKind

TAG = "$value"
#: Kinds of values that can be arguments.
KINDS = (ValueKind.JSON, ValueKind.TABLE, ValueKind.ARRAY)
#: How much one task is given of these, in bytes.
MAX_PASSED_BYTES = 4 << 30


class PassedValue(msgspec.Struct, frozen=True):
    """A value that is kept by the service.

    Attributes
    ----------
    ref : str
        The SHA-256 of its file.
    kind : ValueKind
        What it is made of.
    type : str
        What Julia calls its type; empty where that is not known.
    size : int
        The length of its file, in bytes.
    """

    ref: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    kind: ValueKind
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_PASSED_BYTES)]
    type: str = ""

    def as_argument(self) -> dict[str, Any]:
        """What stands for it among arguments."""
        return {TAG: {"ref": self.ref, "kind": str(self.kind), "type": self.type, "size": self.size}}


def passed_values(arguments: bytes | str) -> dict[str, PassedValue]:
    """The values that stand among arguments, by their SHA-256, each once; what only looks like one is none.

    Raises
    ------
    msgspec.MsgspecError
        If the arguments are no JSON.
    """
    text = arguments.encode() if isinstance(arguments, str) else arguments
    if b'"%s"' % TAG.encode() not in text:
        return {}
    return {one.ref: one for one in _found(msgspec.json.decode(text))}


def _found(data: Any) -> Iterator[PassedValue]:
    stack = [data]
    while stack:
        one = stack.pop()
        if isinstance(one, list):
            stack.extend(one)
        elif isinstance(one, dict):
            value = _read(one[TAG]) if one.keys() == {TAG} else None
            if value is None:
                stack.extend(one.values())
            else:
                yield value


def _read(data: Any) -> PassedValue | None:
    try:
        value = msgspec.convert(data, PassedValue)
    except msgspec.ValidationError:
        return None
    return value if value.kind in KINDS else None
