"""What is typed into the form's fields for arguments, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from taskq_kernel import exact_json
from taskq_kernel.argument_names import check_argument_names, normalized
from taskq_kernel.arguments import encode_arguments
from taskq_kernel.declarations import declared, with_defaults
from taskq_kernel.errors import InvalidDeclaration, InvalidJSON, InvalidTask, TaskqError
from taskq_kernel.literals import kind_of, read_value
from taskq_kernel.parameters import Parameter, shown
from taskq_kernel.value_text import written


def described(parameter: Parameter) -> dict[str, Any]:
    """Return what a browser has to know of a parameter."""
    bounds = [None if bound is None else shown(bound) for bound in (parameter.minimum, parameter.maximum)]
    return {
        "name": parameter.name, "label": parameter.title, "unit": parameter.unit, "kind": parameter.kind,
        "step": parameter.step, "minimum": parameter.minimum, "maximum": parameter.maximum, "help": parameter.help,
        "range": _between(*bounds), "choices": [str(choice) for choice in parameter.choices],
    }  # fmt: skip


def _between(least: str | None, most: str | None) -> str:
    if least is None or most is None:
        return f"at least {least}" if least is not None else f"at most {most}" if most is not None else ""
    return f"{least} to {most}"


def reading(name: str, text: str, parameters: Sequence[Parameter] = ()) -> tuple[str, str]:
    """Return what a typed value is taken for, and what is wrong with it; one of them is empty."""
    parameter = next((one for one in parameters if one.name == name), None)
    try:
        if parameter is None:
            return kind_of(read_value(text)), ""
        value = parameter.read(text)
    except TaskqError as problem:
        return "", sentence(str(problem))
    plain = text.strip()
    return "" if isinstance(value, str) or plain in (shown(value), str(value)) else f"= {shown(value)}", ""


def read_arguments(rows: Sequence[Sequence[str]], parameters: Sequence[Parameter] = ()) -> dict[str, Any]:
    """Return arguments from rows of name and value as typed; rows with neither are left out.

    Raises
    ------
    InvalidTask
        A value has no name, a name is no Julia name, two are the same, or a parameter does not take its value.
    """
    arguments: dict[str, Any] = {}
    takes: dict[str, Callable[[str], Any]] = {one.name: one.read for one in parameters}
    for name, value in ((name.strip(), value) for name, value in rows):
        if not name and not value.strip():
            continue
        if not name:
            raise InvalidTask("has no name", "arguments", place=f"the value {value!r}")
        if normalized(name) in {normalized(other) for other in arguments}:
            raise InvalidTask("is given in two rows", f"arguments.{name}", place=f"argument {name!r}")
        check_argument_names([name])
        try:
            arguments[name] = takes.get(name, read_value)(value)
        except InvalidJSON as problem:
            raise InvalidTask(f"cannot be read: {problem}", f"arguments.{name}", place=f"argument {name!r}") from None
    return arguments


def rows_of(code: str, arguments: Mapping[str, Any]) -> list[list[str]]:
    """Return the rows for a task's arguments (JSON, parsed), parameters that its code declares first."""
    try:
        parameters = declared(code)
    except InvalidDeclaration:
        parameters = ()
    given = with_defaults(code, arguments)
    texts = {one.name for one in parameters if one.kind == "text"}
    first = [one.name for one in parameters]
    ordered = [*first, *(name for name in given if name not in first)]
    return [
        [name, given[name] if name in texts and isinstance(given[name], str) else typed(given[name])]
        for name in ordered
    ]


def typed(value: Any) -> str:
    """Return how an argument's JSON is typed, so that it is read as the same again."""
    if isinstance(value, str) and read_value(value) == value:
        return value
    text = written(value)
    if same_json(text, value):
        return text
    return exact_json.encode(value).decode()


def same_json(text: str, value: Any) -> bool:
    """Whether a typed text stands for this JSON."""
    try:
        read = encode_arguments({"x": read_value(text)})["x"]
    except TaskqError:
        return False
    return exact_json.encode(read) == exact_json.encode(value)


def sentence(message: str) -> str:
    """Return an error's message as a sentence of its own."""
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "!", "?")) else ".")
