"""Packages by their names, without a folder of one's own: what a project is then made of, and what a worker adds.

Such a project has one file, in which each package is a line, ``Name`` or ``Name@version``. Where it is prepared,
Julia's package manager chooses the versions, and writes ``Project.toml`` and ``Manifest.toml`` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from taskq_kernel.errors import InvalidTask

#: The file that names the packages.
ENVIRONMENT_FILE = ".taskq-environment"
#: More than anybody loads.
MAX_PACKAGES = 500

#: A package, and the beginning of its version.
PACKAGE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]*)(@(?P<version>\d+(\.\d+){0,2}))?")


def check_packages(packages: Iterable[str]) -> Sequence[str]:
    """Packages in one order, each once.

    Raises
    ------
    InvalidTask
        If there are none, too many, one of two versions, or what is no name of a package.
    """
    given = [packages] if isinstance(packages, str) else list(packages)
    if not 0 < len(given) <= MAX_PACKAGES:
        raise InvalidTask(f"has {len(given)} packages: give 1 to {MAX_PACKAGES}", "environment")
    versions: dict[str, str] = {}
    for package in given:
        found = PACKAGE.fullmatch(package) if isinstance(package, str) else None
        if found is None:
            raise InvalidTask(
                f"has {str(package)[:80]!r}, which is no name of a Julia package: give Name or Name@1.2", "environment"
            )
        version = found["version"] or ""
        if versions.setdefault(found["name"], version) != version:
            raise InvalidTask(f"has {found['name']} in two versions: give one", "environment")
    return [f"{name}@{version}" if version else name for name, version in sorted(versions.items())]


def encode_packages(packages: Sequence[str]) -> bytes:
    """What is in the file."""
    return "".join(f"{one}\n" for one in packages).encode()


def decode_packages(content: bytes) -> list[str]:
    """The packages that a file names; what is none is passed over."""
    return [line for line in content.decode("utf-8", "replace").splitlines() if PACKAGE.fullmatch(line)]


def packages_in(tree: Path) -> list[str]:
    """The packages that a project without a folder is made of; nothing where it is one with a folder."""
    try:
        return decode_packages((tree / ENVIRONMENT_FILE).read_bytes())
    except OSError:
        return []
