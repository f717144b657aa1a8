"""``taskq token`` on a real stack."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from stacks import RunningStack, eventually

from taskq_kernel.errors import Forbidden, Unauthorized
from taskq_kernel.transport.graphql import GraphQLTransport

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture
def taskq(stack: RunningStack, tmp_path: Path) -> Run:
    """Run a command against the session's stack, as its owner or with another token."""

    def run(*arguments: str, token: str | None = None) -> Done:
        env = stack.env if token is None else stack.env | {"TASKQ_URL": stack.url, "TASKQ_TOKEN": token}
        command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return run


def known(taskq: Run) -> dict[str, dict[str, str]]:
    done = taskq("token", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def me(stack: RunningStack, secret: str) -> dict[str, str]:
    answer: dict[str, str] = GraphQLTransport(stack.url, secret).execute("{ me { name role } }")["me"]
    return answer


def test_a_token_is_shown_once_works_is_listed_without_its_secret_and_ends_when_revoked(
    stack: RunningStack, taskq: Run
) -> None:
    made = taskq("token", "create", "ann of the lab", "--role", "user")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.removesuffix("\n")
    assert re.fullmatch(r"tq_[\w-]{43}", secret)
    assert "not shown again" in made.stderr
    assert secret not in made.stderr
    assert me(stack, secret) == {"name": "ann of the lab", "role": "user"}

    listed = [taskq("token", "list").stdout, taskq("token", "list", "--json").stdout]
    assert all("ann of the lab" in text for text in listed)
    kept = "".join(listed) + (stack.home / "tasks.db").read_bytes().decode(errors="replace")
    wal = stack.home / "tasks.db-wal"
    kept += wal.read_bytes().decode(errors="replace") if wal.exists() else ""
    assert secret not in kept
    assert sha256(secret.encode()).hexdigest() in kept

    one = known(taskq)["ann of the lab"]
    assert (one["role"], one["expiresAt"], one["revokedAt"]) == ("user", None, None)
    gone = taskq("token", "revoke", one["id"].upper())
    assert (gone.returncode, gone.stdout) == (0, f"revoked: {one['id']}, of ann of the lab (user)\n")
    with pytest.raises(Unauthorized):  # at once
        me(stack, secret)
    when = known(taskq)["ann of the lab"]["revokedAt"]
    assert taskq("token", "revoke", one["id"]).returncode == 0
    assert known(taskq)["ann of the lab"]["revokedAt"] == when
    assert "revoked 20" in taskq("token", "list").stdout


def test_tokens_of_the_tokens_file_are_listed_as_such_and_revoked_there_alone(stack: RunningStack, taskq: Run) -> None:
    taskq("token", "create", "made here", "--role", "user")
    listed = [taskq("token", "list").stdout, taskq("token", "list", "--json").stdout]
    roles = {one["role"]: one for one in known(taskq).values() if one["origin"] == "FILE"}
    assert {"admin", "worker", "sink"} == set(roles)
    assert (roles["worker"]["name"], roles["worker"]["createdAt"]) == ("local worker", None)
    assert known(taskq)["made here"]["origin"] == "DATABASE"
    assert re.search(r"^file:\d +local sink +sink +good +tokens file$", listed[0], re.MULTILINE)
    secrets = [path.read_text().strip() for path in (stack.home / "tokens").glob("*.token")]
    assert len(secrets) == 3
    for secret in secrets:
        assert not any(secret in text or sha256(secret.encode()).hexdigest() in text for text in listed)

    refused = taskq("token", "revoke", roles["worker"]["id"])
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is one of the service's tokens file: take it out of the file" in refused.stderr
    assert me(stack, stack.token("worker"))["role"] == "worker"


def test_a_token_expires_when_it_was_told_to(stack: RunningStack, taskq: Run) -> None:
    secret = taskq("token", "create", "brief", "--role", "runner", "--expires", "3s").stdout.strip()
    began = time.monotonic()
    assert me(stack, secret)["role"] == "runner"

    def refused() -> bool:
        try:
            me(stack, secret)
        except Unauthorized:
            return True
        return False

    eventually(refused, "the token is worthless", timeout_s=15)
    assert time.monotonic() - began > 1
    assert "expired 20" in taskq("token", "list").stdout
    taskq("token", "create", "month", "--role", "user", "--expires", "30d")
    one = known(taskq)["month"]
    assert one["expiresAt"] > one["createdAt"]


@pytest.mark.parametrize("arguments", [
    ["create", "x", "--role", "user"], ["list"], ["list", "--json"], ["revoke", "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9"],
])  # fmt: skip
def test_only_an_administrator_has_to_do_with_tokens(taskq: Run, arguments: list[str]) -> None:
    secret = taskq("token", "create", "ann", "--role", "user").stdout.strip()
    done = taskq("token", *arguments, token=secret)
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs a token with the role admin" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["create"], 2, "Missing argument 'NAME'"),
        (["create", "x"], 2, "Missing option '--role'"),
        (["create", "x", "--role", "king"], 2, "'king' is not one of"),
        (["create", "x", "--role", "user", "--expires", "soon"], 2, "'soon' is no time; give such as 90s"),
        (["create", "x", "--role", "user", "--expires", "0d"], 2, "'0d' is no time"),
        (["create", "x", "--role", "user", "--expires", "90000w"], 2, "at most"),
        (["create", " ", "--role", "user"], 2, "give 1 to 200 printable characters"),
        (["create", "two\nlines", "--role", "user"], 2, "give 1 to 200 printable characters"),
        (["revoke"], 2, "Missing argument 'ID'"),
        (["revoke", "nobody"], 1, "no token has the id nobody"),
    ],
)
def test_what_cannot_be_done_is_said(taskq: Run, arguments: list[str], code: int, says: str) -> None:
    done = taskq("token", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_runner_may_look_and_not_submit_free_code(stack: RunningStack, taskq: Run) -> None:
    secret = taskq("token", "create", "ron", "--role", "runner").stdout.strip()
    assert taskq("ls", token=secret).returncode == 0
    with pytest.raises(Forbidden, match="only what an administrator has registered"):
        GraphQLTransport(stack.url, secret).execute('mutation { createTask(input: {code: "1"}) { id } }')
