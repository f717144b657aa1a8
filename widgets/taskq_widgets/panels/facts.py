"""What the page says of the open task beside its value: its head, its arguments and options, its error, its history."""

from __future__ import annotations

from typing import Any

from taskq_kernel.task_fields import field
from taskq_kernel.terminal.log import as_text
from taskq_widgets.panels.results import cell, trace_sections
from taskq_widgets.table.values import seconds_of


def head_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return what stands above the tabs, of a task as GraphQL gives it."""
    return {
        "id": data["id"],
        "number": data["number"],
        "name": data["name"],
        "status": data["status"],
        "progress": data.get("progress"),
        "note": data.get("progressMessage") or "",
        "seconds": data.get("seconds"),
        "started": _instant(data.get("startedAt")),
        "attempt": data["attempt"],
        "attempts": data["maxAttempts"],
        "worker": data.get("worker") or "",
        "repeats": data.get("repeats"),
        "cachedFrom": data.get("cachedFrom"),
    }


def facts_of(data: dict[str, Any]) -> list[list[Any]]:
    """Return what stands above the code: arguments and options, as kind, name and text."""
    arguments = [[name, cell(value)] for name, value in data["arguments"].items()]
    options = [
        (field("queue").label, data["queue"] if data["queue"] != "default" else None),
        (field("priority").label, {0: "low", 2: "high"}.get(data["priority"])),
        (field("timeout_seconds").label, data["timeoutSeconds"] and f"{data['timeoutSeconds']:g} s"),
        (field("memory_limit").label, data["memoryLimit"] and f"{data['memoryLimit'] / 2**20:,.0f} MiB"),
        ("Project", _project(data)),
        ("Threads", data.get("threads") and str(data["threads"])),
        ("GPUs", data.get("gpus") and str(data["gpus"])),
        *((name, value or "(empty)") for name, value in (data.get("env") or {}).items()),
        ("Input files", ", ".join(data.get("inputFiles") or ())),
        ("Outputs", "  ".join(data.get("outputs") or ())),
    ]
    return [["argument", *pair] for pair in arguments] + [["option", *pair] for pair in options if pair[1]]


def _project(data: dict[str, Any]) -> str | None:
    """A project by the beginning of its id, with its commit."""
    project, commit = data.get("project"), data.get("projectCommit")
    if not project:
        return None
    known, _, dirty = (commit or "").partition("-")
    return f"{project[:12]}" + (f" at commit {known[:12]}{dirty and f' ({dirty})'}" if known else "")


def problem_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return its error and where it happened; nothing where there is none."""
    error = data.get("error")
    if not error:
        return {}
    return {
        "name": error["name"],
        "message": as_text(error["message"]),
        "line": error.get("line"),
        "trace": trace_sections(error.get("stacktrace") or ""),
    }


def history_of(data: dict[str, Any]) -> list[list[Any]]:
    """Return what happened to it: when, its status since then, the attempt, the worker, and why."""
    return [
        [seconds_of(event["at"]), event["status"], event["attempt"], event["worker"] or "", event["reason"]]
        for event in data["history"]
    ]


def _instant(text: str | None) -> float | None:
    return None if text is None else seconds_of(text)
