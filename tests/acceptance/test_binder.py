"""Binder, as far as one machine can show it.

The scripts in binder/ run as an ordinary user in a fresh folder, with a Python environment
of their own, as repo2docker's image would run them; the image itself is looked at through
the Dockerfile that repo2docker writes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from browser import Pages, run_all_cells
from dashboard_page import links_to_this_machine, submit_example, wait_for_status
from fresh import ROOT, OrdinaryUser, clean_environment, copy_sources, missing, run
from playwright.sync_api import expect

from taskq_kernel.errors import TaskqError
from taskq_kernel.local.julia import find_julia
from taskq_kernel.local.processes import free_port
from taskq_kernel.local.rabbit_files import find_server
from taskq_kernel.settings import load_settings

#: What the whole stack, the Jupyter server and an open dashboard may take, in MB.
MEMORY_LIMIT_MB = 900
#: How long `start` may keep the Jupyter server from starting, in seconds.
START_LIMIT_S = 3.0
#: As a hub gives it.
BASE_URL = "/user/binder-taskq-abc123/"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Container:
    """What stands in for a container: a user, their folders, and their environment."""

    user: OrdinaryUser
    env: dict[str, str]
    julia: str

    @property
    def home(self) -> Path:
        return self.user.home

    def run(self, *command: str, timeout_s: float = 600) -> str:
        """Run a program in the repository's folder; what it said."""
        return run(list(command), timeout_s=timeout_s, cwd=self.home, env=self.env, **self.user.identity)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own."""
        with (self.home.parent / "server.log").open("wb") as log:
            return subprocess.Popen(
                command, cwd=self.home, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **self.user.identity,
            )  # type: ignore[call-overload,no-any-return]  # fmt: skip  # the identity is Popen's own arguments

    def processes(self) -> dict[int, str]:
        """Command lines of every process of the container, by pid."""
        found, parents = {}, {}
        home = f"HOME={self.home}".encode()
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                stat = (folder / "stat").read_text()
                environment = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended, or is none of ours
                continue
            pid = int(folder.name)
            parents[pid] = int(stat[stat.rindex(")") + 2 :].split()[1])
            # The broker's home is a folder in the user's; a task's is a temporary one.
            if any(entry.startswith(home) for entry in environment) or parents[pid] in found:
                found[pid] = command
        return found


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    """A fresh user, with postBuild's work still to be done."""
    try:
        julia = str(find_julia(load_settings()).path)
        find_server()
    except TaskqError as error:
        missing(str(error))
    # Short, and open to another user: sockets lie below it, whose names have a limit.
    place = Path(tempfile.mkdtemp(prefix="taskq-binder-"))
    place.chmod(0o755)
    try:
        user = OrdinaryUser.make(place / "jovyan")
        copy_sources(user.home)
        run([user.python(), "-m", "venv", str(place / "env")], env=clean_environment())
        path = f"{place}/env/bin:{user.home}/.local/bin:/usr/local/bin:/usr/bin:/bin"
        env = _outside() | {"HOME": str(user.home), "USER": "jovyan", "LOGNAME": "jovyan", "PATH": path}
        (place / "tmp").mkdir()
        env |= {"LANG": "C.UTF-8", "PIP_NO_CACHE_DIR": "1", "TMPDIR": str(place / "tmp")}
        # What is imported here is compiled then; all that is installed takes a minute.
        env |= {"PIP_COMPILE": "0"}
        made = Container(user, env, julia)
        _give_julia(made, place)
        for folder in ("jovyan", "env", "tmp"):
            user.own(place / folder)
        yield made
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _outside() -> dict[str, str]:
    """How the machine is connected: package index and certificates, and nothing else of this process."""
    names = re.compile(r"PIP_|SSL_|https?_proxy|no_proxy", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if names.match(name)}


def _give_julia(container: Container, place: Path) -> None:
    """Put Julia on the container's PATH, and make sure that its user can read it."""
    real = Path(container.julia).resolve()
    if not container.user.may_run(container.julia, "--version"):
        # Below a folder that is closed to others: the same files, by another name.
        tree = real.parent.parent
        subprocess.run(["cp", "-al", str(tree), str(place / "julia")], check=True)
        real = place / "julia" / real.relative_to(tree)
    wrapper = place / "env" / "bin" / "julia"
    wrapper.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
    wrapper.chmod(0o755)
    if not container.user.may_run(str(wrapper), "--version"):
        pytest.skip(f"an ordinary user cannot run the Julia of this machine, {container.julia}")


@dataclass(frozen=True)
class Served:
    """The container's Jupyter server."""

    container: Container
    url: str
    token: str
    seconds: float

    def page(self, path: str) -> str:
        return f"{self.url}{path}?token={self.token}"


@pytest.fixture(scope="module")
def served(container: Container) -> Iterator[Served]:
    """The container after postBuild, started by `start`."""
    container.run("binder/postBuild")
    port, token = free_port(), secrets.token_hex(16)
    began = time.monotonic()
    server = container.start(
        str(container.home / "binder" / "start"), "jupyter", "lab", "--no-browser", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.base_url={BASE_URL}",
    )  # fmt: skip
    try:
        while "jupyter" not in _command(server.pid):
            assert server.poll() is None, (container.home.parent / "server.log").read_text()
            assert time.monotonic() < began + 60, "`start` has not handed over to the Jupyter server"
            time.sleep(0.01)
        took = time.monotonic() - began
        _answers(f"http://127.0.0.1:{port}{BASE_URL}api")
        yield Served(container, f"http://127.0.0.1:{port}{BASE_URL}", token, took)
    finally:
        container.run("taskq", "down")
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0\0")[0].replace("\0", " ").partition("start ")[0]


def _answers(url: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            urllib3.request("GET", url, retries=False, timeout=5)
        except urllib3.exceptions.HTTPError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)
        else:
            return


def memory_mb(pids: list[int]) -> dict[int, float]:
    """Memory of each process, shared pages by their share, in MB."""
    found = {}
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        pss = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        found[pid] = int(pss[1]) / 1024 if pss else 0.0
    return found


# -- the scripts ------------------------------------------------------------------------------


def test_the_build_leaves_no_stack_and_no_token(served: Served) -> None:
    # `start` has made a stack of its own since; what the build made lay in a temporary folder.
    assert "taskq" in served.container.run("taskq", "--version")
    assert not list((served.container.home.parent / "tmp").glob("*/tokens"))


def test_start_hands_over_within_seconds(served: Served) -> None:
    assert served.seconds < START_LIMIT_S


def test_the_stack_that_start_brings_up_runs_tasks_in_one_slot(served: Served) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = subprocess.run(
            ["taskq", "status", "--json"], cwd=served.container.home, env=served.container.env,
            capture_output=True, text=True, check=False, **served.container.user.identity,
        )  # type: ignore[call-overload]  # fmt: skip  # the identity is run's own arguments
        if status.returncode == 0:
            break
        time.sleep(0.2)
    found = json.loads(status.stdout)
    assert found["running"], status.stderr
    assert found["slots"] == 1
    (served.container.home / "sum.jl").write_text("sum(1:10)")
    assert served.container.run("taskq", "submit", "sum.jl", "--wait") == "55\n"


def test_the_launcher_offers_the_kernel_for_notebooks_in_julia(served: Served) -> None:
    listed = served.container.run("jupyter", "kernelspec", "list", "--json")
    specs = json.loads(listed)["kernelspecs"]
    assert specs["julia-taskq"]["spec"]["display_name"] == "Julia (taskq)"
    # Jupyter starts it with the Python that has taskq.
    served.container.run(specs["julia-taskq"]["spec"]["argv"][0], "-c", "import taskq_kernel.jupyter.kernel")


def test_the_dashboard_runs_an_example_and_all_of_it_fits(served: Served, open_page: Pages, record_property) -> None:  # type: ignore[no-untyped-def]  # pytest's own fixture
    # Given: the dashboard, opened as the badge opens it.
    page = open_page(served.page("voila/render/notebooks/dashboard.ipynb"))
    # When: somebody picks an example, and submits it.
    submit_example(page)
    # Then: it runs, and it ends well.
    wait_for_status(page, "FINISHED")
    # And when: a task runs on while the page is open.
    (served.container.home / "long.jl").write_text("sum(sum(rand(10^6)) for _ in 1:20_000)")
    number = served.container.run("taskq", "submit", "long.jl").strip()
    wait_for_status(page, "RUNNING")
    processes = served.container.processes()
    used = memory_mb(list(processes))
    open_page.shot(page, "binder-dashboard")
    # Inside a Jupyter server Voilà offers MathJax from elsewhere; the page does without it.
    open_page.refused[:] = [url for url in open_page.refused if "mathjax" not in url]
    served.container.run("taskq", "cancel", number)
    # Then: everything together takes less than Binder gives.
    total = sum(used.values())
    record_property("memory_mb", round(total))
    table = "\n".join(f"{used[pid]:7.1f} MB  {processes[pid][:100]}" for pid in sorted(used, key=lambda p: -used[p]))
    print(f"{total:.0f} MB in all:\n{table}")
    assert total < MEMORY_LIMIT_MB, table
    assert any("julia" in command for command in processes.values()), table
    assert any("ipykernel" in command for command in processes.values()), table


def test_the_quick_start_runs_from_its_first_cell_to_its_last(served: Served, open_page: Pages) -> None:
    # Given: the notebook, opened as the other badge opens it.
    page = open_page(served.page("lab/tree/notebooks/quickstart.ipynb"))
    # When: all of it is run.
    run_all_cells(page)
    # Then: its last task has failed as it is meant to, after all that comes before.
    failed = page.locator(".jp-OutputArea-output", has_text="DomainError")
    expect(failed.first).to_be_visible(timeout=120_000)
    expect(page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)


def test_no_page_links_to_this_machine(served: Served, open_page: Pages) -> None:
    for path in ("lab", "voila/render/notebooks/dashboard.ipynb"):
        text = urllib3.request("GET", served.page(path), timeout=120).data.decode()
        assert links_to_this_machine(text) == [], path


# -- the image --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Dockerfile that repo2docker would build."""
    if importlib.util.find_spec("repo2docker") is None:
        missing("jupyter-repo2docker is not installed")
    place = copy_sources(tmp_path_factory.mktemp("repository") / "taskq")
    program = Path(__file__).parent / "repo2docker_offline.py"
    return run([sys.executable, str(program), "--no-build", "--debug", str(place)], cwd=place)


def test_the_dockerfile_holds_julia_python_and_rabbitmq(dockerfile: str) -> None:
    assert re.search(r"^ENV JULIA_VERSION=1\.10\.\d+", dockerfile, re.MULTILINE)
    assert "bin/julia" in dockerfile or "${JULIA_PATH}/bin" in dockerfile
    assert re.search(r"apt-get install .*rabbitmq-server", dockerfile)
    assert re.search(r"env update .*binder/environment\.yml|environment\.py-3\.12", dockerfile)


def test_the_image_is_ubuntu_24_04_and_runs_as_an_ordinary_user(dockerfile: str) -> None:
    assert re.search(r"^FROM .*(ubuntu|buildpack-deps):(noble|24\.04)", dockerfile, re.MULTILINE)
    assert dockerfile.rindex("USER ${NB_USER}") > dockerfile.rindex("USER root")


def test_the_image_runs_both_scripts(dockerfile: str) -> None:
    assert "RUN ./binder/postBuild" in dockerfile
    assert re.search(r"R2D_ENTRYPOINT=.*binder/start", dockerfile)


def test_the_start_script_hands_over_to_whatever_it_is_given() -> None:
    lines = (ROOT / "binder" / "start").read_text().rstrip().splitlines()
    assert lines[-1] == 'exec "$@"'
    assert (ROOT / "binder" / "start").stat().st_mode & 0o111
    assert "set -e" in (ROOT / "binder" / "postBuild").read_text().splitlines()


# -- the badges -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("https://github.com/ann/taskq.git", "gh/ann/taskq"),
        ("git@github.com:ann/taskq.git\n", "gh/ann/taskq"),
        ("https://gitlab.com/lab/sub/taskq", "gl/lab%2Fsub%2Ftaskq"),
        ("ssh://git@git.example.org:2222/ann/taskq", "git/https%3A%2F%2Fgit.example.org%2Fann%2Ftaskq"),
    ],
)
def test_a_badge_opens_its_page_in_any_fork(repository: str, place: str) -> None:
    said = run([sys.executable, str(ROOT / "binder" / "badges.py"), repository])
    assert f"/v2/{place}/HEAD?urlpath=lab%2Ftree%2Fnotebooks%2Fquickstart.ipynb)" in said
    assert f"/v2/{place}/HEAD?urlpath=voila%2Frender%2Fnotebooks%2Fdashboard.ipynb)" in said


def test_the_badges_pages_are_in_the_repository() -> None:
    said = run([sys.executable, str(ROOT / "binder" / "badges.py"), "https://github.com/ann/taskq"])
    for path in re.findall(r"notebooks%2F(\w+\.ipynb)", said):
        assert (ROOT / "notebooks" / path).is_file()


def test_the_readmes_badges_if_it_has_any_are_those_of_the_repository_they_name() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "OWNER" not in readme
    named = set(re.findall(r"mybinder\.org/v2/gh/([^/]+/[^/]+)/HEAD", readme))
    assert len(named) <= 1
    for repository in named:
        made = run([sys.executable, str(ROOT / "binder" / "badges.py"), f"https://github.com/{repository}"])
        assert made.strip() in readme


def test_a_fork_puts_its_own_badges_into_its_readme(tmp_path: Path) -> None:
    # Given: a fork.
    (tmp_path / "binder").mkdir()
    script = shutil.copy(ROOT / "binder" / "badges.py", tmp_path / "binder")
    shutil.copy(ROOT / "README.md", tmp_path)
    # When: its badges are put in.
    run([sys.executable, script, "--update", "git@github.com:ann/fork.git"])
    # Then: they are there, once, and nothing else has changed.
    readme = (tmp_path / "README.md").read_text()
    made = run([sys.executable, script, "https://github.com/ann/fork"])
    assert readme.count("mybinder.org/v2/") == 2
    assert readme.replace(f"{made}\n", "") == (ROOT / "README.md").read_text()
    # And when the fork moves, they are replaced.
    run([sys.executable, script, "--update", "https://gitlab.com/ann/moved"])
    moved = (tmp_path / "README.md").read_text()
    assert moved == readme.replace(made, run([sys.executable, script, "https://gitlab.com/ann/moved"]))
