"""Keeps a local stack up: a part that dies is started again.

A process of its own, which `taskq up` starts last and `taskq down` ends first. It goes by the
pid files alone, so it need not be the parent of what it looks after: it may itself die and be
started again beside parts that run. A pid file whose process is gone means that the part died;
one that is gone with its process, that somebody stopped it, or that it ended in order because
it was told to. The one is mended, the other respected.

A part that dies again soon is started after ever longer pauses, and in the end given up
(`taskq_kernel.local.restarts`). RabbitMQ takes seconds to start, so a thread does that: the
other parts are looked after meanwhile.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from taskq_kernel import logs
from taskq_kernel.errors import StackError, TaskqError
from taskq_kernel.local.info import StackInfo, info_file, read_info
from taskq_kernel.local.parts import BROKER_START_S, ROLES, Parts
from taskq_kernel.local.processes import Daemon, LockTaken
from taskq_kernel.local.ready import log_end, log_size
from taskq_kernel.local.restarts import BackOff, Restarts, read_restarts, write_restarts
from taskq_kernel.settings import load_settings
from taskq_kernel.signals import stop_signals

#: By name: this module is run as a program, whose own name says nothing.
NAME = "taskq_kernel.local.keeper"
log = logging.getLogger(NAME)

#: How often it looks, in seconds.
POLL_S = 0.25
#: How many lines of its log stand with a part that is given up.
LAST_LINES = 3


class Keeper:
    """Looks after the parts of one stack.

    Parameters
    ----------
    parts : Parts
        The stack's.
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        before = read_restarts(parts.home)
        # Whoever starts a keeper has just started what an earlier one had given up.
        self._restarts = {role: replace(before.get(role, Restarts()), given_up=False) for role in ROLES}
        self._back_offs = {role: BackOff(clock) for role in ROLES}
        #: When a part that has died is to be started.
        self._due: dict[str, float] = {}
        self._log_sizes = dict.fromkeys(ROLES, 0)
        self._thread = ThreadPoolExecutor(1, "taskq broker")
        self._boot: Future[None] | None = None
        #: RabbitMQ could not be started: nothing of it is left, not even its pid file.
        self._boot_failed = False
        self._stop_requested = False
        #: What kept it from its work the last time it looked, so that it is said once.
        self._hindrance = ""

    def run(self) -> None:
        """Look after the stack until told to `stop`, or the stack is down."""
        self._write()
        try:
            while not self._stop_requested and info_file(self._parts.home).exists():
                self._try_to_look()
                time.sleep(POLL_S)
        finally:
            self._abandon_boot()

    def stop(self) -> None:
        """Let `run` end. What runs goes on."""
        self._stop_requested = True

    def _try_to_look(self) -> None:
        try:
            self.look()
        except LockTaken:
            pass  # whoever has it is at work on the parts
        except (TaskqError, OSError) as error:  # such as a disk that is full
            if self._hindrance != str(error):
                log.error("the stack cannot be looked after: %s", error)
            self._hindrance = str(error)
        else:
            self._hindrance = ""

    # -- one look ------------------------------------------------------------------------

    def look(self) -> None:
        """Start again what has died, and may be."""
        self._see_to_boot()
        for role in ROLES:
            if self._restarts[role].given_up:
                continue
            if self._is_dead(role):
                with self._parts.lock(timeout_s=0):
                    self._mend(role)
            else:
                self._due.pop(role, None)

    def _is_dead(self, role: str) -> bool:
        state = self._parts.state(role)
        return state == "dead" or (role == "broker" and state == "stopped" and self._boot_failed)

    def _mend(self, role: str) -> None:
        info = read_info(self._parts.home)
        # Before the lock was had, somebody may have started or stopped it.
        if info is None or not self._is_dead(role):
            return
        if role == "broker" and self._boot is not None:
            return
        if role not in self._due:
            self._note_death(role)
        if self._clock() >= self._due.get(role, float("inf")):
            self._start(role, info)

    def _note_death(self, role: str) -> None:
        if role == "broker" and not self._boot_failed and self._parts.broker.was_stopped_in_order():
            self._say(role, logging.INFO, "RabbitMQ was told to stop, and stays stopped until `taskq up`")
            self._parts.stop(role)
            return
        self._plan(role, self._parts.exit_reason(role))

    def _plan(self, role: str, reason: str) -> None:
        """Decide when a part that has died is to be started, if ever."""
        delay_s = self._back_offs[role].next_delay()
        if delay_s is None:
            self._give_up(role, reason)
            return
        self._due[role] = self._clock() + delay_s
        when = f"in {delay_s:g} s" if delay_s else "now"
        self._keep(role, reason=reason)
        self._say(role, logging.WARNING, f"the {role} died ({reason}); it is started again {when}")

    def _give_up(self, role: str, reason: str) -> None:
        said = " / ".join(log_end(self._parts, role, self._log_sizes[role], LAST_LINES).splitlines())
        reason = f"{reason}; the last it said: {said}"
        self._keep(role, reason=reason, given_up=True)
        text = f"the {role} dies again and again and is given up ({reason}); mend that, then: taskq up"
        self._say(role, logging.ERROR, text)

    def _start(self, role: str, info: StackInfo) -> None:
        del self._due[role]
        self._back_offs[role].begin()
        count = self._restarts[role].restarts + 1
        self._keep(role, restarts=count, restarted_at=datetime.now(UTC).isoformat(timespec="seconds"))
        self._say(role, logging.WARNING, f"starting the {role} again (restart {count} since the stack is up)")
        self._log_sizes[role] = log_size(self._parts, role)
        if role == "broker":
            self._boot_failed = False
            self._boot = self._thread.submit(self._parts.broker.start, BROKER_START_S)
            return
        try:
            self._parts.start(role, info)
        except (StackError, OSError) as error:
            self._plan(role, str(error))

    # -- RabbitMQ ------------------------------------------------------------------------

    def _see_to_boot(self) -> None:
        """Once RabbitMQ has started again, or not, do what follows from that."""
        if self._boot is None or not self._boot.done():
            return
        with self._parts.lock(timeout_s=0):
            boot, self._boot = self._boot, None
            self._back_offs["broker"].begin()
            try:
                boot.result()
            except (TaskqError, OSError) as error:
                self._boot_failed = True
                self._plan("broker", str(error))
                return
            log.warning("RabbitMQ takes logins again")
            info = read_info(self._parts.home)
            if info is not None:
                for role in self._parts.follow_broker(log.warning):
                    self._parts.start(role, info)

    def _abandon_boot(self) -> None:
        """Leave no RabbitMQ behind that is half started."""
        while self._boot is not None and not wait([self._boot], POLL_S).done:
            with suppress(StackError):
                self._parts.broker.kill()
        self._thread.shutdown()

    # -- what it says --------------------------------------------------------------------

    def _keep(self, role: str, **changes: object) -> None:
        self._restarts[role] = replace(self._restarts[role], **changes)  # type: ignore[arg-type]  # fields by name
        self._write()

    def _write(self) -> None:
        try:
            write_restarts(self._parts.home, self._restarts)
        except OSError as error:  # a full disk may be why the part died
            log.warning("the restarts cannot be written: %s", error)

    def _say(self, role: str, level: int, text: str) -> None:
        """Say it in the keeper's log, and in the part's: there people look first."""
        log.log(level, "%s", text)
        if role != "broker":  # RabbitMQ's log is RabbitMQ's
            with suppress(OSError), self._parts.log(role).open("a", encoding="utf-8") as file:
                file.write(logs.line(level, NAME, text))


def main() -> int:
    """Keep the stack of ``TASKQ_HOME`` up until SIGTERM, or until it is down; the exit code."""
    settings = load_settings()
    logs.configure(settings.log_level)
    keeper = Keeper(Parts(settings.home, settings.grace))
    for number in stop_signals():
        signal.signal(number, lambda *_: keeper.stop())
    keeper.run()
    Daemon("keeper", settings.home / "run").forget(os.getpid())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
