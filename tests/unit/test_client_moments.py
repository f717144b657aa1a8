"""Points in time without an offset mean local time, wherever a client takes one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from client_stubs import TOKEN, data, http_stub
from hypothesis import given
from hypothesis import strategies as st

from taskq_kernel import cli
from taskq_kernel.client.moments import moment
from taskq_kernel.client.task_filter import task_filter
from taskq_kernel.errors import InvalidTask


@pytest.fixture(params=["Asia/Kathmandu", "America/St_Johns", "UTC"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This process in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


NAIVE = datetime(2024, 5, 17, 9, 30, 15, 250_000)  # noqa: DTZ001  (it is what is tried)


def epoch(*local: int) -> float:
    """A local time as epoch seconds, by the C library."""
    return time.mktime((*local, *[0] * (6 - len(local)), 0, 0, -1))


@pytest.mark.parametrize(
    "value",
    [
        NAIVE, pd.Timestamp(NAIVE), np.datetime64(NAIVE), NAIVE.isoformat(), f" {NAIVE} ", str(pd.Timestamp(NAIVE)),
        pd.Timestamp(NAIVE) + pd.Timedelta(1, "ns"), np.datetime64("2024-05-17T09:30:15.250000000", "ns"),
    ],
    ids=lambda value: f"{type(value).__name__} {value}",
)  # fmt: skip
def test_a_time_without_an_offset_is_local(zone: str, value: Any) -> None:
    found = datetime.fromisoformat(moment(value))
    assert found.utcoffset() == timedelta(0)
    assert found.timestamp() == epoch(2024, 5, 17, 9, 30, 15) + 0.25


@pytest.mark.parametrize("value", [date(2024, 5, 17), "2024-05-17", np.datetime64("2024-05-17")], ids=repr)
def test_a_day_is_its_local_midnight(zone: str, value: Any) -> None:
    assert datetime.fromisoformat(moment(value)).timestamp() == epoch(2024, 5, 17)


@pytest.mark.parametrize(
    "value",
    [
        NAIVE.replace(tzinfo=UTC), NAIVE.replace(tzinfo=timezone(timedelta(hours=-7))), f"{NAIVE}Z",
        pd.Timestamp(NAIVE, tz="Europe/Berlin"), f"{NAIVE.isoformat()}+05:45",
    ],
    ids=str,
)  # fmt: skip
def test_an_offset_counts_wherever_one_is(zone: str, value: Any) -> None:
    exact = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    assert datetime.fromisoformat(moment(value)).timestamp() == exact.timestamp()


@given(st.datetimes(datetime(1975, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001
def test_every_local_time_is_the_instant_that_python_takes_it_for(value: datetime) -> None:
    assert datetime.fromisoformat(moment(value)) == value.astimezone(UTC)


@pytest.mark.parametrize(
    "value",
    [pd.NaT, np.datetime64("NaT"), "yesterday", "", 1_700_000_000, True, timedelta(hours=1), "9" * 200],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_time_is_refused_with_what_to_give(value: Any) -> None:
    with pytest.raises(InvalidTask, match=r"created_after .*: give a datetime, a date, or ISO 8601"):
        task_filter(created_after=value)


@pytest.mark.parametrize("name", ["created_after", "created_before", "finished_after", "finished_before"])
def test_every_filter_by_time_of_client_and_command_line_takes_it_so(
    zone: str, name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with http_stub(data(tasks={"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}})) as stub:
        monkeypatch.setenv("TASKQ_URL", stub.url)
        monkeypatch.setenv("TASKQ_TOKEN", TOKEN)
        assert cli.main(["ls", f"--{name.replace('_', '-')}", "2024-05-17 09:30", "--json"]) == 0
        (sent,) = json.loads(stub.requests[-1][3])["variables"]["filter"].values()
    assert task_filter(**{name: datetime(2024, 5, 17, 9, 30)}).popitem()[1] == sent  # noqa: DTZ001
    assert datetime.fromisoformat(sent).timestamp() == epoch(2024, 5, 17, 9, 30)
    assert cli.main(["ls", f"--{name.replace('_', '-')}", "soon"]) == 2
    assert "give a datetime" in capfd.readouterr().err
