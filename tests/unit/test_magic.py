"""``%%julia``: a cell is a task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from client_lab import FakeService

from taskq_kernel.client import connecting
from taskq_kernel.client.client import Client
from taskq_kernel.client.task import Task
from taskq_kernel.errors import InvalidTask, TaskFailed
from taskq_kernel.magic import julia
from taskq_kernel.magic.axes import parse_axes
from taskq_kernel.project_manifest import decode_manifest
from taskq_kernel.seeds import point_seed

completer = pytest.importorskip("IPython.core.completer", reason="IPython is part of the extra `lab`")
provisionalcompleter = completer.provisionalcompleter


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


def test_its_options_are_listed_where_there_is_no_cell(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_line_magic("load_ext", "taskq_kernel")
    assert shell.run_line_magic("julia", "--help") is None
    assert "usage: %%julia" in capsys.readouterr().out
    with pytest.raises(InvalidTask, match="the cell is empty"):
        shell.run_line_magic("julia", "")


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
        ("--sweep n", "1", "^--sweep is 'n': write it as name=first:last"),
        ("--sweep n=3", "1", r"^--sweep n is '3': give a range such as 1:10"),
        ("--sweep n=3:1", "1", "^--sweep n is '3:1', which has no values"),
        ("--sweep n=1:3 --sweep n=2:3", "1", "^--sweep n is given twice"),
        ("--sweep n=1:3 --arg n=2", "1", "^--sweep n is given by --arg, too"),
        ("--sweep n=1:1_000_000", "1", "^--sweep n has 1,000,000 values"),
        ("--sweep n=1:1000 --sweep m=1:1000", "1", "^--sweep has 1,000,000 points"),
        ("--sweep n=1:3 --seed -1", "1", "^--seed is -1"),
        ("--sweep end=1:3", "1", "^--arg end is no name that Julia takes"),
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


# -- sweeps ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("1:4", [1, 2, 3, 4]),
        ("1:2:10", [1, 3, 5, 7, 9]),
        ("10:-3:1", [10, 7, 4, 1]),
        ("0.0:0.1:0.5", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ("0:0.3333333333333333:1", [0.0, 1 / 3, 2 / 3, 1.0]),
        ("-1:0.1:-0.7", [-1.0, -0.9, -0.8, -0.7]),
        ("1.0:3", [1.0, 2.0, 3.0]),
        ('["a", "b"]', ["a", "b"]),
        ("[1, 2.5]", [1, 2.5]),
    ],
)
def test_a_sweep_has_the_values_that_julia_has(service: FakeService, written: str, values: list[Any]) -> None:
    batch = julia(f"--sweep 'x={written}'", "x")
    assert [task.arguments["x"] for task in batch] == values
    assert [type(task.arguments["x"]) for task in batch] == [type(value) for value in values]


def test_fractions_stay_fractions() -> None:
    [values] = parse_axes(["x=1//2:1//2:3//2"]).values()
    assert [(one.tag, one.content) for one in values] == [
        ("$rational", [1, 2]), ("$rational", [1, 1]), ("$rational", [3, 2]),
    ]


def test_several_sweeps_are_all_combinations_and_each_point_has_a_name_and_a_seed_of_its_own(
    service: FakeService,
) -> None:
    batch = julia("--sweep n=1:2 --sweep x=[0.5,1.0] --arg m=7 --name area --seed 3 --queue big", "n * x * m")
    assert [(one.arguments["n"], one.arguments["x"]) for one in batch] == [(1, 0.5), (1, 1.0), (2, 0.5), (2, 1.0)]
    assert {one.arguments["m"] for one in batch} == {7}
    assert batch[1].name == "area(n=1, x=1.0)"
    assert [one.seed for one in batch] == [point_seed(3, place) for place in range(4)]
    assert {(one.queue, one.batch) for one in batch} == {("big", batch.id)}


def test_a_sweep_that_is_waited_for_gives_its_values_in_order(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = service.transport._create

    def created(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = create(query, variables)
        for given in reversed(variables["inputs"]):
            service.finish(given["id"], given["arguments"]["n"] ** 2)
        return answer

    monkeypatch.setattr(service.transport, "_create", created)
    assert julia("--sweep n=1:3 --wait", "n^2") == [1, 4, 9]


def test_interrupting_the_cell_ends_the_waiting_and_not_the_task(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_task: Task) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Task, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        julia("--wait --name slow", "1")
    assert "<Task 1 'slow' QUEUEING> goes on" in capsys.readouterr().err
    assert "BulkAction" not in service.calls


# -- completion ------------------------------------------------------------------------------


def offered(shell: Any, line: str, code: str = "1") -> list[str]:
    """What Tab offers at the end of the line with the magic."""
    shell.run_line_magic("load_ext", "taskq_kernel")
    with provisionalcompleter():
        return [one.text for one in shell.Completer.completions(f"{line}\n{code}", len(line))]


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("%%julia --pri", ["--priority"]),
        ("%%julia --name x --priority ", ["low", "normal", "high"]),
        ("%%julia --priority h", ["high"]),
        ("%%julia --priority=h", ["--priority=high"]),
        ("%%julia --wait --wai", []),
        ("%%julia --arg n=1 --ar", ["--arg"]),
        ("%%julia --name 'two words' --thr", ["--threads"]),
    ],
)
def test_options_and_their_values_are_completed(shell: Any, line: str, offers: list[str]) -> None:
    assert [one for one in offered(shell, line) if one in offers or one.startswith("--")] == offers


def test_each_option_is_offered_where_one_may_stand(shell: Any) -> None:
    assert {"--name", "--sweep", "--wait", "--project"} <= set(offered(shell, "%%julia "))
    assert not {"--name", "--sweep"} & set(offered(shell, "%%julia --threads "))


def test_queues_are_those_that_workers_serve(
    shell: Any, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = SimpleNamespace(queues=["big", "default", "session-1"])
    monkeypatch.setattr(Client, "workers", lambda _client: [served])
    assert offered(shell, "%%julia --queue ") == ["big", "default"]


def test_completion_connects_to_nothing(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "_default", None)
    monkeypatch.setattr(connecting, "clients_in_mind", list)
    monkeypatch.setattr(connecting, "_connected", None)
    assert offered(shell, "%%julia --queue ") == ["default"]


def test_folders_and_files_are_completed_from_the_disk(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "ising").mkdir(parents=True)
    (tmp_path / "models" / "mesh.vtk").write_text("")
    (tmp_path / "my data").mkdir()
    (tmp_path / ".git").mkdir()
    assert offered(shell, "%%julia --project m") == ["models/", "'my data/'"]
    assert offered(shell, "%%julia --project models/") == ["models/ising/"]
    assert offered(shell, "%%julia --file fine.vtk=models/m") == ["fine.vtk=models/mesh.vtk"]


def test_a_folder_that_cannot_be_looked_into_has_nothing_to_offer(
    shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for typed in ("--project ~nobody-of-this-name/", "--file x=/nowhere/"):
        assert not [one for one in offered(shell, f"%%julia {typed}") if "/" in one]
    assert capsys.readouterr().err == ""


def test_arguments_are_those_that_the_code_declares_and_those_that_it_takes_from_nowhere(shell: Any) -> None:
    code = 'parameters = [(name = :darts, default = 20)]\ntotal = sum(rand(darts)) # size\ntotal / n + f(beta; by = m)'
    assert offered(shell, "%%julia --arg ", code) == ["darts=", "beta=", "m=", "n="]
    assert offered(shell, "%%julia --sweep be", code) == ["beta="]


def test_the_code_below_is_not_the_magics(shell: Any) -> None:
    shell.run_line_magic("load_ext", "taskq_kernel")
    cell = "%%julia\nx --na"
    with provisionalcompleter():
        assert "--name" not in [one.text for one in shell.Completer.completions(cell, len(cell))]
