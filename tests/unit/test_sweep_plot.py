"""A sweep's picture: what is drawn of a frame, where, and again while points arrive."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import isnan
from typing import Any

import pandas as pd
import pytest

from taskq_kernel.client import sweep_plot
from taskq_kernel.client.sweep_drawing import draw
from taskq_kernel.client.sweep_plot import plot
from taskq_kernel.domain import TaskStatus
from taskq_kernel.errors import InvalidTask


@pytest.fixture(autouse=True)
def no_figures() -> Iterator[None]:
    """Figures are kept until they are closed: none of another test's, and none for the next."""
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    pyplot.close("all")
    yield
    pyplot.close("all")


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


def test_an_argument_that_is_the_same_for_all_points_is_no_axis_and_no_colour(ax: Any) -> None:
    made = frame([(7, n, n * n) for n in (1, 2, 3)], "side", "n", "value")
    draw(made, None, None, None, ax)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend()) == ("n", "value", None)
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in ax.lines] == [([1, 2, 3], [1, 4, 9])]


def test_one_point_is_drawn_at_its_first_argument(ax: Any) -> None:
    draw(frame([(7, 1, 5)], "side", "n", "value"), None, None, None, ax)
    assert (ax.get_xlabel(), [line.get_xdata().tolist() for line in ax.lines]) == ("side", [[7]])


def with_curves() -> pd.DataFrame:
    """The frame of a recipe whose results are curves with some numbers beside them."""
    made = frame([(1, n, [0, n]) for n in (1, 2)], "side", "n", "day")
    return made.assign(peak=[4, 5], size=[0.5, 0.75])


def test_of_values_with_curves_the_first_number_is_drawn_or_what_is_usual(ax: Any) -> None:
    draw(with_curves(), None, None, None, ax)
    assert ax.get_ylabel() == "peak"
    ax.clear()
    draw(with_curves(), None, None, None, ax, usual="size")
    assert (ax.get_ylabel(), ax.lines[0].get_ydata().tolist()) == ("size", [0.5, 0.75])
    ax.clear()
    draw(with_curves(), None, None, None, ax, usual="gone")
    assert ax.get_ylabel() == "peak"


def test_what_has_no_numbers_is_refused_with_what_has(ax: Any) -> None:
    with pytest.raises(InvalidTask, match="'day' has no numbers to be drawn: give as y one of peak, size, seconds"):
        draw(with_curves().assign(seconds=1.0), None, "day", None, ax)


def test_nothing_yet_is_an_empty_picture_and_no_error(ax: Any) -> None:
    draw(frame(GRID, "n", "beta", "value", left=6), None, None, None, ax)
    assert not ax.lines


def test_a_column_that_is_not_there_is_named_with_those_that_are(ax: Any) -> None:
    with pytest.raises(InvalidTask, match="no column 'm'.*n, beta"):
        draw(frame(GRID, "n", "beta", "value"), "m", None, None, ax)


def test_before_the_first_value_its_fields_are_not_known_and_no_error(ax: Any) -> None:
    waits = frame(GRID, "n", "beta", "value", left=6)
    draw(waits, "n", "energy", "beta", ax, "gaps")
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("n", "energy", "gaps: 0 of 6 points")


class Filling:
    """A sweep of the grid, of which more is finished each time that somebody asks."""

    name = "gaps"
    done = False

    def __init__(self, *finished: int) -> None:
        self.finished = list(finished)
        self.frames = 0

    def counts(self) -> dict[TaskStatus, int]:
        self.now = self.finished.pop(0)
        return dict.fromkeys(TaskStatus, 0) | {TaskStatus.FINISHED: self.now, TaskStatus.QUEUEING: 6 - self.now}

    def frame(self) -> pd.DataFrame:
        self.frames += 1
        rows = GRID[::-1]
        return frame(rows, "n", "beta", "energy" if self.now else "value", left=6 - self.now)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a notebook's output shows, one after the other: its axes, as they were."""
    display = pytest.importorskip("IPython.display", reason="IPython is part of the extra `lab`")
    pictures: list[Any] = []

    class Handle:
        def update(self, figure: Any) -> None:
            figure.canvas.draw()
            main = figure.axes[0]
            lines = {line.get_label(): line.get_color() for line in main.lines}
            pictures.append((main.get_title(), len(figure.axes), main.get_position().bounds, main.get_xlim(), lines))

    def show(figure: Any, display_id: bool) -> Handle:
        Handle().update(figure)
        return Handle()

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr(sweep_plot, "_REDRAW_S", 0)
    monkeypatch.setenv("MPLBACKEND", "agg")
    return pictures


def test_while_points_arrive_one_picture_fills_in_and_is_not_drawn_for_nothing(shown: list[Any]) -> None:
    sweep = Filling(0, 0, 2, 2, 2, 6)
    plot(sweep, "n", "energy", "beta", live=True)
    assert [title for title, *_ in shown] == ["gaps: 0 of 6 points", "gaps: 2 of 6 points", "gaps"]
    assert sweep.frames == 3


def test_while_it_fills_in_nothing_jumps(shown: list[Any]) -> None:
    plot(Filling(0, 1, 2, 5, 6), "n", "energy", "beta", live=True)
    assert {span for *_, span, _ in shown} == {(0.9, 3.1)}
    assert [lines for *_, lines in shown[1:]] == [{"0.5": "C0", "1.0": "C1"}] * 4


def test_a_heat_map_that_fills_in_keeps_its_size_and_has_one_colour_bar(shown: list[Any]) -> None:
    plot(Filling(1, 2, 4, 6), "n", "beta", "energy", live=True)
    assert [parts for _, parts, *_ in shown] == [2, 2, 2, 2]
    assert len({(bounds, span) for _, _, bounds, span, _ in shown}) == 1


def test_a_heat_map_has_an_empty_cell_where_no_value_is(ax: Any) -> None:
    draw(frame(GRID, "n", "beta", "energy", left=2), "n", "beta", None, ax)
    assert ax.collections[0].get_array().reshape(2, 3).tolist() == [[0.5, 1.0, None], [1.0, 2.0, None]]


def test_what_else_is_in_a_figure_is_left_alone(shown: list[Any]) -> None:
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2)
    plot(Filling(3, 6), "n", "energy", "beta", ax=left, live=True)
    assert figure.axes == [left, right]


def test_interrupting_ends_the_drawing_and_closes_the_figure(shown: list[Any]) -> None:
    from matplotlib import pyplot

    class Interrupted(Filling):
        def frame(self) -> pd.DataFrame:
            if self.frames:
                raise KeyboardInterrupt
            return super().frame()

    axes = plot(Interrupted(1, 2), "n", "energy", "beta", live=True)
    assert axes.get_title() == "gaps: 1 of 6 points"
    assert not pyplot.get_fignums()


def test_a_point_at_infinity_has_no_room_and_is_no_error(ax: Any) -> None:
    rows = [(1.0, 0.5, 2.0), (float("inf"), 0.5, 3.0), (2.0, 0.5, 4.0)]
    draw(frame(rows, "n", "beta", "value"), "n", "value", None, ax, "gaps")
    low, high = ax.get_xlim()
    assert (low < 1.0, 2.0 < high < 3.0) == (True, True)


@pytest.mark.parametrize(("x", "y"), [("n", "m"), ("m", "n")])
def test_a_heat_map_of_one_row_or_column_is_seen(ax: Any, x: str, y: str) -> None:
    draw(frame([(n, 5, n) for n in (1, 2, 4)], "n", "m", "value"), x, y, None, ax)
    corners = ax.collections[0].get_coordinates()
    assert sorted({*corners[..., 0].flat} if x == "n" else {*corners[..., 1].flat}) == [0.5, 1.5, 3.0, 5.0]
    assert sorted({*corners[..., 1].flat} if x == "n" else {*corners[..., 0].flat}) == [4.5, 5.5]


def test_samples_over_two_arguments_are_dots_in_colours_and_no_grid_of_holes(ax: Any) -> None:
    places = [(0.1, 0.7), (0.4, 0.2), (0.9, 0.5)]
    draw(frame([(a, b, a * b) for a, b in places], "a", "b", "value"), "a", "b", None, ax)
    (dots,) = ax.collections
    assert dots.get_offsets().tolist() == [list(place) for place in places]
    assert dots.get_array().tolist() == [a * b for a, b in places]


@pytest.mark.parametrize("values", [
    [Fraction(1, 2), Fraction(2, 3)], [Decimal("0.5"), Decimal("1e-40")], [2**70, 1], [Fraction(1, 2), None],
])
def test_fractions_decimals_and_large_integers_are_numbers(ax: Any, values: list[Any]) -> None:
    draw(frame([(n, 1, value) for n, value in enumerate(values)], "n", "m", "value"), None, None, None, ax)
    drawn = [None if isnan(height) else height for height in ax.lines[0].get_ydata()]
    assert drawn == [None if value is None else float(value) for value in values]


def test_an_integer_beyond_all_floats_is_left_out(ax: Any) -> None:
    draw(frame([(0, 1, 10**400), (1, 1, 2)], "n", "m", "value"), None, None, None, ax)
    assert [height for height in ax.lines[0].get_ydata() if not isnan(height)] == [2]


@pytest.mark.parametrize("places", [[1, "two", None], [[1, 2], [3, 4], [5, 6]], [{"a": 1}, {"a": 2}, {"b": 1}]])
def test_unlike_arguments_lists_and_dictionaries_stand_as_texts_on_the_axis(ax: Any, places: list[Any]) -> None:
    draw(frame([(place, 1, n) for n, place in enumerate(places)], "a", "m", "value"), None, None, None, ax)
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(place) for place in places]


def test_an_argument_of_many_texts_is_no_colour_unless_asked_for_and_then_refused(ax: Any) -> None:
    words = frame([(n % 3, "x" * n, n) for n in range(20)], "n", "word", "value").assign(seconds=1.0)
    draw(words, None, None, None, ax)
    assert len(ax.lines) == 1
    with pytest.raises(InvalidTask, match=r"'word' has no numbers to be drawn: give as color one of n, value"):
        draw(words, None, None, "word", ax)


def test_what_has_no_numbers_is_refused_wherever_it_stands(ax: Any) -> None:
    words = frame([(n, m, "x" * n, n * m) for n in (1, 2) for m in (1, 2)], "n", "m", "word", "value")
    words.insert(3, "seconds", 1.0)
    with pytest.raises(InvalidTask, match=r"'word' has no numbers to be drawn: give as color one of value"):
        draw(words, "n", "m", "word", ax)
    with pytest.raises(InvalidTask, match=r"'status' has no numbers to be drawn: give as y one of value"):
        draw(words, "n", "status", None, ax)


def test_of_values_that_a_frame_does_not_have_it_is_said_where_they_are(ax: Any) -> None:
    nothing = frame([(1, n, None) for n in (1, 2)], "side", "n", "value")
    nothing.insert(3, "seconds", 1.0)
    with pytest.raises(InvalidTask, match=r"more than 64 KiB; results\(\) has them\): give as y one of seconds"):
        draw(nothing, None, None, None, ax)


def test_days_are_written_beside_each_other_and_not_over_each_other() -> None:
    from matplotlib import pyplot

    figure, ax = pyplot.subplots()
    days = pd.date_range("2026-01-01", periods=5).astype("datetime64[ms]")
    draw(frame([(day, 1, n) for n, day in enumerate(days)], "day", "m", "value"), None, None, None, ax)
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_lines_are_told_apart_by_a_few_digits_where_these_do(ax: Any) -> None:
    draw(frame([(n, beta, n) for n in (1, 2) for beta in (0.1 + 0.2, 1 / 3)], "n", "beta", "value"), *[None] * 3, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.3", "0.333333"]
    ax.clear()
    draw(frame([(n, beta, n) for n in (1, 2) for beta in (0.3, 0.1 + 0.2)], "n", "beta", "value"), *[None] * 3, ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0.3", "0.30000000000000004"]


def test_an_argument_may_be_called_as_what_a_frame_has_of_its_own(ax: Any) -> None:
    rows = [(n, m, n * m) for n in (1, 2) for m in (3, 4)]
    made = pd.DataFrame(rows, columns=["number", "status", "value"])
    made.insert(2, "status_", pd.Categorical(["FINISHED"] * 4, ["QUEUEING", "FINISHED"], ordered=True))
    made.insert(3, "progress", 1.0)
    made.insert(4, "number_", range(4))
    draw(made, None, None, None, ax)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_legend().get_title().get_text()) == ("number", "value", "status")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[3, 6], [4, 8]]


def test_what_is_usual_gives_a_heat_map_its_colours(ax: Any) -> None:
    rows = [(n, beta, beta, n * beta) for n, beta, _ in GRID]
    bar = draw(frame(rows, "n", "beta", "beta_", "energy"), "n", "beta", None, ax, usual="energy")
    assert bar.ax.get_ylabel() == "energy"
    assert ax.collections[0].get_array().tolist() == [[0.5, 1.0, 1.5], [1.0, 2.0, 3.0]]
