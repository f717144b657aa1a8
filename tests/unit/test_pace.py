"""The pace at which a fleet reports: that of the settings, slower where there are very many."""

from __future__ import annotations

import pytest

from taskq_kernel.store.policy import Policy


@pytest.mark.parametrize(
    ("workers", "heartbeat_s", "lease_s"),
    [(0, 1.0, 3.0), (250, 1.0, 3.0), (500, 2.0, 6.0), (1000, 4.0, 12.0), (100_000, 4.0, 12.0)],
)
def test_a_large_fleet_reports_less_often_and_may_be_silent_for_longer(
    workers: int, heartbeat_s: float, lease_s: float
) -> None:
    paced = Policy(heartbeat_s=1.0, lease_s=3.0).for_fleet(workers)
    assert (paced.heartbeat_s, paced.lease_s) == (heartbeat_s, lease_s)


def test_settings_that_ask_for_rare_heartbeats_are_kept_whatever_the_fleet() -> None:
    paced = Policy(heartbeat_s=10.0, lease_s=60.0).for_fleet(2000)
    assert (paced.heartbeat_s, paced.lease_s) == (10.0, 60.0)
