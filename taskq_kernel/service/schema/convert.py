"""From GraphQL's input dictionaries to the store's values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from taskq_kernel import exact_json
from taskq_kernel.argument_conditions import ArgumentCondition, Comparison, check_name
from taskq_kernel.domain import FINAL, TaskStatus
from taskq_kernel.errors import InvalidJSON, InvalidTask
from taskq_kernel.store.argument_order import ArgumentOrder
from taskq_kernel.store.bulk_actions import Selection
from taskq_kernel.store.claims import ClaimReport, Log
from taskq_kernel.store.filters import TaskFilter
from taskq_kernel.store.ids import canonical_uuid
from taskq_kernel.store.outcomes import Error, Outcome, Value
from taskq_kernel.store.pages import Order
from taskq_kernel.store.retention import Rule
from taskq_kernel.store.sight import Sight
from taskq_kernel.task_files import MAX_KEPT, KeptFile, problem_of

_SHA256 = re.compile(r"[0-9a-f]{64}")


def name_of(member: Any) -> str:
    """The name of an enum's member, which a default value gives as text."""
    return str(getattr(member, "value", member))


def filter_of(given: Mapping[str, Any] | None, visible_to: Sight | None = None) -> TaskFilter:
    """The store's filter, of what ``visible_to`` may see."""
    values = dict(given or {})
    if values.get("status") is not None:
        values["status"] = [TaskStatus(name_of(status)) for status in values["status"]]
    if values.get("batch") is not None:
        values["batch"] = canonical_uuid(values["batch"], "batch")
    if values.get("arguments") is not None:
        values["arguments"] = [_condition_of(condition) for condition in values["arguments"]]
    return TaskFilter(**values, visible_to=visible_to)


def _condition_of(given: Mapping[str, Any]) -> ArgumentCondition:
    if "value" not in given:
        raise InvalidTask("has no value to be compared with: give one, null for Julia's nothing",
                          f"arguments.{given['name'][:80]}", place=f"argument {given['name'][:80]!r}")  # fmt: skip
    return ArgumentCondition(given["name"], Comparison(name_of(given["comparison"])), given["value"]).check()


def orders_of(given: Sequence[Mapping[str, Any]] | None) -> list[Order | ArgumentOrder]:
    """The store's ordering."""
    return [_order_of(item) for item in given or ()]


def _order_of(given: Mapping[str, Any]) -> Order | ArgumentOrder:
    field, argument = given.get("field"), given.get("argument")
    descending = name_of(given["direction"]) == "DESC"
    if (field is None) == (argument is None):
        raise InvalidTask("needs either a field or an argument", "orderBy")
    if argument is None:
        return Order(name_of(field), descending)
    return ArgumentOrder(check_name(argument), descending)


def selection_of(ids: Sequence[str] | None, given: Mapping[str, Any] | None) -> Selection:
    """The tasks that a bulk action is about."""
    return Selection(ids, None if given is None else filter_of(given))


def rule_of(now: float, older_than_s: float, keep_results: bool, status: Sequence[Any] | None) -> Rule:
    """The store's rule of what is pruned.

    Raises
    ------
    InvalidTask
        If it is about tasks that are not done, or about no time.
    """
    if not 0 <= older_than_s < now:  # NaN included
        raise InvalidTask(f"is {older_than_s}: give a number of seconds, 0 or more", "olderThanSeconds")
    statuses = FINAL if status is None else frozenset(TaskStatus(name_of(one)) for one in status)
    if not statuses <= FINAL or not statuses:
        raise InvalidTask(
            f"is {', '.join(sorted(statuses)) or 'empty'}: what is not done is never pruned; give some of "
            f"{', '.join(sorted(FINAL))}", "status",
        )
    return Rule(now - older_than_s, statuses, keep_results)


def tasks_of(inputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """New tasks, with the names of their kinds."""
    return [{**item, "kind": name_of(item.get("kind") or "SCRIPT")} for item in inputs]


def outcome_of(given: Mapping[str, Any], place: int) -> Outcome:
    """The store's outcome.

    Raises
    ------
    InvalidTask
        If it is not one: a status that is not final, a FAILED one without its error.
    """
    try:
        return _outcome(given)
    except InvalidTask as error:
        raise error.within(f"outcomes[{place}]", place) from None


def _outcome(given: Mapping[str, Any]) -> Outcome:
    status = TaskStatus(name_of(given["status"]))
    if status not in (TaskStatus.FINISHED, TaskStatus.FAILED):
        raise InvalidTask(f"is {status}: an outcome is FINISHED or FAILED", "status")
    error = given.get("error")
    if status is TaskStatus.FAILED and error is None:
        raise InvalidTask("is missing: a FAILED outcome has one", "error")
    return Outcome(
        id=given["id"], attempt=given["attempt"], worker=given["worker"], status=status,
        started_at=given["started_at"], finished_at=given["finished_at"], seconds=given["seconds"],
        value=_value(given.get("value")) if status is TaskStatus.FINISHED else None,
        error=None if error is None or status is TaskStatus.FINISHED else Error(**error),
        retryable=given.get("retryable") is not False,
        lost=bool(given.get("lost")) and status is TaskStatus.FAILED,
        progress=given.get("progress"), progress_message=given.get("progress_message"),
        logs=[Log(given["id"], given["attempt"], **chunk) for chunk in given.get("logs") or ()],
        series=optional_json(given.get("series"), "series"), timing=optional_json(given.get("timing"), "timing"),
        files=_files(given.get("files") or ()), **_manifest(given),
        surroundings=optional_json(given.get("surroundings"), "surroundings"), peak_memory=given.get("peak_memory"),
    )


def _manifest(given: Mapping[str, Any]) -> dict[str, str | None]:
    sha256, text = given.get("manifest_sha256"), given.get("manifest")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise InvalidTask(f"is {sha256[:80]!r}, which is no SHA-256", "manifestSha256")
    if text is not None and hashlib.sha256(text.encode()).hexdigest() != sha256:
        raise InvalidTask("is not what its SHA-256 says", "manifest")
    return {"manifest_sha256": sha256, "manifest": text}


def _files(given: Sequence[Mapping[str, Any]]) -> Sequence[KeptFile]:
    if not given:
        return ()
    if len(given) > MAX_KEPT:
        raise InvalidTask(f"has {len(given)} files: at most {MAX_KEPT} are kept of one task", "files")
    files = {one["name"]: KeptFile(one["name"], one["ref"], one["size"]) for one in given}
    for name, file in files.items():
        if problem := problem_of(name):
            raise InvalidTask(f"has the name {name[:80]!r}: {problem}", "files")
        if not _SHA256.fullmatch(file.ref) or file.size < 0:
            raise InvalidTask(f"has a file {name[:80]!r} without its SHA-256 and its length", "files")
    return tuple(files.values())


def claim_report_of(given: Mapping[str, Any]) -> ClaimReport:
    """What a heartbeat says of one claim."""
    return ClaimReport(**{**given, "series": optional_json(given.get("series"), "held.series")})


def optional_json(data: Any, field: str) -> str | None:
    """JSON as it is stored; None where there is none."""
    return None if data is None else _json(data, field)


def _value(given: Mapping[str, Any] | None) -> Value | None:
    if given is None:
        return None
    ref = given.get("ref")
    if ref is not None and not _SHA256.fullmatch(ref):
        raise InvalidTask(f"is {ref[:80]!r}: give a SHA-256 in lower-case hexadecimal digits", "value.ref")
    json = None if ref is not None else _json(given.get("data"))
    return Value(
        kind=name_of(given["kind"]), type=given["type"], text=given["text"], json=json, ref=ref,
        size=given.get("size") or (len(json) if json else 0), note=given.get("note") or "",
    )


def _json(data: Any, field: str = "value.data") -> str:
    try:
        text = exact_json.encode(data)
        exact_json.check_depth(data, text)
    except (InvalidJSON, RecursionError) as error:
        raise InvalidTask(f"cannot be written as JSON: {error}", field) from None
    return text.decode()
