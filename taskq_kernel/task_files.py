"""Files of a task: what they are called, those that it is given, and those of its own that are kept.

A name is a path within the task's folder, with ``/`` between its parts, whatever the machine. It stands in messages,
databases, pages and other people's folders, so it is text of one line, and leads nowhere but down.
"""

from __future__ import annotations

import mimetypes
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from taskq_kernel.errors import InvalidTask

#: How many files one task is given, and how many of its own are kept.
MAX_GIVEN = 1_000
MAX_KEPT = 10_000
#: How long a name may be, and all names of one task together, in bytes of UTF-8.
MAX_NAME_BYTES = 1_000
MAX_NAMES_BYTES = 2 << 20
#: What the names begin with of what taskq itself puts into a task's folder.
OWN_PREFIX = ".taskq-"

#: A SHA-256 in lower-case hexadecimal digits.
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class GivenFile(msgspec.Struct, frozen=True):
    """A file that a task is given: the SHA-256 of what is in it, and its length in bytes."""

    ref: Sha256
    size: Size


class KeptFile(msgspec.Struct, frozen=True):
    """A file of a task's folder that is kept: its name, the SHA-256 of what is in it, and its length in bytes."""

    name: str
    ref: Sha256
    size: Size


#: The files that a task is given, by their names.
GivenFiles = Mapping[str, GivenFile]
_given = msgspec.json.Decoder(dict[str, GivenFile])


def problem_of(name: str) -> str:
    """Why a file of a task cannot have this name; empty where it can."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if size > MAX_NAME_BYTES:
        return f"it has {size} bytes, more than the {MAX_NAME_BYTES} allowed"
    if not (name.isprintable() or all(map(_is_seen, name))):
        return "it holds a line end, or another character that cannot be seen"
    parts = name.split("/")
    if "" in parts or "." in parts or ".." in parts:
        return "it has to be a path within the task's folder, without . and .."
    if any(part.startswith(OWN_PREFIX) for part in parts):
        return f"names that begin with {OWN_PREFIX} are taskq's own"
    return ""


def _is_seen(character: str) -> bool:
    """Whether it is a sign, a space of any width, or what joins signs; not what ends a line or turns the direction."""
    return character.isprintable() or character in "\u200c\u200d" or unicodedata.category(character) == "Zs"


def check_given(given: Any, field: str) -> dict[str, GivenFile]:
    """The files that a task is to be given, by their names.

    Raises
    ------
    InvalidTask
        If one of them cannot be one: the message has its name.
    """
    try:
        files = msgspec.convert(given, dict[str, GivenFile])
    except msgspec.ValidationError as error:
        raise InvalidTask(f"is no object of names with a ref and a size each: {error}", field) from None
    check_names(files, field)
    return files


def check_names(names: Iterable[str], field: str) -> None:
    """Check the names of the files that a task is to be given.

    Raises
    ------
    InvalidTask
        If one of them cannot be one, or there are too many.
    """
    names = list(names)
    if len(names) > MAX_GIVEN:
        raise InvalidTask(f"has {len(names)} files: give at most {MAX_GIVEN}", field)
    folders: set[str] = set()
    for name in names:
        problem = problem_of(name)
        if problem:
            raise InvalidTask(f"has the name {name[:80]!r}: {problem}", field)
        parts = name.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    for name in names:
        if name in folders:
            raise InvalidTask(f"has {name[:80]!r} both as a file and as a folder of others", field)


def given_files(text: str | None) -> dict[str, GivenFile]:
    """The files that a stored task is given, from their JSON."""
    return _given.decode(text) if text else {}


def written(files: GivenFiles) -> str | None:
    """Files that a task is given as JSON, the same whatever their order; None where there are none."""
    return msgspec.json.encode(dict(sorted(files.items()))).decode() if files else None


#: What Python's table of types, which is the same on every machine, does not know.
_MORE = {
    ".jl": "text/x-julia", ".toml": "application/toml", ".md": "text/markdown", ".yaml": "application/yaml",
    ".yml": "application/yaml", ".log": "text/plain", ".dat": "text/plain", ".npy": "application/x-npy",
    ".npz": "application/x-npz", ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file", ".h5": "application/x-hdf5", ".hdf5": "application/x-hdf5",
    ".jld2": "application/x-hdf5", ".nc": "application/x-netcdf",
    ".webp": "image/webp", ".gz": "application/gzip", ".zst": "application/zstd",
}
_types = mimetypes.MimeTypes()


def type_of(name: str) -> str:
    """The media type that a file's name tells, as ``text/csv``; ``application/octet-stream`` where it tells none."""
    last = name.rpartition("/")[2].lower()
    ending = last[last.rfind("."):] if "." in last else ""
    return _MORE.get(ending) or _types.types_map[True].get(ending) or "application/octet-stream"
