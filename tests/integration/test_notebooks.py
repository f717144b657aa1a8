"""The notebooks run on a real stack, show what they have shown, and hold nothing that is of one machine only."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from stacks import RunningStack

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: They are read where no kernel is, too: stored by scripts/notebooks.py with what they show.
STORIES = [path for path in NOTEBOOKS if path.stem[0].isdigit()]
#: Secrets, folders of a machine, addresses of objects, and UUIDs.
OF_ONE_RUN = re.compile(
    r"token=|Bearer |/home/|/root/|/tmp/|/Users/|0x[0-9a-f]{8}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-"
)

pytestmark = pytest.mark.timeout(600)


def test_the_notebooks_run_on_a_real_stack_and_show_what_they_have_shown(stack: RunningStack, tmp_path: Path) -> None:
    own = {name: str(tmp_path / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    paths = [str(ROOT), str(ROOT / "widgets"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "-p", "no:cacheprovider", "-c", os.devnull,
         f"--rootdir={tmp_path}", "-q", *map(str, NOTEBOOKS)],
        env=stack.env | own | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        cwd=tmp_path, capture_output=True, text=True, timeout=570, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_tokens_paths_and_names_of_machines(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    text = "\n".join([notebook.metadata.get("title", ""), *(cell.source for cell in notebook.cells), *shown(notebook)])
    assert not OF_ONE_RUN.search(text)
    assert f"{socket.gethostname()}-" not in text
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_can_be_read_where_no_kernel_is(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run scripts/notebooks.py"
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    compared = [cell for cell in cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert [cell for cell in compared if cell.outputs], "no output is compared when it runs again"
    assert all(cell.outputs for cell in compared)
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    assert pictures or path.stem.startswith("01")


@pytest.mark.parametrize("name", ["quickstart", "dashboard"])
def test_a_notebook_to_work_in_is_stored_empty(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    assert outputs(notebook) == []
    assert all(cell.get("execution_count") is None for cell in notebook.cells)


def test_the_quickstart_has_ten_cells() -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    assert len(notebook.cells) == 10


def outputs(notebook: nbformat.NotebookNode) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """What the outputs say, pictures left out."""
    found = []
    for output in outputs(notebook):
        data = {kind: told for kind, told in output.get("data", {}).items() if not kind.startswith("image/")}
        found.append(str(data or {key: value for key, value in output.items() if key != "data"}))
    return found
