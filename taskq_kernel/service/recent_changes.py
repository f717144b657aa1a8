"""What the last transactions have changed, kept in memory for the live feed.

A small transaction reads what it has changed before it commits, when the rows are at hand anyway; so a
subscriber that follows closely is told without another reading. Whatever does not join on without a gap
(many changes at once, a deletion, another process's transaction) empties it: then the database is read.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from taskq_kernel.store.feed import MAX_CHANGES, read_changes
from taskq_kernel.store.made import Changes
from taskq_kernel.store.records import long_columns
from taskq_kernel.store.sight import Sight

if TYPE_CHECKING:
    from taskq_kernel.store import Write
    from taskq_kernel.store.rows import TaskRow

#: How many changes a transaction may have made for them to be read within it.
FEW = 50
#: How long their texts may be, and all that are kept, in characters.
FEW_CHARACTERS = 256 << 10
KEPT_CHARACTERS = 4 << 20


class RecentChanges:
    """The changes between two versions, all of them; it is used in one thread, but for `read`."""

    def __init__(self) -> None:
        #: Each with the columns that it was read with.
        self._kept: deque[tuple[frozenset[str], Changes]] = deque()
        self._since = self._version = -1
        self._count = self._characters = 0

    @staticmethod
    def read(write: Write, wants: frozenset[str]) -> Changes | None:
        """What a transaction that is about to be committed has changed, where that is little."""
        if not 0 < write.version - write.since <= FEW:
            return None
        changes = read_changes(write.conn, write.since, None, wants)
        # Who may know of a deleted task, its id does not say.
        return None if changes.deleted or changes.more or _length(wants, changes) > FEW_CHARACTERS else changes

    def note(self, since: int, version: int, wants: frozenset[str], changes: Changes | None) -> None:
        """Take in what was changed after ``since`` and up to ``version``; None where that is not known."""
        if changes is None or since != self._version:
            self._kept.clear()
            self._count = self._characters = 0
            self._since = version if changes is None else since
        self._version = version
        if changes is not None:
            self._kept.append((wants, changes))
            self._count += len(changes.tasks)
            self._characters += _length(wants, changes)
            while self._count > MAX_CHANGES or self._characters > KEPT_CHARACTERS:
                had, oldest = self._kept.popleft()
                self._since = oldest.version
                self._count -= len(oldest.tasks)
                self._characters -= _length(had, oldest)

    def after(self, cursor: int, wants: frozenset[str], sight: Sight | None) -> Changes | None:
        """What was changed after a version, as `read_changes` has it; None where that has to be asked.

        Parameters
        ----------
        sight : Sight or None
            Only what is there for somebody.
        """
        if sight is not None and sight.recipes_only:
            return None
        owner = None if sight is None else sight.owner
        if not self._kept or not self._since <= cursor < self._version:
            return None
        found: dict[int, TaskRow] = {}
        for had, changes in self._kept:
            if changes.version <= cursor:
                continue
            if not wants <= had:
                return None
            for row in changes.tasks:
                found.pop(row.number, None)  # it comes where it changed last
                if row.version > cursor and (owner is None or row.owner == owner):
                    found[row.number] = row
        return Changes(self._version, list(found.values()), [], more=False, database=self._kept[-1][1].database)


def _length(wants: frozenset[str], changes: Changes) -> int:
    """How long the texts of changes are that may be long."""
    return sum(len(getattr(row, name) or "") for name in long_columns(wants) for row in changes.tasks)
