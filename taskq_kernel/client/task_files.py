"""Files of a task's folder that were kept, as Python sees them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from html import escape
from io import BytesIO
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from uuid import uuid4

from taskq_kernel.client import operations
from taskq_kernel.client.display import size_text
from taskq_kernel.errors import TaskqError
from taskq_kernel.file_patterns import check_patterns, chosen
from taskq_kernel.task_files import problem_of

if TYPE_CHECKING:
    from taskq_kernel.transport.graphql import GraphQLTransport

P = TypeVar("P", bound=PurePath)

#: GraphQL's fields of a file.
FIELDS = "files { name size sha256 type attempt }"
#: How many files are shown in a notebook.
_SHOWN = 100


@dataclass(frozen=True)
class TaskFile:
    """A file that a task has left in its folder, and that was kept.

    Attributes
    ----------
    name : str
        Its path within the folder.
    size : int
        Its length, in bytes.
    sha256 : str
        Of what is in it.
    type : str
        Its media type, as its name tells: ``text/csv``.
    attempt : int
        The attempt that left it; 0: that of the task that the value is from, too.
    """

    name: str
    size: int
    sha256: str
    type: str
    attempt: int
    _transport: GraphQLTransport = field(repr=False, compare=False)

    def read_bytes(self) -> bytes:
        """What is in it; of a large file, `save` needs less memory.

        Raises
        ------
        NotFound
            If it is no longer kept: its task was deleted, pruned or run again.
        """
        buffer = BytesIO()
        self.copy_to(buffer)
        return buffer.getvalue()

    def read_text(self, encoding: str = "utf-8") -> str:
        """What is in it, as text."""
        return self.read_bytes().decode(encoding)

    def save(self, path: str | os.PathLike[str] = ".") -> Path:
        """Save it, some of it at a time; it is there, whole, or not at all.

        Parameters
        ----------
        path : str or Path
            A folder, in which it gets its own name and the folders that stand in that; or what it is to be called.

        Returns
        -------
        Path
            Where it is.
        """
        place = Path(path)
        if place.is_dir():
            place = place_below(place, self.name)
            place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".taskq-{uuid4().hex}.part")
        try:
            with part.open("xb") as file:
                self.copy_to(file)
            part.replace(place)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return place

    def copy_to(self, file: BinaryIO) -> None:
        """Write what is in it into an open file."""
        self._transport.save_blob(self.sha256, file, self.size)


class TaskFiles(Mapping[str, TaskFile]):
    """The files of a task that were kept, by their names.

    ``task.files["x.csv"].read_bytes()`` reads one, ``task.files.save("here")`` saves all of them, and
    ``task.files.match("*.csv")`` is some of them.
    """

    def __init__(self, files: Sequence[TaskFile]) -> None:
        self._files = {file.name: file for file in files}

    def __getitem__(self, name: str) -> TaskFile:
        try:
            return self._files[name]
        except KeyError:
            close = get_close_matches(str(name), self._files, 1)
            there = f"{close[0]!r} is" if close else f"{len(self)} others are" if self else "none is"
            raise KeyError(f"no file {name!r} was kept; {there}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    @property
    def size(self) -> int:
        """The length of all of them, in bytes."""
        return sum(file.size for file in self.values())

    def match(self, *patterns: str) -> TaskFiles:
        """Those that a pattern means, such as ``*.csv``, ``figures/`` or ``**/*.png``, or one of several.

        Raises
        ------
        InvalidTask
            If one is no pattern.
        """
        checked = [one for pattern in patterns for one in check_patterns(pattern, "pattern")]
        meant = {name for pattern in checked for name in chosen(self, pattern)}
        return TaskFiles([file for name, file in self.items() if name in meant])

    def save(self, folder: str | os.PathLike[str] = ".") -> list[Path]:
        """Save them in a folder, which is made if it is not there, under their names; where they are."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        return [file.save(folder) for file in self.values()]

    def __repr__(self) -> str:
        lines = [f"{name}  {size_text(file.size)}" for name, file in list(self.items())[:_SHOWN]]
        more = [f"... {len(self) - _SHOWN} more"] if len(self) > _SHOWN else []
        return "\n".join([f"<{len(self)} files, {size_text(self.size)}>", *lines, *more])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(name)}</td><td>{escape(str(size_text(file.size)))}</td>"
            f"<td style='text-align:left'>{escape(file.type)}</td></tr>"
            for name, file in list(self.items())[:_SHOWN]
        )
        more = f"<p>{len(self) - _SHOWN} more</p>" if len(self) > _SHOWN else ""
        head = "<thead><tr><th>file</th><th>size</th><th>type</th></tr></thead>"
        return f"<table>{head}<tbody>{rows}</tbody></table>{more}"


def read_files(transport: GraphQLTransport, task_id: str) -> TaskFiles:
    """The files of a task that were kept.

    Raises
    ------
    NotFound
        If there is no such task.
    """
    rows: list[dict[str, Any]] = operations.get(transport, task_id, FIELDS)["files"]
    return TaskFiles([TaskFile(**row, _transport=transport) for row in rows])


def place_below(folder: P, name: str) -> P:
    """Where a file of this name is saved in a folder.

    Raises
    ------
    TaskqError
        If that would be elsewhere, or is no place on this system.
    """
    parts = name.split("/")
    place = folder.joinpath(*parts)
    problem = problem_of(name)
    if not problem and place.parts != (*folder.parts, *parts):  # where \\ and : have meanings of their own
        problem = "it means another place on this system; give save() a name"
    if problem:  # whoever tells it so
        raise TaskqError(f"the file {name[:80]!r} cannot be saved under its name: {problem}")
    return place
