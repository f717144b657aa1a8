"""The whole interface in one widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import VBox

from taskq_widgets.closing import Area, ClosesLayout
from taskq_widgets.drawer import TaskDrawer
from taskq_widgets.examples import EXAMPLES, Example
from taskq_widgets.form import SubmitForm
from taskq_widgets.live import live_tasks
from taskq_widgets.overview import Overview
from taskq_widgets.task_table import TaskTable

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client


class TaskBoard(ClosesLayout, VBox):
    """Submit, watch, read: the overview, a form, and beside it the table, over which a task opens.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    examples : sequence of Example
        What the form offers to start from.
    height : str
        The height of the table, a CSS length; beside a higher form it is as high as that.
    theme : {"auto", "light", "dark"}
        ``auto`` follows the page.

    Attributes
    ----------
    overview : Overview
    form : SubmitForm
    entry : Box
        Where the form stands; further ways to submit may stand there too.
    detail : TaskDrawer
        The task opened last, or submitted last.
    table : TaskTable

    Examples
    --------
    >>> from taskq_widgets import TaskBoard  # doctest: +SKIP
    >>> TaskBoard()  # doctest: +SKIP
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        examples: Sequence[Example] = EXAMPLES,
        height: str = "560px",
        theme: str = "auto",
        **traits: Any,
    ) -> None:
        client = live_tasks(client).client
        self.table = TaskTable(client, chips=False, banner=False, height=height, theme=theme)
        self.overview = Overview(client, table=self.table, theme=theme)
        self.form = SubmitForm(client, examples=examples, theme=theme)
        self.detail = TaskDrawer(client, theme=theme)
        self.entry = Area([self.form])
        self.entry.add_class("tq-board-entry")
        self._tasks = Area([self.table, self.detail])
        self._tasks.add_class("tq-board-tasks")
        self._tasks.layout.min_height = height
        self._work = Area([self.entry, self._tasks])
        self._work.add_class("tq-board-work")
        super().__init__([self.overview, self._work], **traits)
        self.add_class("tq-board")
        self.overview.board = self.model_id
        self.table.on_open(self._open)
        self.form.on_submit(self.detail.show)
        self.detail.on_edit(self.form.load)
        self.detail.observe(lambda change: self.table.set_trait("opened", change["new"]), "shown")

    def _open(self, task_id: str, part: str) -> None:
        self.table.opened = task_id  # at once, and not when it has been read
        self.detail.show(task_id, "code" if part == "code" else None)

    def close(self) -> None:
        """Take the board and its parts off every screen, what was put beside the form included."""
        for part in (self.overview, self._work):
            part.close()
        super().close()
