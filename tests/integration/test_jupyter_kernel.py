"""The kernel Julia (taskq), as Jupyter and nbclient drive it, on a real stack."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import jupyter_kernel_test
import nbformat
import pytest
import urllib3
from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from stacks import RunningStack, eventually

from taskq_kernel import connect
from taskq_kernel.cli import main
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task
from taskq_kernel.domain import TaskKind
from taskq_kernel.jupyter.spec import NAME
from taskq_kernel.local.processes import free_port

# pyzmq, which Jupyter talks with, says so of the loops that it is given.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def installed(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kernel, installed below a folder where Jupyter looks, for the session's stack."""
    prefix = tmp_path_factory.mktemp("prefix")
    assert main(["kernel", "install", "--prefix", str(prefix)]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(prefix / "share" / "jupyter"))
        patch.setenv("TASKQ_HOME", stack.env["TASKQ_HOME"])
        patch.delenv("TASKQ_URL", raising=False)
        yield prefix


@pytest.fixture
def client(stack: RunningStack) -> Iterator[Client]:
    with connect(stack.url, stack.token()) as made:
        yield made


def ports() -> dict[str, Any]:
    """Ports that nobody's connection gets meanwhile, which those that Jupyter chooses are not."""
    names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
    return {name: free_port() for name in names} | {"cache_ports": False}


class TestJupyterKernel(jupyter_kernel_test.KernelTests):  # type: ignore[misc]
    """What Jupyter asks of any kernel."""

    kernel_name = NAME
    language_name = "julia"
    file_extension = ".jl"
    code_hello_world = 'println("hello, world")'
    code_stderr = 'print(stderr, "to stderr")'
    completion_samples: ClassVar = [
        {"text": "factor", "matches": {"factorial"}},
        {"text": "x = 1\nfactor", "matches": {"factorial"}},
    ]
    code_execute_result: ClassVar = [{"code": "6 * 7", "result": "42"}]
    code_display_data: ClassVar = [{"code": 'display("image/svg+xml", "<svg/>")', "mime": "image/svg+xml"}]
    code_generate_error = "sqrt(-1.0)"
    code_inspect_sample = "factorial"
    # What this kernel has not, and what it has and is tested below.
    test_clear_output = test_history = test_pager = test_is_complete = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.km = KernelManager(kernel_name=NAME, **ports())
        cls.km.start_kernel()
        cls.kc = cls.km.client()
        cls.kc.start_channels()
        cls.kc.wait_for_ready(60)

        def answers() -> bool:
            reply = cls.kc.complete("factor", reply=True, timeout=60)
            return bool(reply["content"]["matches"])

        # The first one begins the session; it takes as long as Julia needs to compile what completes.
        eventually(answers, "the session completes a name", 60)

    def test_restart_begins_with_a_fresh_module(self) -> None:
        self.flush_channels()
        assert self.execute_helper("kept = 1", timeout=60)[0]["content"]["status"] == "ok"
        self.km.restart_kernel()
        self.kc.wait_for_ready(60)
        assert self.execute_helper("kept", timeout=60)[0]["content"]["ename"] == "UndefVarError"


def cells(*codes: str) -> nbformat.NotebookNode:
    book = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": NAME, "display_name": "", "language": "julia"}})
    book.cells = [nbformat.v4.new_code_cell(code) for code in codes]
    return book


def sessions(client: Client) -> list[Task]:
    """Those that run; of an earlier test's kernel one may be about to end."""
    return [one for one in client.tasks(status="RUNNING") if one.kind is TaskKind.SESSION]


def shown(cell: Any) -> str:
    """What the cell's code has printed, its value or its error."""
    return "".join(
        one.get("text", "") or "".join(one.get("traceback", [])) or one.get("data", {}).get("text/plain", "")
        for one in cell.outputs if one.get("name") != "stderr"
    )


def in_order(cell: Any) -> list[Any]:
    """What it displays, and what it prints in a row as one text, however many pieces that came in."""
    found: list[Any] = []
    for one in cell.outputs:
        if one.output_type == "stream" and found and isinstance(found[-1], str):
            found[-1] += one.text
        else:
            found.append(one.text if one.output_type == "stream" else one.data)
    return found


def said(cell: Any) -> str:
    """What is said of the session: after some seconds that it waits for a slot, too, whose Julia may be starting."""
    return "".join(one.text for one in cell.outputs if one.get("name") == "stderr")


def test_nbclient_runs_a_notebook_whose_cells_share_a_module(client: Client) -> None:
    book = cells(
        "using Statistics\nx = [1, 2, 6]\nf(a) = mean(a) + 1;",
        'for i in 1:3\n    println("step ", i)\nend',
        "f(x)",
        'g(a) = sqrt(a)\ng(-1.0)',
        'HTML("<b>x</b>")',
        'println("begun"); sleep(60)',
        "f(x)",
        "exit()",
        "x",
    )
    before = {one.id for one in sessions(client)}
    manager = AsyncKernelManager(kernel_name=NAME, **ports())
    runner = NotebookClient(book, km=manager, allow_errors=True, timeout=100)

    def interrupt() -> None:
        sleeps = 'println("begun"); sleep(60)'
        eventually(lambda: any(sleeps in one.name and one.logs() for one in client.tasks(status="RUNNING")),
                   "the cell that sleeps has printed something", 60)  # fmt: skip
        asyncio.run(runner.km.interrupt_kernel())

    waits = Thread(target=interrupt)
    with runner.setup_kernel(cleanup_kc=True):
        for index, cell in enumerate(book.cells):
            if "sleep" in cell.source:
                waits.start()
            runner.execute_cell(cell, index)
        waits.join()
        streamed = [shown(cell) for cell in book.cells]
        assert streamed[0] == ""
        assert streamed[1] == "step 1\nstep 2\nstep 3\n"
        assert streamed[2] == "4.0"
        assert "DomainError" in streamed[3]
        assert "In[4]:1  g(::Float64)" in streamed[3]
        assert book.cells[4].outputs[0].data["text/html"] == "<b>x</b>"
        assert "begun" in streamed[5]
        assert book.cells[5].outputs[-1].ename == "InterruptException"
        assert streamed[6] == "4.0", "an interrupt keeps what was defined"
        assert "exit()" in streamed[7]
        assert "what its cells defined" in said(book.cells[8])
        assert "This cell begins with a fresh module." in said(book.cells[8])
        assert "UndefVarError" in streamed[8]

        [session] = [one for one in sessions(client) if one.id not in before]
    eventually(lambda: session.done, "the session ends with the kernel, and its slot is free")


def test_what_a_cell_displays_stands_where_it_was_displayed_and_its_log_stays_text(client: Client) -> None:
    book = cells(
        'struct Dot end\nBase.show(io::IO, ::MIME"image/svg+xml", ::Dot) = print(io, "<svg/>")',
        'println("before")\ndisplay(Dot())\nprintln("after")',
        'for i in 1:2\n    display("text/html", "<b>$i</b>")\nend\nprintln("over")\n'
        'display("text/html", "x"^2_000_000)',
    )
    manager = AsyncKernelManager(kernel_name=NAME, **ports())
    runner = NotebookClient(book, km=manager, timeout=100)
    # When: a cell prints, displays a picture, and prints.
    with runner.setup_kernel(cleanup_kc=True):
        for index, cell in enumerate(book.cells):
            runner.execute_cell(cell, index)
        logs = {one.name.split(":")[0]: one for one in client.tasks() if one.name.startswith("In[")}
        texts = {name: str(logs[name].logs()) for name in ("In[2]", "In[3]")}
    # Then: these are three outputs in that order, and all else that reads the log sees text.
    picture = {"image/svg+xml": "<svg/>", "text/plain": "Dot()"}
    assert in_order(book.cells[1]) == ["before\n", picture, "after\n"]
    assert texts["In[2]"] == "before\nDot()\nafter\n"
    # And: what is displayed in a loop comes each time, and of what is too large that is said.
    first, second, over = in_order(book.cells[2])
    assert [one["text/html"] for one in (first, second)] == ["<b>1</b>", "<b>2</b>"]
    assert over.startswith("over\n")
    assert "What was displayed as text/html is larger than 895 KiB and was left out" in over
    assert texts["In[3]"].startswith("[text/html]\n[text/html]\nover\n")


def test_a_session_has_what_its_kernel_or_a_cell_asks_for(
    client: Client, installed: Path, tmp_path: Path
) -> None:
    # Given: a kernel of another name whose sessions have a project.
    (tmp_path / "where.jl").write_text('where() = "here"')
    asked = ["--name", "with-project", "--project", str(tmp_path), "--env", "OF=kernel"]
    assert main(["kernel", "install", "--prefix", str(installed), *asked]) == 0
    # When: its cells use that, ask for what is not there, and then for something else.
    book = cells(
        'include("where.jl"); where(), ENV["OF"]',
        "%session --project nowhere",
        "where()",
        "%session --env OF=cell",
        'isfile("where.jl"), ENV["OF"]',
    )
    manager = AsyncKernelManager(kernel_name="with-project", **ports())
    runner = NotebookClient(book, km=manager, allow_errors=True, timeout=100)
    with runner.setup_kernel(cleanup_kc=True):
        for index, cell in enumerate(book.cells):
            runner.execute_cell(cell, index)
    # Then: they have what they asked for, and what cannot be had leaves the session as it is.
    seen = [shown(cell) for cell in book.cells]
    assert (seen[0], seen[2], seen[4]) == ('("here", "kernel")', '"here"', '(false, "cell")')
    assert "--project is 'nowhere', which is no folder" in seen[1]
    assert seen[3] == "The next cell begins with a fresh module, with --env OF=cell.\n"
    assert main(["kernel", "uninstall", "--prefix", str(installed), "--name", "with-project"]) == 0


def test_voila_renders_a_notebook_of_the_kernel_and_ends_its_session(client: Client, tmp_path: Path) -> None:
    # Given: Voilà, which serves a notebook of this kernel.
    before = {one.id for one in sessions(client)}
    nbformat.write(cells('HTML("<b>$(6 * 7)</b>")'), tmp_path / "page.ipynb")
    port, token = free_port(), secrets.token_hex(16)
    command = [
        sys.executable, "-m", "voila", "page.ipynb", "--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}",
        f"--token={token}", f"--Voila.connection_dir_root={tmp_path}",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            eventually(lambda: listens(port), "Voilà listens", 60)
            # When: somebody opens it.
            page = urllib3.request("GET", f"http://127.0.0.1:{port}/?token={token}", timeout=100, retries=False)
            # Then: the page has what the cell comes to.
            assert page.status == 200
            outputs = re.findall(r"(?s)voila.cell-output\+json\">(.*?)</script>", page.data.decode())
            assert [json.loads(one)["data"]["text/html"] for one in outputs] == ["<b>42</b>"]
            [session] = [one for one in sessions(client) if one.id not in before]
        finally:
            server.terminate()
    # And when Voilà ends, so does the session.
    eventually(lambda: session.done, "the session ends with Voilà, and its slot is free")


def listens(port: int) -> bool:
    """Whether a server on this machine takes connections."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def test_the_kernel_is_listed_and_removed(installed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert NAME in KernelSpecManager().find_kernel_specs()
    assert main(["kernel", "install", "--prefix", str(tmp_path)]) == 0
    assert (tmp_path / "share" / "jupyter" / "kernels" / NAME / "kernel.json").exists()
    assert main(["kernel", "uninstall", "--prefix", str(tmp_path)]) == 0
    assert main(["kernel", "uninstall", "--prefix", str(tmp_path)]) == 0
    assert "was not installed" in capsys.readouterr().out
