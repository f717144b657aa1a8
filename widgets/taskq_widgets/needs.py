"""What is typed into the form about what a task needs: its project, threads, variables, devices and files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from taskq_kernel.client.options import parse_env, parse_files
from taskq_kernel.client.project import Project, SentProject
from taskq_kernel.errors import InvalidTask
from taskq_kernel.project_manifest import is_project_id
from taskq_kernel.task_files import GivenFile

if TYPE_CHECKING:
    from taskq_kernel.client.client import Client

#: The fields, and what they are when left alone.
NEEDS: dict[str, str] = {
    "project": "", "threads": "", "memory": "", "gpus": "", "env": "", "files": "", "outputs": "",
}
#: How many folders the field of the project offers.
_OFFERED = 10


class Needs:
    """Reads these fields, and knows which projects and files were there already."""

    def __init__(self) -> None:
        self._projects: dict[str, Project] = {}
        #: The commits of projects that tasks brought into the form, and the files of the last one.
        self._commits: dict[str, str | None] = {}
        self._files: dict[str, GivenFile] = {}

    @property
    def folders(self) -> list[str]:
        """Folders that may be wanted: those that were used lately, and the kernel's own where it is a project."""
        own = [str(Path.cwd())] if Path("Project.toml").is_file() else []
        return list(dict.fromkeys((*reversed(self._projects), *own)))[:_OFFERED]

    def read(self, client: Client, typed: Mapping[str, str]) -> dict[str, Any]:
        """Options of a submission.

        Raises
        ------
        InvalidTask
            If something that is typed cannot be one; it names the field.
        """
        found: dict[str, Any] = {}
        if project := typed["project"].strip():
            found["project"] = self._project(client, project)
        for name in ("threads", "gpus"):
            if typed[name].strip():
                found[name] = whole(typed[name], name)
        if memory := typed["memory"].strip():
            found["memory_limit"] = memory
        if env := _lines(typed["env"]):
            found["env"] = parse_env(env)
        if files := _lines(typed["files"]):
            found["files"] = self._read_files(files)
        if outputs := [one for line in _lines(typed["outputs"]) for part in line.split(",") if (one := part.strip())]:
            found["outputs"] = outputs
        return found

    def load(self, task: Mapping[str, Any]) -> dict[str, str]:
        """What is to be typed for the same as a task, as GraphQL gives it."""
        limit, project = task.get("memoryLimit"), task.get("project") or ""
        self._files = msgspec.convert(task.get("inputFiles") or {}, dict[str, GivenFile])
        self._commits[project] = task.get("projectCommit")
        return {
            "project": project,
            "threads": _number(task.get("threads")),
            "memory": "" if limit is None else (f"{limit >> 20} MiB" if limit % (1 << 20) == 0 else str(limit)),
            "gpus": _number(task.get("gpus")),
            "env": "\n".join(f"{name}={value}" for name, value in (task.get("env") or {}).items()),
            "files": "\n".join(self._files),
            "outputs": ", ".join(task.get("outputs") or ()),
        }

    def _project(self, client: Client, typed: str) -> Project | SentProject:
        if is_project_id(typed):
            return SentProject(typed, self._commits.get(typed))
        if typed not in self._projects:  # what has not changed in one is not read again
            self._projects[typed] = client.project(typed)
        return self._projects[typed]

    def _read_files(self, lines: Iterable[str]) -> dict[str, Any]:
        here = {line: self._files[line] for line in lines if line in self._files and not Path(line).exists()}
        return {**here, **parse_files(line for line in lines if line not in here)}


def whole(text: str, field: str) -> int:
    """The whole number that is typed into a field.

    Raises
    ------
    InvalidTask
        If it is none.
    """
    try:
        return int(text)
    except ValueError:
        raise InvalidTask(f"is {text.strip()!r}: give a whole number", field) from None


def _lines(text: str) -> list[str]:
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


def _number(number: int | None) -> str:
    return "" if number is None else str(number)
