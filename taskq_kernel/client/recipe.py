"""A recipe, as Python sees it: what may be set, how the result is shown, and the tasks that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from taskq_kernel.client import designs, operations, recipe_operations
from taskq_kernel.client.sweep import Sweep
from taskq_kernel.client.task import Task, task_from
from taskq_kernel.parameters import Parameter, complete

if TYPE_CHECKING:
    from taskq_kernel.client.operations import Row
    from taskq_kernel.client.session import Session


class Recipe:
    """Code that an administrator has registered; `Client.recipe` finds one.

    Attributes
    ----------
    name : str
        Its name.
    version : int
        Its version, from 1.
    title, help : str
        The first line of its docstring, and the rest of it, in Markdown.
    parameters : tuple of Parameter
        What may be set, in its order.
    show : Show
        How its result is shown.
    code : str
        Its file, in Julia.
    definition : str
        The id of the definition that its tasks call.
    """

    def __init__(self, client: Session, row: Row) -> None:
        self._client = client
        self._row = row
        self.name = str(row["name"])
        self.version = int(row["version"])
        self.title = str(row["title"])
        self.help = str(row["help"])
        self.code = str(row["code"])
        self.definition = str(row["definition"])
        self.parameters = tuple(map(_parameter, row["parameters"]))
        self.show = recipe_operations.show_of(row)

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults of its parameters, by name."""
        return {one.name: one.default for one in self.parameters}

    def submit(
        self, arguments: Mapping[str, Any] | None = None, /, *, name: str | None = None, seed: int | None = None,
        cache: bool = False, **named: Any,
    ) -> Task:
        """Submit one task; what is not given has its default.

        Parameters
        ----------
        **named
            Its parameters by name.
        arguments : dict, optional
            The same, for parameters whose names this method takes itself (``{"seed": 1}``).
        name : str, optional
            What to call the task. Default: the recipe with what was given, as ``ising(temperature=2.5)``.
        seed : int, optional
            What its random numbers start from. Default: one that is drawn.
        cache : bool
            Whether it may have the value that an equal task of yours has computed, as in `Client.submit`.

        Raises
        ------
        InvalidTask
            If it has no such parameter, or does not take the value; the message says what it takes.
        """
        given = {
            "id": operations.new_id(), "recipe": self.name, "arguments": arguments_of({**(arguments or {}), **named}),
            "name": name, "seed": seed, "cache": cache,
        }
        self._client.feed.start()
        with self._client.cache.reading():
            return task_from(self._client, recipe_operations.submit(self._client.transport, given))

    def sweep(
        self, axes: Mapping[str, Any] | None = None, /, *, where: Callable[[Any], Any] | None = None,
        name: str | None = None, seed: int | None = None, cache: bool = False, **lists: Any,
    ) -> Sweep:
        """Submit all combinations of some values; what is not given has its default.

        Parameters
        ----------
        **lists
            For each parameter a list, range or array of values, or one value for all points.
        axes : dict, optional
            The same, for parameters whose names this method takes itself.
        where : callable, optional
            Takes a point, ``lambda p: p.side < 40``; only those for which it holds are kept.
        name : str, optional
            What to call the batch; under a name that is there it resumes, as `Definition.sweep` does.
            Default: a name that no other has.
        seed, cache
            As for `submit`; the seeds of the points follow from ``seed`` and their places.

        Raises
        ------
        InvalidTask
            As for `submit`, of any of its points.
        """
        batch_id = operations.new_id()
        given = {
            "id": batch_id, "recipe": self.name, "name": name or f"{self.name} {batch_id[:8]}",
            "design": designs.product({**(axes or {}), **lists}, where), "cache": cache, "seed": seed,
        }
        return Sweep(self._client, recipe_operations.submit_sweep(self._client.transport, given)["batch"])

    def estimate(self, arguments: Mapping[str, Any] | None = None, /, **named: Any) -> float | None:
        """How long a run takes, in seconds, from how long earlier ones of this version took.

        Parameters
        ----------
        **named, arguments
            As for `submit`.

        Returns
        -------
        float or None
            None where none has ended well yet. With the same arguments it is the median of their times;
            with others it follows the powers of the numbers that runs have differed in.

        Raises
        ------
        InvalidTask
            If it has no such parameter, or does not take the value.
        """
        # late: few estimate
        from taskq_kernel.client.recipe_estimate import earlier_runs, estimated

        wanted = complete(self.title, self.parameters, arguments_of({**(arguments or {}), **named}))
        return estimated(self.parameters, earlier_runs(self._client.transport, self.name, self.definition), wanted)

    def __reduce__(self) -> tuple[Any, ...]:
        return Recipe, (self._client, self._row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and (other.name, other.version) == (self.name, self.version)

    def __hash__(self) -> int:
        return hash((self.name, self.version))

    def __repr__(self) -> str:
        taken = ", ".join(one.name for one in self.parameters)
        return f"<recipe {self.name}({taken}), version {self.version}: {self.title}>"


def arguments_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as JSON."""
    # late: it looks for numpy and pandas
    from taskq_kernel.arguments import encode_arguments

    return encode_arguments(dict(arguments))


def _parameter(row: Row) -> Parameter:
    given = {one.name: row[one.name] for one in fields(Parameter)} | {"choices": tuple(row["choices"])}
    if row["type"] == "WHOLE":  # GraphQL has its bounds as floats
        bounds = {name: row[name] for name in ("minimum", "maximum", "step")}
        whole = {name: int(value) for name, value in bounds.items() if value is not None and value == int(value)}
        given |= whole
    return Parameter(**given)
