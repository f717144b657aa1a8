"""A check for ``taskq doctor``: RabbitMQ answers, and takes messages."""

from __future__ import annotations

import asyncio
from pathlib import Path

from taskq_kernel.broker.alarms import explain_block
from taskq_kernel.broker.session import Session, parse_url
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.local.checks import Check
from taskq_kernel.local.dead_letters import broker_url
from taskq_kernel.settings import Settings


def check_broker(settings: Settings) -> Check:
    """RabbitMQ takes messages: neither its disk nor its memory is at its limit."""
    url = broker_url(settings)
    if url is None:
        return Check("broker", True, "no stack runs here, and no broker is set")
    try:
        blocked = asyncio.run(_ask(url, settings.ca_file))
    except BrokerUnreachable as error:
        return Check("broker", False, str(error), "start RabbitMQ, or the stack with: taskq up")
    if blocked:
        return Check(
            "broker", False, explain_block(blocked),
            "it goes on by itself when there is room again; tasks are kept meanwhile, and start then",
        )
    return Check("broker", True, "RabbitMQ takes messages")


async def _ask(url: str, ca_file: Path | None) -> str:
    session = await Session.open(parse_url(url, ca_file), "taskq doctor")
    try:
        return await session.ask_whether_blocked()
    finally:
        await session.close()
