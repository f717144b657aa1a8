"""The expander: how many tasks of a batch are made at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from stacks import until
from store_lab import Lab

from taskq_kernel.grid import write_design
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.jobs.expander import Expander
from taskq_kernel.store import batches, definitions, expansion
from taskq_kernel.store.bulk_actions import Actor
from taskq_kernel.store.submission import check_batch, check_definition
from taskq_kernel.store.tables import tasks

pytest_plugins = ["store_fixtures"]

POINTS = 600


def submit(lab: Lab) -> None:
    """Submit a batch; nothing is made of it yet."""
    code = check_definition({"code": "f(; n) = n", "name": "f"}, "input")
    definition = str(lab.store.write(definitions.register_definition, code, "ann").id)
    design = write_design(axes={"n": list(range(POINTS))})
    new = check_batch({"name": "b", "definition": definition, "design": design}, "input")
    lab.store.write(batches.submit_batch, new, Actor("ann"))


def points(lab: Lab) -> list[int]:
    """The points of which there are tasks, in the order in which they were made."""
    with lab.store.reader.begin() as conn:
        return list(conn.execute(sa.select(tasks.c.point).order_by(tasks.c.number)).scalars())


def test_workers_get_the_first_few_points_while_the_others_are_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    there: list[int] = []
    make_next = expansion.make_next

    def noted(*given: Any) -> tuple[int, bool]:
        made = make_next(*given)
        there.append(made[0])
        return made

    monkeypatch.setattr(expansion, "make_next", noted)
    submit(lab)

    async def act() -> None:
        job = asyncio.create_task(Expander(AsyncStore(lab.store)).run())
        await until(lambda: len(points(lab)) == POINTS, "all are made")
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)

    asyncio.run(act())
    assert there == [expansion.FIRST_CHUNK, expansion.CHUNK, POINTS - expansion.FIRST_CHUNK - expansion.CHUNK]
    assert points(lab) == list(range(POINTS)), "each once"
