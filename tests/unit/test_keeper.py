"""The keeper, over real processes that stand for the parts, on a clock of the test's own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import eventually

from taskq_kernel.local.info import StackInfo, write_info
from taskq_kernel.local.keeper import Keeper
from taskq_kernel.local.parts import Parts
from taskq_kernel.local.processes import Daemon
from taskq_kernel.local.restarts import DELAYS_S, STEADY_S, BackOff, read_restarts

INFO = StackInfo("http://127.0.0.1:9/graphql", "token", 9, 1)


class Clock:
    """Tells the time that it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class StandIns(Parts):
    """Parts that are another program than taskq's own."""

    command: list[str] = ["sleep", "1000"]  # noqa: RUF012  (tests replace it)

    def start(self, role: str, info: StackInfo) -> None:
        self.daemons[role].start(self.command, log=self.log(role))


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[StandIns]:
    """A stack that is up, of which the sink alone runs; the others were never started."""
    parts = StandIns(tmp_path, grace_s=0)
    (tmp_path / "run").mkdir()
    write_info(tmp_path, INFO)
    parts.start("sink", INFO)
    yield parts
    parts.daemons["sink"].stop(0)


def kill(parts: Parts) -> None:
    os.kill(parts.daemons["sink"].pid or 0, signal.SIGKILL)
    eventually(lambda: parts.state("sink") == "dead", "the sink is dead")


def test_a_part_that_dies_is_started_again_at_once_and_it_is_said_where_people_look(
    parts: StandIns, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(parts)
    pid = parts.daemons["sink"].pid
    keeper.look()
    assert parts.daemons["sink"].pid == pid
    kill(parts)
    keeper.look()
    assert parts.state("sink") == "running"
    assert parts.daemons["sink"].pid != pid
    for said in (caplog.text, parts.log("sink").read_text("utf-8")):
        assert "the sink died (killed by SIGKILL); it is started again now" in said
        assert "starting the sink again (restart 1 since the stack is up)" in said
    found = read_restarts(parts.home)["sink"]
    assert (found.restarts, found.reason, found.given_up) == (1, "killed by SIGKILL", False)
    assert found.restarted_at is not None


def test_a_part_that_was_stopped_stays_stopped(parts: StandIns) -> None:
    keeper = Keeper(parts)
    parts.stop("sink")
    keeper.look()
    assert parts.state("sink") == "stopped"
    assert read_restarts(parts.home).get("sink") is None


def test_a_part_that_dies_again_is_started_after_a_pause_and_given_up_in_the_end_with_the_reason(
    parts: StandIns, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    keeper = Keeper(parts, clock)
    parts.command = [sys.executable, "-c", "print('no room for outcomes', flush=True); raise SystemExit(3)"]
    kill(parts)
    for turn, delay_s in enumerate(DELAYS_S):
        keeper.look()
        clock.now += delay_s - 0.01
        keeper.look()
        assert read_restarts(parts.home)["sink"].restarts == (1 if delay_s == 0 else turn)
        clock.now += 0.01
        keeper.look()
        assert read_restarts(parts.home)["sink"].restarts == turn + 1
        eventually(lambda: parts.daemons["sink"].exit_code == 3, "it has died again")
    keeper.look()
    clock.now += 1000
    keeper.look()
    found = read_restarts(parts.home)["sink"]
    assert (found.restarts, found.given_up) == (len(DELAYS_S), True)
    assert found.reason == "exit status 3; the last it said: no room for outcomes"
    assert "the sink dies again and again and is given up (exit status 3; the last" in caplog.text
    # Whoever starts a keeper has started the part, too: it has all its tries again.
    assert not Keeper(parts, clock)._restarts["sink"].given_up


def test_a_part_that_ran_for_long_has_all_its_tries_again() -> None:
    clock = Clock()
    back_off = BackOff(clock)
    assert [back_off.next_delay() for _ in DELAYS_S] == list(DELAYS_S)
    assert back_off.next_delay() is None
    back_off.begin()
    clock.now += STEADY_S
    assert back_off.next_delay() == 0.0


def test_nothing_is_started_while_another_program_is_at_work_on_the_stack(parts: StandIns) -> None:
    keeper = Keeper(parts)
    kill(parts)
    with parts.lock(1), pytest.raises(Exception, match="another taskq program"):
        keeper.look()
    assert parts.state("sink") == "dead"
    keeper.look()
    assert parts.state("sink") == "running"


def test_a_keeper_ends_when_its_stack_is_down(parts: StandIns) -> None:
    (parts.home / "stack.json").unlink()
    Keeper(parts).run()


@pytest.mark.parametrize(("code", "state"), [(0, "stopped"), (1, "dead")])
def test_a_part_that_ends_in_order_says_so_and_one_that_fails_counts_as_dead(
    tmp_path: Path, code: int, state: str
) -> None:
    daemon = Daemon("sink", tmp_path / "run")
    script = (
        "import sys, types, taskq_kernel.cli.roles as roles;"
        f"roles.import_module = lambda _: types.SimpleNamespace(run=lambda settings: {code});"
        f"sys.exit(roles._run('sink', 'any', 'run', {{'home': {str(tmp_path)!r}}}))"
    )
    daemon.start([sys.executable, "-c", script])
    eventually(lambda: daemon.exit_code == code, "it has ended", 30)
    assert daemon.state == state
