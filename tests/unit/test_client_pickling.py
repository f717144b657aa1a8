"""Tasks, batches and errors that travel between processes."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_fixtures import q, service
from client_lab import FakeService
from client_stubs import TOKEN

import taskq_kernel
from taskq_kernel import errors
from taskq_kernel.client import pickling
from taskq_kernel.client.client import Client
from taskq_kernel.errors import (
    ClientMissing,
    IllegalTransition,
    MessageError,
    NotFound,
    ServiceError,
    ServiceUnreachable,
    TaskFailed,
    TaskqError,
)
from taskq_kernel.service.security.throttle import TooManyFailures
from taskq_kernel.store.database import StoreUnavailable

__all__ = ["q", "service"]


@pytest.fixture
def no_clients(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What makes this process one that has no client, and whose settings give none."""

    def missing() -> None:
        raise ServiceUnreachable("no taskq stack is running")

    def forget() -> None:
        pickling._clients.clear()
        monkeypatch.setattr("taskq_kernel.client.connection.existing", missing)

    return forget


def again(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))  # noqa: S301  (it is the test's own)


def test_what_is_unpickled_is_what_the_client_has_already(service: FakeService, q: Client) -> None:
    task, batch = q.submit("1"), q.submit_many(["2", "3"])
    assert again(task) is task
    assert list(again(batch)) == list(batch)
    assert again(batch).id == batch.id
    assert again(q) is q
    assert copy.copy(task) is task
    service.finish(task.id, 5)
    assert again(task).result(timeout=5) == 5


def test_no_token_is_in_what_is_pickled(q: Client) -> None:
    for thing in (q, q.submit("1"), q.submit_many(["2"]), q.project(Path(__file__).parent)):
        assert TOKEN.encode() not in pickle.dumps(thing)


def test_a_project_is_pickled_as_its_folder(service: FakeService, q: Client, tmp_path: Path) -> None:
    (tmp_path / "a.jl").write_text("1")
    there = again(q.project(tmp_path))
    (tmp_path / "b.jl").write_text("2")
    assert list(there.files()) == ["a.jl", "b.jl"]
    assert q.submit("1", project=there).project == there.send().id
    assert service.calls.count("Project") == 1


def test_a_task_without_a_client_can_be_read_and_says_what_is_missing(q: Client, no_clients: Any) -> None:
    task = q.submit("1", name="far away")
    data = pickle.dumps([task, q.submit_many(["2"])])
    no_clients()
    there, batch = pickle.loads(data)  # noqa: S301
    assert there is not task
    assert (there.id, there.number, there.name) == (task.id, 1, "far away")
    assert "far away" in repr(there)
    for use in (there.result, lambda: there.status, there.cancel, batch.results, batch.cancel):
        with pytest.raises(ClientMissing, match=r"no client of http://127.0.0.1:1/graphql: connect\("):
            use()
    assert again(there).id == task.id  # it can travel on


def test_a_task_finds_its_client_once_there_is_one(service: FakeService, q: Client, no_clients: Any) -> None:
    task = q.submit("1")
    data = pickle.dumps(task)
    no_clients()
    there = pickle.loads(data)  # noqa: S301
    twin = pickle.loads(data)  # noqa: S301
    other = service.client()
    service.connect_feed()
    assert there.status == "QUEUEING"
    assert twin.status == "QUEUEING"
    service.finish(task.id, 2)  # told by the feed, to one object
    assert there.result(timeout=5) == twin.result(timeout=5) == 2
    assert there._client is twin._client is other


def test_a_client_is_made_from_the_settings_of_the_process_that_reads(
    q: Client, no_clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = q.submit("1")
    data = pickle.dumps(task)
    no_clients()
    from taskq_kernel.client.connection import Address

    monkeypatch.setattr("taskq_kernel.client.connection.existing", lambda: Address(q.url, "another"))
    there = pickle.loads(data)  # noqa: S301
    assert isinstance(there._client, Client)
    assert there._client is not q
    pickling._made.clear()


def test_a_failed_task_tells_another_process_all_about_it(service: FakeService, q: Client, no_clients: Any) -> None:
    task = q.submit("sqrt(-1)")
    service.fail(task.id)
    with pytest.raises(TaskFailed) as raised:
        task.result(timeout=5)
    raised.value.add_note("seen in the pool")
    data = pickle.dumps(raised.value)
    no_clients()
    there = pickle.loads(data)  # noqa: S301
    assert str(there) == str(raised.value)
    assert (there.name, there.message, there.stacktrace) == ("DomainError", "with -1.0", " [1] sqrt")
    assert there.task.number == task.number
    assert there.__notes__ == ["seen in the pool"]


def every_error() -> Iterator[type[TaskqError]]:
    for module in pkgutil.walk_packages(taskq_kernel.__path__, "taskq_kernel."):
        if not module.name.endswith(("__main__", "migrations.env")) and ".versions." not in module.name:
            importlib.import_module(module.name)
    left = [TaskqError]
    while left:
        kind = left.pop()
        yield kind
        left += kind.__subclasses__()


def survives(error: TaskqError) -> None:
    for there in (again(error), copy.copy(error)):
        assert type(there) is type(error)
        assert str(there) == str(error)
        assert there.args == error.args
        assert vars(there).keys() == vars(error).keys()
        assert str(vars(there)) == str(vars(error))


@pytest.mark.parametrize("kind", sorted(set(every_error()), key=lambda kind: kind.__name__))
def test_every_error_survives_the_way_to_another_process(kind: type[TaskqError]) -> None:
    error = kind.__new__(kind, "what was wrong")  # whatever its constructor asks for
    error.args = ("what was wrong",)
    error.__dict__["fact"] = {"fields": ["name"]}
    survives(error)


@pytest.mark.parametrize(
    "error",
    [
        TaskFailed("1 (a)", "DomainError", "with -1.0", "[1] sqrt"), IllegalTransition("FINISHED", "RUNNING"),
        MessageError("no JSON"), ServiceError("refused", "BAD_INPUT", {"fields": ["name"]}),
        ServiceUnreachable("away"), StoreUnavailable(OSError("no")), TooManyFailures(2),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_an_error_was_built_from_survives(error: TaskqError) -> None:
    survives(error)


def test_not_found_still_says_what(q: Client) -> None:
    with pytest.raises(NotFound) as raised:
        q.task(99)
    assert again(raised.value).code == "NOT_FOUND"
    assert issubclass(errors.NotFound, TaskqError)
