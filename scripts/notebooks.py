"""Run the stories in notebooks/ and store them with what they show: ``python scripts/notebooks.py [NAME...]``.

They run in their order, on a local stack of their own with two slots; with names, only those do
(``02_sweep``). What is of one machine or one run only is left out: the worker's name, widgets,
whose models are gone with their kernel, and how long cells took.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from taskq_kernel import connect
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
#: What stands for a worker's name, which has that of its machine.
WORKER = "worker-1"


def main(names: list[str]) -> int:
    """Run and store the notebooks of these names, or all that are numbered."""
    paths = [NOTEBOOKS / f"{name.removesuffix('.ipynb')}.ipynb" for name in names]
    home = Path(tempfile.mkdtemp(prefix="taskq-notebooks-"))
    stack = LocalStack(load_settings(home=home))
    try:
        stack.up(workers=2)
        os.environ["TASKQ_HOME"] = str(home)
        with connect() as client:
            (worker,) = client.workers()
        for path in paths or sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
            print(f"running {path.name}")
            store(run(path), path, worker.name)
    finally:
        stack.down()
        shutil.rmtree(home, ignore_errors=True)
    return 0


def run(path: Path) -> nbformat.NotebookNode:
    """Run a notebook, and stop at the first cell that fails."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        notebook, timeout=300, resources=place, record_timing=False, store_widget_state=False, coalesce_streams=True
    ).execute()
    return notebook


def store(notebook: nbformat.NotebookNode, path: Path, worker: str) -> None:
    """Write a notebook as it is to be read, on whichever machine it ran."""
    notebook.metadata["language_info"] = {"name": "python"}
    for place, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{place}"
        for output in cell.get("outputs", []):
            _tidy(output)
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook).replace(worker, WORKER) + "\n", "utf-8")


def _tidy(output: dict[str, Any]) -> None:
    if "data" in output:
        output["metadata"] = {}
        output["data"].pop(WIDGET_VIEW, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
