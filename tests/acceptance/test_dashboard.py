"""``taskq dashboard``: a page of its own for people who do not code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from boards import dashboard, open_board
from browser import ROOT, Pages
from playwright.sync_api import expect
from stacks import RunningStack, eventually
from taskq_widgets.dashboard.launch import HERE, NOTEBOOK, RECIPES
from terminal import heed_ctrl_c

from taskq_kernel import connect

pytestmark = pytest.mark.timeout(300)

TASKQ = [sys.executable, "-m", "taskq_kernel.cli"]


def test_the_notebook_in_the_repository_is_the_one_that_is_installed() -> None:
    assert (ROOT / "notebooks" / "dashboard.ipynb").read_bytes() == NOTEBOOK.read_bytes()
    assert RECIPES.is_file()


def test_the_configuration_culls_kernels_and_shows_no_tracebacks() -> None:
    settings = json.loads((HERE / "voila.json").read_text())
    assert settings["VoilaConfiguration"]["show_tracebacks"] is False
    assert settings["MappingKernelManager"]["cull_idle_timeout"] > 0


def test_its_own_pages_name_no_host_to_fetch_from() -> None:
    for file in (HERE / "voila").rglob("*"):
        if file.is_file():
            assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]", file.read_text()) == [], file


def test_a_colleague_submits_an_example_and_reads_the_result(stack: RunningStack, open_page: Pages) -> None:
    with dashboard(stack.env) as served:
        token = served.url.partition("token=")[2]
        for path in ("", "api/kernels", "voila/render/dashboard.ipynb"):
            with urllib.request.urlopen(served.url.partition("?")[0] + path, timeout=10) as answer:
                assert "/login" in answer.url, "answered without the token"
        for process in psutil.process_iter(["cmdline"]):
            assert token not in " ".join(process.info["cmdline"] or []), "the token is in a process list"

        board = open_board(open_page, "voila", served.url)
        board.form.get_by_label("Start from an example").select_option(label="From order to chaos: the logistic map")
        board.submit.click()
        expect(board.detail.locator(".tq-status")).to_have_text("Finished", timeout=30_000)
        expect(board.detail.get_by_role("columnheader", name="growth")).to_be_visible()
        open_page.shot(board.page, "dashboard")
        assert open_page.refused == []


def test_make_dashboard_starts_a_stack_prints_its_address_and_ends_with_ctrl_c(open_page: Pages) -> None:
    # Given: no stack. The set-up that goes ahead of this target has tests of its own.
    home = Path(tempfile.mkdtemp(prefix="taskq-make-"))  # a short path: it holds sockets
    # Nor a browser, nor the make that may have started these tests: one inside another says so.
    unwanted = ("TASKQ_", "DISPLAY", "WAYLAND", "MAKE", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    env |= {"TASKQ_HOME": str(home), "TASKQ_WORKERS": "1"}
    make = ["make", "--old-file=setup", "dashboard", f"venv={Path(sys.executable).parent}"]
    process = subprocess.Popen(
        make, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    try:
        # When: its address is opened.
        line = process.stdout.readline()  # type: ignore[union-attr]
        assert re.search(r"The dashboard is at http://127\.0\.0\.1:\d+/\?token=\S{30,}$", line), line
        page = open_page(line.split()[-1])
        expect(page.get_by_role("button", name="Ising magnet")).to_be_visible(timeout=90_000)
        stack_parts = {one["pid"] for one in taskq_status(env)["processes"]}
        children = psutil.Process(process.pid).children(recursive=True)
        (kernel,) = [child for child in children if "ipykernel" in " ".join(child.cmdline())]
        # Then: Ctrl-C, which a terminal sends to all of them, ends it, and leaves the stack alone.
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert "Traceback" not in said
        eventually(lambda: not in_session(process.pid), "every process of the dashboard has ended")
        eventually(lambda: not _alive(kernel), "the kernel of its page has ended")
        assert {one["pid"] for one in taskq_status(env)["processes"]} == stack_parts
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        subprocess.run([*TASKQ, "down"], env=env, capture_output=True, check=False, timeout=60)
        eventually(lambda: not holding(home), "no process of the stack is left")
        shutil.rmtree(home, ignore_errors=True)


def taskq_status(env: dict[str, str]) -> dict[str, Any]:
    """Return what `taskq status` says."""
    done = subprocess.run([*TASKQ, "status", "--json"], env=env, capture_output=True, text=True, check=True, timeout=60)
    status: dict[str, Any] = json.loads(done.stdout)
    return status


def in_session(leader: int) -> list[int]:
    """Return the processes of a session that still run."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == leader and _alive(process):
                found.append(process.pid)
    return found


def holding(home: Path) -> list[int]:
    """Return the processes that were started for a data folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TASKQ_HOME") == str(home) or str(home) in " ".join(process.cmdline()):
                found.append(process.pid)
    return found


def test_a_kernel_whose_page_was_left_is_stopped(stack: RunningStack, open_page: Pages, tmp_path: Path) -> None:
    """The page is left while tasks run: what still changes must not keep its kernel alive."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    sooner = "import taskq_widgets.heartbeat; taskq_widgets.heartbeat.FRESH_S = 5.5"  # the browser beats every 5 s
    notebook.cells.insert(0, nbformat.v4.new_code_cell(sooner))
    nbformat.write(notebook, tmp_path / "dashboard.ipynb")
    program = (
        "import pathlib, sys; from taskq_widgets.dashboard.launch import serve\n"
        "serve(pathlib.Path(sys.argv[1]), open_browser=False, on_ready=lambda url: print(url, flush=True),"
        " MappingKernelManager={'cull_idle_timeout': 3, 'cull_interval': 1, 'cull_connected': False})"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "dashboard.ipynb")]
    process = subprocess.Popen(command, env=stack.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        board = open_board(open_page, "voila", url)
        children = psutil.Process(process.pid).children(recursive=True)
        kernels = [child for child in children if "ipykernel" in " ".join(child.cmdline())]
        assert len(kernels) == 1
        board.submit_task("for i in 1:200; progress(i / 200); sleep(0.2) end", "while nobody looks")
        board.page.wait_for_timeout(5000)  # longer than the server leaves a kernel idle
        assert kernels[0].is_running(), "the kernel of a page that is looked at was stopped"
        board.page.context.close()
        open_page.contexts.clear()
        with connect(stack.url, token=stack.token()) as client:
            task = next(iter(client.tasks(name="while nobody looks")))
            eventually(lambda: not _alive(kernels[0]), "the kernel of the page that was left is stopped", 60)
            task.refresh()
            assert task.status == "RUNNING", "nothing changed any more that could have kept the kernel alive"
            task.cancel()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
