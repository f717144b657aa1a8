"""``taskq sink``: from settings to a running `Sink`."""

from __future__ import annotations

import asyncio

from taskq_kernel import logs
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import SettingsError
from taskq_kernel.settings import Settings, read_broker_url, read_token
from taskq_kernel.signals import stop_signals
from taskq_kernel.store.urls import results_url
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_sink.database import ResultsDatabase
from taskq_sink.retention import keep_pruned
from taskq_sink.sink import Sink


def run(settings: Settings) -> int:
    """Keep outcomes until SIGTERM or SIGINT; the exit code.

    What is in hand and not committed by then goes back to the broker.
    """
    logs.configure(settings.log_level)
    if settings.url is None:
        raise SettingsError("set TASKQ_URL: the sink needs to know the service")
    transport = GraphQLTransport(settings.url, read_token(settings), ca_file=settings.ca_file)
    database = ResultsDatabase(results_url(settings))
    try:
        asyncio.run(_sink(settings, database, transport))
    finally:
        database.close()
    return 0


async def _sink(settings: Settings, database: ResultsDatabase, transport: GraphQLTransport) -> None:
    broker = Broker(
        read_broker_url(settings), Names(settings.broker_prefix), settings.queue_type, "sink", settings.ca_file
    )
    task = asyncio.create_task(Sink(broker, database, transport).run())
    pruning = asyncio.create_task(keep_pruned(results_url(settings), settings))
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    finally:
        pruning.cancel()
        await asyncio.gather(pruning, return_exceptions=True)
