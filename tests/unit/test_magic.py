"""``%%julia``: a cell is a task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_lab import FakeService

from taskq_kernel.client import connecting
from taskq_kernel.client.task import Task
from taskq_kernel.errors import InvalidTask, TaskFailed
from taskq_kernel.magic import julia
from taskq_kernel.project_manifest import decode_manifest

pytest.importorskip("IPython", reason="IPython is part of the extra `lab`")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> FakeService:
    service = FakeService()
    monkeypatch.setattr(connecting, "_default", service.client())
    service.connect_feed()
    return service


@pytest.fixture
def shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_the_extension_registers_the_cell_magic(shell: Any, service: FakeService) -> None:
    shell.run_line_magic("load_ext", "taskq_kernel")
    task = shell.run_cell_magic("julia", "--name sum", "1 + 1\n")
    assert isinstance(task, Task)
    assert (task.code, task.name) == ("1 + 1\n", "sum")


def test_options_are_spelled_as_on_the_command_line(service: FakeService) -> None:
    line = "--name \"it's noise\" --arg n=10 --arg 'city=New York' --priority high --queue big --timeout 5 " \
        "--memory-limit '2 GiB' --max-attempts 3"  # fmt: skip
    task = julia(line, "n")
    assert (task.name, task.arguments, task.priority) == ("it's noise", {"n": 10, "city": "New York"}, 2)
    assert (task.queue, task.timeout, task.memory_limit, task.max_attempts) == ("big", 5.0, 2 << 30, 3)


def test_a_cell_has_its_project_at_hand_as_the_folder_is_when_it_is_submitted(
    service: FakeService, tmp_path: Path
) -> None:
    texts = ("f() = 1", "f() = 2")
    tasks = []
    for text in texts:
        (tmp_path / "a.jl").write_text(text)
        tasks.append(julia(f"--project {tmp_path}", 'include("a.jl"); f()'))
    for task, text in zip(tasks, texts, strict=True):
        [file] = decode_manifest(service.blobs[task.project]).files
        assert (file.path, service.blobs[file.sha256]) == ("a.jl", text.encode())
    assert julia("", "1").project is None
    with pytest.raises(InvalidTask, match="^--project is '.*nowhere', which is no folder"):
        julia(f"--project {tmp_path / 'nowhere'}", "1")
    assert len(service.tasks) == 3


def test_with_wait_the_value_comes_back_or_julias_error(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    create = service.transport._create
    end = service.finish

    def created(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = create(query, variables)
        end(variables["inputs"][0]["id"], 42)
        return answer

    monkeypatch.setattr(service.transport, "_create", created)
    assert julia("--wait", "6 * 7") == 42
    end = lambda task_id, _value: service.fail(task_id)  # noqa: E731
    with pytest.raises(TaskFailed, match="DomainError"):
        julia("--wait", "sqrt(-1)")


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("", "  \n", "the cell is empty"),
        ("", None, "the cell is empty"),
        ("--nome x", "1", "unrecognized arguments: --nome x"),
        ("--name", "1", "expected one argument"),
        ("--name 'x", "1", "No closing quotation"),
        ("--arg n", "1", "write it as name=value"),
        ("--timeout soon", "1", "invalid float value"),
        ("--memory-limit lots", "1", "^--memory-limit is 'lots': give bytes"),
        ("--arg end=1", "1", "^--arg end is no name that Julia takes"),
        ("--threads 0", "1", "^--threads is 0"),
        ("--gpus -2", "1", "^--gpus is -2"),
        ("--env A", "1", "^--env is 'A'"),
        ("--env LD_PRELOAD=x", "1", "^--env has LD_PRELOAD"),
    ],
)
def test_what_cannot_be_used_is_an_error_and_not_the_end_of_the_kernel(
    service: FakeService, line: str, cell: str | None, says: str
) -> None:
    with pytest.raises(InvalidTask, match=says):
        julia(line, cell)
    assert service.calls == []


def test_help_is_printed(service: FakeService, capsys: pytest.CaptureFixture[str]) -> None:
    assert julia("--help", "1") is None
    assert "--memory-limit SIZE" in capsys.readouterr().out
    assert service.calls == []
