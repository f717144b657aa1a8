"""The client: tasks in, values out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import batch_operations, operations
from taskq_kernel.client.argument_order import order_of
from taskq_kernel.client.batch import Batch
from taskq_kernel.client.connection import Address
from taskq_kernel.client.creating import create
from taskq_kernel.client.definition import Definition, define
from taskq_kernel.client.feed import Feed
from taskq_kernel.client.fleet import Statistics, WorkerInfo, statistics_of, worker_info
from taskq_kernel.client.input_files import send_files
from taskq_kernel.client.options import ids_of, task_input
from taskq_kernel.client.pickling import client_of, keep_in_mind
from taskq_kernel.client.project import Project, SentProject, open_project
from taskq_kernel.client.session import Session
from taskq_kernel.client.sweep import Sweep
from taskq_kernel.client.task import Task, read_task, task_from
from taskq_kernel.client.uploads import storing
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask
from taskq_kernel.transport.graphql import GraphQLTransport

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.executor import TaskExecutor

#: Whose results are asked for by default.
FINISHED = str(TaskStatus.FINISHED)


class Client(Session):
    """A connection to a taskq service; `taskq_kernel.connect` makes one.

    It may be used from several threads. It is a context manager: leaving it closes the
    connection, and the tasks go on.

    Parameters
    ----------
    url : str
        The service's GraphQL URL.
    token : str or None
        The bearer token.
    timeout_s : float
        How long one answer of the service may take.
    ca_file : Path, optional
        PEM file of the authorities to trust where the URL is https. Default: the system's.
    """

    def __init__(
        self, url: str, token: str | None, *, timeout_s: float = 30.0, ca_file: Path | None = None
    ) -> None:
        transport = GraphQLTransport(url, token, timeout_s, ca_file=ca_file)
        super().__init__(transport, Feed(transport.url, transport.authorization, transport.tls))
        keep_in_mind(self)

    def __repr__(self) -> str:
        return f"<taskq client of {self.url}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return client_of, (self.url, client_at)  # by address: the token does not travel

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- submitting ----------------------------------------------------------------------

    def submit(
        self,
        code: str,
        name: str | None = None,
        *,
        arguments: Mapping[str, Any] | None = None,
        queue: str = "default",
        priority: int | str = 1,
        timeout: float | None = None,
        memory_limit: int | str | None = None,
        max_attempts: int = 1,
        seed: int | None = None,
        after: Iterable[Task | Batch | int | str] = (),
        cache: bool = False,
        threads: int | None = None,
        env: Mapping[str, str] | None = None,
        gpus: int | None = None,
        files: Mapping[str, Path | bytes] | None = None,
        outputs: str | Iterable[str] = (),
        project: Project | SentProject | None = None,
    ) -> Task:
        """Submit Julia code. Returns at once, the task is on its way then and cannot be lost.

        Parameters
        ----------
        code : str
            Julia code. It is evaluated in a fresh module; its last expression is the value.
        name : str, optional
            What to call it. Default: the code's first line.
        arguments : dict, optional
            Values that the code finds as global names; see `taskq_kernel.values` for what
            they may be.
        queue : str
            The queue of the workers that shall run it.
        priority : int or str
            0 or ``"low"``, 1 or ``"normal"``, 2 or ``"high"``.
        timeout : float, optional
            How long it may run, in seconds; it is FAILED after that. Default: no limit.
        memory_limit : int or str, optional
            How much resident memory its Julia process may use, in bytes or such as
            ``"2 GiB"``. Default: what the worker is set to.
        max_attempts : int
            How many of its runs may fail before it is FAILED. Runs that a lost worker cut
            short do not count.
        seed : int, optional
            What its random numbers start from, 0 to 2**53 - 1: Julia's default generator is
            seeded with it before the code starts, in each of its attempts. Default: one that
            is drawn, and kept as `Task.seed`.
        after : iterable of Task, Batch, int or str
            Tasks that have to be finished before it starts. If one of them fails, so does this
            one, with that reason; a retry of it wakes this one again. A task among ``arguments``
            is waited for as well, and passes its value; a batch passes the list of its values.
        cache : bool
            Whether it may have the value that an equal task of yours has computed: the same code,
            arguments and seed, in the same environment. Then it is FINISHED at once, and
            `Task.cached_from` says which task that was. Without a seed it has one that follows
            from its code and arguments. Default: it runs.
        threads : int, optional
            How many threads Julia and its linear algebra have: ``Threads.nthreads()``. It takes as
            many of a worker's cores. Default: one.
        env : dict, optional
            Environment variables of its Julia process, such as ``{"OMP_NUM_THREADS": "1"}``. Whoever
            sees the task sees them: they are no place for a password.
        gpus : int, optional
            How many of a worker's devices it has to itself. Default: none.
        files : dict, optional
            Files for the folder that it works in, by the names that they are to have there: where
            they lie (``Path("mesh.vtk")``), or what is in them (bytes). They are there, to be read,
            when it starts. What the service has already is not sent again.
        outputs : str or iterable of str
            Patterns of the files of that folder that are kept, whichever way it ends:
            ``["*.csv", "figures/"]``. `Task.files` has them. Default: none are kept.
        project : Project, optional
            The folder that it has at hand, as `project` makes it of one: its packages, modules and data.

        Raises
        ------
        InvalidTask
            If one of these cannot be used; the message says which and why.
        ServiceUnreachable
            If the service does not answer.
        """
        given = task_input(
            code,
            name,
            arguments=arguments,
            queue=queue,
            priority=priority,
            timeout=timeout,
            memory_limit=memory_limit,
            max_attempts=max_attempts,
            seed=seed,
            after=after,
            cache=cache,
            threads=threads,
            env=env,
            gpus=gpus,
            files=files,
            outputs=outputs,
            project=project,
            store=storing(self.transport),
            transport=self.transport,
        )
        return self.create([given])[0]

    def submit_many(self, tasks: Iterable[str | Mapping[str, Any]], **common: Any) -> Batch:
        """Submit many tasks in one request.

        Parameters
        ----------
        tasks : iterable of str or dict
            Julia code, or dicts with ``code`` and other parameters of `submit`.
        **common
            Parameters of `submit` for all tasks that do not have their own.

        Returns
        -------
        Batch
            The tasks, in order. Its ``id`` selects them later: ``q.frame(batch=b)``.

        Raises
        ------
        InvalidTask, ServiceUnreachable
            As for `submit`. Up to 5,000 tasks are created all or none; more go in several
            requests. What ends it between them, a Ctrl-C too, carries a note that says how
            many are on their way, and how to find or cancel them.
        """
        batch_id = operations.new_id()
        common |= {"store": storing(self.transport), "transport": self.transport}
        if common.get("files"):  # sent once for all of them
            common["files"] = send_files(self.transport, common["files"])
        send = cache(Project.send)  # a folder is one project for all of them, whatever changes in it meanwhile
        if isinstance(common.get("project"), Project):
            common["project"] = send(common["project"])
        inputs = [_task_input(common, one, index, send) | {"batch": batch_id} for index, one in enumerate(tasks)]
        return Batch(self, self.create(inputs), batch_id)

    def project(self, folder: str | os.PathLike[str] = ".") -> Project:
        """A folder that tasks have at hand: ``q.submit(code, project=q.project("."))``.

        A task that is given it finds the folder's files at their relative paths, and the packages of
        its ``Project.toml``, if there is one. See the page *Your own project*.

        Parameters
        ----------
        folder : str or Path
            The folder. Default: the current one.

        Raises
        ------
        InvalidTask
            If there is no such folder.
        """
        return open_project(self, folder)

    def define(
        self, code: str | Path, entry: str | None = None, name: str | None = None, *,
        project: Project | SentProject | None = None,
    ) -> Definition:
        """Register a Julia function that tasks call: ``f = q.define("f(n) = n^2")``, then ``f(3)``.

        Its code is evaluated once in each Julia process, so that a thousand calls compile it once.

        Parameters
        ----------
        code : str or Path
            Julia code, or the file that holds it.
        entry : str, optional
            The function to call. Default: the function that the code ends with, or the last one
            that it defines.
        name : str, optional
            What to call it. Default: the entry, or the last function that can be seen in the code.
        project : Project, optional
            The folder that its calls and sweeps have at hand, as it is now.

        Raises
        ------
        InvalidDefinition
            If a task has found before that this very code does not parse: there is no Julia here
            to find it now, so the first call tells, for all that follow, with line and column.
        InvalidTask
            If it cannot be used otherwise; the message says why.
        ServiceUnreachable
            If the service does not answer.
        """
        return define(self, code, entry, name, project)

    def executor(self, definition: Definition | None = None, **options: Any) -> TaskExecutor:
        """A `concurrent.futures.Executor` whose calls are tasks, for tools that drive one.

        Parameters
        ----------
        definition : Definition, optional
            What is called where ``submit`` or ``map`` is given None instead of a definition.
        **options
            Those of its tasks: what `submit` takes besides code, name and arguments.
        """
        # late: few need it
        from taskq_kernel.client.executor import TaskExecutor

        return TaskExecutor(self, definition, **options)

    def batch(self, name: str) -> Sweep:
        """The batch of this name, wherever and whenever it was submitted, or with this UUID.

        Raises
        ------
        NotFound
            If there is none.
        """
        return Sweep(self, batch_operations.find(self.transport, name))

    def batches(self, *, limit: int = 50, name: str | None = None, owner: str | None = None) -> list[Sweep]:
        """The batches that are there, the newest first.

        Parameters
        ----------
        limit : int
            At most this many, up to 1,000.
        name : str, optional
            Only those with this in their name.
        owner : str, optional
            Only this owner's.
        """
        rows, _ = batch_operations.page(self.transport, first=limit, name=name, owner=owner)
        return [Sweep(self, row) for row in rows]

    def create(self, inputs: Sequence[dict[str, Any]]) -> list[Task]:
        """Submit tasks as `taskq_kernel.client.options.task_input` makes them; errors are those of `submit_many`."""
        return create(self, inputs)

    # -- looking -------------------------------------------------------------------------

    def task(self, task_id: int | str) -> Task:
        """One task, by its number or UUID.

        Raises
        ------
        InvalidTask
            If ``task_id`` is neither.
        NotFound
            If there is none.
        """
        return read_task(self, str(task_id))

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
            code), ``batch``, ``definition``, ``owner``, ``queue``, ``worker``, ``arguments``, ``created_after``,
            ``created_before``, ``finished_after``, ``finished_before``, ``ids``. Points in
            time are datetimes, dates, pandas Timestamps or ISO 8601 texts; without an offset
            they are local time. ``arguments`` are values by name, ``{"n": 200}``, or conditions as a
            text, ``"n>=100 beta=0.5"``: see the page *Finding tasks by their arguments*.
        """
        with self.cache.reading():
            rows = self._select(operations.TASK, limit, _order(newest_first, order_by), selection)
            return Batch(self, [task_from(self, row) for row in rows])

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
            ``batch`` may be a name, too; ``definition`` is what `define` returned, or its id;
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

    def workers(self, *, everyone: bool = False) -> list[WorkerInfo]:
        """The workers that are there; with ``everyone`` also those that left or were lost."""
        return [worker_info(data) for data in operations.workers(self.transport, everyone=everyone)]

    def statistics(self) -> Statistics:
        """Where everything stands: tasks by status, slots, throughput, the broker."""
        return statistics_of(operations.statistics(self.transport))

    def _select(
        self, fields: str, limit: int | None, order: operations.Order, selection: Mapping[str, Any]
    ) -> list[operations.Row]:
        chosen = operations.task_filter(**selection)
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
            If a number or UUID belongs to no task.
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
        chosen = operations.task_filter(**selection)
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


def client_at(address: Address, timeout_s: float = 30.0) -> Client:
    """A client of a service; nothing is asked of it yet."""
    return Client(address.url, address.token, timeout_s=timeout_s, ca_file=address.ca_file)


def _order(newest_first: bool, order_by: str | None) -> list[tuple[str, str]]:
    if order_by is None:
        return [("NUMBER", "DESC" if newest_first else "ASC")]
    if newest_first:
        raise InvalidTask("order_by and newest_first are both given: give one of them")
    return [order_of(order_by)]


def _task_input(
    common: Mapping[str, Any], one: str | Mapping[str, Any], index: int, send: Callable[[Project], SentProject]
) -> dict[str, Any]:
    given = {**common, **({"code": one} if isinstance(one, str) else one)}
    try:
        if isinstance(project := given.get("project"), Project):
            given["project"] = send(project)
        return task_input(**given)
    except InvalidTask as error:
        raise error.at(f"tasks[{index}]: {error.place}", index) from None
