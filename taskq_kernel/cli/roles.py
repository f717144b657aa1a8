"""``taskq service``, ``worker`` and ``sink``: one part of a stack in the foreground."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from taskq_kernel.cli import DONE
from taskq_kernel.cli.options import examples, settings_options
from taskq_kernel.local.processes import Daemon
from taskq_kernel.settings import load_settings

_BROKER = ("broker_file", "broker_prefix", "queue_type")
_SERVICE = ("url", "token_file", "ca_file")


@click.command(
    epilog=examples(
        "taskq service --port 8000 --tokens-file tokens.json --broker-file broker.url",
        "taskq service --host 0.0.0.0 --port 443 --tls-cert fullchain.pem --tls-key key.pem --tokens-file tokens.json",
    ),
)
@settings_options(
    "host", "port", "tls_cert", "tls_key", "insecure", "trusted_proxies", "tokens_file", "auth_failures",
    "public_url", "private_tasks", "graphiql", "introspection", "database", "blobs", *_BROKER, "ca_file",
    "heartbeat", "lease", "max_lost", "max_log_bytes", "max_value_bytes", "max_array_bytes", "retention",
    "retention_keep_results", "home", "log_level",
)  # fmt: skip
def service(**flags: Any) -> int:
    """Run the GraphQL service until it is told to stop (SIGTERM or Ctrl-C).

    RabbitMQ's URL comes from TASKQ_BROKER, or from a file: it has a password in it.
    """
    return _run("service", "taskq_kernel.service.main", "serve", flags)


@click.command(
    epilog=examples("taskq worker --url http://127.0.0.1:8000/graphql --token-file worker.token --slots 4"),
)
@settings_options(
    *_SERVICE, *_BROKER, "slots", "cores", "memory", "devices", "device_variable", "pass_env", "queues", "worker_name",
    "runner", "memory_limit", "task_user", "task_processes", "task_open_files", "task_file_size", "grace",
    "home", "log_level",
)  # fmt: skip
@click.option(
    "--julia", "julias", multiple=True, metavar="PATH", help=(
        "The julia executable; of more than one, tasks have the first, and a project's Manifest takes the one that it "
        "was made with [TASKQ_JULIA, TASKQ_OTHER_JULIAS]"
    ),
)
def worker(julias: tuple[str, ...], **flags: Any) -> int:
    """Run a worker until it is told to stop (SIGTERM or Ctrl-C).

    It finishes what it can within its grace and gives the rest back; told a second time, it gives all back at once.
    """
    if julias:
        flags |= {"julia": julias[0], "other_julias": list(julias[1:])}
    return _run("worker", "taskq_worker.main", "run", flags)


@click.command(
    epilog=examples("taskq sink --url http://127.0.0.1:8000/graphql --token-file sink.token"),
)
@settings_options(
    *_SERVICE, *_BROKER, "results_database", "retention", "retention_keep_results", "home", "log_level",
)  # fmt: skip
def sink(**flags: Any) -> int:
    """Run the sink until it is told to stop (SIGTERM or Ctrl-C). It commits what it has first."""
    return _run("sink", "taskq_sink.main", "run", flags)


def _run(role: str, module: str, function: str, flags: dict[str, Any]) -> int:
    settings = load_settings(**flags)
    # By name: this package imports nothing of the worker and the sink.
    code: int = getattr(import_module(module), function)(settings)
    if code == DONE:  # it was told to stop: a local stack that it is a part of does not start it again
        Daemon(role, settings.home / "run").forget(os.getpid())
    return code
