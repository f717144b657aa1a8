"""A broker that takes nothing, and messages that are large: memory stays bounded and nothing is dropped.

The limits are lowered, so that a few megabytes show what gigabytes would do.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from stacks import RunningStack, eventually, until
from taskq_worker import supervisor
from taskq_worker.claims import claims
from taskq_worker.julia.command import choose_runner
from taskq_worker.sandbox.sandboxes import make_sandboxes
from taskq_worker.service_api import ServiceApi

from taskq_kernel import connect
from taskq_kernel.broker import consumer as broker_consumer
from taskq_kernel.broker import publisher
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.delivery import Delivery
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.local.folders import WORKER_FOLDERS, temporary_folder
from taskq_kernel.local.rabbit_files import NodeFiles, find_server
from taskq_kernel.settings import load_settings
from taskq_kernel.transport.graphql import GraphQLTransport

KB = 1000


def play(stack: RunningStack, scene: Callable[[Broker, str], Awaitable[None]]) -> None:
    """Run a scene with a broker's connection and a queue that is gone afterwards."""

    async def act() -> None:
        broker = Broker(stack.broker_url, Names(f"test-{uuid4().hex[:8]}"), "classic", "test")
        await broker.start()
        try:
            await broker.wait_connected(10)
            await broker.declare(queue := broker.names.outcomes)
            await scene(broker, queue)
            channel = await broker.open_channel()
            await channel.call(channel.raw.queue_delete, queue=queue)
        finally:
            await broker.close()

    asyncio.run(asyncio.wait_for(act(), 90))


@contextmanager
def taking_nothing(stack: RunningStack) -> Iterator[None]:
    """RabbitMQ under a memory alarm: it reads no more from whoever publishes."""
    _watermark(stack, "0.00001")
    try:
        yield
    finally:
        _watermark(stack, "0.6")


def _watermark(stack: RunningStack, fraction: str) -> None:
    files = NodeFiles(stack.home / "broker")
    facts = files.read_facts()
    assert facts is not None
    tool = find_server().script.with_name("rabbitmqctl")
    environment = [f"{name}={value}" for name, value in files.environment(facts).items()]
    command = ["env", "-i", *environment, str(tool), "--quiet", "set_vm_memory_high_watermark", fraction]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("size", [100 * KB, 3000 * KB], ids=["many fit", "none fits"])
def test_a_consumer_has_a_bounded_number_of_bytes_in_hand_and_gets_every_message(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    limit = 1000 * KB
    monkeypatch.setattr(broker_consumer, "IN_HAND_BYTES", limit)
    count = 100 if size < limit else 5

    async def scene(broker: Broker, queue: str) -> None:
        await broker.publish(queue, [str(n).encode().ljust(size) for n in range(count)])
        in_hand: list[Delivery] = []
        most = 0
        done: list[int] = []

        def take(delivery: Delivery) -> None:
            nonlocal most
            in_hand.append(delivery)
            most = max(most, sum(len(one.body) for one in in_hand))

        consumer = broker.consumer(queue, 500, take)
        consumer.resume()
        while len(done) < count:
            # As many as may be there are, and RabbitMQ keeps the rest.
            expected = min(max(1, limit // size), count - len(done))
            await until(lambda n=expected: len(in_hand) >= n, f"{expected} messages are in hand")  # type: ignore[misc]
            while in_hand:
                delivery = in_hand.pop(0)
                done.append(int(delivery.body))
                delivery.ack()
        await consumer.close()
        assert most < limit + size
        assert sorted(done) == list(range(count))
        assert await broker.ready_count(queue) == 0

    play(stack, scene)


def test_after_large_messages_a_consumer_asks_for_many_small_ones_again(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_consumer, "IN_HAND_BYTES", 1000 * KB)

    async def scene(broker: Broker, queue: str) -> None:
        await broker.publish(queue, [b"x" * 400 * KB] * 9)
        got: list[Delivery] = []
        consumer = broker.consumer(queue, 64, got.append)
        consumer.resume()
        await until(lambda: len(got) == 3, "three large ones fill it")
        await broker.publish(queue, [b"x"] * 500)
        settled = 0
        while settled < 9 + 400:
            await until(lambda: bool(got), "messages come")
            got.pop(0).ack()
            settled += 1
        await until(lambda: len(got) == 64, "as many are in hand as it may have")
        await consumer.close()

    play(stack, scene)


def test_a_broker_that_takes_nothing_is_not_sent_the_same_again_and_again(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT_S", 0.2)

    async def scene(broker: Broker, queue: str) -> None:
        batch = [b"x" * 100 * KB] * 10
        with taking_nothing(stack):
            for _ in range(20):
                refused = "did not confirm|has not confirmed|stopped taking messages"
                with pytest.raises(BrokerUnreachable, match=refused):
                    await broker.publish(queue, batch)
        monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT_S", 20.0)
        async with asyncio.timeout(20):
            while True:
                try:
                    await broker.publish(queue, [b"the last"])
                    break
                except BrokerUnreachable:
                    await asyncio.sleep(0.05)
        assert await broker.ready_count(queue) == len(batch) + 1, "what was sent once is there, once"

    play(stack, scene)


class DeafBroker(Broker):
    """A double for a broker that delivers and takes no outcomes, until it is told to."""

    deaf = True

    async def publish(self, queue: str, bodies: Sequence[bytes]) -> None:
        if self.deaf:
            raise BrokerUnreachable("the double takes nothing")
        await super().publish(queue, bodies)


def test_a_worker_that_cannot_bring_its_outcomes_starts_no_more_than_fit_and_gives_the_rest_back(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch, effects: Path
) -> None:
    monkeypatch.setattr(claims, "MOST_BYTES", 500 * KB)
    settings = load_settings(
        home=stack.home, url=stack.url, token_file=stack.home / "tokens" / "worker.token", queue_type="classic",
        broker_file=stack.home / "tokens" / "broker.url", queues=["tight"], slots=1, worker_name="tight",
    )  # fmt: skip
    broker = DeafBroker(stack.broker_url, Names(), "classic", "tight")

    async def work(scene: Callable[[], None], folder: Path) -> None:
        runner = choose_runner(settings)
        sandboxes = make_sandboxes(settings, runner, folder, 1)
        api = ServiceApi(GraphQLTransport(stack.url, stack.token("worker")), str(uuid4()))
        worker = supervisor.Supervisor(settings, broker, api, runner, sandboxes, folder)
        running = asyncio.create_task(worker.run())
        try:
            await asyncio.to_thread(scene)
        finally:
            worker.stop()
            await running
            sandboxes.close()

    with connect(stack.url, token=stack.token()) as client:
        # Each brings 50 KB: ten are the limit.
        code = 'touch(joinpath(folder, string(n))); repeat("x", 50_000)'
        tasks = [{"code": code, "arguments": {"folder": str(effects), "n": n}} for n in range(40)]
        batch = client.submit_many(tasks, queue="tight")

        def started() -> int:
            return len(list(effects.iterdir()))

        def last_seen() -> datetime:
            return next(one.last_seen_at for one in client.workers() if one.name == "tight")

        def scene() -> None:
            eventually(lambda: started() >= 10, "it has begun", 40)
            claimed = {"status": "RUNNING", "queue": "tight"}
            eventually(lambda: len(client.tasks(**claimed)) == started(), "what it will not start is given back")
            assert started() <= 11, "the limit, and what the slot had begun"
            attempts, seen = sum(one.attempt for one in client.tasks(queue="tight")), last_seen()
            eventually(lambda: last_seen() - seen > timedelta(seconds=1.5), "it goes on reporting")
            assert sum(one.attempt for one in client.tasks(queue="tight")) == attempts, "it claims nothing meanwhile"
            broker.deaf = False
            eventually(lambda: started() == 40, "it goes on", 40)
            batch.wait(timeout=40)

        with temporary_folder(WORKER_FOLDERS) as folder:
            asyncio.run(work(scene, folder))
        assert [task.result(timeout=10) for task in batch] == ["x" * 50_000] * 40
