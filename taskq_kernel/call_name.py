"""What a task that calls a function is called: the call, on one line."""

from __future__ import annotations

from collections.abc import Iterable

from taskq_kernel.argument_names import is_place
from taskq_kernel.value_text import argument_text

#: How long it may be, and one of its arguments, in characters.
MAX_LENGTH = 100
MAX_ARGUMENT = 40


def call_name(function: str, arguments: Iterable[tuple[str, str]]) -> str:
    """A call on one line: ``gap(100, beta=0.5)``.

    Parameters
    ----------
    arguments : iterable of (str, str)
        Names and JSON; those that go by position are named by it.
    """
    written = []
    for name, json_text in arguments:
        text = argument_text(json_text)
        text = text if len(text) <= MAX_ARGUMENT else f"{text[: MAX_ARGUMENT - 3]}..."
        written.append(text if is_place(name) else f"{name}={text}")
    whole = f"{function}({', '.join(written)})"
    return whole if len(whole) <= MAX_LENGTH else f"{whole[: MAX_LENGTH - 4]}...)"
