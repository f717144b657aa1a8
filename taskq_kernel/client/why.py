"""Why a task stands where it stands, as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskq_kernel.domain import WhyKind

#: What of it is asked of the service.
FIELDS = "why { kind sentence since until ahead needs }"


@dataclass(frozen=True, slots=True)
class Why:
    """Why a task waits, where it runs, or how it ended; as a text, a sentence with its times on this machine's clock.

    Attributes
    ----------
    kind : WhyKind
        ``DEPENDENCY``, ``RETRY``, ``UNSERVED``, ``BROKER``, ``BUSY`` or ``STARTING`` for a task that
        waits, else ``RUNNING``, ``FINISHED``, ``FAILED`` or ``CANCELLED``.
    sentence : str
        The reason in words, without the times.
    since : datetime or None
        Since when: every slot is busy, it runs, or it is done.
    until : datetime or None
        When its next attempt is due.
    ahead : int or None
        How many tasks of its queue start before it; of a long queue, at least as many.
    needs : int or None
        The number of the first task that it needs and that is not finished.
    """

    kind: WhyKind
    sentence: str
    since: datetime | None = None
    until: datetime | None = None
    ahead: int | None = None
    needs: int | None = None

    def __str__(self) -> str:
        when = ""
        if self.until is not None:
            when = f" (at {_clock(self.until)})"
        elif self.since is not None:
            done = self.kind in (WhyKind.FINISHED, WhyKind.FAILED, WhyKind.CANCELLED)
            when = f" ({'at' if done else 'since'} {_clock(self.since)})"
        return f"{self.sentence}{when}"


def why_of(found: Mapping[str, Any]) -> Why:
    """GraphQL's ``Why``."""
    since, until = (None if found[name] is None else datetime.fromisoformat(found[name]) for name in ("since", "until"))
    return Why(WhyKind(found["kind"]), found["sentence"], since, until, found["ahead"], found["needs"])


def _clock(instant: datetime) -> str:
    """A time on this machine's clock, with its day where that is not today."""
    local = instant.astimezone()
    return f"{local:%H:%M:%S}" if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d %H:%M:%S}"
