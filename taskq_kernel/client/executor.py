"""An executor whose workers are those of a taskq service, for whatever drives `concurrent.futures`."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from taskq_kernel.client.definition import Definition
from taskq_kernel.errors import InvalidTask, TaskCancelled, TaskqError

if TYPE_CHECKING:
    from taskq_kernel.client.session import Session
    from taskq_kernel.client.task import Task
    from taskq_kernel.client.task_cache import Entry


class TaskFuture(Future[Any]):
    """A future of a task.

    Attributes
    ----------
    task : Task
        The task that it stands for.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task

    def cancel(self) -> bool:
        """Cancel the task too; False if it is done."""
        if not super().cancel():
            return False
        with suppress(TaskqError):  # it ends sooner or later, and nobody waits for it
            self.task.cancel()
        return True

    def running(self) -> bool:
        """Whether a worker runs the task."""
        return not self.done() and str(self.task.entry.row["status"]) == "RUNNING"


class TaskExecutor(Executor):
    """Calls Julia functions as tasks; `Client.executor` makes one.

    ``submit(f, ...)`` and ``map(f, ...)`` take a `Definition`; None means the executor's own. A
    future's exception is the task's: `TaskFailed` and its like. Cancelling a future cancels its
    task, running or not. Leaving the executor as a context manager waits for its tasks.

    Parameters
    ----------
    client : Session
        The service.
    definition : Definition, optional
        What is called where None is.
    **options
        Those of every task: what `Client.submit` takes besides code, name and arguments.
    """

    def __init__(self, client: Session, definition: Definition | None = None, **options: Any) -> None:
        self._client = client
        self._definition = definition
        self._options = options
        self._lock = threading.Lock()
        self._left: dict[str, TaskFuture] = {}
        self._closed = False
        self._ended: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        #: Values may be large, and callbacks slow: neither is the feed's business.
        self._thread = threading.Thread(target=self._settle, name="taskq-executor", daemon=True)
        self._thread.start()

    @property
    def _max_workers(self) -> int:
        """How many calls make sense at once: what some of those that drive executors ask them, under this name."""
        from taskq_kernel.client import operations

        return max(1, int(operations.statistics(self._client.transport)["slots"]))

    def submit(self, fn: Callable[..., Any] | Definition | None, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Submit a call; its future.

        Raises
        ------
        InvalidTask
            If ``fn`` is neither a definition nor None, or an argument cannot cross.
        RuntimeError
            If the executor was shut down.
        """
        definition = self._own() if fn is None else fn
        if not isinstance(definition, Definition):
            raise InvalidTask(
                f"{definition!r} cannot be run by Julia: give what q.define() makes, or None for the executor's own"
            )
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor was shut down: nothing more can be submitted to it")
        task = definition.submit(args, kwargs, **self._options)
        future = TaskFuture(task)
        with self._lock:
            self._left[task.id] = future
        self._client.cache.wait_for([task.entry], self._ended.put)
        return future

    def map(
        self, fn: Callable[..., Any] | Definition | None, *iterables: Iterable[Any], timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Any]:
        """As `concurrent.futures.Executor.map`; ``chunksize`` means nothing here."""
        return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize)  # type: ignore[arg-type]  # None too

    def _own(self) -> Definition:
        if self._definition is None:
            raise InvalidTask("None means the executor's own definition, and it has none: q.executor(f)")
        return self._definition

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more; what was submitted goes on, or is cancelled.

        Parameters
        ----------
        wait : bool
            Wait until all of it is done.
        cancel_futures : bool
            Cancel what is not done.
        """
        with self._lock:
            self._closed = True
            left = list(self._left.values())
        if cancel_futures:
            for future in left:
                future.cancel()
        if not left:
            self._ended.put(None)
        if wait:
            self._thread.join()

    def _settle(self) -> None:
        """Hand on how tasks ended, until there is no more to come."""
        while True:
            entry = self._ended.get()
            if entry is not None:
                with self._lock:
                    future = self._left.get(entry.id)
                if future is not None:
                    _tell(future)
                    with self._lock:
                        del self._left[entry.id]
            with self._lock:
                if self._closed and not self._left:
                    return


def _tell(future: TaskFuture) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = future.task.outcome()
    except TaskCancelled as error:
        cancelled = CancelledError(str(error))
        cancelled.__cause__ = error
        future.set_exception(cancelled)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(value)
