"""What a local stack did for its tasks, in numbers that do not depend on the machine."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from taskq_kernel.local.rabbit_files import NodeFiles, find_server


@dataclass
class Counts:
    """How often something was done; ``count`` gives what came to it within a block.

    Attributes
    ----------
    published, delivered, redelivered : int
        Messages that RabbitMQ took and handed out, of tasks and of outcomes; and how many of those it
        handed out again.
    commits_sink : int
        Transactions of the sink that kept outcomes.
    claims, recordings : int
        Transactions of the service that granted claims and submitted nothing, and those that recorded outcomes.
    """

    published: int = 0
    delivered: int = 0
    redelivered: int = 0
    commits_sink: int = 0
    claims: int = 0
    recordings: int = 0


#: A task that was given to a worker as it was submitted took none.
_CLAIMS = """
    SELECT count(DISTINCT at) FROM task_events WHERE cause = 'CLAIMED'
    AND at NOT IN (SELECT at FROM task_events WHERE cause = 'SUBMITTED')
"""


@contextmanager
def count(home: Path) -> Iterator[Counts]:
    """What was done on the local stack in this folder within the block; filled in at its end."""
    before, counts = read(home), Counts()
    yield counts
    after = read(home)
    for field in fields(Counts):
        setattr(counts, field.name, getattr(after, field.name) - getattr(before, field.name))


def read(home: Path) -> Counts:
    """What was done so far."""
    broker = _broker_totals(home)
    return Counts(
        published=broker["messages_received_total"],
        delivered=broker["messages_delivered_total"],
        redelivered=broker["messages_redelivered_total"],
        # Whatever was written in one transaction has one time.
        commits_sink=_distinct(home / "results.db", "SELECT count(DISTINCT received_at) FROM results"),
        claims=_distinct(home / "tasks.db", _CLAIMS),
        recordings=_distinct(home / "tasks.db", "SELECT count(DISTINCT at) FROM task_events WHERE cause = 'OUTCOME'"),
    )


def _distinct(file: Path, query: str) -> int:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query).fetchone()[0])


def _broker_totals(home: Path) -> dict[str, int]:
    """RabbitMQ's own counters, which it keeps without any plugin."""
    files = NodeFiles(home / "broker")
    facts = files.read_facts()
    if facts is None:
        raise RuntimeError(f"no RabbitMQ runs in {home}")
    ask = 'maps:foreach(fun(_, C) -> io:format("~p~n", [C]) end, rabbit_global_counters:overview()).'
    done = subprocess.run(
        [find_server().script.with_name("rabbitmqctl"), "--quiet", "eval", ask],
        env=files.environment(facts), check=True, capture_output=True, timeout=60, encoding="utf-8",
    )
    totals = dict.fromkeys(("messages_received_total", "messages_delivered_total", "messages_redelivered_total"), 0)
    for name in totals:
        totals[name] = sum(int(found) for found in re.findall(rf"\b{name} => (\d+)", done.stdout))
    return totals
