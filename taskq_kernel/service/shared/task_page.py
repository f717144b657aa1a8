"""The page of a task: what of it is shown, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.durations import seconds_text
from taskq_kernel.printable import one_line
from taskq_kernel.service.blobs import Blobs
from taskq_kernel.service.shared import facts
from taskq_kernel.service.shared.exports import exports_of
from taskq_kernel.service.shared.reading import TaskRead
from taskq_kernel.service.shared.recipe_picture import picture_of_recipe
from taskq_kernel.service.shared.recipe_words import words_of
from taskq_kernel.service.shared.series_curves import curves
from taskq_kernel.service.shared.value_blocks import Block, StoredValue, blocks_of, cut
from taskq_kernel.store.rows import LogRow, ShareRow, TaskRow
from taskq_kernel.terminal.log import plain, shown

#: Lines of a log that stand on a page: the last ones.
LOG_LINES = 300
#: Characters of one of them.
_LOG_LINE = 2_000
#: Files that are listed.
FILES = 200
#: How often the page of a task that is not done is asked for anew, in seconds.
REFRESH_S = {TaskStatus.RUNNING: 5, TaskStatus.QUEUEING: 10}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands: its own name, the link's token, and what is told about both.

    Attributes
    ----------
    page : str
        Its name among all pages.
    token : str or None
        The link's token, which goes on to what is below it.
    share : ShareRow or None
        The link.
    still : bool
        Whether it was asked not to refresh itself.
    reproduce : str
        What proves that a task may be run again from this page; empty where it may not.
    """

    page: str
    token: str | None
    share: ShareRow | None
    still: bool = False
    reproduce: str = ""


def task_page(read: TaskRead, place: Place, blobs: Blobs) -> dict[str, Any]:
    """What the template of a task's page is given."""
    task = read.task
    value = stored_value(task, blobs)
    blocks = [] if value is None else result_blocks(task, value)
    log, more_log = _log(read.logs)
    words = words_of(task.recipe, task.code)
    return {
        "task": task, "title": words.title, "page": place.page, "token": place.token,
        "submitted": facts.moment(task.created_at), "ran": seconds_text(task.seconds), "running": _running(task),
        "refresh_s": refresh_s(task.status, place), "error": _error(task), "blocks": blocks,
        "has_picture": any(block.picture is not None for block in blocks),
        "exports": [] if value is None else exports_of(value),
        "curves": curves(read.series), "files": read.files[:FILES],
        "more_files": f"and {len(read.files) - FILES:,} more" if len(read.files) > FILES else "",
        "parameters": words.given(facts.parsed_arguments(task)), "made": facts.how_made(task),
        "code": cut(task.code or ""), "log": log, "more_log": more_log, "reproduce": place.reproduce,
        "footer": footer(place),
        "batch_page": task.batch if place.share is not None and place.share.batch is not None else None,
    }


def result_blocks(task: TaskRow, value: StoredValue) -> list[Block]:
    """What is shown of a task's value: first what its recipe says that it is drawn as, where it was made of one."""
    drawn = picture_of_recipe(task.code, value) if task.recipe and task.code else None
    return [*([] if drawn is None else [Block("picture", drawn.about, picture=drawn)]), *blocks_of(value)]


def refresh_s(status: str, place: Place) -> int | None:
    """How often a page is asked for anew; None where nothing more happens, or nobody wants it."""
    return None if place.still else REFRESH_S.get(TaskStatus(status))


def stored_value(task: TaskRow, blobs: Blobs) -> StoredValue | None:
    """A task's value as the service has it; None where it has none."""
    if task.value_kind is None:
        return None
    file = None if task.value_ref is None else blobs.path(task.value_ref)
    return StoredValue(
        task.value_kind, task.value_type or "", task.value_text or "", task.value_size or 0, task.value_json, file
    )


def whole_log(logs: Sequence[LogRow]) -> str:
    """A log as a terminal shows it, without colours."""
    return plain(shown({"stream": row.stream, "text": row.text} for row in logs))


def footer(place: Place) -> str:
    """What stands below a page."""
    share = place.share
    if share is None:
        return "taskq"
    until = "until it is revoked" if share.expires_at is None else f"until {facts.moment(share.expires_at)}"
    return one_line(f"Shared by {share.created_by} with taskq. The link is good {until}.")


def _running(task: TaskRow) -> str:
    if task.status in FINAL:
        return ""
    if task.status == TaskStatus.QUEUEING:
        return "It waits for its turn; there is no result yet."
    done = "" if task.progress is None else f" {100 * task.progress:.0f} % is done."
    message = f" {one_line(task.progress_message)[:300]}" if task.progress_message else ""
    return f"It is running now; there is no result yet.{done}{message}"


def _error(task: TaskRow) -> dict[str, Any] | None:
    if task.status != TaskStatus.FAILED or not task.error_name:
        return None
    return {
        "name": task.error_name, "line": task.error_line, "message": cut(task.error_message or ""),
        "stacktrace": cut(task.error_stacktrace or ""),
    }


def _log(logs: Sequence[LogRow]) -> tuple[str, str]:
    lines = whole_log(logs).rstrip("\n").split("\n")
    text = "\n".join(line if len(line) <= _LOG_LINE else f"{line[:_LOG_LINE]}…" for line in lines[-LOG_LINES:])
    more = f"The last {LOG_LINES} of {len(lines):,} lines are shown here." if len(lines) > LOG_LINES else ""
    return text, more
