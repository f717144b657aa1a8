"""A submission that is ended half-way says what became of its tasks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from client_fixtures import q
from client_lab import FakeService

from taskq_kernel import cli
from taskq_kernel.client import operations
from taskq_kernel.client.client import Client
from taskq_kernel.errors import InvalidTask, ServiceError, ServiceUnreachable

__all__ = ["q"]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    monkeypatch.setattr(operations, "CREATE_CHUNK", 10)
    return FakeService()


def ends(service: FakeService, error: BaseException, after: int, arrives: bool = False) -> None:
    """Have requests to create tasks end with ``error`` after so many, created or not."""
    create, seen = service.transport._create, [0]

    def cut_off(query: str, variables: dict[str, Any]) -> Any:
        seen[0] += 1
        if seen[0] <= after:
            return create(query, variables)
        if arrives:
            create(query, variables)
        raise error

    service.transport._create = cut_off


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def test_ctrl_c_in_submit_many_says_how_many_tasks_go_on_and_how_to_cancel_them(
    service: FakeService, q: Client
) -> None:
    ends(service, KeyboardInterrupt(), after=2, arrives=True)
    with pytest.raises(KeyboardInterrupt) as raised:
        q.submit_many(["1"] * 45)
    said = notes(raised.value)
    assert "20 of 45 tasks were submitted, and 10 more may have been; they go on" in said
    batch = re.search(r"q\.cancel\(batch='([^']+)'\)", said)
    assert batch is not None
    assert f"q.tasks(batch={batch[1]!r})" in said
    assert sum(task["batch"] == batch[1] for task in service.tasks.values()) == 30


def test_an_error_between_two_requests_says_it_too(service: FakeService, q: Client) -> None:
    ends(service, ServiceUnreachable("no taskq service"), after=1)
    with pytest.raises(ServiceUnreachable) as raised:
        q.submit_many(["1"] * 25)
    assert "10 of 25 tasks were submitted, and 10 more may have been" in notes(raised.value)


def test_a_refusal_of_a_later_request_leaves_no_doubt(service: FakeService, q: Client) -> None:
    ends(service, ServiceError("the code is empty", "BAD_INPUT"), after=1)
    with pytest.raises(InvalidTask) as raised:
        q.submit_many(["1"] * 25)
    assert "10 of 25 tasks were submitted; they go on" in notes(raised.value)


def test_nothing_is_said_where_nothing_was_submitted(service: FakeService, q: Client) -> None:
    ends(service, ServiceError("the code is empty", "BAD_INPUT"), after=0)
    with pytest.raises(InvalidTask) as raised:
        q.submit_many(["1"] * 25)
    assert notes(raised.value) == ""


def test_ctrl_c_in_submit_says_where_the_task_is_if_it_got_through(service: FakeService, q: Client) -> None:
    ends(service, KeyboardInterrupt(), after=0, arrives=True)
    with pytest.raises(KeyboardInterrupt) as raised:
        q.submit("1")
    (task_id,) = service.tasks
    assert f"q.task({task_id!r})" in notes(raised.value)


def test_the_command_line_passes_such_notes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, code in ((KeyboardInterrupt(), 130), (ServiceUnreachable("it is away"), 3)):
        error.add_note("3 of 5 tasks were submitted")

        def fails(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr(cli.cli, "main", fails)
        assert cli.main(["submit"]) == code
        assert "taskq: 3 of 5 tasks were submitted" in capsys.readouterr().err
