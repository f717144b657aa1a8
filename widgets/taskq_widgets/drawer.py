"""The open task of a board, in a drawer over its table."""

from __future__ import annotations

from typing import Any

import traitlets

from taskq_widgets.detail import TaskDetail


class TaskDrawer(TaskDetail):
    """A task in full that opens when it is shown one, and that the user can shut.

    Attributes
    ----------
    is_open : bool
        Whether it is open.
    shown : str
        The id of the task that is open; empty where none is, or not yet known by its id.
    """

    is_open = traitlets.Bool(False).tag(sync=True)
    shown = traitlets.Unicode()

    def __init__(self, client: Any = None, **traits: Any) -> None:
        super().__init__(client, **traits)
        self.observe(lambda _: self._mark(), ["is_open", "head"])

    def show(self, task: Any, tab: str | None = None) -> None:
        """Show a task, as `TaskDetail.show` does, in the drawer that this opens."""
        super().show(task, tab)
        self.is_open = True

    def _mark(self) -> None:
        self.shown = self.head.get("id", "") if self.is_open else ""
