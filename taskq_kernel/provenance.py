"""How a result was made: a task's row as ordered facts, for people, for pages and for JSON alike.

A row is what GraphQL tells of a task: `FIELDS` is what to ask for, and what is not there is left out. So the
client and the service, a page of it and the widgets show the same facts, in the same order and the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from taskq_kernel.argument_names import is_place
from taskq_kernel.value_text import argument_text

#: What a row of facts is made of, as a selection of GraphQL's ``Task``.
FIELDS = (
    "number name kind entry code arguments seed project projectCommit definition repeats cachedFrom owner attempt "
    "worker environment manifestSha256 surroundings peakMemory seconds timing createdAt startedAt "
    "finishedAt"
)

#: The parts of the facts, in order: what was computed, in what, and at which price.
WHAT, WHERE, COST = "What", "Where", "Cost"
#: How much of a hash people read.
_DIGITS = 16
#: How long the text of a fact may be, in characters.
_TEXT = 400


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact.

    Attributes
    ----------
    key : str
        Its name in JSON.
    label : str
        Its name for people.
    value : object
        The fact itself, as JSON has it.
    text : str
        The fact for people, without its unit.
    unit : str
        The unit; empty where it has none.
    part : str
        `WHAT`, `WHERE` or `COST`.
    """

    key: str
    label: str
    value: Any
    text: str
    unit: str = ""
    part: str = WHAT

    def __str__(self) -> str:
        return f"{self.text} {self.unit}".rstrip()


def facts_of(row: Mapping[str, Any]) -> list[Fact]:
    """The facts that a task's row tells, those that are not known left out.

    Parameters
    ----------
    row : mapping
        A task with `FIELDS`, by GraphQL's names. JSON may be decoded or not; further fields do not matter.

    Returns
    -------
    list of Fact
        In the order in which people read them.
    """
    told = {name: _decoded(value) for name, value in row.items()}
    return [fact for fact in (*_what(told), *_where(told), *_cost(told)) if fact.value not in (None, "")]


def _what(row: Mapping[str, Any]) -> Iterator[Fact]:
    code, entry, arguments = row.get("code"), row.get("entry"), row.get("arguments") or {}
    digest = None if code is None else hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
    yield _fact("task", "Task", row.get("number"), f"{row.get('number')} ({row.get('name') or 'no name'})")
    yield _fact("repeats", "Repeats task", row.get("repeats"))
    yield _fact("cached_from", "Value of task", row.get("cachedFrom"))
    yield _fact("owner", "Submitted by", row.get("owner"))
    yield _fact("code_sha256", "Code (SHA-256)", digest, _short(digest))
    yield _fact("entry", "Function", entry)
    yield _fact("arguments", "Arguments", arguments or None, _arguments(arguments))
    yield _fact("seed", "Seed", row.get("seed"))
    yield _fact("project", "Project (SHA-256)", row.get("project"), _short(row.get("project")))
    yield from _commit(row.get("projectCommit"))


def _commit(commit: str | None) -> Iterator[Fact]:
    if commit:
        name, changed, _ = commit.partition("-dirty")
        also = ", with changes that were not committed" if changed else ""
        yield _fact("git_commit", "Git commit", name, name + also)
        yield _fact("git_dirty", "Files had changed", bool(changed), "yes" if changed else "no")


def _where(row: Mapping[str, Any]) -> Iterator[Fact]:
    around = row.get("surroundings") or {}
    ran = bool(row.get("attempt"))
    yield _fact("julia_version", "Julia", around.get("julia_version") or _julia_of(row.get("environment")), part=WHERE)
    yield _fact("julia_flags", "Julia's options", around.get("julia_flags"), part=WHERE)
    yield _fact("threads", "Julia's threads", around.get("threads"), part=WHERE)
    manifest = row.get("manifestSha256")
    yield _fact("manifest_sha256", "Manifest (SHA-256)", manifest, _short(manifest), part=WHERE)
    yield _fact("blas", "Linear algebra", around.get("blas"), part=WHERE)
    yield _fact("blas_threads", "Its threads", around.get("blas_threads"), part=WHERE)
    yield _fact("cpu", "Processor", around.get("cpu"), part=WHERE)
    yield _fact("cpu_target", "Compiled for", around.get("cpu_target"), part=WHERE)
    yield _fact("system", "System", around.get("system"), part=WHERE)
    yield _fact("host", "Host", around.get("host"), part=WHERE)
    yield _fact("worker", "Worker", row.get("worker"), part=WHERE)
    yield _fact("runner", "Kind of process", around.get("runner"), part=WHERE)
    yield _fact("attempt", "Attempt", row.get("attempt") if ran else None, part=WHERE)
    yield _fact("taskq_version", "taskq", around.get("taskq_version"), part=WHERE)


def _cost(row: Mapping[str, Any]) -> Iterator[Fact]:
    timing = row.get("timing") or {}
    yield _fact("submitted_at", "Submitted", row.get("createdAt"), _moment(row.get("createdAt")), part=COST)
    yield _fact("started_at", "Started", row.get("startedAt"), _moment(row.get("startedAt")), part=COST)
    yield _fact("finished_at", "Ended", row.get("finishedAt"), _moment(row.get("finishedAt")), part=COST)
    yield _seconds("wall_s", "Duration", row.get("seconds"))
    yield _seconds("cpu_s", "Processor time", timing.get("cpu_s"))
    yield _seconds("compile_s", "Compiling", timing.get("compile_s"))
    yield _seconds("gc_s", "Collecting garbage", timing.get("gc_s"))
    yield _bytes("allocated_bytes", "Allocated", timing.get("allocated_bytes"))
    yield _bytes("peak_memory_bytes", "Peak memory", row.get("peakMemory"))


def _fact(key: str, label: str, value: Any, text: str = "", part: str = WHAT) -> Fact:
    return Fact(key, label, value, text or str(value), part=part)


def _seconds(key: str, label: str, value: Any) -> Fact:
    if value is None:
        return Fact(key, label, None, "")
    text, unit = (f"{value:.3g}", "s") if value >= 1 or value == 0 else (f"{1e3 * value:.3g}", "ms")
    return Fact(key, label, value, text if value < 1000 else f"{value:.0f}", unit, COST)


def _bytes(key: str, label: str, value: Any) -> Fact:
    if value is None:
        return Fact(key, label, None, "")
    size, unit = float(value), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return Fact(key, label, value, f"{size:.0f}" if unit == "B" or size >= 100 else f"{size:.3g}", unit, COST)


def _short(digest: str | None) -> str:
    return (digest or "")[:_DIGITS]


def _moment(at: str | None) -> str:
    """To the second; times are in UTC."""
    return f"{at[:10]} {at[11:19]} UTC" if at else ""


def _julia_of(environment: str | None) -> str | None:
    """Julia's version, where a task has told nothing more of what it ran in."""
    found = (environment or "").partition(",")[0].removeprefix("Julia ")
    return found or None


def _arguments(arguments: Mapping[str, Any]) -> str:
    shown = [
        text if is_place(name) else f"{name} = {text}"
        for name, text in ((name, _argument(value)) for name, value in arguments.items())
    ]
    text = ", ".join(shown)
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _argument(value: Any) -> str:
    return argument_text(msgspec.json.encode(value).decode())


def _decoded(value: Any) -> Any:
    """JSON that is passed on as it was stored."""
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
