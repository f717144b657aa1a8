"""What a task is told that may not do something."""

from __future__ import annotations

import pytest
from taskq_worker.sandbox.sandbox import Sandbox
from taskq_worker.sandbox.task_user import TaskUser

from taskq_kernel.messages import ErrorInfo

AS_WORKER, AS_OTHER = Sandbox(), Sandbox(user=TaskUser(61_705, 61_705))


@pytest.mark.parametrize("sandbox", [AS_WORKER, AS_OTHER])
@pytest.mark.parametrize(
    "message",
    [
        'opening file "data/größe x.csv": Permission denied',  # a stream
        'open("data/x.csv", 577, 438): permission denied (EACCES)',  # libuv, from Julia 1.6 on
    ],
)
def test_a_file_of_its_folder_that_may_not_be_written_to_is_told_as_one_to_be_read(
    sandbox: Sandbox, message: str
) -> None:
    told = sandbox.explain(ErrorInfo(name="SystemError", message=message)).message
    assert told.startswith(f"{message}\n(the files of a task's project, and those that it is given, can be read")
    assert "task_user" not in told


@pytest.mark.parametrize("message", ['opening file "/etc/x": Permission denied', "open: permission denied (EACCES)"])
def test_what_lies_elsewhere_is_a_matter_of_the_user_that_it_runs_as(message: str) -> None:
    error = ErrorInfo(name="SystemError", message=message)
    assert "tasks run as user 61705, who may not do that" in AS_OTHER.explain(error).message
    assert AS_WORKER.explain(error) is error
