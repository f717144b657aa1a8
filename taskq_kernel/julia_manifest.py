"""Which file of a Julia project says exactly which packages it has: its manifest, as Julia looks for it.

It is the one that ``manifest`` in the project's file names, where that is there, else the first by name.
From 1.11 on (and 1.10.8) that is one for this release of Julia, such as ``Manifest-v1.11.toml``, before the one for
all. The client, the service and the worker look for it with the same words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

#: The file that says which packages a project needs; the first that is there.
PROJECT_NAMES = ("JuliaProject.toml", "Project.toml")
#: The manifests that every Julia looks for, and those of one release, as `pathlib.Path.glob` finds them.
MANIFEST_NAMES = ("JuliaManifest.toml", "Manifest.toml")
OF_ONE_RELEASE = ("JuliaManifest-v*.toml", "Manifest-v*.toml")

#: Since when Julia looks for manifests of one release.
_BY_RELEASE = (1, 10, 8)

_VERSION = re.compile(r"\d+\.\d+")

#: A Julia's version: major, minor, patch.
JuliaVersion = tuple[int, int, int]


#: A manifest longer than this is told by its hash alone, in bytes: the largest ones have some hundred KiB.
MAX_TEXT_BYTES = 4 << 20


@dataclass(frozen=True)
class Manifest:
    """The file that says exactly which packages a project has, as it was when it was read.

    Attributes
    ----------
    file : Path
        Where it lies.
    sha256 : str
        Of what was in it.
    """

    file: Path
    sha256: str

    @classmethod
    def of(cls, file: Path | None) -> Manifest | None:
        """What is in a file now; None where there is none, or it cannot be read."""
        try:
            return None if file is None else cls(file, _sha256(file, _stamp(file)))
        except OSError:
            return None

    def text(self) -> str | None:
        """What is in it; None where that is another by now, no text, or too long."""
        try:
            read = self.file.read_bytes()
            same = len(read) <= MAX_TEXT_BYTES and hashlib.sha256(read).hexdigest() == self.sha256
            return read.decode() if same else None
        except (OSError, UnicodeDecodeError):
            return None


#: What stands for a file's content: both are asked for with every task that ends, and read again once it is another.
_Stamp = tuple[int, int, int]


def _stamp(file: Path) -> _Stamp:
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=64)
def _sha256(file: Path, _stands_for: _Stamp) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@lru_cache(maxsize=64)
def _manifest_name(project: Path, _stands_for: _Stamp) -> str | None:
    name = read_toml(project).get("manifest")
    return name if isinstance(name, str) else None


def version_numbers(text: str) -> JuliaVersion:
    """The numbers of a version such as ``1.10.4`` or ``1.12.0-rc1``; what is not there counts as 0."""
    found = [int(number) for number in re.findall(r"\d+", text.partition("-")[0])[:3]]
    major, minor, patch = (*found, 0, 0, 0)[:3]
    return major, minor, patch


def project_file(folder: Path) -> Path | None:
    """The file that says which packages a folder needs; None where there is none."""
    return _first(folder, PROJECT_NAMES)


def manifest_file(folder: Path, julia: JuliaVersion) -> Path | None:
    """The manifest that a Julia takes in a folder; None where there is none, or it lies elsewhere."""
    named = _named(folder)
    if named is not None:
        return named
    release = f"-v{julia[0]}.{julia[1]}.toml"
    of_release = [name.replace(".toml", release) for name in MANIFEST_NAMES] if julia >= _BY_RELEASE else []
    return _first(folder, (*of_release, *MANIFEST_NAMES))


def manifest_files(folder: Path) -> Iterator[Path]:
    """Every manifest in a folder that some Julia may take."""
    named = _named(folder)
    if named is not None:
        yield named
    yield from (folder / name for name in MANIFEST_NAMES if (folder / name).is_file())
    for pattern in OF_ONE_RELEASE:
        yield from sorted(folder.glob(pattern))


def made_with(folder: Path) -> list[str]:
    """The versions of Julia that a folder's manifests were made with, ``1.11.3`` or ``1.11``: it takes one of these.

    Nothing where any will do: there is no manifest, or the one for all does not say.
    """
    named = _named(folder)
    for_all = named or _first(folder, MANIFEST_NAMES)
    versions = [] if named is not None else [
        release for pattern in OF_ONE_RELEASE for path in sorted(folder.glob(pattern))
        if (release := path.stem.partition("-v")[2]) and _VERSION.fullmatch(release)
    ]
    if for_all is not None:
        version = read_toml(for_all).get("julia_version")
        if not isinstance(version, str) or _VERSION.match(version) is None:
            return []
        versions.append(version)
    return list(dict.fromkeys(versions))


def fits(julia: JuliaVersion, versions: Sequence[str]) -> bool:
    """Whether a project whose manifests were made with these versions takes this Julia: one of their releases."""
    return not versions or any(version_numbers(one)[:2] == julia[:2] for one in versions)


def read_toml(file: Path | None) -> dict[str, Any]:
    """What is in a file of TOML; nothing where there is none, or it cannot be read: Pkg says what is wrong with it."""
    # late: few programs read a project
    import tomllib

    try:
        return {} if file is None else tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def table_in(read: dict[str, Any], name: str) -> dict[str, Any]:
    """A table of what was read; nothing where that is none."""
    found = read.get(name)
    return found if isinstance(found, dict) else {}


def packages_of(manifest: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The packages in a manifest, by name: before Julia 1.6.2 they stood at its top."""
    deps = manifest.get("deps")
    entries = deps if isinstance(deps, dict) else manifest
    return {name: found for name, found in entries.items() if _are_packages(found)}


def _are_packages(entries: Any) -> bool:
    return isinstance(entries, list) and all(isinstance(one, dict) for one in entries)


def _named(folder: Path) -> Path | None:
    """The manifest that the project itself names, if that lies in its folder."""
    project = project_file(folder)
    try:
        name = None if project is None else _manifest_name(project, _stamp(project))
        if name is None:
            return None
        file = folder / name
        inside = file.resolve().is_relative_to(folder.resolve())
        return file if inside and file.is_file() else None
    except (OSError, ValueError):  # the project has just gone, or that is no file's name
        return None


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
