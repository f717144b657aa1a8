"""taskq in the notebook: widgets that submit Julia tasks and show them live.

The names below are imported on first use, so that ``import taskq_widgets`` stays quick
and a part that is not used costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskq_widgets.board import TaskBoard
    from taskq_widgets.detail import TaskDetail
    from taskq_widgets.editor.editor import JuliaEditor
    from taskq_widgets.examples import Example
    from taskq_widgets.form import SubmitForm
    from taskq_widgets.overview import Overview
    from taskq_widgets.recipes.board import RecipeBoard
    from taskq_widgets.recipes.form import RecipeForm
    from taskq_widgets.table.query import Query
    from taskq_widgets.table.view import TableView
    from taskq_widgets.task_table import TaskTable

#: Every public name and the module that holds it.
_HOMES = {
    # the whole interface
    "TaskBoard": "taskq_widgets.board",
    # its pieces, each of which stands alone
    "Overview": "taskq_widgets.overview",
    "SubmitForm": "taskq_widgets.form",
    "Example": "taskq_widgets.examples",
    "TaskDetail": "taskq_widgets.detail",
    "TaskTable": "taskq_widgets.task_table",
    # for people who do not code
    "RecipeBoard": "taskq_widgets.recipes.board",
    "RecipeForm": "taskq_widgets.recipes.form",
    # what these are made of
    "JuliaEditor": "taskq_widgets.editor.editor",
    "TableView": "taskq_widgets.table.view",
    # what the table shows, and how
    "Query": "taskq_widgets.table.query",
}

__all__ = [
    "Example",
    "JuliaEditor",
    "Overview",
    "Query",
    "RecipeBoard",
    "RecipeForm",
    "SubmitForm",
    "TableView",
    "TaskBoard",
    "TaskDetail",
    "TaskTable",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
