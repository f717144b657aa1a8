"""A sweep's picture: what is drawn of a frame, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from taskq_kernel.client.sweep_plot import draw
from taskq_kernel.errors import InvalidTask


@pytest.fixture
def ax() -> Iterator[Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    yield figure.add_subplot()
    canvas.draw()  # whatever cannot be drawn raises here


def frame(rows: list[tuple[Any, ...]], *names: str, left: int = 0) -> pd.DataFrame:
    """A sweep's frame: arguments, then what each has, then the values."""
    made = pd.DataFrame(rows, columns=list(names))
    made.insert(2, "status", ["QUEUEING"] * left + ["FINISHED"] * (len(rows) - left))
    made.insert(3, "number", range(len(rows)))
    return made


GRID = [(n, beta, n * beta) for n in (3, 1, 2) for beta in (0.5, 1.0)]


def test_a_second_argument_of_few_values_is_a_line_for_each(ax: Any) -> None:
    draw(frame(GRID, "n", "beta", "value"), None, None, None, ax, "gaps")
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2, 3], [1, 2, 3]]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.5, 1.0, 1.5], [1.0, 2.0, 3.0]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.5", "1.0"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("n", "value", "gaps")


def test_two_arguments_are_a_heat_map_of_the_value(ax: Any) -> None:
    draw(frame(GRID, "n", "beta", "energy"), "n", "beta", None, ax)
    (mesh,) = ax.collections
    assert mesh.get_array().reshape(2, 3).tolist() == [[0.5, 1.0, 1.5], [1.0, 2.0, 3.0]]


def test_many_colours_are_dots(ax: Any) -> None:
    rows = [(place, place / 7, place**2) for place in range(30)]
    draw(frame(rows, "x", "k", "value", left=10), "x", "value", "k", ax, "s")
    assert len(ax.collections[0].get_offsets()) == 20
    assert ax.get_title() == "s: 20 of 30 points"


def test_nothing_yet_is_an_empty_picture_and_no_error(ax: Any) -> None:
    draw(frame(GRID, "n", "beta", "value", left=6), None, None, None, ax)
    assert not ax.lines


def test_a_column_that_is_not_there_is_named_with_those_that_are(ax: Any) -> None:
    with pytest.raises(InvalidTask, match="no column 'm'.*n, beta"):
        draw(frame(GRID, "n", "beta", "value"), "m", None, None, ax)
