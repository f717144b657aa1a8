"""Whether somebody is looking."""

from __future__ import annotations

from taskq_widgets.heartbeat import FRESH_S, CellClock, is_fresh


def test_a_view_is_fresh_until_it_has_been_silent_too_long() -> None:
    idle = CellClock()
    assert is_fresh(100.0, 100.0 + FRESH_S - 1, idle)
    assert not is_fresh(100.0, 100.0 + FRESH_S, idle)


def test_silence_during_a_cell_means_nothing() -> None:
    busy = CellClock(began=105.0)
    assert is_fresh(100.0, 500.0, busy)
    assert not is_fresh(80.0, 500.0, busy)  # silent before the cell began


def test_a_view_has_a_moment_to_speak_after_a_cell() -> None:
    done = CellClock(began=105.0, ended=500.0)
    assert is_fresh(100.0, 510.0, done)
    assert not is_fresh(100.0, 500.0 + FRESH_S, done)
