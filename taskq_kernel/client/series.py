"""What a task reports as series of numbers, as a DataFrame and as a line of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from taskq_kernel.domain import ValueKind

if TYPE_CHECKING:
    import pandas as pd

_BARS = "▁▂▃▄▅▆▇█"
#: How wide a curve of text is, in characters.
WIDTH = 40


def series_frame(reported: Mapping[str, Any] | None) -> pd.DataFrame:
    """A row for each point that was kept.

    Parameters
    ----------
    reported : dict or None
        GraphQL's field ``series``.

    Returns
    -------
    pandas.DataFrame
        ``series`` (category, in the order in which they came), ``step`` (int64, or float64 where
        one is not whole), ``value`` (float64, NaN where there was none).
    """
    # late: pandas takes longer to load than a whole command
    import pandas as pd

    reported = reported or {}
    names = [name for name, one in reported.items() for _ in one["steps"]]
    steps = [step for one in reported.values() for step in one["steps"]]
    values = [value for one in reported.values() for value in numbers(one["values"])]
    whole = all(isinstance(step, int) for step in steps)
    return pd.DataFrame({
        "series": pd.Categorical(names, categories=list(reported)),
        "step": pd.Series(steps, dtype="int64" if whole else "float64"),
        "value": pd.Series(values, dtype="float64"),
    })


def numbers(values: Sequence[Any]) -> list[float]:
    """Values as they travel, as numbers."""
    # late: as above
    from taskq_kernel.values import decode

    return [float("nan") if one is None else float(decode(ValueKind.JSON, one)) for one in values]


def described(reported: Mapping[str, Any] | None) -> dict[str, str]:
    """Each series as a line of text: its curve, its first and last value, and how many reports there were."""
    return {name: _line(one["count"], numbers(one["values"])) for name, one in (reported or {}).items()}


def _line(count: int, values: Sequence[float]) -> str:
    ends = f"{values[0]:.4g} → {values[-1]:.4g}" if len(values) > 1 else "".join(f"{one:.4g}" for one in values)
    return f"{sparkline(values)}  {ends}  ({count:,} report{'' if count == 1 else 's'})"


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """A curve of block characters, of the mean of as many values each; blanks where there is no number."""
    groups = [
        [one for one in values[i * len(values) // width : (i + 1) * len(values) // width] if abs(one) < float("inf")]
        for i in range(width)
    ] if len(values) > width else [[one] if abs(one) < float("inf") else [] for one in values]  # fmt: skip
    means = [sum(group) / len(group) if group else None for group in groups]
    known = [mean for mean in means if mean is not None]
    if not known:
        return " " * len(means)
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if mean is None else _BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)
