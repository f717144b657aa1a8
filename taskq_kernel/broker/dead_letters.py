"""What is in the dead-letter queue, and why."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika

from taskq_kernel.broker.names import Names
from taskq_kernel.broker.session import NOT_FOUND, Channel, ChannelRefused, Session, parse_url

#: Why whoever consumed a message could not use it.
REASON_HEADER = "x-taskq-reason"

#: How many messages are looked at, and when to stop because they are large, in bytes.
SAMPLE = 100
SAMPLE_BYTES = 32 << 20
#: How long one message may take to come, in seconds.
_GET_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class DeadLetters:
    """The dead-letter queue.

    Attributes
    ----------
    count : int
        How many messages it holds.
    reasons : list of (str, int)
        Why the first of them, `SAMPLE` at most, are there: the commonest reason first.
    """

    count: int
    reasons: list[tuple[str, int]]


async def read_dead_letters(url: str, names: Names, ca_file: Path | None = None) -> DeadLetters:
    """Look at the dead-letter queue; every message stays where it is.

    Raises
    ------
    BrokerUnreachable
        If RabbitMQ does not answer.
    """
    count = 0
    reasons: Counter[str] = Counter()
    size = 0
    async with _channel(url, ca_file) as channel:  # what is not acknowledged goes back to its place as it ends
        count = await channel.declare(names.dead, passive=True)
        with suppress(TimeoutError):  # somebody else has emptied it meanwhile
            while sum(reasons.values()) < min(count, SAMPLE) and size < SAMPLE_BYTES:
                properties, body = await asyncio.wait_for(_get(channel, names.dead), _GET_TIMEOUT_S)
                reasons[_reason(properties)] += 1
                size += len(body)
    return DeadLetters(count, reasons.most_common())


async def drop_dead_letters(url: str, names: Names, ca_file: Path | None = None) -> int:
    """Empty the dead-letter queue; return how many messages it held.

    Raises
    ------
    BrokerUnreachable
        If RabbitMQ does not answer.
    """
    async with _channel(url, ca_file) as channel:
        frame = await channel.call(channel.raw.queue_purge, queue=names.dead)
        return int(frame.method.message_count)
    return 0  # there is no such queue


@asynccontextmanager
async def _channel(url: str, ca_file: Path | None) -> AsyncIterator[Channel]:
    """A channel of its own connection; the block ends early where there is no such queue."""
    session = await Session.open(parse_url(url, ca_file), "taskq doctor")
    try:
        yield await session.channel()
    except ChannelRefused as error:
        if error.code != NOT_FOUND:
            raise
    finally:
        await session.close()


async def _get(channel: Channel, queue: str) -> tuple[pika.BasicProperties, bytes]:
    got: asyncio.Future[tuple[pika.BasicProperties, bytes]] = asyncio.get_running_loop().create_future()

    def receive(_channel: Any, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        if not got.done():
            got.set_result((properties, body))

    channel.raw.basic_get(queue, receive)
    return await got


def _reason(properties: pika.BasicProperties) -> str:
    """taskq's own reason, else RabbitMQ's."""
    headers = properties.headers or {}
    if REASON_HEADER in headers:
        return str(headers[REASON_HEADER])
    deaths = headers.get("x-death") or [{}]
    return f"RabbitMQ gave it up: {deaths[0].get('reason', 'it does not say why')}"
