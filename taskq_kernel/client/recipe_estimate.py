"""How long a run takes, from how long earlier ones took.

Times are fitted as a product of powers of the parameters, ``c * side^2 * sweeps``, in logarithms and
with a pull of each power towards zero: so few runs are enough, and a parameter that was never
changed counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.parameters import Parameter
from taskq_kernel.transport.graphql import GraphQLTransport

#: How many earlier runs are looked at, the latest ones.
RUNS = 200
#: How strongly a power is pulled towards zero, against the spread of its parameter's logarithms.
_PULL = 0.02
#: What is measured of a run that takes no time, in seconds.
_LEAST_S = 1e-3

#: A run: its arguments, and how long it took, in seconds.
Run = tuple[Mapping[str, Any], float]


def earlier_runs(transport: GraphQLTransport, recipe: str, definition: str) -> list[Run]:
    """The latest runs of a version of a recipe that one may see and that ended well, by themselves."""
    chosen = {"recipe": recipe, "definition": definition, "status": ["FINISHED"]}
    rows = operations.window(transport, chosen, "arguments seconds cachedFrom", (), last=RUNS)
    return [
        (row["arguments"], float(row["seconds"])) for row in rows
        if row["cachedFrom"] is None and row["seconds"] is not None
    ]


def estimated(parameters: Sequence[Parameter], runs: Sequence[Run], wanted: Mapping[str, Any]) -> float | None:
    """How long a run with these arguments takes, in seconds; None where nothing like it has run.

    Parameters
    ----------
    parameters
        What the recipe declares.
    runs
        Earlier runs.
    wanted
        All arguments of the run.
    """
    words = [one.name for one in parameters if one.kind in ("truth", "text") or one.choices]
    # Another method may take any time; where it never ran, the others are better than nothing.
    like = [run for run in runs if all(run[0].get(name) == wanted[name] for name in words)] or list(runs)
    if not like:
        return None
    same = [seconds for arguments, seconds in like if all(arguments.get(one) == wanted[one] for one in wanted)]
    if same:
        return median(same)
    numbers = [one.name for one in parameters if one.name not in words]
    return _fitted(numbers, like, wanted)


def _fitted(names: Sequence[str], runs: Sequence[Run], wanted: Mapping[str, Any]) -> float:
    # late: few estimate
    import numpy as np

    usable = [
        name for name in names
        if all(arguments.get(name) is not None and arguments[name] > 0 for arguments, _ in (*runs, (wanted, 0.0)))
    ]
    logs = np.array([[np.log(arguments[name]) for name in usable] for arguments, _ in runs]).reshape(len(runs), -1)
    times = np.log([max(seconds, _LEAST_S) for _, seconds in runs])
    means, mean = logs.mean(axis=0), float(times.mean())
    spread = logs - means
    powers = np.linalg.solve(spread.T @ spread + _PULL * np.eye(len(usable)), spread.T @ (times - mean))
    here = np.array([np.log(wanted[name]) for name in usable]) - means
    return float(np.exp(mean + here @ powers))
