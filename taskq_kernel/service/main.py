"""Running the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from taskq_kernel import logs
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import SettingsError, TaskqError
from taskq_kernel.service.app import build_app
from taskq_kernel.service.runtime import Runtime
from taskq_kernel.settings import Settings, load_settings, read_broker_url
from taskq_kernel.signals import stop_signals
from taskq_kernel.store import upgrade
from taskq_kernel.store.urls import tasks_url
from taskq_kernel.tls import check_certificate, is_loopback

log = logging.getLogger("taskq_kernel.service.main")

#: Exit codes.
DONE, FAILED, WRONG_USAGE = 0, 1, 2
#: How long a stopping service waits for requests that are being answered.
SHUTDOWN_S = 3


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop.

    Returns
    -------
    int
        The process's exit code.
    """
    logs.configure(settings.log_level)
    try:
        check_listening(settings)
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        upgrade(tasks_url(settings))
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings))
    except SettingsError as error:
        log.error("%s", error)
        return WRONG_USAGE
    except (TaskqError, OSError) as error:
        log.error("the service cannot run: %s", error)
        return FAILED


def check_listening(settings: Settings) -> None:
    """Raise `SettingsError` where tokens and code would cross a network in the clear."""
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is not None and key is not None:
        check_certificate(certificate, key)
    elif certificate is not None or key is not None:
        given, other = ("TASKQ_TLS_CERT", "TASKQ_TLS_KEY")[:: 1 if certificate else -1]
        raise SettingsError(f"{given} is set and {other} is not: TLS needs both")
    elif not settings.insecure and not is_loopback(settings.host):
        raise SettingsError(
            f"the service would listen on {settings.host!r}, beyond this machine, without TLS: set --tls-cert and "
            "--tls-key, or --insecure if something before it does TLS or everybody on the network is trusted"
        )


async def _serve(settings: Settings) -> int:
    broker = None
    if settings.broker is not None or settings.broker_file is not None:
        broker = Broker(
            read_broker_url(settings), Names(settings.broker_prefix), settings.queue_type,
            "taskq service", settings.ca_file,
        )
    runtime = Runtime(settings, broker)
    server = Server(runtime, settings)
    if broker is not None:
        await broker.start()
    try:
        await server.serve()
    finally:
        if broker is not None:
            await broker.close()
    return DONE if server.started else FAILED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: the same event loop, faster."""
    try:
        # late: it may not be installed
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and ends subscriptions first."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        super().__init__(uvicorn.Config(
            build_app(runtime), host=settings.host, port=settings.port, log_config=None, access_log=False,
            server_header=False, date_header=False, lifespan="on", timeout_graceful_shutdown=SHUTDOWN_S,
            timeout_keep_alive=75, ws_max_size=16 << 20, ws_per_message_deflate=False,
            ssl_certfile=settings.tls_cert, ssl_keyfile=settings.tls_key,
            proxy_headers=bool(settings.trusted_proxies), forwarded_allow_ips=settings.trusted_proxies,
        ))
        self._runtime = runtime

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, once; uvicorn would raise the signal again afterwards."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Start, and say where."""
        await super().startup(sockets)  # type: ignore[arg-type]  # passed on as it came
        if self.started:
            address = self.servers[0].sockets[0].getsockname()
            log.info("ready on %s://%s:%d/graphql", "https" if self.config.is_ssl else "http", *address[:2])

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """End subscriptions, then let requests end."""
        log.info("stopping")
        self._runtime.feed.close()
        await super().shutdown(sockets)  # type: ignore[arg-type]  # passed on as it came


if __name__ == "__main__":
    raise SystemExit(serve(load_settings()))
