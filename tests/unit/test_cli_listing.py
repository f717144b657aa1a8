"""What `taskq ls` and `taskq show` write for people."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from client_stubs import TOKEN, data, http_stub
from rich.console import Console

from taskq_kernel import cli
from taskq_kernel.cli import listing, output
from taskq_kernel.cli.times import age, local_time
from taskq_kernel.client.display import size_text
from taskq_kernel.client.options import priority_name
from taskq_kernel.durations import seconds_text

NOW = datetime.now(UTC)


def row(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "number": number, "name": f"task {number}", "status": "QUEUEING", "progress": None, "progressMessage": None,
        "valueText": None, "error": None, "seconds": None, "worker": None, "owner": "ann", "arguments": {}, "seed": 7,
        "createdAt": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
    } | fields  # fmt: skip


def lines(rows: list[dict[str, Any]], width: int = 80) -> list[str]:
    """The table in a terminal of this width."""
    text = io.StringIO()
    table = listing._table(rows, list(map(listing._cells, rows)), width)
    Console(file=text, width=width, color_system=None).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_at_80_columns_a_long_name_is_whole_where_other_columns_are_empty() -> None:
    name = "energy of the ground state, 128 sites, open ends"
    header, _rule, line = lines([row(name=name)])
    assert name in line
    assert "5 min" in line
    assert header.split() == ["number", "name", "status", "age", "owner"]
    assert "ann" in line


def test_what_is_there_gets_a_column_at_80_columns() -> None:
    done = {"status": "FINISHED", "valueText": "0.25", "seconds": 3.25, "arguments": {"n": 100, "beta": 0.5}}
    header, _rule, line, other = lines([row(**done), row(2, owner="bob")])
    assert header.split() == ["number", "name", "status", "value", "seconds", "age", "owner", "arguments"]
    assert "n=100, beta=0.5" in line
    assert "3.2 s" in line
    assert other.split()[-1] == "bob"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_numbers_are_never_cut(width: int) -> None:
    rows = [
        row(123456, name="n" * 90, status="FAILED", error={"name": "DomainError", "message": "m" * 200}, seconds=1.5,
            worker="w" * 40, owner="o" * 30, arguments={"a": "x" * 100}),
        row(7, name="η" * 30, status="RUNNING", progress=0.5, progressMessage="half", worker="lab-7", owner="bob"),
    ]  # fmt: skip
    table = lines(rows, width)
    assert max(map(len, table)) <= width
    if width >= 40:
        assert "123456" in table[2]
        assert "FAILED" in table[2]
        assert "RUNNING" in table[3]


def test_one_who_sees_their_own_tasks_alone_is_not_told_so_where_room_is_short() -> None:
    busy = {"name": "n" * 60, "status": "FINISHED", "valueText": "v" * 60}
    assert "owner" not in lines([row(**busy), row(2, **busy)])[0]
    assert "owner" in lines([row(**busy), row(2, **busy | {"owner": "bob"})])[0]


def test_elsewhere_than_in_a_terminal_every_column_is_in_its_place(capfd: pytest.CaptureFixture[str]) -> None:
    listing.write([row()])
    assert capfd.readouterr().out.splitlines()[0].split() == list(listing.COLUMNS)
    listing.write([])
    assert capfd.readouterr().out.splitlines()[0].split() == list(listing.COLUMNS)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (47 * 3600, "47 h"),
     (48 * 3600, "2 d"), (-5, "0 s")],
)  # fmt: skip
def test_an_age_is_one_number_and_a_unit(seconds: float, text: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.012, "12 ms"), (0.9996, "1.0 s"), (3.42, "3.4 s"), (59.97, "1 min 00 s"), (11520, "3 h 12 min")],
)
def test_a_duration_is_in_a_persons_form(seconds: float | None, text: str) -> None:
    assert seconds_text(seconds) == text


def test_sizes_and_priorities_have_names() -> None:
    assert [size_text(size) for size in (None, 1, 100, 512 << 20, 3 << 29)] == [
        "", "1 byte", "100 bytes", "512 MiB", "1.5 GiB"
    ]
    assert [priority_name(number) for number in (0, 1, 2)] == ["low", "normal", "high"]


@pytest.fixture
def kathmandu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_show_tells_words_local_times_and_sizes(
    kathmandu: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    at = "2024-05-17T03:45:15.123456Z"
    task = row(
        7, id="u-7", queue="default", priority=1, attempt=1, maxAttempts=1, lost=0, batch=None, code="1",
        timeoutSeconds=90.0, memoryLimit=2 << 30, seconds=125.25, valueKind=None, createdAt=at,
        history=[{"at": at, "status": "QUEUEING", "reason": "submitted by ann"}],
        repeats=None, cachedFrom=3, environment="Julia 1.10.4", waitsFor=None, timing=None, series=None,
        project="a1" * 32, projectCommit="1234abc-dirty",
        why={"kind": "RETRY", "sentence": "the next attempt is due", "since": None, "until": at, "ahead": None,
             "needs": None},
    )  # fmt: skip
    with http_stub(data(task=task)) as stub:
        monkeypatch.setenv("TASKQ_URL", stub.url)
        monkeypatch.setenv("TASKQ_TOKEN", TOKEN)
        assert cli.main(["show", "7"]) == 0
    text = capfd.readouterr().out
    facts = dict(line.split(maxsplit=1) for line in text.splitlines() if line.startswith(("priority", "seconds")))
    assert facts == {"priority": "normal", "seconds": "2 min 05 s"}
    assert "time limit    1 min 30 s" in text
    assert "memory limit  2 GiB" in text
    assert "project       a1a1a1a1a1a1a1a1\n" in text
    assert "git commit    1234abc, with changes that were not committed\n" in text
    assert "why           the next attempt is due (at 2024-05-17 09:30:15)" in text
    assert "  2024-05-17 09:30:15  QUEUEING   submitted by ann" in text
    assert "(UTC+05:45)" in text
    assert local_time("2024-05-17T03:45:15Z", seconds=False) == "2024-05-17 09:30"
    assert output.for_people() is False
