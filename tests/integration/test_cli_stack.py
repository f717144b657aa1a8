"""The command line on a real stack: what scripts get on stdout, and the exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from stacks import RunningStack, eventually
from terminal import heed_ctrl_c

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
COMMAND = [sys.executable, "-m", "taskq_kernel.cli"]


@pytest.fixture
def taskq(stack: RunningStack, tmp_path: Path) -> Run:
    """Run a command against the session's stack."""

    def run(*arguments: str, stdin: str | bytes = "") -> Done:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*COMMAND, *arguments], input=data, env=stack.env, cwd=tmp_path, capture_output=True, timeout=90
        )
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


def submit(taskq: Run, code: str, *options: str) -> str:
    done = taskq("submit", "-", *options, stdin=code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# -- submit ----------------------------------------------------------------------------------


def test_submit_and_wait_writes_the_value_and_nothing_else(taskq: Run) -> None:
    done = taskq("submit", "-", "--wait", stdin="sum(1:10)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "55\n", "")


@pytest.mark.parametrize(
    ("code", "json_text"),
    [
        ("nothing", "null"),
        ("[1.5, NaN, missing]", '[1.5,{"$float":"NaN"},null]'),
        ("big(2)^70", "1180591620717411303424"),
        ('Dict("a" => "π\\n")', '{"a":"π\\n"}'),
        ('(n = [1, 2], s = ["a", "b"])', '{"columns":{"n":[1,2],"s":["a","b"]}}'),
    ],
)
def test_values_are_written_as_json(taskq: Run, code: str, json_text: str) -> None:
    assert taskq("submit", "-", "--wait", stdin=code).stdout == json_text + "\n"


def test_a_value_too_large_to_travel_is_written_whole(taskq: Run) -> None:
    done = taskq("submit", "-", "--wait", stdin="collect(1:50_000)")
    assert json.loads(done.stdout) == list(range(1, 50_001))


def test_a_failed_task_is_exit_code_1_with_julias_trace_on_stderr(taskq: Run) -> None:
    done = taskq("submit", "-", "--wait", stdin="f(x) = sqrt(x)\nf(-1.0)\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "DomainError" in done.stderr
    assert re.search(r"task:1\b", done.stderr)


def test_with_wait_and_json_the_finished_task_is_written_whether_it_failed_or_not(taskq: Run) -> None:
    good = taskq("submit", "-", "--wait", "--json", "--name", 'it\'s "π"\n🚀', "--arg", "n=41", stdin="n + 1")
    task = json.loads(good.stdout)
    assert good.returncode == 0
    assert (task["status"], task["value"], task["name"]) == ("FINISHED", 42, 'it\'s "π"\n🚀')
    assert task["arguments"] == {"n": 41}
    assert [event["status"] for event in task["history"]] == ["QUEUEING", "RUNNING", "FINISHED"]
    bad = taskq("submit", "-", "--wait", "--json", stdin="error(:no)")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["error"]["name"] == "ErrorException"
    assert "ErrorException" in bad.stderr


def test_the_time_limit_of_a_task_is_given_in_seconds(taskq: Run) -> None:
    done = taskq("submit", "-", "--wait", "--timeout", "0.5", stdin="while true end")
    assert done.returncode == 1
    assert "TimeoutExceeded" in done.stderr


def test_odd_sources_are_taken_as_they_are_or_refused_with_the_reason(taskq: Run, tmp_path: Path) -> None:
    large = tmp_path / "large.jl"
    large.write_text("# " + "x" * (1 << 20) + "\n1 + 1\n")
    assert taskq("submit", str(large), "--wait").stdout == "2\n"
    nul = taskq("submit", "-", "--wait", stdin="x = '\0'")
    assert nul.returncode in (0, 1)
    assert "Traceback" not in nul.stderr
    invalid = taskq("submit", "-", stdin=b"x = \xff")
    assert (invalid.returncode, invalid.stdout) == (2, "")
    assert "offset 4" in invalid.stderr
    empty = taskq("submit", "-", stdin=" \n")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "empty" in empty.stderr


def test_the_name_of_a_file_is_the_name_of_its_task(taskq: Run, tmp_path: Path) -> None:
    (tmp_path / "orbit.jl").write_text("1")
    number = taskq("submit", "orbit.jl").stdout.strip()
    assert json.loads(taskq("show", number, "--json").stdout)["name"] == "orbit.jl"


# -- wait ------------------------------------------------------------------------------------


def test_wait_tells_how_each_task_ended_in_that_order(taskq: Run, stack: RunningStack, effects: Path) -> None:
    end = effects / "end"
    slow = submit(taskq, f'while !isfile("{end}") sleep(0.05) end; 1', "--name", "slow")
    quick = submit(taskq, "2", "--name", "quick")
    waiting = subprocess.Popen([*COMMAND, "wait", slow, quick, slow], env=stack.env, stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == f"{quick} 'quick' FINISHED: 2\n"
    end.touch()
    assert waiting.communicate(timeout=60) == (f"{slow} 'slow' FINISHED: 1\n", None)
    assert waiting.returncode == 0
    assert taskq("wait", submit(taskq, "error(1)"), quick).returncode == 1
    assert taskq("wait", "999999").returncode == 1
    assert [task["value"] for task in json.loads(taskq("wait", slow, quick, "--json").stdout)] == [1, 2]


def test_wait_gives_up_when_it_was_told_to_and_the_task_goes_on(taskq: Run, effects: Path) -> None:
    end = effects / "end"
    number = submit(taskq, f'while !isfile("{end}") sleep(0.05) end; 5')
    done = taskq("wait", number, "--timeout", "0.2")
    assert done.returncode == 1
    assert f"task {number} goes on" in done.stderr
    end.touch()
    assert taskq("wait", number).returncode == 0


@pytest.mark.parametrize("arguments", [["wait"], ["logs", "-f"]])
def test_ctrl_c_ends_the_waiting_and_not_the_task(
    taskq: Run, stack: RunningStack, effects: Path, arguments: list[str]
) -> None:
    end = effects / "end"
    number = submit(taskq, f'println("on it"); flush(stdout); while !isfile("{end}") sleep(0.05) end; 6')
    eventually(lambda: "on it" in taskq("logs", number).stdout, "the task runs")
    waiting = subprocess.Popen(
        [*COMMAND, *arguments, number], env=stack.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    # Who waits has a socket for the live feed beside the one that it asks with; who follows a log just asks.
    sockets = 2 if arguments == ["wait"] else 1
    eventually(lambda: connections(waiting.pid) >= sockets, "it has begun to wait")
    waiting.send_signal(signal.SIGINT)
    _out, err = waiting.communicate(timeout=10)
    assert waiting.returncode == 130
    assert f"task {number} goes on" in err
    assert "Traceback" not in err
    end.touch()
    assert taskq("wait", number).returncode == 0


def connections(pid: int) -> int:
    """How many connections to other programs a process has."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(pid).net_connections())


# -- looking and changing --------------------------------------------------------------------


def test_ls_lists_the_newest_first_in_columns_or_as_json(taskq: Run) -> None:
    one, two = submit(taskq, "1", "--name", "listed one"), submit(taskq, "2", "--name", "listed two")
    taskq("wait", one, two)
    done = taskq("ls", "--name", "LISTED", "--limit", "2", "--status", "finished")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["number", two, one]
    rows = json.loads(taskq("ls", "--name", "listed", "--limit", "1", "--json").stdout)
    assert [(row["number"], row["value"], row["code"]) for row in rows] == [(int(two), 2, "2")]
    assert taskq("ls", "--name", "no such name").stdout.splitlines()[1:] == []


def test_status_tells_what_waits_the_slots_and_the_disk(taskq: Run) -> None:
    waiting = submit(taskq, "1", "--queue", "nobody-serves-this")
    found = json.loads(taskq("status", "--json").stdout)
    assert found["slots_online"] >= found["slots_busy"] >= 0
    assert found["tasks"]["QUEUEING"] >= 1
    queues = {queue["name"]: queue["waiting"] for queue in found["queues"]}
    assert queues["default"] >= 0
    assert queues["nobody-serves-this"] == 1
    assert found["disk_free_bytes"] > 0
    text = taskq("status").stdout
    assert re.search(r"^slots +\d+ of \d+ busy$", text, re.MULTILINE)
    assert re.search(r"^tasks +.*\d+ QUEUEING", text, re.MULTILINE)
    assert re.search(r"^queue +default: \d+ waiting$", text, re.MULTILINE)
    assert re.search(r"^disk +[\d.]+ [GMT]iB free$", text, re.MULTILINE)
    taskq("cancel", waiting)


def test_show_tells_all_there_is_to_know(taskq: Run) -> None:
    number = submit(taskq, "function root(x)\n    sqrt(x)\nend\nroot(-1.0)", "--name", "a root", "--arg", "n=1")
    taskq("wait", number)
    text = taskq("show", number).stdout
    told = (f"task {number}: a root", "FAILED", 'n=1', "sqrt(x)", "DomainError", "stack trace", "submitted by")
    assert [part for part in told if part not in text] == []
    task = json.loads(taskq("show", number, "--json").stdout)
    assert task["error"]["name"] == "DomainError"
    assert taskq("show", task["id"], "--json").stdout == taskq("show", number, "--json").stdout


def test_tasks_are_cancelled_retried_and_deleted_by_their_ids(taskq: Run) -> None:
    long, short = submit(taskq, "sleep(60)"), submit(taskq, "7")
    taskq("wait", short)
    done = taskq("cancel", long, short)
    assert (done.returncode, done.stdout) == (
        0, f"cancelled: 1 of {long}, {short}; the others are done already\n"
    )  # fmt: skip
    assert taskq("retry", long).stdout == f"queued again: {long}\n"
    again = taskq("retry", short).stdout
    assert again.startswith(f"run again, with the first value kept: {short} as ")
    new = again.split()[-1]
    assert taskq("wait", new).returncode == 0
    old, repeated = (json.loads(taskq("show", number, "--json").stdout) for number in (short, new))
    assert (old["attempt"], old["value"]) == (1, 7)
    assert (repeated["attempt"], repeated["value"], repeated["repeats"]) == (1, 7, int(short))
    assert [task["number"] for task in json.loads(taskq("delete", short, "--json").stdout)] == [int(short)]
    gone = taskq("delete", short, long)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert f"no task has the id {short}" in gone.stderr
    assert taskq("show", long).returncode == 0  # nothing of it was changed
    taskq("cancel", long)


def test_what_is_neither_a_number_nor_a_uuid_is_wrong_usage(taskq: Run) -> None:
    for command in ("show", "wait", "cancel"):
        done = taskq(command, "abc")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "taskq: 'abc': neither the number of a task nor its UUID\n"


def test_logs_can_be_read_after_and_followed_while_the_task_runs(taskq: Run) -> None:
    number = submit(taskq, 'for i in 1:3; println("line ", i); flush(stdout); sleep(0.7); end; print("end")')
    followed = taskq("logs", "-f", number)
    assert (followed.returncode, followed.stdout) == (0, "line 1\nline 2\nline 3\nend")
    assert taskq("logs", number).stdout == followed.stdout


def test_a_reader_that_goes_away_is_silent(taskq: Run, stack: RunningStack) -> None:
    taskq("submit", "-", "--wait", stdin="1")
    command = f"{' '.join(COMMAND)} ls --json | head -c 1"
    done = subprocess.run(["bash", "-c", command], env=stack.env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[", "")


def test_in_a_terminal_ls_is_a_table_and_without_colour_when_told_so(stack: RunningStack, taskq: Run) -> None:
    submit(taskq, "1", "--name", "in a terminal")
    script = f"{' '.join(COMMAND)} ls --limit 3"
    coloured, plain = (
        subprocess.run(
            ["script", "-qec", f"stty cols 150; {script}", "/dev/null"],
            env={**stack.env, "TERM": "xterm-256color"} | extra, capture_output=True, text=True,
        ).stdout
        for extra in ({}, {"NO_COLOR": "1"})
    )  # fmt: skip
    assert "─" in coloured
    assert "\x1b[3" in coloured
    assert "─" in plain
    assert not re.search(r"\x1b\[(3|9)\d", plain)


def test_every_example_in_the_help_works_as_it_stands(stack: RunningStack, taskq: Run, tmp_path: Path) -> None:
    # Given: a folder in which `taskq` is this one, and a task number 1 that is done.
    program = tmp_path / "bin" / "taskq"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    env = stack.env | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    # When: each command's examples are run, except where they would stop the stack.
    for command in ("submit", "wait", "ls", "show", "logs", "cancel", "status"):
        text = taskq(command, "--help").stdout.partition("Examples:\n")[2]
        for example in text.splitlines():
            if re.search(r"taskq (show|logs|cancel) (\d|--batch)", example):
                continue  # of a task or a batch that the reader has
            done = subprocess.run(["bash", "-c", example], env=env, capture_output=True, text=True, timeout=60)
            # Then: each does what it says.
            assert done.returncode == 0, f"{example}\n{done.stderr}"
