"""Changes of tasks at a steady rate, made by a process of its own.

So that whoever measures how soon they are seen has nothing else to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from taskq_worker import service_api

from taskq_kernel import Client, connect

#: How many changes of status one request makes, as outcomes of a fleet come together.
TOGETHER = 20
#: The stream may be behind by so much at most, in seconds.
LATE_S = 0.25
CLAIM = "mutation Claim($worker: ID!, $ids: [ID!]!) { claimTasks(worker: $worker, ids: $ids) { id attempt } }"


@dataclass(frozen=True)
class Stream:
    """Changes to be made.

    Attributes
    ----------
    ids : list of str
        The tasks: they wait.
    per_second : int
        Changes a second.
    kind : {"status", "progress"}
        Whether tasks are cancelled and queued again, some with each request, or run on a worker that says how far all
        of them are with each heartbeat.
    """

    ids: Sequence[str]
    per_second: int
    kind: str = "status"


@dataclass
class Made:
    """What came of a stream.

    Attributes
    ----------
    per_second : float
        Changes that were made a second.
    """

    per_second: float = 0.0


@contextmanager
def running(stream: Stream, url: str, token: str) -> Iterator[Made]:
    """Have changes made until the block ends, from the first one on."""
    made = Made()
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        given = {"url": url, "token": token, "ids": list(stream.ids), "rate": stream.per_second, "kind": stream.kind}
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "begun\n", "the stream of changes did not begin: see above"
        yield made
        process.stdin.close()
        made.per_second = float(process.stdout.readline())
        assert process.wait(60) == 0
    finally:
        with suppress(OSError):
            process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


# -- the process that makes the changes


def make_changes(given: dict[str, Any], stop: threading.Event) -> float:
    """Make changes at a steady rate until it is told to stop; how many a second."""
    with connect(given["url"], token=given["token"], timeout_s=60) as client:
        kind = {"status": statuses, "progress": progress}[given["kind"]]
        with kind(client, given["ids"]) as change:
            change()
            print("begun", flush=True)
            began = due = time.monotonic()
            changed = 0
            while not stop.is_set():
                made = change()
                changed += made
                # What a slow machine could not make is not made up for: it would come as one heap.
                due = max(due + made / given["rate"], time.monotonic() - LATE_S)
                time.sleep(max(0.0, due - time.monotonic()))
            return changed / (time.monotonic() - began)


@contextmanager
def statuses(client: Client, ids: Sequence[str]) -> Iterator[Callable[[], int]]:
    """Cancel all tasks, some at a time, then queue them again; at the end all of them wait."""
    chunks = [ids[at : at + TOGETHER] for at in range(0, len(ids), TOGETHER)]
    turns = ((verb, chunk) for _ in count() for verb in (client.cancel, client.retry) for chunk in chunks)

    def change() -> int:
        verb, chunk = next(turns)
        return verb(*chunk)

    yield change
    client.retry(*ids)


@contextmanager
def progress(client: Client, ids: Sequence[str]) -> Iterator[Callable[[], int]]:
    """Hold the tasks as a worker does that runs them, and say with each heartbeat how far they are."""
    ask, worker = client.transport.execute, str(uuid4())
    ask(service_api.REGISTER, {"input": {
        "id": worker, "name": "simulated", "host": "nowhere", "pid": 1, "runner": "julia", "juliaVersion": "1.11.0",
        "queues": ["nobody-at-all"], "slots": len(ids),
    }})  # fmt: skip
    held = ask(CLAIM, {"worker": worker, "ids": list(ids)})["claimTasks"]
    steps = count(1)

    def change() -> int:
        step = next(steps) % 1000 / 1000
        told = [one | {"progress": step, "progressMessage": f"step {step}"} for one in held]
        ask(service_api.HEARTBEAT, {"worker": worker, "held": told, "logs": []})
        return len(held)

    yield change
    ask("mutation Leave($worker: ID!) { leaveWorker(worker: $worker) }", {"worker": worker})


def main() -> None:
    """Do what stands on the first line of the input, until that ends."""
    given = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    print(make_changes(given, stop), flush=True)


if __name__ == "__main__":
    main()
