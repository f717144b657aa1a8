"""Tasks by a selection: to look at, as frames, and to act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.client.argument_order import order_of
from taskq_kernel.client.batch import Batch
from taskq_kernel.client.moments import moment
from taskq_kernel.client.options import ids_of
from taskq_kernel.client.session import Session
from taskq_kernel.client.sweep import Sweep
from taskq_kernel.client.task import Task, task_from
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.recent import Recent

#: Whose results are asked for by default.
FINISHED = str(TaskStatus.FINISHED)


class Selecting(Session):
    """The half of a client that is about tasks which are there; `taskq_kernel.client.client.Client` adds the other."""

    # -- looking -------------------------------------------------------------------------

    def tasks(
        self, *, limit: int | None = None, newest_first: bool = False, order_by: str | None = None, **selection: Any
    ) -> Batch:
        """The tasks that match a selection, as a `Batch`.

        Parameters
        ----------
        limit : int, optional
            At most this many. Default: all.
        newest_first : bool
            Order by falling number. Default: by rising number.
        order_by : str, optional
            Instead: order by an argument (``"n"``) or a field (``"seconds"``, ``"finished_at"``), falling
            with ``"-n"``. Of arguments numbers come first, then texts; tasks without it come last. Up to
            100,000 tasks are sorted by an argument. ``"argument.name"`` is the argument, not the field.
        **selection
            ``status`` (one or several), ``name`` (part of it), ``search`` (part of name or
            code), ``batch`` (itself, its name or its UUID), ``definition``, ``recipe``, ``owner``, ``queue``,
            ``worker``, ``arguments``, ``created_after``, ``created_before``, ``finished_after``,
            ``finished_before``, ``ids``. Points in time are datetimes, dates, pandas Timestamps or ISO 8601
            texts; without an offset they are local time. ``arguments`` are values by name, ``{"n": 200}``,
            or conditions as a text, ``"n>=100 beta=0.5"``: see the page *Finding tasks by their arguments*.

        Raises
        ------
        NotFound
            If there is no batch of that name.
        InvalidTask
            If it is no selection.
        """
        with self.cache.reading():
            rows = self._select(operations.TASK, limit, _order(newest_first, order_by), selection)
            return Batch(self, [task_from(self, row) for row in rows])

    def recent(self, limit: int = 20, *, since: Any = None) -> Recent:
        """What you have submitted lately, the newest first: tasks, and batches and sweeps as one.

        So it is found again after a kernel has restarted, or from another notebook: ``q.recent()[0].result()``.
        Cells of the Jupyter kernel *Julia (taskq)* are left out.

        Parameters
        ----------
        limit : int
            At most so many, up to 1,000.
        since : datetime, date, pandas.Timestamp or str, optional
            Only what was submitted after this; without an offset it is local time.

        Returns
        -------
        Recent
            A list of `Task`, `Batch` and `Sweep` that shows itself as a table.

        Raises
        ------
        InvalidTask
            If ``limit`` or ``since`` cannot be used.
        """
        # late: it needs more than most selections do
        from taskq_kernel.client.recent import read_recent

        return read_recent(self, limit, None if since is None else moment(since, "since"))

    def frame(
        self,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        order_by: str | None = None,
        values: bool = True,
        **selection: Any,
    ) -> pd.DataFrame:
        """The tasks that match a selection, as a DataFrame with a row a task.

        The parameters are those of `tasks`, and:

        Parameters
        ----------
        values : bool
            Whether to fetch the values as well, for the column ``value``.

        Returns
        -------
        pandas.DataFrame
            Index ``number``; columns ``name``, ``status`` (ordered category), ``progress``
            (0 to 1), ``value`` (Python objects, None where too large), ``value_text``,
            ``error``, ``seconds``, ``seed``, ``cached_from``, ``worker``, ``attempt``, ``lost``,
            ``queue``, ``priority``, ``owner``, ``batch``, ``created_at``, ``started_at``,
            ``finished_at`` (UTC), ``id``; and one for each argument that any of the tasks has,
            of the type that its values have: ``arg1`` is the first that goes by position, and
            ``arguments.name`` one whose name is taken.
        """
        from taskq_kernel.client.frame import make_frame, with_arguments

        fields = f"{operations.FRAME if values else operations.FRAME_WITHOUT_VALUES} arguments"
        rows = self._select(fields, limit, _order(newest_first, order_by), selection)
        return with_arguments(make_frame(rows, values=values), rows)

    def results(
        self,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        values: bool = True,
        status: str | Iterable[str] | None = FINISHED,
        **selection: Any,
    ) -> pd.DataFrame:
        """What came out, as a tidy DataFrame with a row a task.

        The selection is that of `tasks`, and:

        Parameters
        ----------
        limit : int, optional
            At most this many tasks. Default: all.
        newest_first : bool
            Order by falling number. Default: by rising number.
        values : bool
            Whether to fetch the values as well.
        status : str or iterable of str, optional
            How they stand. Default: finished; None: anyhow.
        **selection
            ``definition`` is what `define` returned, or its id;
            ``since`` and ``before`` are points in time between which they ended.

        Returns
        -------
        pandas.DataFrame
            Index ``number``; a column for each argument, of its own type (``arg1`` is the first that
            goes by position); the columns of `frame`; then ``value``, or, where the values are named
            tuples or dictionaries, a column for each of their fields. A column with the name of an
            earlier one has an underscore at its end. `taskq_kernel.to_parquet` writes it as a file.

        Raises
        ------
        NotFound
            If there is no batch of that name.
        """
        from taskq_kernel.client.results import result_rows, results_frame

        rows = result_rows(
            self.transport, {**selection, "status": status}, limit=limit, newest_first=newest_first, values=values
        )
        return results_frame(rows, values=values)

    def _select(
        self, fields: str, limit: int | None, order: operations.Order, selection: Mapping[str, Any]
    ) -> list[operations.Row]:
        chosen = batch_operations.filter_of(self.transport, selection)
        return list(operations.pages(self.transport, chosen, fields, order=order, limit=limit))

    # -- changing ------------------------------------------------------------------------

    def cancel(self, *tasks: Task | Batch | Sweep | int | str, **selection: Any) -> int:
        """Cancel tasks that are not done.

        Parameters
        ----------
        *tasks
            Tasks, batches, sweeps, numbers or UUIDs.
        **selection
            Instead of ``tasks``: everything that matches, as in `tasks`.

        Returns
        -------
        int
            How many were cancelled; those that were done already are not counted.

        Raises
        ------
        NotFound
            If a number or UUID belongs to no task, or there is no batch of that name.
        InvalidTask
            If neither tasks nor a selection is given, or both are, or one is no number and no UUID.
        """
        return self._bulk_action("cancel", tasks, selection)

    def retry(self, *tasks: Task | Batch | Sweep | int | str, **selection: Any) -> int:
        """Run tasks again that are done.

        What failed or was cancelled runs in a new attempt. What finished keeps its value: a
        new task repeats it and names it in `Task.repeats`. Parameters and errors are those of
        `cancel`.

        Returns
        -------
        int
            How many are run again; those that are not done are not counted.
        """
        return self._bulk_action("retry", tasks, selection)

    def delete(self, *tasks: Task | Batch | Sweep | int | str, **selection: Any) -> int:
        """Delete tasks with their values and logs. Parameters and errors are those of `cancel`."""
        return self._bulk_action("delete", tasks, selection)

    def _bulk_action(self, verb: str, tasks: Sequence[Any], selection: Mapping[str, Any]) -> int:
        chosen = batch_operations.filter_of(self.transport, selection)
        if chosen and tasks:
            raise InvalidTask(f"{verb}() takes tasks or a selection, not both")
        if not chosen and not tasks:
            raise InvalidTask(f"{verb}() needs tasks, or a selection such as status='QUEUEING'")
        # A sweep is asked as a whole: its points need not have tasks.
        sweeps = [one for one in tasks if isinstance(one, Sweep)]
        others = [one for one in tasks if not isinstance(one, Sweep)]
        count = sum(int(getattr(sweep, verb)()) for sweep in sweeps)
        if sweeps and not others:
            return count
        ids = None if chosen else ids_of(others, "tasks")
        return count + self.bulk_action(verb, ids, chosen or None)[1]


def _order(newest_first: bool, order_by: str | None) -> list[tuple[str, str]]:
    if order_by is None:
        return [("NUMBER", "DESC" if newest_first else "ASC")]
    if newest_first:
        raise InvalidTask("order_by and newest_first are both given: give one of them")
    return [order_of(order_by)]
