"""What a fleet of a thousand workers costs the service: each has a connection to RabbitMQ and one to the service.

::

    PYTHONPATH=tests .venv/bin/python benchmarks/fleet.py [--workers 1000] [--seconds 60]

The workers are simulated: they join, listen to a queue, and report as often as they are told, over connections of
their own; two real slots go on with round trips meanwhile. It ends with exit code 1 where the service takes a core
or more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
from bench_stack import bench_stack
from growth import round_trip_ms
from machine import state
from taskq_worker import service_api

from taskq_kernel import connect
from taskq_kernel.broker.session import Session, parse_url
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings

#: How many join at the same time.
AT_ONCE = 20
QUEUE = "crowd"


class Simulated:
    """A worker with its two connections."""

    def __init__(self, number: int, url: str, token: str) -> None:
        self._id, self._number = str(uuid4()), number
        self._at = urlsplit(url)
        self._token = token

    async def join(self, broker: str) -> None:
        """Connect to both, and register."""
        self._reader, self._writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        self._session = await Session.open(parse_url(broker), f"simulated-{self._number}")
        self._channel = await self._session.channel()
        await self._ask(service_api.REGISTER, {"input": {
            "id": self._id, "name": f"simulated-{self._number}", "host": "nowhere", "pid": 1, "runner": "julia",
            "juliaVersion": "1.11.0", "queues": [QUEUE], "slots": 4,
        }})

    async def report(self) -> None:
        """Heartbeats for ever."""
        while True:
            said = await self._ask(service_api.HEARTBEAT, {"worker": self._id, "held": [], "logs": []})
            await asyncio.sleep(said["heartbeat"]["heartbeatSeconds"])

    async def _ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        self._writer.write(
            f"POST {self._at.path} HTTP/1.1\r\nhost: {self._at.netloc}\r\nauthorization: Bearer {self._token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        answer = json.loads(await self._reader.readexactly(length))
        assert "errors" not in answer, answer
        return answer["data"]


async def crowd(workers: int, seconds: float, home: Path, url: str, joined: threading.Event) -> None:
    """Have so many workers join, and report for so many seconds after that."""
    token = (home / "tokens" / "worker.token").read_text("utf-8").strip()
    broker = (home / "tokens" / "broker.url").read_text("utf-8").strip()
    everyone = [Simulated(number, url, token) for number in range(workers)]
    async with asyncio.TaskGroup() as reporting:
        started = []
        for at in range(0, workers, AT_ONCE):
            some = everyone[at : at + AT_ONCE]
            await asyncio.gather(*(one.join(broker) for one in some))
            started += [reporting.create_task(one.report()) for one in some]
        joined.set()
        await asyncio.sleep(seconds)
        for task in started:
            task.cancel()


def main() -> int:
    """Print what share of a core the service takes, and round trips before and meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"Before: {state()}", flush=True)
    with bench_stack(slots=2) as (home, info), connect(
        info.graphql, token=Path(info.token_file).read_text("utf-8")
    ) as q:
        alone_ms = round_trip_ms(q)
        processes = LocalStack(load_settings(home=home)).status()["processes"]
        service = next(psutil.Process(one["pid"]) for one in processes if one["role"] == "service")
        joined = threading.Event()
        thread = threading.Thread(
            target=lambda: asyncio.run(crowd(given.workers, given.seconds, home, info.graphql, joined))
        )
        thread.start()
        began = time.perf_counter()
        while not joined.wait(1):
            assert thread.is_alive(), "not all have joined: see above"
            assert time.perf_counter() - began < 600, "not all have joined"
        print(f"{given.workers} workers have joined in {time.perf_counter() - began:.1f} s", flush=True)
        shares = []
        service.cpu_percent()
        while thread.is_alive():
            thread.join(5)
            shares.append(service.cpu_percent() / 100)
        present = len(q.workers())
        meanwhile = statistics.median(shares)
    print(f"the service takes {meanwhile:.2f} of a core ({min(shares):.2f} to {max(shares):.2f}); "
          f"a round trip alone {alone_ms:.1f} ms; {present} workers are present")  # fmt: skip
    print(f"After: {state()}")
    return int(meanwhile >= 1)


if __name__ == "__main__":
    sys.exit(main())
