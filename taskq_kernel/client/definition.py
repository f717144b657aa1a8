"""A Julia function that tasks call: defined once, called many times."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from taskq_kernel import exact_json
from taskq_kernel.call_name import call_name
from taskq_kernel.client import batch_operations, designs, operations
from taskq_kernel.client.caching import CacheExplanation, explained
from taskq_kernel.client.creating import create
from taskq_kernel.client.options import call_options
from taskq_kernel.client.sweep import Sweep, submitted
from taskq_kernel.client.uploads import storing
from taskq_kernel.errors import InvalidDefinition, InvalidTask, NotFound
from taskq_kernel.passed_values import TAG as PASSED_TAG
from taskq_kernel.seeds import check_seed, draw_seed

if TYPE_CHECKING:
    import pandas as pd

    from taskq_kernel.client.project import ProjectSource, SentProject
    from taskq_kernel.client.session import Session
    from taskq_kernel.client.task import Task
    from taskq_kernel.large_arrays import Store

#: What begins a definition of a function at the start of a line, for its name.
_FUNCTION = re.compile(
    r"^(?:\"[^\"\n]*\"\s+)?(?:(?:Base\.)?@[\w.]+\s+)*(?:function\s+(?P<long>[^\W\d]\w*!?)\s*[({]"
    r"|(?P<short>[^\W\d]\w*!?)(?:\{[^}\n]*\})?\([^\n]*?\)(?:\s*where\s[^=\n]+)?(?:::[^=\n]+?)?\s*=(?!=))",
    re.MULTILINE,
)
#: What single tasks have, and why it is no option of the points of a sweep.
_NOT_OF_POINTS = {
    "seed": "which the sweep takes itself: give it beside them",
    "after": "which single tasks have: wait for these tasks before, or call the function once for each point",
    "transport": "which is none",
}


class Definition:
    """A Julia function; `Client.define` makes one. Called, it submits a task.

    Attributes
    ----------
    id : str
        SHA-256 of its code and its entry: the same code is the same definition, whoever
        registers it, wherever and however often.
    name : str
        What people call it: the first part of the names of its tasks.
    entry : str or None
        The function to call; None for what the code ends with, or its last function.
    project : SentProject or None
        The project that its tasks have at hand, as it was when this was defined.
    """

    def __init__(self, client: Session, row: Mapping[str, Any], project: SentProject | None = None) -> None:
        self._client = client
        self.project = project
        self.id = str(row["id"])
        self.name = str(row["name"])
        self.entry: str | None = row["entry"]
        self._code: str | None = row.get("code")

    @property
    def code(self) -> str:
        """Its Julia code."""
        if self._code is None:
            self._code = str(operations.definition(self._client.transport, self.id)["code"])
        return self._code

    def __call__(self, /, *places: Any, cache: bool = False, **named: Any) -> Task:
        """Submit one task that calls it.

        A task among its arguments passes its value, a batch the list of its values: it starts when
        they are finished.

        Parameters
        ----------
        *places
            Its arguments by position.
        **named
            Its arguments by name. See `taskq_kernel.values` for what both may be.
        cache : bool
            Whether it may have the value that an equal task has computed, as in `Client.submit`.

        Raises
        ------
        InvalidTask
            If an argument cannot cross; it is named.
        """
        return self.submit(places, named, cache=cache)

    def submit(
        self, places: tuple[Any, ...] = (), named: Mapping[str, Any] | None = None, name: str | None = None,
        **options: Any,
    ) -> Task:
        """Submit one task that calls it, with options of its own.

        Parameters
        ----------
        places : tuple
            Its arguments by position.
        named : dict, optional
            Its arguments by name.
        name : str, optional
            What to call the task. Default: the call, as ``gap(n=100)``.
        **options
            What `Client.submit` takes besides code, name and arguments.
        """
        arguments = call_arguments(places, named or {}, storing(self._client.transport))
        given = call_options(**({"project": self.project} | options), transport=self._client.transport) | {
            "definition": self.id, "kind": "CALL", "arguments": arguments,
            "name": name or call_name(self.name, written(arguments)),
        }
        return create(self._client, [given])[0]

    def explain_cache(
        self, /, *places: Any, seed: int | None = None, queue: str = "default", **named: Any
    ) -> CacheExplanation:
        """Whether the same call with ``cache=True`` would have its value at once, and if not, why.

        Parameters
        ----------
        *places, **named
            The arguments of the call.
        seed, queue
            Its options, as in `Client.submit`.

        Returns
        -------
        CacheExplanation
            True where it would; shows itself as a sentence.
        """
        given = call_options(seed=seed, queue=queue, project=self.project) | {
            "definition": self.id, "kind": "CALL", "arguments": call_arguments(places, named, _nowhere),
        }
        return explained(self._client, given)

    # -- sweeps --------------------------------------------------------------------------

    def map(
        self, *lists: Iterable[Any], name: str | None = None, seed: int | None = None,
        options: Mapping[str, Any] | None = None, cache: bool = False, **constants: Any,
    ) -> Sweep:
        """Call it once for each item of a list, or, as Python's ``map`` does, of several that go in step.

        Parameters
        ----------
        *lists
            What goes by position.
        **constants
            Arguments by name, the same in each call.
        name, seed, options, cache
            As for `sweep`.
        """
        return self.submit_design(designs.mapped(lists, constants), name, seed, options, cache)

    def sweep(
        self, axes: Mapping[str, Any] | None = None, *, where: Callable[[Any], Any] | None = None,
        frame: pd.DataFrame | None = None, name: str | None = None, seed: int | None = None,
        options: Mapping[str, Any] | None = None, cache: bool = False, **named: Any,
    ) -> Sweep:
        """Call it for all combinations of some arguments, or once for each row of a table.

        What is submitted is the definition and the grid; the service makes the tasks, ahead of the
        workers. Under a name that is there it resumes: what finished stays, what failed, was
        cancelled or is missing runs, and points that are new are added.

        Parameters
        ----------
        **named
            For each argument a list, range, array or column of values, or one value for all points.
        axes : dict, optional
            The same, for arguments whose names this method takes itself (``{"seed": [1, 2]}``).
        where : callable, optional
            Takes a point, ``lambda p: p.n < p.m``; only those for which it holds are kept.
        frame : pandas.DataFrame, optional
            Instead of these: one point for each row.
        name : str, optional
            What to call the batch. Default: a name that no other has, so that it does not resume.
        seed : int, optional
            What the seeds of its points follow from, with their place: the same sweep gives the
            same numbers, wherever and in whichever order it runs. Default: one that is drawn.
        options : dict, optional
            What `Client.submit` takes besides code, name, arguments, ``seed`` and ``after``.
        cache : bool
            Whether its points may have the values that equal tasks have computed, those of other
            sweeps too, as in `Client.submit`. Without a seed that of a point follows from its
            arguments, and not from its place: points that are equal are one computation.

        Raises
        ------
        InvalidTask
            If an argument cannot cross, or the batch of this name has another definition or seed.
        """
        given = {**(axes or {}), **named}
        if frame is not None:
            if given or where is not None:
                raise InvalidTask("is given beside arguments or a condition: give one of them", "frame")
            return self.submit_design(designs.rows(frame), name, seed, options, cache)
        return self.submit_design(designs.product(given, where), name, seed, options, cache)

    def sample(
        self, count: int, ranges: Mapping[str, Any] | None = None, *, method: str = "sobol", name: str | None = None,
        seed: int | None = None, options: Mapping[str, Any] | None = None, cache: bool = False, **named: Any,
    ) -> Sweep:
        """Call it at points that fill a space evenly (needs scipy).

        Parameters
        ----------
        count : int
            How many points.
        **named
            For each argument a tuple of two bounds, a list, range, array or column to choose from, or one value.
        ranges : dict, optional
            The same, for arguments whose names this method takes itself.
        method : str
            ``sobol``, ``halton``, ``lhs`` (a Latin hypercube) or ``random``.
        seed : int, optional
            Draws the points, too. Default: that of the batch of this name, or one that is drawn; 0 with ``cache``.
        name, options, cache
            As for `sweep`.
        """
        # late: few sample
        from taskq_kernel.client.samples import sampled

        if seed is None:
            seed = self._seed_of(name, cache)
        design = sampled(count, {**(ranges or {}), **named}, method, 0 if seed is None else check_seed(seed))
        return self.submit_design(design, name, seed, options, cache)

    def _seed_of(self, name: str | None, cache: bool) -> int | None:
        """The seed of the batch of this name, or one for a new batch; None where its points have their own."""
        if name is not None:
            with suppress(NotFound):
                found = batch_operations.get(self._client.transport, name=name)["seed"]
                return None if found is None else int(found)
        return None if cache else draw_seed()

    def submit_design(
        self, design: str, name: str | None = None, seed: int | None = None,
        options: Mapping[str, Any] | None = None, cache: bool = False,
    ) -> Sweep:
        """Submit points as `taskq_kernel.client.designs` makes them."""
        given = {"cache": cache, "project": self.project, **_point_options(options or {})}
        return submitted(self._client, self.id, self.name, design, name, seed, **given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Definition) and (other.id, other.project) == (self.id, self.project)

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return Definition, (self._client, {"id": self.id, "name": self.name, "entry": self.entry}, self.project)

    def __repr__(self) -> str:
        return f"<definition {self.name} ({self.id[:8]})>"


def define(
    client: Session, code: str | Path, entry: str | None, name: str | None,
    project: ProjectSource | SentProject | None = None,
) -> Definition:
    """Register a definition; see `Client.define`."""
    if isinstance(code, Path):
        name = name or entry or None
        code = read_source(code)
    if not isinstance(code, str):
        raise InvalidTask(f"is {type(code).__name__}: give Julia code as a string, or its file as a Path", "code")
    given = {"code": code, "entry": entry, "name": name or entry or guessed_name(code)}
    row = operations.register_definition(client.transport, given)
    if row["error"] is not None:
        error = row["error"]
        raise InvalidDefinition(row["name"], error["name"], error["message"], error["line"])
    return Definition(client, row, None if project is None else project.send())


def read_source(path: Path) -> str:
    """The code in a file.

    Raises
    ------
    InvalidTask
        If it cannot be read, or is no text.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidTask(f"{path} cannot be read as Julia code: {error}") from error


def guessed_name(code: str) -> str | None:
    """The name of the last function that begins at the start of a line, as far as can be seen without Julia.

    Code that is indented as a whole, as in a cell between three quotes, begins where its lines do.
    """
    names = [match["long"] or match["short"] for match in _FUNCTION.finditer(textwrap.dedent(code))]
    return names[-1] if names else None


def call_arguments(places: tuple[Any, ...], named: Mapping[str, Any], store: Store | None = None) -> dict[str, Any]:
    """Arguments of a call as JSON: those by position are named by their places, ``"1"``, ``"2"``, ...

    Large arrays go to ``store``; see `taskq_kernel.arguments.encode_arguments`.

    Raises
    ------
    InvalidTask
        If one cannot cross, or has a name that Julia does not take.
    """
    # late: numpy and pandas are looked at in there, and few commands have arguments
    from taskq_kernel.argument_names import check_argument_names
    from taskq_kernel.arguments import encode_arguments

    encoded = encode_arguments(dict(named), store)
    check_argument_names(encoded)
    return encode_arguments({str(place): value for place, value in enumerate(places, 1)}, store) | encoded


def _point_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of the points of a sweep.

    Raises
    ------
    InvalidTask
        If there is no such option, or one is none of each point.
    """
    known = [name for name in signature(call_options).parameters if name not in _NOT_OF_POINTS]
    for name in options:
        if name in _NOT_OF_POINTS:
            raise InvalidTask(f"have {name!r}, {_NOT_OF_POINTS[name]}", "options")
        if name not in known:
            raise InvalidTask(f"have {name!r}, which is none: use {', '.join(known)}", "options")
    return options


def _nowhere(_sha256: str, _data: BinaryIO) -> None:
    """Store nothing: a large array is only named."""


def written(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Arguments with their values as JSON; a large array as such."""
    for name, value in arguments.items():
        large = isinstance(value, dict) and value.keys() == {PASSED_TAG}
        yield name, "[...]" if large else exact_json.encode(value).decode("utf-8", "replace")
