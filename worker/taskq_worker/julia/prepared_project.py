"""A project that lies on this machine, ready: values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from taskq_kernel.julia_manifest import Manifest


@dataclass(frozen=True)
class JuliaProgram:
    """A Julia among those of a worker.

    Attributes
    ----------
    executable : str
        Its program.
    sources : Path
        The runner, as it was compiled for it.
    takes_heap_size : bool
        Whether it can be told how much memory it has: one that cannot does not start with the option.
    """

    executable: str
    sources: Path
    takes_heap_size: bool = False


@dataclass(frozen=True)
class PreparedProject:
    """A project that a Julia process can be started with.

    Attributes
    ----------
    id : str
        The SHA-256 of its list of files.
    tree : Path
        Its files, to be read only.
    packages : bool
        Whether it says which packages it has; else tasks have the worker's.
    depot : Path or None
        A package depot of its own.
    manifest : Manifest or None
        Which packages these are, as it was sent or as Pkg has made it here.
    julia : JuliaProgram or None
        The Julia in which it was prepared, and runs.
    """

    id: str
    tree: Path
    packages: bool = False
    depot: Path | None = None
    manifest: Manifest | None = None
    julia: JuliaProgram | None = None
