"""The same work through Celery: two processes, late acknowledgement, results through RabbitMQ.

Run by ``benchmarks/side_by_side.py``, in an environment that has Celery; the broker's URL stands in
``PEER_BROKER``.
"""

from __future__ import annotations

import os
import subprocess
import sys

import celery
from work import measure

app = celery.Celery(
    "with_celery", broker=os.environ["PEER_BROKER"], backend="rpc://", include=[],
    task_acks_late=True, worker_hijack_root_logger=False,
)


@app.task(name="echo")
def echo(x: int) -> int:
    """What it is given."""
    return x


def main() -> None:
    """Start a worker, and print the figures."""
    arguments = [sys.executable, "-m", "celery", "-A", "with_celery", "worker", "-c", "2", "-l", "ERROR"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        try:
            measure(
                celery.__version__,
                one=lambda x: echo.delay(x).get(timeout=60),
                many=lambda xs: celery.group(echo.s(x) for x in xs)().get(timeout=300),
            )
        finally:
            worker.terminate()


if __name__ == "__main__":
    main()
