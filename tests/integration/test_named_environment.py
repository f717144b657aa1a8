"""Packages by their names, without a folder of one's own: added by Julia's package manager from a registry."""

from __future__ import annotations

import asyncio
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from julia_fixtures import julia
from taskq_worker.julia.command import JuliaCommand
from taskq_worker.projects.errors import ProjectFailed
from taskq_worker.projects.preparation import prepare
from taskq_worker.sandbox.sandbox import OWN_USER

from taskq_kernel.client.client import Client
from taskq_kernel.julia_environment import ENVIRONMENT_FILE, check_packages, encode_packages

pytestmark = pytest.mark.timeout(300)

_UUID = "44444444-2222-3333-4444-555555555555"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=n@x", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def depot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package depot whose one registry has the versions 0.1.0 and 0.2.0 of one package."""
    monkeypatch.setenv("JULIA_PKG_SERVER", "")
    source, registry = tmp_path / "Small", tmp_path / "depot/registries/Local"
    (source / "src").mkdir(parents=True)
    git(source, "init", "-q")
    versions = ""
    for version in ("0.1.0", "0.2.0"):
        (source / "Project.toml").write_text(f'name = "Small"\nuuid = "{_UUID}"\nversion = "{version}"\n')
        (source / "src/Small.jl").write_text(f'module Small\nsays() = "{version}"\nend\n')
        git(source, "add", "-A")
        git(source, "commit", "-qm", version)
        versions += f'["{version}"]\ngit-tree-sha1 = "{git(source, "rev-parse", "HEAD^{tree}")}"\n'
    (registry / "S/Small").mkdir(parents=True)
    (registry / "Registry.toml").write_text(
        'name = "Local"\nuuid = "55555555-2222-3333-4444-555555555555"\nrepo = "none"\n\n[packages]\n'
        f'{_UUID} = {{ name = "Small", path = "S/Small" }}\n'
    )
    (registry / "S/Small/Package.toml").write_text(f'name = "Small"\nuuid = "{_UUID}"\nrepo = "{source}"\n')
    (registry / "S/Small/Versions.toml").write_text(versions)
    return tmp_path / "depot"


def prepared(tree: Path, depot: Path, packages: Sequence[str], said: list[str] | None = None) -> Path:
    """A folder with packages, as a worker makes it ready."""
    tree.mkdir(parents=True)
    (tree / ENVIRONMENT_FILE).write_bytes(encode_packages(check_packages(packages)))
    on_line = [].append if said is None else said.append
    asyncio.run(prepare(JuliaCommand(julia()), tree, OWN_USER, f"{depot}:", 200, on_line))
    return tree


def test_the_newest_version_is_taken_that_goes_with_what_was_asked_for(tmp_path: Path, depot: Path) -> None:
    for place, (package, version) in enumerate([("Small", "0.2.0"), ("Small@0.1", "0.1.0")]):
        tree = prepared(tmp_path / f"{place}/tree", depot, [package])
        assert tomllib.loads((tree / "Project.toml").read_text())["deps"] == {"Small": _UUID}
        said = subprocess.run(
            [julia(), f"--project={tree}", "-e", "using Small; print(Small.says())"],
            env={"JULIA_DEPOT_PATH": f"{depot}:", "HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
        )
        assert said.stdout == version


def test_a_name_that_no_registry_has_is_told_by_its_name(tmp_path: Path, depot: Path) -> None:
    with pytest.raises(ProjectFailed, match=r"could not be resolved:\n \* Smal \(not found"):
        prepared(tmp_path / "tree", depot, ["Smal"])


def test_tasks_have_the_packages_that_were_named(q: Client) -> None:
    e = q.environment(["LinearAlgebra"])
    f = q.define("using LinearAlgebra\nlength_of(x) = (norm(x), basename(Base.active_project()))", project=e)
    task = f([3, 4])
    assert task.result(120) == [5.0, "Project.toml"]
    assert task.project == q.environment(["LinearAlgebra", "LinearAlgebra"]).send().id
    text = q.transport.execute("query($id: ID!) { task(id: $id) { manifest } }", {"id": task.id})["task"]["manifest"]
    assert "LinearAlgebra" in text
