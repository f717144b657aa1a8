"""The notebooks run on a real stack, and hold nothing that is of one machine only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from browser import ROOT

if TYPE_CHECKING:
    from stacks import RunningStack  # the one beside the test folders

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.timeout(300)


def test_the_notebooks_run_on_a_real_stack(stack: RunningStack, tmp_path: Path) -> None:
    own = {name: str(tmp_path / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    paths = [str(ROOT), str(ROOT / "widgets"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "-p", "no:cacheprovider", "-c", os.devnull,
         f"--rootdir={tmp_path}", "-q", *map(str, NOTEBOOKS)],
        env=stack.env | own | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_tokens_and_paths(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs"), "stored with outputs"
        assert cell.get("execution_count") is None
    assert not re.search(r"token=|Bearer |/home/|/root/|/tmp/|/Users/", path.read_text())


def test_the_quickstart_has_ten_cells() -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "quickstart.ipynb", as_version=4)
    assert len(notebook.cells) == 10
