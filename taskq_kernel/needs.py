"""What a task asks of the machine that runs it, besides memory and time: threads, variables, devices.

The client, the command line and the service check it with the same words. The service keeps it with
the task, and the worker starts the task's Julia process with it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from taskq_kernel.errors import InvalidTask

#: More than any machine has, and as far as every Julia counts.
MAX_THREADS = 1024
MAX_GPUS = 64
MAX_VARIABLES = 100
#: Names and values together, in bytes.
MAX_ENV_BYTES = 32 * 1024

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What does the same as a variable that cannot be given.
_INSTEAD = {
    "JULIA_NUM_THREADS": "give threads",
    "JULIA_HEAP_SIZE_HINT": "give memory_limit",
    **dict.fromkeys(
        (
            "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
            "GPU_DEVICE_ORDINAL", "ONEAPI_DEVICE_SELECTOR", "ZE_AFFINITY_MASK",
        ),
        "give gpus",
    ),
}
#: Where the worker says what is where.
_WORKERS_OWN = frozenset({
    "HOME", "TMPDIR", "JULIA_BINDIR", "JULIA_DEPOT_PATH", "JULIA_LOAD_PATH", "JULIA_PROJECT", "GCONV_PATH",
})
#: What the dynamic linker and Python do with these comes before the limits of the process are set.
_WORKERS_PREFIXES = ("LD_", "DYLD_", "PYTHON", "TASKQ_", "RUNNER_")

_encoder = msgspec.json.Encoder(order="sorted")


def check_threads(threads: Any) -> int | None:
    """How many threads, 1 to `MAX_THREADS`; None where nothing is asked for.

    Raises
    ------
    InvalidTask
        If it is no such number.
    """
    return None if threads is None else _whole(threads, 1, MAX_THREADS, "threads")


def check_gpus(gpus: Any) -> int | None:
    """How many devices, 0 to `MAX_GPUS`; None where nothing is asked for.

    Raises
    ------
    InvalidTask
        If it is no such number.
    """
    return None if gpus is None else _whole(gpus, 0, MAX_GPUS, "gpus")


def check_env(env: Any) -> dict[str, str] | None:
    """Environment variables of a task's process; None where there are none.

    Parameters
    ----------
    env : mapping or None
        Names and their values: texts, or whole numbers.

    Raises
    ------
    InvalidTask
        If it is no mapping, or has a name or a value that cannot be used, or a name that is the worker's.
    """
    if env is None:
        return None
    if not isinstance(env, Mapping):
        _refuse("env", f"is {type(env).__name__}: give names and their values, such as {{'OMP_NUM_THREADS': '1'}}")
    if len(env) > MAX_VARIABLES:
        _refuse("env", f"has {len(env)} variables, more than the {MAX_VARIABLES} allowed")
    checked = {_name(name): _value(name, value) for name, value in env.items()}
    size = sum(len(name) + len(value.encode()) for name, value in checked.items())
    if size > MAX_ENV_BYTES:
        _refuse("env", f"has {size} bytes, more than the {MAX_ENV_BYTES} allowed")
    return checked or None


def env_json(env: Any) -> str | None:
    """Variables, checked, as the database keeps them: JSON in the order of their names."""
    checked = check_env(env)
    return None if checked is None else _encoder.encode(checked).decode()


def env_of(text: str | None) -> dict[str, str] | None:
    """Variables as `env_json` has written them."""
    return None if text is None else msgspec.json.decode(text, type=dict[str, str])


def told_apart_by(threads: int | None, env: str | None, gpus: int | None) -> str:
    """What of this makes a task compute something else; empty where it asks for nothing.

    How many threads there are decides the order of sums and which random numbers each gets.
    """
    asked = {"threads": threads if threads != 1 else None, "env": env, "gpus": gpus or None}
    found = {name: value for name, value in asked.items() if value is not None}
    return _encoder.encode(found).decode() if found else ""


def _whole(number: Any, least: int, most: int, field: str) -> int:
    try:
        found = -1 if isinstance(number, bool) else operator.index(number)  # numpy's too
    except TypeError:
        found = -1
    if not least <= found <= most:
        said = repr(number) if isinstance(number, str) else str(number)
        _refuse(field, f"is {said[:80]}: give a whole number from {least} to {most}")
    return found


def _name(name: Any) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        _refuse("env", f"has the name {str(name)[:80]!r}: give letters, digits and '_', and no digit first")
    if len(name) > 200:
        _refuse("env", f"has a name of {len(name)} characters, more than the 200 allowed")
    if name in _INSTEAD:
        _refuse("env", f"has {name}, which the worker sets: {_INSTEAD[name]} instead")
    if name in _WORKERS_OWN or name.startswith(_WORKERS_PREFIXES):
        _refuse("env", f"has {name}, which is the worker's own: leave it out")
    return name


def _value(name: Any, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        _refuse("env", f"has {name} = {str(value)[:80]}: give a text")
    if "\0" in value:
        _refuse("env", f"has a NUL character in {name}: no variable can hold one")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse("env", f"has half of a surrogate pair in {name}: give a text")
    return value


def _refuse(field: str, problem: str) -> NoReturn:
    raise InvalidTask(problem, field)
