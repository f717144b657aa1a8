"""A check for ``taskq doctor``: messages that nobody could use."""

from __future__ import annotations

import asyncio

from taskq_kernel.broker.dead_letters import DeadLetters, drop_dead_letters, read_dead_letters
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable
from taskq_kernel.local.checks import Check
from taskq_kernel.local.info import info_file
from taskq_kernel.settings import Settings, read_broker_url

#: How many reasons are shown.
_SHOWN_REASONS = 3


def check_dead_letters(settings: Settings) -> Check:
    """No message is in the dead-letter queue."""
    url = broker_url(settings)
    if url is None:
        return Check("dead letters", True, "no stack runs here, and no broker is set")
    names = Names(settings.broker_prefix)
    try:
        found = asyncio.run(read_dead_letters(url, names, settings.ca_file))
    except BrokerUnreachable as error:
        return Check("dead letters", False, str(error), "start RabbitMQ, or the stack with: taskq up")
    return _as_check(found, names)


def drop(settings: Settings) -> int:
    """Empty the dead-letter queue; return how many messages it held.

    Raises
    ------
    BrokerUnreachable
        If RabbitMQ does not answer.
    """
    url = broker_url(settings)
    return 0 if url is None else asyncio.run(drop_dead_letters(url, Names(settings.broker_prefix), settings.ca_file))


def broker_url(settings: Settings) -> str | None:
    """The broker that is set, else that of the local stack; None if it is down."""
    if settings.broker is not None or settings.broker_file is not None:
        return read_broker_url(settings)
    own = settings.home / "tokens" / "broker.url"
    return own.read_text("utf-8").strip() if info_file(settings.home).exists() and own.exists() else None


def _as_check(found: DeadLetters, names: Names) -> Check:
    if not found.count:
        return Check("dead letters", True, f"none in {names.dead}")
    looked_at = sum(count for _reason, count in found.reasons)
    reasons = "; ".join(f"{count} x {reason[:200]}" for reason, count in found.reasons[:_SHOWN_REASONS])
    of = "" if looked_at == found.count else f" (of the first {looked_at})"
    return Check(
        "dead letters", False, f"{found.count} in {names.dead}{of}: {reasons}",
        "no task is lost by them: they come from another release of taskq, or from a program that is not taskq. "
        "Find out which one sends them and stop it, then: taskq doctor --drop-dead-letters",
    )

