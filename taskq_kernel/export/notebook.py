"""A task as a Jupyter notebook for Julia's own kernel, which computes its value without taskq."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from taskq_kernel.export.julia_literals import literal, name, no_large
from taskq_kernel.export.script import helpers, large_values, setup
from taskq_kernel.export.source import Exported

#: What a taskq worker gives to code.
_INTRODUCTION = (
    "Each cell stands for what a worker does: it gives the code two helper functions, which do nothing here, seeds "
    "Julia's generators as late as can be, and evaluates the code."
)


def notebook(task: Exported, kept: dict[str, bytes] | None = None) -> str:
    """The notebook, as the text of an ``.ipynb``.

    Parameters
    ----------
    task : Exported
        What is exported.
    kept : dict, optional
        Takes the files that it needs beside it, by their names. Default: it may need none.

    Raises
    ------
    InvalidTask
        If it needs a file and there is no place for it.
    """
    large = no_large if kept is None else large_values(task, kept)
    cells = [_markdown(task), _code(f"{setup(task)}\n{helpers(module=False)}".strip() + "\nnothing")]
    seed = "" if task.seed is None else f"seed_task({task.seed})\n"
    code = task.row["code"]
    if task.is_call:
        places, named = task.called()
        entry = task.row.get("entry")
        cells.append(_code(f"seed_task({task.definition_seed})  # what the definition itself draws\n{code}"))
        if not entry:
            cells.append(_code("f = ans  # the function that the code ends with"))
        positional = ", ".join(literal(value, large) for value in places)
        keywords = ", ".join(f"{name(key)} = {literal(value, large)}" for key, value in named.items())
        call = f"{positional}; {keywords}" if keywords else positional
        cells.append(_code(f"{seed}{entry or 'f'}({call})"))
    else:
        given = [
            f"{name(key)} = {literal(value, large)}" for key, value in (task.row.get("arguments") or {}).items()
        ]
        if given:
            cells.append(_code("\n".join(given) + "\nnothing"))
        cells.append(_code(f"{seed}{code}"))
    return json.dumps(_document(task, cells), indent=1, ensure_ascii=False) + "\n"


def _document(task: Exported, cells: list[dict[str, Any]]) -> dict[str, Any]:
    for place, cell in enumerate(cells):
        # The same notebook each time: an id of its own for each cell, and no chance.
        cell["id"] = uuid5(NAMESPACE_URL, f"{task.row['id']}/{place}").hex[:8]
    version = re.match(r"\d+\.\d+", task.julia)
    short = version[0] if version else "1"
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": f"Julia {short}", "language": "julia", "name": f"julia-{short}"},
            "language_info": {
                "file_extension": ".jl", "mimetype": "application/julia", "name": "julia", "version": task.julia,
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _markdown(task: Exported) -> dict[str, Any]:
    rows = [f"| {_cell(fact.label)} | {_cell(str(fact))} |" for fact in task.facts]
    lines = [f"# {_cell(task.row['name'])}", "", _INTRODUCTION, "", "| how it was made | |", "|---|---|", *rows]
    return {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines)}


def _cell(said: str) -> str:
    """A text in a table: nothing of it is Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>|#$])", r"\\\1", " ".join(said.split()))


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
