"""Loaded into every Python process of a chaos run: messages twice, and out of order.

While the file that ``CHAOS_HOOK_FLAG`` names exists, every batch that a process publishes
goes out shuffled, part of it a moment later than the rest, and the whole of it once more
up to three seconds after that. ``CHAOS_HOOK_COUNTS`` gets a line with the number of
messages for each batch, so that the run can tell that the hook was at work.

The broker's client is not imported here, but changed as soon as the process imports it.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.util
import os
import random
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

TARGET = "taskq_kernel.broker.client"
LATE_S = 0.3
AGAIN_S = 3.0


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the broker's client as ever, and changes it once it is loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_change(module: ModuleType) -> None:
                execute(module)
                _change(module)

            spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


def _change(module: ModuleType) -> None:
    publish = module.Broker.publish
    background: set[asyncio.Task[None]] = set()
    wanted = Path(os.environ["CHAOS_HOOK_FLAG"]).exists

    def count(messages: int) -> None:
        with Path(os.environ["CHAOS_HOOK_COUNTS"]).open("a") as counts:
            counts.write(f"{messages}\n")

    async def later(broker: Any, queue: str, bodies: Sequence[bytes], delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            await publish(broker, queue, bodies)
        except module.BrokerUnreachable:
            return  # the copies are lost, the messages themselves are not

    async def publish_twice(broker: Any, queue: str, bodies: Sequence[bytes]) -> None:
        if not wanted():
            await publish(broker, queue, bodies)
            return
        shuffled = random.sample(list(bodies), len(bodies))
        again = asyncio.ensure_future(later(broker, queue, shuffled[::-1], random.uniform(0, AGAIN_S)))
        background.add(again)
        again.add_done_callback(background.discard)
        middle = random.randint(0, len(shuffled))
        await publish(broker, queue, shuffled[:middle])
        await asyncio.sleep(random.uniform(0, LATE_S))
        await publish(broker, queue, shuffled[middle:])
        await asyncio.to_thread(count, len(bodies))

    module.Broker.publish = publish_twice


if "CHAOS_HOOK_FLAG" in os.environ:
    sys.meta_path.insert(0, _Finder())
