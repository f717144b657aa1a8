"""The table of tasks, kept current by the live feed, and acting through the client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from taskq_kernel.errors import InvalidTask, TaskqError
from taskq_widgets.live import LiveState, in_background, live_tasks
from taskq_widgets.table.columns import STATUSES
from taskq_widgets.table.query import Query
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
        What the filter looks for at first, in names, code, values and errors.
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
        batch: Any = None,
        owner: str | None = None,
        banner: bool = True,
        **traits: Any,
    ) -> None:
        self._live = live_tasks(client)
        self._banner = banner
        fixed = {"batch": getattr(batch, "id", batch), "owner": owner}
        model = self._live.subset({name: value for name, value in fixed.items() if value is not None})
        super().__init__(model, Query(text=search, statuses=_statuses(status)), **traits)
        self.on_action(self._act)
        self._leave_live: Callable[[], None] = self._live.on_state(self._show_state)

    def close(self) -> None:
        """Take the widget off every screen."""
        self._leave_live()
        super().close()

    def _show_state(self, state: LiveState) -> None:
        with self.hold_sync():
            if state.name == "ready":
                self.state, self.message, self.away = "ready", "", ""
            elif self.state != "ready" and state.name != "loading":
                self.state = "error"
                self.message = f"The tasks cannot be read: {state.reason}."
            elif self._banner and state.name != "loading":
                self.away = away_text(state)

    def _act(self, action: str, ids: list[str]) -> None:
        if action == "reload":
            in_background(self._reload)
        else:
            in_background(self._change, action, ids)

    def _reload(self) -> None:
        self.state = "loading"
        self._live.reload()

    def _change(self, action: str, ids: list[str]) -> None:
        try:
            changed = getattr(self._live.client, action)(*ids) if ids else 0
        except TaskqError as error:
            self.say(f"Could not {action}: {error}", "error")
            return
        self.say(f"{changed:,} {'task' if changed == 1 else 'tasks'} {_DONE[action]}")


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
