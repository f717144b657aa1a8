"""``taskq up``, ``down``, ``status`` and ``doctor``: the local stack."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from taskq_kernel.cli import DONE, FAILED, UNREACHABLE, output
from taskq_kernel.cli.options import as_json_option, examples, settings_options
from taskq_kernel.cli.times import local_time
from taskq_kernel.client.display import size_text
from taskq_kernel.local.dead_letters import drop
from taskq_kernel.local.doctor import examine
from taskq_kernel.local.stack import LocalStack
from taskq_kernel.settings import load_settings


@click.command(epilog=examples("taskq up", "taskq up --workers 2"))
@settings_options("workers", "restart", "home")
def up(workers: int | None, restart: bool | None, home: Path | None) -> int:
    """Start the local stack: RabbitMQ, the service, the sink and a worker.

    Returns when the stack takes tasks. What runs already is left as it is. A part that dies
    later is started again by itself; one that was stopped, or given up, by this command.
    """
    info = _stack(home, workers=workers, restart=restart).up(workers=workers, on_step=output.note)
    output.line(f"taskq takes tasks at {info.graphql}, with {info.slots} slot{'s' * (info.slots != 1)}")
    return DONE


@click.command(epilog=examples("taskq down", "taskq down worker"))
@settings_options("home")
@click.argument("parts", nargs=-1, type=click.Choice(["broker", "service", "sink", "worker"]), metavar="[PART]...")
def down(home: Path | None, parts: tuple[str, ...]) -> int:
    """Stop the local stack. Tasks that wait are kept, and go on when it is up again.

    With a PART (broker, service, sink, worker), stop that alone: it stays stopped until `taskq up`.
    """
    if parts:
        _stack(home).stop(parts, on_step=output.note)
        return DONE
    _stack(home).down(on_step=output.note)
    output.line("the stack is down")
    return DONE


@click.command(epilog=examples("taskq status", "taskq status --json"))
@settings_options("home")
@as_json_option
def status(home: Path | None, as_json: bool) -> int:
    """Show the local stack, its processes, what waits in its queues, its slots and its disk.

    Exit code 0 if all of it runs, 1 if parts of it do or RabbitMQ takes no messages, 3 if it is down.
    """
    found = _stack(home).status()
    if as_json:
        output.json_document(found)
    else:
        _write_status(found)
    if found["running"]:
        return FAILED if found["broker_blocked"] else DONE
    return UNREACHABLE if found["graphql"] is None else FAILED


def _write_status(found: dict[str, Any]) -> None:
    if found["graphql"] is None:
        output.line("no stack is running; start one with `taskq up`")
    for title, value in (
        ("service", found["graphql"]),
        ("broker", found["broker"]),
        ("token file", found["token_file"]),
        ("data folder", found["home"]),
    ):
        if value:
            output.line(f"{title:<12} {value}")
    for process in found["processes"]:
        _write_process(process)
    if found["keeper"]["state"] == "dead":
        output.line("parts that die are not started again: the keeper has died; taskq up starts it")
    _write_figures(found)
    if found["broker_blocked"]:
        output.line(f"tasks wait: {found['broker_blocked']}")
    for queue in found["unserved_queues"]:
        output.line(f"tasks wait in the queue {queue!r}, and no worker serves it")


def _write_process(process: dict[str, Any]) -> None:
    said = [f"pid {process['pid']}"] if process["pid"] else []
    if process["restarts"]:
        times = f"{process['restarts']} time{'s' * (process['restarts'] != 1)}"
        said.append(f"started again {times}, last at {local_time(process['restarted_at'])}")
    if process["given_up"]:
        said.append("given up: `taskq up` tries again")
    line = f"{process['role']:<12} {process['state']:<8} {', '.join(said)}".rstrip()
    output.line(f"{line} ({process['reason']})" if process["reason"] else line)


def _write_figures(found: dict[str, Any]) -> None:
    """Write how much there is to do, and to do it with, as far as it is known."""
    if "slots_busy" in found:
        output.line(f"{'slots':<12} {found['slots_busy']} of {found['slots_online']} busy")
        counts = ", ".join(f"{count} {status}" for status, count in found["tasks"].items() if count)
        output.line(f"{'tasks':<12} {counts or 'none'}")
    for queue in found.get("queues", []):
        output.line(f"{'queue':<12} {queue['name']}: {queue['waiting']} waiting")
    if found["disk_free_bytes"] is not None:
        output.line(f"{'disk':<12} {size_text(found['disk_free_bytes'])} free")


@click.command(
    epilog=examples("taskq doctor", "taskq doctor --json"),
)
@settings_options("home")
@click.option("--drop-dead-letters", is_flag=True, help="First empty the queue of messages that nobody could use.")
@as_json_option
def doctor(home: Path | None, drop_dead_letters: bool, as_json: bool) -> int:
    """Check what taskq needs on this machine, and say how to mend what is missing.

    Exit code 0 if everything is well, 1 if not.
    """
    settings = load_settings(home=home)
    if drop_dead_letters:
        output.note(f"dropped {drop(settings)} dead letters")
    # By name: this package imports nothing of the worker.
    more = [import_module("taskq_worker.doctor").check_task_user, import_module("taskq_sink.doctor").check_outcomes]
    checks = list(examine(settings, more))
    if as_json:
        output.json_document(
            [{"name": one.name, "ok": one.ok, "detail": one.detail, "mend": one.mend} for one in checks]
        )
    else:
        for one in checks:
            output.line(f"{'ok  ' if one.ok else 'FAIL'}  {one.name}: {one.detail}")
            if not one.ok and one.mend:
                output.line(f"      {one.mend}")
    return DONE if all(one.ok for one in checks) else FAILED


def _stack(home: Path | None, **flags: Any) -> Any:
    return LocalStack(load_settings(home=home, **flags))
