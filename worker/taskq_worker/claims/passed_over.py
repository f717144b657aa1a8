"""How often, and for how long, messages are passed over for others that suit a slot's process better.

That is bounded in each *turn*, and in all; then nothing that came later is claimed before it. A turn ends whenever a
message is claimed that no warm process can run: those of its kind have theirs then. So of several kinds each has a
turn that is worth its process, where one bound alone would have all be overdue at once, and take turns task by task.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from taskq_kernel.domain import TaskKind
from taskq_worker.claims.in_hand import Waiting

#: How often a message is passed over in one turn, and in all.
TURN_TIMES, MOST_TIMES = 16, 64
#: And for how long, in seconds, from when it is passed over first.
TURN_S, MOST_S = 5.0, 30.0
#: None is passed over that was given back so often, by whichever worker: well below what RabbitMQ takes.
MOST_RETURNED = 200
#: Of how many messages it is remembered: they come again after they were given back.
REMEMBERED = 256


@dataclass(slots=True)
class _Passed:
    """How often a message was passed over, in this turn and in all, and since when."""

    since: float
    times: int = 0
    turn_since: float | None = None
    turn_times: int = 0

    def note(self, times: int, now: float) -> None:
        """It was passed over so often."""
        self.times += times
        self.turn_times += times
        if self.turn_since is None:
            self.turn_since = now

    def end_turn(self) -> None:
        """What follows is another turn."""
        self.turn_since, self.turn_times = None, 0


class PassedOver:
    """How often messages were passed over, whether they are in hand or were given back meanwhile."""

    def __init__(self) -> None:
        self._passed: OrderedDict[str, _Passed] = OrderedDict()

    def more(self, waiting: Waiting, now: float) -> int:
        """How many may pass it still."""
        # Somebody waits for a session at the keyboard.
        if waiting.task.kind is TaskKind.SESSION or waiting.delivery.returned >= MOST_RETURNED:
            return 0
        passed = self._passed.get(waiting.task.id)
        if passed is None:
            return TURN_TIMES
        turn_since = now if passed.turn_since is None else passed.turn_since
        if now - passed.since >= MOST_S or now - turn_since >= TURN_S:
            return 0
        return max(0, min(TURN_TIMES - passed.turn_times, MOST_TIMES - passed.times))

    def note(self, waiting: Waiting, times: int, now: float) -> None:
        """So many were claimed before it that came later."""
        self._passed.setdefault(waiting.task.id, _Passed(now)).note(times, now)
        self._passed.move_to_end(waiting.task.id)
        while len(self._passed) > REMEMBERED:
            self._passed.popitem(last=False)

    def end(self, waiting: Waiting, now: float) -> None:
        """It is passed over no more: what it needs is kept free for it."""
        self.note(waiting, MOST_TIMES, now)

    def end_turn(self) -> None:
        """Those of another kind have their turn now."""
        for passed in self._passed.values():
            passed.end_turn()

    def forget(self, waiting: Waiting) -> None:
        """It is claimed."""
        self._passed.pop(waiting.task.id, None)
