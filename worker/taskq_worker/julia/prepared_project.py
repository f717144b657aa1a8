"""A project that lies on this machine, ready: values only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PreparedProject:
    """A project that a Julia process can be started with.

    Attributes
    ----------
    id : str
        The SHA-256 of its manifest.
    tree : Path
        Its files, to be read only.
    packages : bool
        Whether it says which packages it has; else tasks have the worker's.
    depot : Path or None
        A package depot of its own.
    manifest_sha256 : str or None
        Of its Manifest.toml, as it was sent or as Pkg has made it here.
    """

    id: str
    tree: Path
    packages: bool = False
    depot: Path | None = None
    manifest_sha256: str | None = None
