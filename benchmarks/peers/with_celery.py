"""The same work through Celery: two processes, late acknowledgement, results through RabbitMQ.

Run by ``benchmarks/side_by_side.py``, in an environment that has Celery; the broker's URL stands in
``PEER_BROKER``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import celery
from work import PROCESSES, TASKS, measure

app = celery.Celery(
    "with_celery", broker=os.environ["PEER_BROKER"], backend="rpc://", include=[],
    # What a killed process had in hand is run again, as with the others.
    task_acks_late=True, task_reject_on_worker_lost=True, worker_hijack_root_logger=False,
)
tasks = {name: app.task(name=name)(function) for name, function in TASKS.items()}


def main() -> None:
    """Start a worker, and print the figures."""
    began = time.perf_counter()
    arguments = [
        sys.executable, "-m", "celery", "-A", "with_celery", "worker", "-c", str(PROCESSES), "-l", "ERROR",
    ]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        try:
            measure(
                celery.__version__, began,
                one=lambda name, x: tasks[name].delay(x).get(timeout=60),
                many=lambda name, xs: celery.group(tasks[name].s(x) for x in xs)().get(timeout=300),
            )
        finally:
            worker.terminate()


if __name__ == "__main__":
    main()
