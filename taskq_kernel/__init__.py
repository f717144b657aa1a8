"""taskq: Julia computations sent from a notebook to a fleet of workers, watched live.

Start with `connect`:

>>> from taskq_kernel import connect
>>> q = connect()
>>> q.submit("sum(1:10)").result()
55

The names are loaded when they are first used, so that importing this package costs
nothing: pandas, for one, only when a DataFrame is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskq_kernel.client.batch import Batch as Batch
    from taskq_kernel.client.client import Client as Client
    from taskq_kernel.client.connecting import connect as connect
    from taskq_kernel.client.definition import Definition as Definition
    from taskq_kernel.client.parquet import to_parquet as to_parquet
    from taskq_kernel.client.sweep import Sweep as Sweep
    from taskq_kernel.client.task import Task as Task
    from taskq_kernel.domain import TaskStatus as TaskStatus
    from taskq_kernel.errors import BrokerUnreachable as BrokerUnreachable
    from taskq_kernel.errors import ClientClosed as ClientClosed
    from taskq_kernel.errors import ClientMissing as ClientMissing
    from taskq_kernel.errors import Forbidden as Forbidden
    from taskq_kernel.errors import InvalidDefinition as InvalidDefinition
    from taskq_kernel.errors import InvalidTask as InvalidTask
    from taskq_kernel.errors import NotFound as NotFound
    from taskq_kernel.errors import ServiceError as ServiceError
    from taskq_kernel.errors import ServiceUnreachable as ServiceUnreachable
    from taskq_kernel.errors import SettingsError as SettingsError
    from taskq_kernel.errors import SetupError as SetupError
    from taskq_kernel.errors import StackError as StackError
    from taskq_kernel.errors import TaskCancelled as TaskCancelled
    from taskq_kernel.errors import TaskDeleted as TaskDeleted
    from taskq_kernel.errors import TaskFailed as TaskFailed
    from taskq_kernel.errors import TaskqError as TaskqError
    from taskq_kernel.errors import TaskTimeout as TaskTimeout
    from taskq_kernel.errors import Unauthorized as Unauthorized
    from taskq_kernel.errors import Unreachable as Unreachable
    from taskq_kernel.magic import load_ipython_extension as load_ipython_extension
    from taskq_kernel.values import RichValue as RichValue

#: Where each public name is defined, by theme.
_HOMES = {
    # connecting
    "connect": "client.connecting",
    "Client": "client.client",
    # tasks and their values
    "Task": "client.task",
    "Batch": "client.batch",
    "Definition": "client.definition",
    "Sweep": "client.sweep",
    "TaskStatus": "domain",
    "RichValue": "values",
    "to_parquet": "client.parquet",
    # what can go wrong with a task
    "TaskFailed": "errors",
    "TaskCancelled": "errors",
    "TaskDeleted": "errors",
    "TaskTimeout": "errors",
    "InvalidTask": "errors",
    "InvalidDefinition": "errors",
    # what can go wrong around it
    "TaskqError": "errors",
    "ServiceError": "errors",
    "NotFound": "errors",
    "Unauthorized": "errors",
    "Forbidden": "errors",
    "Unreachable": "errors",
    "ServiceUnreachable": "errors",
    "BrokerUnreachable": "errors",
    "ClientClosed": "errors",
    "ClientMissing": "errors",
    "SettingsError": "errors",
    "SetupError": "errors",
    "StackError": "errors",
    # IPython: %load_ext taskq_kernel
    "load_ipython_extension": "magic",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # late: few ask for the version
        from taskq_kernel.machine import release

        return release() or "unknown"  # it may be run from its sources
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
