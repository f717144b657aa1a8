"""The table of tasks, kept current by the live feed, and acting through the client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.errors import InvalidTask, ServiceUnreachable, TaskqError
from taskq_widgets.live import LiveState, in_background, live_tasks
from taskq_widgets.panels.sharing import answer_share
from taskq_widgets.table.query import Query
from taskq_widgets.table.selection import Chosen
from taskq_widgets.table.source import ServiceTasks
from taskq_widgets.table.values import STATUSES
from taskq_widgets.table.view import TableView

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client

_DONE = {"cancel": "cancelled", "retry": "queued to run again", "delete": "deleted"}


class TaskTable(TableView):
    """A live table of the tasks of a service.

    Parameters
    ----------
    client : Client, optional
        The connection; the kernel's own unless given.
    status : str or iterable of str, optional
        Statuses to show at first; the user may choose others.
    search : str, optional
        What the filter looks for at first, in names and code, or a task's number.
    points : bool, optional
        Whether there is a row for every point of a batch. Default: where a filter asks for some.
    batch, owner : str, optional
        Show only the tasks of this batch or owner, whatever the filter says.
    banner : bool
        Whether the table says so when the service is away.
    **traits
        Traits of `TableView`: ``columns``, ``density``, ``height``, ``theme``, ``chips``, ``label``.

    Examples
    --------
    >>> TaskTable(q, status="FAILED", height="400px")  # doctest: +SKIP
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        status: str | Iterable[str] = (),
        search: str = "",
        points: bool | None = None,
        batch: Any = None,
        owner: str | None = None,
        banner: bool = True,
        **traits: Any,
    ) -> None:
        self._live = live_tasks(client)
        self._banner = banner
        fixed = {"batch": getattr(batch, "id", batch), "owner": owner}
        self._tasks = ServiceTasks(self._live, {name: value for name, value in fixed.items() if value is not None})
        self._refused = ""
        self._offers_mine = owner is None
        self._knows_who = False
        super().__init__(self._tasks, Query(text=search, statuses=_statuses(status), points=points), **traits)
        self.on_action(self._act)
        self.on_batch_action(lambda action, batch: in_background(self._act_on_batch, action, batch))
        self._leave_live: Callable[[], None] = self._live.on_state(self._show_state)

    def close(self) -> None:
        """Take the widget off every screen."""
        self._leave_live()
        super().close()

    def _show_state(self, state: LiveState) -> None:
        with self.hold_sync():
            if state.name == "ready":
                self.message, self.away = "", ""
                if self.state == "error":
                    self.state = "loading"
                self._read_again()
                if not self._knows_who:
                    in_background(self._ask_who)
            elif self.state != "ready" and state.name != "loading":
                self.state = "error"
                self.message = f"The tasks cannot be read: {state.reason}."
            elif self._banner and state.name != "loading":
                self.away = away_text(state)

    def _ask_who(self) -> None:
        """Ask the service whose tasks are those of whoever looks, and whether they may change any."""
        with suppress(TaskqError):  # asked again when the service is back
            name, _ = self._live.me()
            with self._together():
                self._knows_who = True
                self.may_change = not self._live.runs_recipes_only
                self.me = name if self._offers_mine else ""

    def _on_refusal(self, error: TaskqError) -> None:
        refused = not isinstance(error, ServiceUnreachable)
        if refused and self.state == "loading":
            self.state, self.message = "error", f"The tasks cannot be read: {error}."
        elif refused and self.state == "ready" and self._refused != str(error):
            self._refused = str(error)  # said once, not with every attempt
            self.say(str(error), "error")

    def _act(self, action: str, chosen: Chosen) -> None:
        if action == "reload":
            in_background(self._reload)
        else:
            in_background(self._bulk_action, action, chosen)

    def _reload(self) -> None:
        self.state = "loading"
        self._live.reload()

    def _bulk_action(self, action: str, chosen: Chosen) -> None:
        try:
            changed = getattr(self._live.client, action)(*chosen.ids) if chosen.ids else 0
            if chosen.query is not None:
                changed += operations.bulk_action_matching(
                    self._live.transport, action, self._tasks.filter(chosen.query)
                )
        except TaskqError as error:
            self.say(f"Could not {action}: {error}", "error")
            return
        self.say(f"{changed:,} {'task' if changed == 1 else 'tasks'} {_DONE[action]}")

    def _on_share(self, content: dict[str, Any]) -> None:
        """Make a link to a batch, or revoke one."""
        in_background(lambda: self.send(answer_share(self._live.client, content)))

    def _act_on_batch(self, action: str, batch: str) -> None:
        try:
            changed = batch_operations.change(self._live.transport, action, batch)
        except TaskqError as error:
            self.say(f"Could not {action}: {error}", "error")
            return
        points = f"{changed:,} {'point' if changed == 1 else 'points'}"
        # Points that had no task yet go on, too, and are not among those.
        again = f"Resumed; {points} run{'s' if changed == 1 else ''} again" if changed else "Resumed"
        self.say(f"{points} cancelled" if action == "cancel" else again)
        self._read_again()  # no change tells of points that have no task


def away_text(state: LiveState) -> str:
    """Return what a banner says of a state in which nothing is heard."""
    if state.name == "refused":
        return f"No live updates: {state.reason}."
    return "The service is away. What you see may be old; it is brought up to date when the service is back."


def _statuses(status: str | Iterable[str]) -> frozenset[str]:
    given = [status] if isinstance(status, str) else list(status)
    wanted = frozenset(str(one).upper() for one in given)
    if unknown := wanted - set(STATUSES):
        raise InvalidTask(f"unknown status {sorted(unknown)[0]!r}; there are {', '.join(STATUSES)}")
    return wanted
