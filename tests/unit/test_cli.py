"""The command line, as far as it needs no stack: usage, help, exit codes, what is written."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from client_stubs import TOKEN, HttpStub, data, errors, http_stub
from test_printable import obeyed

from taskq_kernel import errors as taskq_errors
from taskq_kernel.cli import _COMMANDS, cli, exit_code, main, output

Done = tuple[int, str, str]

TASK = {
    "id": "u-1", "number": 7, "name": "sum", "status": "FINISHED", "attempt": 1, "version": 9, "progress": 1.0,
    "progressMessage": None, "value": 55, "valueKind": "JSON", "valueType": "Int64", "valueText": "55",
    "valueNote": "", "valueRef": None, "error": None, "worker": "w1", "seconds": 0.25, "lost": 0,
    "waitsFor": None, "repeats": None, "seed": 9007199254740991, "timing": None, "series": None,
    "cachedFrom": None, "environment": None,
    "owner": "ann", "arguments": {"n": 3},
    "createdAt": (datetime.now(UTC) - timedelta(days=2, hours=1)).isoformat(),
}  # fmt: skip


@pytest.fixture
def taskq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a command: exit code, standard output, standard error."""
    for name in ("TASKQ_URL", "TASKQ_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TASKQ_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TASKQ_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"", url: str | None = None) -> Done:
        if url is not None:
            monkeypatch.setenv("TASKQ_URL", url)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def service() -> Iterator[HttpStub]:
    with http_stub(data(task=TASK)) as stub:
        yield stub


# -- usage -----------------------------------------------------------------------------------


def test_help_lists_every_command() -> None:
    text = CliRunner().invoke(cli, ["--help"]).output
    for name in _COMMANDS:
        assert f"  {name} " in text


@pytest.mark.parametrize("command", list(_COMMANDS))
def test_the_help_of_each_command_ends_with_examples_of_it(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    examples = result.output.partition("Examples:\n")[2].splitlines()
    assert examples
    assert all(f"taskq {command}" in line for line in examples)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sumbit"], "No such command 'sumbit'"),
        (["submit"], "Missing argument 'FILE'"),
        (["submit", "nowhere.jl"], "'nowhere.jl' does not exist"),
        (["submit", "-", "--timeout", "soon"], "'soon' is not a valid float"),
        (["submit", "-", "--timeout", "-1"], "taskq: --timeout is -1.0: give a number of seconds above 0"),
        (["submit", "-", "--memory-limit", "lots"], "taskq: --memory-limit is 'lots': give bytes"),
        (["submit", "-", "--priority", "urgent"], "taskq: --priority is 'urgent': give 0 (low), 1 (normal)"),
        (["submit", "-", "--arg", "n"], "taskq: --arg is 'n': write it as name=value"),
        (["submit", "-", "--arg", "end=1"], "taskq: --arg end is no name that Julia takes: end is a keyword"),
        (["ls", "--created-after", "soon"], "taskq: --created-after is 'soon': give"),
        (["wait"], "Missing argument 'ID...'"),
        (["ls", "--status", "done"], "taskq: --status is 'done': use QUEUEING, RUNNING"),
        (["ls", "--limit", "0"], "0 is not in the range"),
        (["up", "--workers", "0"], "workers"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_was_wrong(taskq: Any, arguments: list[str], says: str) -> None:
    code, out, err = taskq(*arguments)
    assert (code, out) == (2, "")
    assert says in err


@pytest.mark.parametrize("where", ["-", "bad.jl"])
def test_a_source_that_is_not_utf8_is_refused_with_the_offset(taskq: Any, tmp_path: Path, where: str) -> None:
    source = "π = 3\nx = ".encode() + b"\xff\n"
    (tmp_path / "bad.jl").write_bytes(source)
    code, out, err = taskq("submit", where, stdin=source)
    assert (code, out) == (2, "")
    assert "is not UTF-8: byte 0xff at offset 11; nothing was submitted" in err


@pytest.mark.parametrize(
    "arguments", [["submit", "-"], ["ls"], ["show", "1"], ["wait", "1"], ["cancel", "1"], ["logs", "1"]]
)
def test_without_a_stack_the_exit_code_is_3_and_the_hint_taskq_up(taskq: Any, arguments: list[str]) -> None:
    code, out, err = taskq(*arguments, stdin=b"1")
    assert (code, out) == (3, "")
    assert "taskq up" in err


def test_a_service_that_does_not_answer_is_exit_code_3_without_a_trace_or_a_token(taskq: Any) -> None:
    code, out, err = taskq("ls", url="http://127.0.0.1:1/graphql")
    assert (code, out) == (3, "")
    assert "no taskq service at http://127.0.0.1:1/graphql: Connection refused" in err
    assert "Traceback" not in err
    assert TOKEN not in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (taskq_errors.TaskqError("x"), 1),
        (taskq_errors.NotFound("x", "NOT_FOUND"), 1),
        (taskq_errors.SetupError("x"), 1),
        (taskq_errors.InvalidTask("x"), 2),
        (taskq_errors.SettingsError("x"), 2),
        (taskq_errors.ServiceUnreachable("x"), 3),
        (taskq_errors.BrokerUnreachable("x"), 3),
    ],
)
def test_errors_have_exit_codes(error: taskq_errors.TaskqError, code: int) -> None:
    assert exit_code(error) == code


def test_the_version_is_told(taskq: Any) -> None:
    code, out, _err = taskq("--version")
    assert code == 0
    assert out.startswith("taskq ")


# -- what is sent and what is written --------------------------------------------------------


def test_submit_sends_the_code_and_writes_the_number(taskq: Any, tmp_path: Path) -> None:
    (tmp_path / "pi.jl").write_bytes(b"\xef\xbb\xbf# \xcf\x80\n1\0\n")
    with http_stub(data(createTasks=[{"number": 7}])) as stub:
        done = taskq("submit", "pi.jl", "--arg", "n=3", "--memory-limit", "1 GiB", "--priority", "low", url=stub.url)
        named = taskq("submit", "-", "--name", "it", stdin=b"2")
    assert done == named == (0, "7\n", "")
    first, second = (json.loads(request[3])["variables"]["inputs"][0] for request in stub.requests)
    assert first.pop("id") != second.pop("id")
    assert first == {
        "code": "# π\n1\0\n", "name": "pi.jl", "kind": "SCRIPT", "queue": "default", "priority": 0,
        "maxAttempts": 1, "arguments": {"n": 3}, "memoryLimit": 1 << 30,
    }  # fmt: skip
    assert (second["code"], second["name"]) == ("2", "it")


def test_submit_with_json_writes_the_task_with_graphqls_names(taskq: Any) -> None:
    with http_stub(data(createTasks=[TASK])) as stub:
        code, out, _err = taskq("submit", "-", "--json", stdin=b"1", url=stub.url)
    assert code == 0
    assert json.loads(out) == TASK


def test_ls_writes_columns_for_people_and_json_for_programs(taskq: Any) -> None:
    failed = TASK | {"number": 8, "status": "FAILED", "error": {"name": "DomainError", "message": "with\n-1"}}
    page = {"nodes": [failed, TASK], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    with http_stub(data(tasks=page)) as stub:
        code, out, _err = taskq("ls", "--status", "failed", "--name", "s", "--limit", "5", url=stub.url)
        assert code == 0
        header, first, second = out.splitlines()
        titles = ["number", "name", "status", "value", "seconds", "age", "owner", "arguments", "worker"]
        assert header.split() == titles
        assert re.split("  +", first) == ["8", "sum", "FAILED", "DomainError: with -1", "250 ms", "2 d",
                                          "ann", "n=3", "w1"]  # fmt: skip
        assert second.split()[:4] == ["7", "sum", "FINISHED", "55"]
        assert json.loads(taskq("ls", "--json")[1]) == [failed, TASK]
    asked = json.loads(stub.requests[0][3])["variables"]
    assert asked["filter"] == {"status": ["FAILED"], "name": "s"}
    assert asked["first"] == 5
    assert asked["order"] == [{"field": "NUMBER", "direction": "DESC"}]


def test_an_unknown_id_is_exit_code_1(taskq: Any) -> None:
    with http_stub(errors("NOT_FOUND", "no task has the id 9")) as stub:
        assert taskq("show", "9", url=stub.url) == (1, "", "taskq: no task has the id 9\n")
        assert taskq("cancel", "9") == (1, "", "taskq: no task has the id 9\n")


@pytest.mark.parametrize("command", ["show", "logs", "wait", "cancel", "retry", "delete"])
def test_what_is_no_id_at_all_is_wrong_usage(taskq: Any, command: str) -> None:
    with http_stub(errors("BAD_INPUT", "'abc': no number")) as stub:
        assert taskq(command, "abc", url=stub.url) == (2, "", "taskq: 'abc': no number\n")


def test_changes_say_what_they_changed(taskq: Any) -> None:
    two = [{"id": str(UUID(int=number)), "number": number, "repeats": None} for number in (1, 2)]
    with http_stub(data(cancelTasks={"tasks": two, "changed": 2})) as stub:
        assert taskq("cancel", "1", "2", "1", url=stub.url) == (0, "cancelled: 1, 2\n", "")
    assert json.loads(stub.requests[0][3])["variables"] == {"ids": ["1", "2"]}
    with http_stub(data(retryTasks={"tasks": two, "changed": 1})) as stub:
        done = taskq("retry", "1", "2", url=stub.url)
    assert done == (0, "queued again: 1 of 1, 2; the others are not done yet\n", "")


def test_a_retry_says_which_new_task_repeats_which_finished_one(taskq: Any) -> None:
    ids = {number: str(UUID(int=number)) for number in (1, 2, 7, 8)}
    answer = [
        {"id": ids[7], "number": 7, "repeats": 1},
        {"id": ids[2], "number": 2, "repeats": 1},  # repeats 1 as well, failed, and has a new attempt
        {"id": ids[8], "number": 8, "repeats": 3},
    ]
    with http_stub(data(retryTasks={"tasks": answer, "changed": 3})) as stub:
        done = taskq("retry", "1", ids[2].upper(), "3", url=stub.url)
    assert done == (0, "run again, with the first value kept: 1 as 7, 3 as 8\nqueued again: 2\n", "")
    with http_stub(data(retryTasks={"tasks": answer[:1], "changed": 1})) as stub:
        assert taskq("retry", "1", url=stub.url) == (0, "run again, with the first value kept: 1 as 7\n", "")


def test_numbers_are_written_with_all_their_digits(taskq: Any) -> None:
    digits = "3.14159265358979323846264338327950288"
    answer = b'{"data": {"task": {"value": ' + digits.encode() + b', "big": 1' + b"0" * 30 + b"}}}"
    with http_stub((200, answer)) as stub:
        out = taskq("show", "1", "--json", url=stub.url)[1]
    assert digits in out
    assert "1" + "0" * 30 in out


def test_show_draws_the_series_of_a_task_and_says_where_its_time_went(taskq: Any) -> None:
    timing = {"prepare_s": 0.0, "compile_s": 3.0, "gc_s": 0.25, "encode_s": 0.001, "allocated_bytes": 1}
    history = [{"at": "2026-01-02T03:04:05Z", "status": "QUEUEING", "reason": "submitted by ann"}]
    told = {
        "series": {"loss": {"count": 5000, "steps": [1, 2, 3], "values": [4.0, None, 0.5]}}, "timing": timing,
        "seconds": 4.0, "history": history, "createdAt": "2026-01-02T03:04:05Z", "startedAt": "2026-01-02T03:04:06Z",
    } | dict.fromkeys(("maxAttempts", "priority", "queue", "timeoutSeconds", "memoryLimit", "batch", "id", "code"), 1)
    with http_stub(data(task=TASK | told | {"code": "1"})) as stub:
        out = taskq("show", "7", url=stub.url)[1]
    assert "  loss  █ ▁  4 → 0.5  (5,000 reports)\n" in out
    assert "time          waiting 1 s, compiling 3 s, running 750 ms, garbage collection 250 ms\n" in out
    assert "advice        Most of its time went into compiling: as a definition," in out


def test_logs_are_written_line_by_line_and_piece_by_piece(taskq: Any) -> None:
    chunks = [
        {"seq": 1, "attempt": 1, "stream": "stdout", "text": "a\nb"},
        {"seq": 2, "attempt": 1, "stream": "stderr", "text": "c\n"},
    ]
    with http_stub(data(task=TASK | {"logs": chunks})) as stub:
        assert taskq("logs", "7", url=stub.url) == (0, "a\nbc\n", "")
        out = taskq("logs", "7", "--json")[1]
    assert [json.loads(line) for line in out.splitlines()] == chunks


def test_a_place_that_cannot_be_written_to_is_said_in_words(taskq: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    left = {"name": "a.csv", "size": 1, "sha256": "0" * 64, "type": "text/csv", "attempt": 1}
    with http_stub(data(task={"files": [left]})) as service:
        for place, reason in (("taken", "File exists"), ("taken/below", "Not a directory")):
            code, out, said = taskq("fetch", "1", "--to", place, url=service.url)
            assert (code, out, said) == (1, "", f"taskq: {place}: {reason}\n")
    assert (tmp_path / "taken").read_text() == "mine"


EVIL = "evil\x1b]0;title\x07\x1b[2J\x9b31m\u202e"
HOSTILE = TASK | {
    "name": f"{EVIL}\nstatus        FINISHED", "worker": EVIL, "owner": EVIL, "queue": EVIL, "batch": EVIL,
    "status": "FAILED", "finishedAt": None, "maxAttempts": 1, "priority": 1, "timeoutSeconds": None,
    "memoryLimit": None, "repeats": None, "cachedFrom": None, "environment": EVIL, "waitsFor": EVIL,
    "createdAt": "2026-01-02T03:04:05Z",
    "progressMessage": EVIL, "error": {"name": EVIL, "message": f"{EVIL}\r\n{EVIL}", "stacktrace": EVIL, "line": 1},
    "value": EVIL, "valueText": EVIL, "valueType": EVIL, "valueNote": EVIL, "code": EVIL, "arguments": {EVIL: EVIL},
    "history": [{"at": "2026-01-02T03:04:05Z", "status": "FAILED", "reason": EVIL}],
    "logs": [{"seq": 1, "attempt": 1, "stream": "stdout", "text": EVIL}],
}  # fmt: skip
HOSTILE_BATCH = HOSTILE | {
    "definitionName": EVIL, "total": 4, "seed": 1, "cancelledAt": None,
    "figures": {"counts": [{"status": "FAILED", "count": 3}], "done": 3, "secondsLeft": 90.0},
    "failures": [{"name": EVIL, "line": 2, "count": 3, "example": 7, "point": 0, "message": f"{EVIL}\r\n{EVIL}"}],
}


@pytest.mark.parametrize("on_a_terminal", [True, False])
@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "--batches"], ["show", "--batch", "b"], ["ls", "--batches", "--json"], ["ls", "--batch", "b"],
        ["ls"], ["show", "7"], ["wait", "7"], ["logs", "7"], ["ls", "--json"], ["show", "7", "--json"],
        ["wait", "7", "--json"], ["logs", "7", "--json"], ["logs", "7", "--raw"],
    ],
)  # fmt: skip
def test_what_others_have_written_gives_a_terminal_no_orders(
    taskq: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], on_a_terminal: bool
) -> None:
    monkeypatch.setattr(output, "for_people", lambda: on_a_terminal)
    page = {"nodes": [HOSTILE], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    batches = {"nodes": [HOSTILE_BATCH], "totalCount": 12}
    with http_stub(data(task=HOSTILE, tasks=page, batch=HOSTILE_BATCH, batches=batches)) as stub:
        code, out, err = taskq(*arguments, url=stub.url)
    assert code == (arguments[:1] == ["wait"]), err
    assert "evil" in out
    if arguments == ["logs", "7", "--raw"] and not on_a_terminal:
        assert out == EVIL  # a file gets what was printed
    else:
        assert obeyed(out + err) == ""


def test_a_batch_is_one_row_with_its_counts_the_time_left_and_why_points_failed(
    taskq: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = HOSTILE_BATCH | {"name": "gaps", "failures": [HOSTILE_BATCH["failures"][0] | {"name": "DomainError",
                                                          "message": "with -1"}]}
    batches, page = {"nodes": [batch], "totalCount": 12}, {"nodes": [], "pageInfo": {"hasNextPage": False}}
    monkeypatch.setattr(output, "for_people", lambda: True)
    with http_stub(data(tasks=page, batches=batches, batch=batch)) as stub:
        listed = taskq("ls", url=stub.url)[1]
        asked = [json.loads(body)["variables"] for *_, body in stub.requests]
        shown = taskq("show", "--batch", "gaps", url=stub.url)[1]
        wrong = taskq("show", url=stub.url)
    assert re.search(r"gaps +4 +75 % +90 s +3 FAILED +3 x DomainError in line 2: with -1", listed)
    assert "11 older batches: taskq ls --batches" in listed
    assert asked[-1]["filter"] == {"isPoint": False}
    assert "3 x DomainError in line 2: with -1 (such as task 7)" in shown
    assert "time left     90 s" in shown
    assert (wrong[0], "give either the ID of a task or --batch" in wrong[2]) == (2, True)


def test_tasks_are_listed_by_their_arguments_and_in_the_order_of_one(taskq: Any) -> None:
    with http_stub(data(tasks={"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}})) as stub:
        for given in (["--sort", "n"], ["--sort=-seconds"]):
            assert taskq("ls", "--arg", "n=200", "--arg", "beta > 0.5", *given, url=stub.url)[0] == 0
        wrong = taskq("ls", "--arg", "spin", url=stub.url)
        asked = [json.loads(body)["variables"] for *_, body in stub.requests]
    conditions = [("n", "EQ", 200), ("beta", "GT", 0.5)]
    assert [[tuple(one.values()) for one in each["filter"]["arguments"]] for each in asked] == [conditions] * 2
    assert [each["order"] for each in asked] == [
        [{"argument": "n", "direction": "ASC"}], [{"field": "SECONDS", "direction": "DESC"}]
    ]
    assert wrong[0] == 2
    assert "--arg is 'spin': write a condition such as n=200, beta>0.5 or method=euler" in wrong[2]


def test_a_name_of_two_lines_takes_one(taskq: Any) -> None:
    with http_stub(data(task=HOSTILE)) as stub:
        lines = taskq("show", "7", url=stub.url)[1].splitlines()
    assert [line for line in lines if line.startswith("status ")] == ["status        FAILED"]


@pytest.mark.parametrize("command", ["ls", "show", "wait", "cancel", "logs"])
def test_what_a_service_says_gives_a_terminal_no_orders(taskq: Any, command: str) -> None:
    with http_stub(errors("NOT_FOUND", f"no task {EVIL}")) as stub:
        code, out, err = taskq(command, *["7"][: command != "ls"], url=stub.url)
    assert code == 1
    assert "evil" in err
    assert obeyed(out + err) == ""


def test_a_reader_that_goes_away_is_no_error() -> None:
    # Given: a command that writes far more than a pipe holds.
    code = (
        "import sys, click\n"
        "from taskq_kernel.cli import cli, main, output\n"
        "@click.command()\n"
        "def flood():\n"
        "    for _ in range(100_000): output.line('x' * 80)\n"
        "cli.get_command = lambda ctx, name: flood\n"
        "sys.exit(main(['flood']))"
    )
    pipe = '"$0" -c "$1" | head -1; echo "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", pipe, sys.executable, code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["x" * 80, "141"]
    assert done.stderr == ""


def test_a_full_disk_is_said_in_words() -> None:
    code = (
        "import sys, click\n"
        "from taskq_kernel.cli import cli, main, output\n"
        "@click.command()\n"
        "def one(): output.line('x')\n"
        "cli.get_command = lambda ctx, name: one\n"
        "sys.exit(main(['one']))"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode == 1
    said = "what was to be written could not be, or only a part of it: No space left on device"
    assert done.stderr == f"taskq: {said}\n"
