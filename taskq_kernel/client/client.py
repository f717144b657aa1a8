"""The client: tasks in, values out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import batch_operations, operations, recipe_operations
from taskq_kernel.client.batch import Batch
from taskq_kernel.client.connection import Address
from taskq_kernel.client.creating import create
from taskq_kernel.client.definition import Definition, define
from taskq_kernel.client.environment import Environment
from taskq_kernel.client.feed import Feed
from taskq_kernel.client.fleet import Statistics, WorkerInfo, statistics_of, worker_info
from taskq_kernel.client.input_files import send_files
from taskq_kernel.client.options import task_input
from taskq_kernel.client.pickling import client_of, keep_in_mind
from taskq_kernel.client.project import Project, ProjectSource, SentProject, open_project
from taskq_kernel.client.recipe import Recipe
from taskq_kernel.client.selecting import Selecting
from taskq_kernel.client.sweep import Sweep
from taskq_kernel.client.task import Task, read_task
from taskq_kernel.client.uploads import storing
from taskq_kernel.errors import InvalidTask
from taskq_kernel.transport.graphql import GraphQLTransport

if TYPE_CHECKING:
    from taskq_kernel.client.executor import TaskExecutor
    from taskq_kernel.client.sharing import Share


class Client(Selecting):
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
        project: ProjectSource | SentProject | None = None,
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
        project : Project or Environment, optional
            What it has at hand: a folder with its packages, modules and data, as `project` makes it of one, or packages
            by their names, as `environment` does.

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
        send = cache(_send)  # a folder is one project for all of them, whatever changes in it meanwhile
        if isinstance(common.get("project"), ProjectSource):
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

    def environment(self, packages: Iterable[str]) -> Environment:
        """Packages that tasks have at hand: ``q.submit(code, project=q.environment(["DataFrames", "Optim@1.9"]))``.

        They are installed and compiled once on each machine of a worker, for the first task that wants them. See the
        page *Your own project*.

        Parameters
        ----------
        packages : iterable of str
            Names of registered packages, or of Julia's standard library, with the beginning of a version behind a
            ``@`` where not the newest one is wanted that goes with the others.

        Raises
        ------
        InvalidTask
            If one is no name of a package, or is given in two versions.
        """
        return Environment(self, packages)

    def define(
        self, code: str | Path, entry: str | None = None, name: str | None = None, *,
        project: ProjectSource | SentProject | None = None,
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
        project : Project or Environment, optional
            The folder that its calls and sweeps have at hand, as it is now, or packages by their names.

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

    def recipes(self) -> list[Recipe]:
        """The recipes that administrators have registered, by name."""
        return [Recipe(self, row) for row in recipe_operations.recipes(self.transport)]

    def recipe(self, name: str) -> Recipe:
        """The recipe of this name: ``q.recipe("ising").submit(temperature=2.5)``.

        Raises
        ------
        NotFound
            If there is none.
        """
        return Recipe(self, recipe_operations.recipe(self.transport, name))

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

    def shares(self, of: Task | Batch | Sweep | int | str | None = None) -> list[Share]:
        """The links by which others see your tasks and batches, the oldest first; an administrator's are all.

        Parameters
        ----------
        of : Task, Batch, Sweep, int or str, optional
            Only those to this one; a batch's UUID as well.
        """
        # late: few need it
        from taskq_kernel.client.sharing import list_shares

        target = of if isinstance(of, int | str) or of is None else of.id
        return list_shares(self.transport, None if target is None else str(target))

    def workers(self, *, everyone: bool = False) -> list[WorkerInfo]:
        """The workers that are there; with ``everyone`` also those that left or were lost."""
        return [worker_info(data) for data in operations.workers(self.transport, everyone=everyone)]

    def statistics(self) -> Statistics:
        """Where everything stands: tasks by status, slots, throughput, the broker."""
        return statistics_of(operations.statistics(self.transport))


def client_at(address: Address, timeout_s: float = 30.0) -> Client:
    """A client of a service; nothing is asked of it yet."""
    return Client(address.url, address.token, timeout_s=timeout_s, ca_file=address.ca_file)


def _send(project: ProjectSource) -> SentProject:
    return project.send()


def _task_input(
    common: Mapping[str, Any], one: str | Mapping[str, Any], index: int, send: Callable[[ProjectSource], SentProject]
) -> dict[str, Any]:
    given = {**common, **({"code": one} if isinstance(one, str) else one)}
    try:
        if isinstance(project := given.get("project"), ProjectSource):
            given["project"] = send(project)
        return task_input(**given)
    except InvalidTask as error:
        raise error.at(f"tasks[{index}]: {error.place}", index) from None
