"""What is typed into the form about what a task needs: it becomes options, or a remark beside its field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from client_fixtures import service
from client_lab import FakeService
from taskq_widgets.form import SubmitForm
from taskq_widgets.needs import NEEDS
from taskq_widgets.panels.facts import facts_of

from taskq_kernel.client.project import SentProject

__all__ = ["service"]


@pytest.fixture
def form(service: FakeService) -> Iterator[SubmitForm]:
    made = SubmitForm(service.client(), code="1")
    yield made
    made.close()


def typed(form: SubmitForm, **fields: str) -> dict[str, str]:
    """Type into fields, and submit; what stands beside them then."""
    for name, text in fields.items():
        form.set_trait(name, text)
    form._deliver("1")
    return dict(form.problems)


def last(service: FakeService) -> dict[str, Any]:
    """The last task as the service has it."""
    return list(service.tasks.values())[-1]


def test_what_is_typed_is_what_the_task_asks_for(service: FakeService, form: SubmitForm, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.jl").write_text("1")
    (tmp_path / "mesh.vtk").write_text("mesh")
    problems = typed(
        form, project=f" {tmp_path / 'p'} ", threads="4", memory="2 GiB", gpus="1", env="A=b c\n\n B= \n",
        files=f"{tmp_path / 'mesh.vtk'}\nother.vtk={tmp_path / 'mesh.vtk'}", outputs="*.csv, figures/\n!x.csv",
    )
    assert problems == {}
    task = last(service)
    assert (task["threads"], task["memoryLimit"], task["gpus"]) == (4, 2 << 30, 1)
    assert task["env"] == {"A": "b c", "B": ""}
    assert set(task["inputFiles"]) == {"mesh.vtk", "other.vtk"}
    assert task["outputs"] == ["*.csv", "figures/", "!x.csv"]
    assert task["project"] == service.projects[-1]
    assert form.folders[0] == str(tmp_path / "p")


def test_a_task_that_is_loaded_asks_for_the_same_again(service: FakeService, form: SubmitForm, tmp_path: Path) -> None:
    file = tmp_path / "mesh.vtk"
    file.write_text("mesh")
    typed(form, threads="2", memory="512 MiB", gpus="0", env="A=1", files=str(file), outputs="*.csv")
    first = last(service) | {"project": "a" * 64, "projectCommit": "c" * 40}
    file.unlink()
    other = SubmitForm(service.client())
    other.load(first)
    assert other.needs
    assert other.project == "a" * 64
    other._deliver("1")
    second = last(service)
    same = ("threads", "memoryLimit", "gpus", "env", "inputFiles", "outputs", "project", "projectCommit")
    assert [second[name] for name in same] == [first[name] for name in same]
    other.load({"code": "2"})
    assert not other.needs
    assert {name: getattr(other, name) for name in NEEDS} == NEEDS
    other.close()


@pytest.mark.parametrize(("field", "text", "said"), [
    ("threads", "many", "The number of threads is 'many': give a whole number."),
    ("threads", "0", "The number of threads is 0: give a whole number from 1 to 1024."),
    ("gpus", "1.5", "The number of devices is '1.5': give a whole number."),
    ("env", "A", "What is given as variables is 'A': write it as NAME=VALUE."),
    ("env", "A=1\nA=2", "What is given as variables has A twice."),
    ("env", "HOME=/x", "What is given as variables has HOME, which is the worker's own: leave it out."),
    ("files", "=x", "What is given as files is '=x': write it as NAME=PATH."),
    ("outputs", "/etc/*", "What is kept of its folder"),
    ("project", "/nowhere", "The project is '/nowhere', which is no folder: give the one that holds your Project."),
    ("project", "~nobody-has-this-name/x", "The project is '~nobody-has-this-name/x', which is no folder"),
    ("project", "9" * 5000, "The project is '999"),
    ("files", "x=" + "9" * 5000, "What is given as files has 999"),
    ("files", "a\0b", "What is given as files has"),
])
def test_what_cannot_be_used_stands_beside_its_field_which_is_shown(
    form: SubmitForm, field: str, text: str, said: str
) -> None:
    [(place, remark)] = typed(form, **{field: text}).items()
    assert place == field
    assert remark.startswith(said)
    assert form.needs
    assert not form.more


def test_the_panel_says_which_project_a_task_has(service: FakeService) -> None:
    q = service.client()
    q.submit("1", project=SentProject("a" * 64, "c" * 40 + "-dirty"), threads=4)
    facts = [fact[1:] for fact in facts_of(last(service) | {"arguments": {}})]
    assert ["Project", f"{'a' * 12} at commit {'c' * 12} (dirty)"] in facts
    assert ["Threads", "4"] in facts
