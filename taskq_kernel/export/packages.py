"""The packages of an exported task: the files that say which they are, and the Julia that installs them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from taskq_kernel.export.source import Exported
from taskq_kernel.julia_environment import ENVIRONMENT_FILE, decode_packages
from taskq_kernel.julia_manifest import PROJECT_NAMES, packages_of

_PROJECT, _MANIFEST = "Project.toml", "Manifest.toml"


def project_files(task: Exported) -> dict[str, bytes]:
    """The files of its project, with the manifest that it ran with where the project brings none; by their paths.

    Packages that were given by their names are a project like any other then.
    """
    files = {path: content for path, content in task.project.items() if path != ENVIRONMENT_FILE}
    manifest = task.row.get("manifest")
    if manifest and (ids := _ids(_named(task), manifest)):
        files[_PROJECT] = ("[deps]\n" + "".join(f'{name} = "{uuid}"\n' for name, uuid in ids.items())).encode()
    if manifest and _has_project(files) and not _has_manifest(files):
        files[_MANIFEST] = manifest.encode()
    return files


def installing(task: Exported) -> str:
    """Julia code that installs them where the project is active; empty where there is nothing to install."""
    if _has_project(project_files(task)):
        return "Pkg.instantiate()"
    specs = (
        f'Pkg.PackageSpec(name = "{name}"' + (f', version = "{version}")' if version else ")")
        for name, _, version in (one.partition("@") for one in _named(task))
    )
    return f"Pkg.add([{', '.join(specs)}])" if _named(task) else ""


def _named(task: Exported) -> list[str]:
    """The packages that were given by their names."""
    return decode_packages(task.project.get(ENVIRONMENT_FILE, b""))


def _ids(named: list[str], manifest: str) -> dict[str, str]:
    """The UUIDs of packages, by their names; nothing where the manifest does not have all of them."""
    try:
        found = packages_of(tomllib.loads(manifest))
    except tomllib.TOMLDecodeError:
        return {}
    names = [one.partition("@")[0] for one in named]
    # Of one name there may be several, and nobody can know then which one it was.
    entries = {name: found[name][0] for name in names if len(found.get(name, ())) == 1 and "uuid" in found[name][0]}
    return {name: str(entry["uuid"]) for name, entry in entries.items()} if len(entries) == len(names) else {}


def _has_project(files: Mapping[str, bytes]) -> bool:
    return any(name in files for name in PROJECT_NAMES)


def _has_manifest(files: Mapping[str, bytes]) -> bool:
    return any(path.endswith(".toml") and "Manifest" in path and "/" not in path for path in files)
