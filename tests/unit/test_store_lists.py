"""Pages and figures of a database with very many tasks are read from indexes: nothing scans, nothing sorts."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from postgres_fixture import new_database
from store_plans import executed, plan
from store_seed import START, seed

from taskq_kernel.argument_conditions import ArgumentCondition, Comparison
from taskq_kernel.domain import TaskStatus
from taskq_kernel.store import Store, upgrade
from taskq_kernel.store.access_path import FEW
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.pages import ORDER_COLUMNS, Order, Page, read_page
from taskq_kernel.store.statistics import read_statistics
from taskq_kernel.store.tables import tasks
from taskq_kernel.store.window import Window

pytest_plugins = ["store_fixtures"]

#: So many that most of them are more than can be sorted for one page.
COUNT = 30_000

STATUS = TaskFilter(status=[TaskStatus.FINISHED])
FILTERS = {
    "everything": TaskFilter(),
    "a status": STATUS,
    "a rare status": TaskFilter(status=[TaskStatus.FAILED]),
    "several statuses": TaskFilter(status=[TaskStatus.FAILED, TaskStatus.CANCELLED]),
    "a name without a hit": TaskFilter(name="no such name"),
    "a text without a hit": TaskFilter(search="no such text"),
    "a text with hits": TaskFilter(search="beta=1"),
    "a queue": TaskFilter(queue="gpu"),
    "the large queue": TaskFilter(queue="default"),
    "an owner": TaskFilter(owner="user3"),
    "the largest owner": TaskFilter(owner="admin"),
    "an owner's status": TaskFilter(owner="admin", status=[TaskStatus.FAILED]),
    "a batch": TaskFilter(batch="00000000-0000-0000-0000-000000000005"),
    "an argument in a batch": TaskFilter(
        batch="00000000-0000-0000-0000-000000000005", arguments=[ArgumentCondition("n", Comparison.LT, 500)]
    ),
    "some minutes": TaskFilter(finished_after=START + 50_000, finished_before=START + 60_000),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A database with `COUNT` tasks."""
    folder = tmp_path_factory.mktemp("many")
    if request.param == "sqlite":
        yield from seeded(f"sqlite:///{folder}/tasks.db")
        shutil.rmtree(folder)
        return
    yield from seeded(new_database(request.getfixturevalue("postgres")))


def seeded(url: str) -> Iterator[Store]:
    upgrade(url)
    store = Store(url)
    seed(store, COUNT)
    yield store
    store.close()


def page(store: Store, task_filter: TaskFilter, order: Order, **window: Any) -> Page:
    return store.read(read_page, task_filter, [order], Window(**window), frozenset())


def numbers(found: Page) -> list[int]:
    return [row.number for row in found.rows]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", ORDER_COLUMNS)
@pytest.mark.parametrize("name", FILTERS)
def test_a_page_is_read_from_an_index(store: Store, name: str, field: str, descending: bool) -> None:
    order = Order(field, descending)
    with executed(store.reader) as statements:
        first = page(store, FILTERS[name], order, first=20)
        if first.has_next:
            page(store, FILTERS[name], order, first=20, after=first.cursor(first.rows[-1]))
            page(store, FILTERS[name], order, first=20, offset=100)
            page(store, FILTERS[name], order, last=20, offset=100)
    with store.reader.begin() as conn:
        for statement, parameters in statements:
            lines = plan(conn, statement, parameters)
            problems = [] if walks_the_table(statement) else scans(lines)
            if is_large(FILTERS[name]) and "ORDER BY" in statement:
                problems += [line for line in lines if sorts_many(line)]
            assert problems == [], (statement, lines)


def scans(lines: list[str]) -> list[str]:
    """The lines of a plan that read all tasks, whatever they hold."""
    return [line for line in lines if re.search(r"SCAN tasks(?!.*INDEX)|Seq Scan on tasks", line)]


def sorts_many(line: str) -> bool:
    """Whether a line of a plan sorts more than may be sorted for a page; SQLite does not say how much."""
    rows = re.search(r"\bSort\b.*rows=(\d+)", line)
    return "TEMP B-TREE" in line or (rows is not None and int(rows[1]) > FEW)


def walks_the_table(statement: str) -> bool:
    """Whether tasks are read in the order of their numbers, which is SQLite's own, until a page is full."""
    return re.search(r"ORDER BY tasks\.number( DESC| ASC)?\s+LIMIT", statement) is not None


def is_large(task_filter: TaskFilter) -> bool:
    return task_filter in (FILTERS["everything"], FILTERS["a status"], FILTERS["the large queue"]) and COUNT * 0.8 > FEW


@pytest.mark.parametrize("name", FILTERS)
def test_whichever_way_a_page_is_read_it_holds_the_same_tasks(store: Store, name: str) -> None:
    order = Order("SECONDS", descending=True)
    clauses = FILTERS[name].clauses(store.reader.dialect.name)
    plainly = (
        sa.select(tasks.c.number).where(*clauses)
        .order_by(tasks.c.seconds.desc().nulls_last(), tasks.c.number.desc()).limit(60)
    )
    with store.reader.begin() as conn:
        expected = list(conn.execute(plainly).scalars())
    first = page(store, FILTERS[name], order, first=30)
    found = numbers(first)
    if first.has_next:
        found += numbers(page(store, FILTERS[name], order, first=30, after=first.cursor(first.rows[-1])))
    assert found == expected


def test_figures_of_everybody_and_of_one_owner_count_no_tasks(store: Store) -> None:
    with executed(store.reader) as statements:
        store.read(read_statistics, START)
        store.read(read_statistics, START, "admin")
    with store.reader.begin() as conn:
        lines = [line for statement in statements for line in plan(conn, *statement)]
    assert lines
    assert scans(lines) == []
