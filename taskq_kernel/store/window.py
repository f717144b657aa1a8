"""Which part of a list is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from taskq_kernel.errors import InvalidTask

DEFAULT_PAGE = 50
MAX_PAGE = 1000
#: How many tasks may be skipped: each of them is walked over in an index.
MAX_OFFSET = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the whole: Relay's ``first``/``after`` or ``last``/``before``, and how many to skip there."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    offset: int = 0

    @property
    def backwards(self) -> bool:
        """Whether the page is counted from its end."""
        return self.last is not None

    @property
    def size(self) -> int:
        """How many tasks it holds at most.

        Raises
        ------
        InvalidTask
            If ``first`` or ``last`` cannot be used.
        """
        if self.first is not None and self.last is not None:
            raise InvalidTask("first and last are both given: give one of them")
        name, size = ("last", self.last) if self.backwards else ("first", self.first)
        size = DEFAULT_PAGE if size is None else size
        if not 0 <= size <= MAX_PAGE:
            raise InvalidTask(f"is {size}: give 0 to {MAX_PAGE}", name)
        return size

    @property
    def skipped(self) -> int:
        """How many tasks to leave out: after the start, or before the end where it is counted from there.

        Raises
        ------
        InvalidTask
            If ``offset`` cannot be used.
        """
        if not 0 <= self.offset <= MAX_OFFSET:
            raise InvalidTask(f"is {self.offset}: give 0 to {MAX_OFFSET}, from the nearer end", "offset")
        return self.offset
