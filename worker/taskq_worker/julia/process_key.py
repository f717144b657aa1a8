"""What a slot's Julia process was started with: a task whose key is another needs another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskq_worker.julia.prepared_project import PreparedProject


@dataclass(frozen=True)
class ProcessKey:
    """What a Julia process is started with, as far as tasks decide about it.

    Two tasks may run in one process, one after the other, where their keys are equal. It holds
    nothing but values.

    Parameters
    ----------
    threads : int
        Threads of Julia and of its linear algebra.
    variables : tuple of (str, str)
        Environment variables besides those that every task sees, in the order of their names.
    heap_bytes : int or None
        How much memory Julia is told that it has; None where it is told nothing.
    project : PreparedProject or None
        The project that its tasks have at hand.
    """

    threads: int = 1
    variables: tuple[tuple[str, str], ...] = ()
    heap_bytes: int | None = None
    project: PreparedProject | None = None


#: What a task that asks for nothing needs, where Julia is told nothing of its memory.
DEFAULT_KEY = ProcessKey()


def variables_of(*groups: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Environment variables as a key has them; where two groups have the same name, the later one counts."""
    return tuple(sorted({name: value for group in groups for name, value in (group or {}).items()}.items()))
