"""The wheel and the source distribution, as they would be uploaded, in empty environments."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fresh import ROOT, clean_environment, copy_sources, missing, pythons, run

if TYPE_CHECKING:
    from stacks import RunningStack

#: The most that `import taskq_kernel` may take, in seconds.
IMPORT_LIMIT_S = 0.5

# Fetching what pandas and others weigh takes its time, and is no part of what is tested.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Distributions:
    """What was built."""

    wheel: Path
    sdist: Path

    @property
    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    @property
    def in_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """A wheel, built from the sdist, built from a copy of the sources."""
    if importlib.util.find_spec("build") is None:
        missing("the package `build` is not installed")
    place = copy_sources(tmp_path_factory.mktemp("sources"))
    dist = place / "dist"
    run([sys.executable, "-m", "build", "--outdir", str(dist), str(place)], cwd=place)
    return Distributions(next(dist.glob("*.whl")), next(dist.glob("*.tar.gz")))


@pytest.fixture(scope="module")
def environments(built: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Path]]]:
    """Environments with nothing in them but the wheel and what it needs, all made at once."""
    with ThreadPoolExecutor() as pool:
        yield {
            version: pool.submit(_install, program, built.wheel, tmp_path_factory.mktemp("empty"))
            for version, program in pythons().items()
        }


def _install(program: str, wheel: Path, place: Path) -> Path:
    run([program, "-m", "venv", str(place)], env=clean_environment())
    python = place / "bin" / "python"
    # Not compiled ahead: the tests import little of it.
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", str(wheel)]
    run(command, timeout_s=600, env=clean_environment())
    return python


@pytest.fixture(params=pythons())
def empty(request: pytest.FixtureRequest, environments: dict[str, Future[Path]]) -> Path:
    """The interpreter of such an environment."""
    try:
        return environments[request.param].result()
    except AssertionError as error:
        if "No matching distribution" in str(error) or "NewConnectionError" in str(error):
            missing(f"what taskq needs cannot be installed for Python {request.param}: {error}")
        raise


def test_both_distributions_pass_twines_check(built: Distributions) -> None:
    if importlib.util.find_spec("twine") is None:
        missing("the package `twine` is not installed")
    said = run([sys.executable, "-m", "twine", "check", "--strict", str(built.wheel), str(built.sdist)])
    assert said.count("PASSED") == 2


def test_the_wheel_installs_packages_called_taskq_only(built: Distributions) -> None:
    tops = {name.split("/")[0] for name in built.in_wheel}
    packages = {top for top in tops if not top.endswith((".dist-info", ".data"))}
    assert packages == {"taskq_kernel", "taskq_sink", "taskq_widgets", "taskq_worker"}


def test_the_wheel_holds_every_file_that_its_packages_need(built: Distributions) -> None:
    # Given: whatever lies in the packages' folders and is not Python's own by-product.
    wanted = set()
    for folder in ("taskq_kernel", "widgets/taskq_widgets", "worker/taskq_worker", "sink/taskq_sink"):
        top = (ROOT / folder).parent
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not {"__pycache__", "node_modules", ".ipynb_checkpoints"} & set(path.parts):
                wanted.add(path.relative_to(top).as_posix())
    assert wanted - built.in_wheel == set()


@pytest.mark.parametrize("package", ["taskq_kernel", "taskq_widgets", "taskq_worker", "taskq_sink"])
def test_the_wheel_says_that_its_packages_are_typed(built: Distributions, package: str) -> None:
    assert f"{package}/py.typed" in built.in_wheel


def test_the_wheel_holds_the_julia_sources_and_the_browsers_code(built: Distributions) -> None:
    assert "taskq_worker/julia/runner/runner.jl" in built.in_wheel
    assert "taskq_worker/julia/runner/main.jl" in built.in_wheel
    scripts = [name for name in built.in_wheel if name.startswith("taskq_widgets/") and name.endswith(".js")]
    with zipfile.ZipFile(built.wheel) as archive:
        sizes = {name: archive.getinfo(name).file_size for name in scripts}
    assert any("editor" in name and size > 100_000 for name, size in sizes.items()), f"no bundle in {sizes}"


def test_the_sdist_holds_what_a_fork_needs(built: Distributions) -> None:
    wanted = {
        "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml",
        "tests/conftest.py", "docs/architecture.md", "binder/start", "widgets/js/package-lock.json",
        "notebooks/dashboard.ipynb",
    }  # fmt: skip
    assert wanted - built.in_sdist == set()
    assert not [name for name in built.in_sdist if "node_modules" in name or "__pycache__" in name]


def test_importing_it_is_quick_and_loads_nothing_heavy(empty: Path) -> None:
    code = (
        "import sys, time; began = time.perf_counter(); import taskq_kernel;"
        " took = time.perf_counter() - began;"
        " heavy = {'pandas', 'numpy', 'sqlalchemy', 'graphene', 'pydantic', 'uvicorn'} & set(sys.modules);"
        " print(took, *heavy)"
    )
    answers = [run([str(empty), "-P", "-c", code], env=clean_environment()).split() for _ in range(5)]
    assert answers[0][1:] == []
    assert min(float(answer[0]) for answer in answers) < IMPORT_LIMIT_S


def test_a_client_from_the_wheel_gets_its_value_from_a_running_stack(empty: Path, stack: RunningStack) -> None:
    # Given: an environment with the wheel, and a stack that is not its own.
    env = clean_environment() | {
        "TASKQ_URL": stack.url,
        "TASKQ_TOKEN_FILE": str(stack.home / "tokens/admin.token"),
    }
    code = (
        "from taskq_kernel import connect; q = connect();"
        " print(q.submit('sum(1:10)', name='from the wheel').result(timeout=60));"
        " print(len(q.frame(status='FINISHED')))"
    )
    # When, then: from Python, and from the command line.
    value, rows = run([str(empty), "-P", "-c", code], env=env).split()
    assert value == "55"
    assert int(rows) >= 1
    submit = [str(empty.parent / "taskq"), "submit", "-", "--wait"]
    done = subprocess.run(submit, env=env, input="6 * 7", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
