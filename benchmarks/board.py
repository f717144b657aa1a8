"""How soon a board shows the tasks of a service that has very many, and how much memory its kernel takes.

::

    PYTHONPATH=tests:widgets .venv/bin/python benchmarks/board.py 1000000 [a seeded database]

The kernel is a process of its own that makes a board and does what a browser would: it says that the
table is looked at, and counts the time until the newest rows and the number of all tasks have come.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOLD = "told: "


def as_kernel(url: str, token: str, count: int) -> None:
    """Make a board, look at its table, jump about in it, and tell how long that took."""
    began = time.perf_counter()
    from taskq_widgets import TaskBoard

    from taskq_kernel import connect

    board = TaskBoard(connect(url, token=token, timeout_s=600))
    seen: dict[str, Any] = {}

    def note(content: dict[str, Any], **_buffers: object) -> None:
        seen.update(content.get("head") or {})
        seen.update({name: content[name] for name in ("ids", "first") if name in content})

    board.table.send = note

    def tell(**content: object) -> None:
        board.table._on_message(board.table, {"view": "v", **content}, [])

    def until(there: Callable[[], object]) -> float:
        asked, beat = time.perf_counter(), time.perf_counter()
        while not there():
            if time.perf_counter() - beat > 5:
                beat = time.perf_counter()
                tell(type="alive")
            time.sleep(0.005)
        return round(time.perf_counter() - asked, 3)

    tell(type="open", first=0, count=40, query_count=0, selection_count=0, query=None)
    until(lambda: seen.get("total") == count and seen.get("ids"))
    figures = {"open_s": round(time.perf_counter() - began, 3), "memory_opened_mb": memory_mb()}
    tell(type="window", first=count - 40, count=40)
    figures["jump_to_the_end_s"] = until(lambda: seen["first"] == count - 40)
    tell(type="window", first=count // 2, count=40)
    figures["jump_to_the_middle_s"] = until(lambda: seen["first"] == count // 2)
    queries: dict[str, dict[str, object]] = {
        "failed_s": {"statuses": ["FAILED"]},
        "failed_by_duration_s": {"statuses": ["FAILED"], "sort": "seconds"},
        "by_name_s": {"sort": "name", "descending": False},
        "a_text_s": {"text": "n=996 beta=12"},
    }
    for asked, (name, query) in enumerate(queries.items(), 1):
        whole = {"text": "", "statuses": [], "sort": "number", "descending": True} | query
        tell(type="query", query=whole, query_count=asked, count=40)
        figures[name] = until(lambda asked=asked: seen["query_count"] == asked)
    figures["memory_mb"] = memory_mb()
    print(TOLD + json.dumps(figures), flush=True)


def memory_mb() -> int:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * 4096 / 2**20)


def main(count: int, database: str | None) -> None:
    """Print how long things took in seconds, and the kernel's memory."""
    from service_process import service_process, token
    from store_seed import seed

    from taskq_kernel.store import Store, upgrade

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{database or f'{folder}/tasks.db'}"
        upgrade(url)
        if database is None:
            store = Store(url)
            seed(store, count)
            store.close()
        with service_process(Path(folder), database=url) as service:
            command = [sys.executable, __file__, "kernel", f"{service.url}/graphql", token("admin"), str(count)]
            told = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    figures = json.loads(next(line for line in told.splitlines() if line.startswith(TOLD)).removeprefix(TOLD))
    print(f"{count} tasks")
    for name, figure in figures.items():
        print(f"{figure:10}  {name}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["kernel"]:
        as_kernel(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000, sys.argv[2] if len(sys.argv) > 2 else None)
