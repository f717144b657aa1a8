"""Files that a task is given: read where they lie, and sent to the service, unless that has them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from taskq_kernel.client.digests import Changed, Digests, State
from taskq_kernel.client.refusals import refused
from taskq_kernel.client.uploads import Source, send_missing
from taskq_kernel.errors import InvalidTask
from taskq_kernel.task_files import GivenFile, check_names

if TYPE_CHECKING:
    from taskq_kernel.transport.graphql import GraphQLTransport

#: What GraphQL calls them.
FIELD = "inputFiles"
#: The same file often goes with task after task.
_digests = Digests()
_BYTES = (bytes, bytearray, memoryview)


def send_files(transport: GraphQLTransport, files: Any) -> dict[str, GivenFile]:
    """Send files, each unless the service has it; what names them, by their names in the task's folder.

    Parameters
    ----------
    files : mapping of str to Path or bytes
        By the names that they are to have, where they lie, or what is in them. One that was sent before is taken as it
        is.

    Raises
    ------
    InvalidTask
        If one of them cannot be read, or cannot have its name.
    """
    if not isinstance(files, Mapping):
        raise refused(f"is {type(files).__name__}: give a dictionary, such as {{'mesh.vtk': Path('mesh.vtk')}}", FIELD)
    try:
        check_names(map(_name, files), FIELD)
    except InvalidTask as error:
        raise refused(error.problem, FIELD) from None
    sent = {name: _measured(name, source) for name, source in files.items()}
    sources = {
        sent[name].ref: Source(name, partial(_opened, name, source))
        for name, source in files.items() if not isinstance(source, GivenFile)
    }
    send_missing(transport, sources, FIELD)
    return sent


def as_input(files: Mapping[str, GivenFile]) -> dict[str, dict[str, Any]]:
    """Files that were sent, as GraphQL's ``TaskInput`` names them."""
    return {name: {"ref": file.ref, "size": file.size} for name, file in files.items()}


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise refused(f"has a name that is {type(name).__name__}: give strings, such as 'data/mesh.vtk'", FIELD)
    return name


def _measured(name: str, source: Any) -> GivenFile:
    if isinstance(source, GivenFile):
        return source
    if isinstance(source, _BYTES):
        return GivenFile(hashlib.sha256(source).hexdigest(), memoryview(source).nbytes)
    try:
        path = _path(name, source)
        state = State.of(path)
        return GivenFile(_digests.of(path.absolute(), state), state.size)
    except InvalidTask:  # a ValueError that says it all
        raise
    except (OSError, ValueError) as error:  # it may be no path at all
        raise _unreadable(name, source, error) from error
    except Changed:
        raise refused(f"has {path} as {name!r}, which changes while it is read: try it again", FIELD) from None


@contextmanager
def _opened(name: str, source: Any) -> Iterator[BinaryIO]:
    if isinstance(source, _BYTES):
        yield BytesIO(source)
        return
    path = _path(name, source)
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(name, path, error) from error
    with file:
        yield file


def _path(name: str, source: Any) -> Path:
    if not isinstance(source, os.PathLike):
        raise refused(f"has {type(source).__name__} as {name!r}: give a Path, or bytes for what is in it", FIELD)
    path = Path(source)
    if path.is_dir():
        raise refused(f"has the folder {path} as {name!r}: give its files one by one", FIELD)
    return path


def _unreadable(name: str, source: os.PathLike[str], error: OSError | ValueError) -> InvalidTask:
    reason = getattr(error, "strerror", None) or error
    return refused(f"has {str(source)[:200]} as {name[:200]!r}, which cannot be read: {reason}", FIELD)
