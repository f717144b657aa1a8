"""Whom the visitors of a dashboard act as, and what they find when there is no token or no stack: without a browser."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from stacks import RunningStack

from taskq_kernel import Client, connect
from taskq_kernel.cli.dashboard import dashboard
from taskq_kernel.client.connection import Address
from taskq_kernel.domain import Role
from taskq_kernel.errors import Forbidden, ServiceUnreachable
from taskq_kernel.local.visitor import act_as_visitor, stack_is_there, visitor_token

pytestmark = pytest.mark.timeout(120)

#: Serves a dashboard for a stack that is there while a file is.
SERVE = (
    "import pathlib, sys; from taskq_widgets.dashboard.launch import serve\n"
    "serve(open_browser=False, token='the-token', on_ready=lambda url: print(url, flush=True),"
    " is_there=pathlib.Path(sys.argv[1]).exists)"
)


@pytest.fixture
def admin(stack: RunningStack) -> Address:
    return Address(stack.url, stack.token())


def test_visitors_have_a_token_that_is_kept_and_is_made_again_when_it_was_revoked(
    stack: RunningStack, admin: Address, tmp_path: Path, q: Client
) -> None:
    file = visitor_token(admin, tmp_path, "a colleague", Role.USER)
    assert file is not None
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text()
    assert visitor_token(admin, tmp_path, "a colleague", Role.USER) == file
    assert file.read_text() == first
    with connect(stack.url, token=first) as visitor:
        me = visitor.transport.execute("{ me { name role } }")["me"]
        assert me == {"name": "a colleague", "role": "user"}
        with pytest.raises(Forbidden):
            visitor.transport.execute("{ tokens { id } }")
    tokens = q.transport.execute("{ tokens { id name } }")["tokens"]
    (token,) = [one["id"] for one in tokens if one["name"] == "a colleague"]
    q.transport.execute("mutation Revoke($id: ID!) { revokeToken(id: $id) { id } }", {"id": token})
    assert visitor_token(admin, tmp_path, "a colleague", Role.USER) == file
    assert file.read_text() != first


def test_who_is_no_administrator_serves_a_dashboard_with_the_token_that_there_is(
    stack: RunningStack, admin: Address, tmp_path: Path
) -> None:
    file = visitor_token(admin, tmp_path, "ann", Role.USER)
    assert file is not None
    assert visitor_token(Address(stack.url, file.read_text()), tmp_path, "bob", Role.USER) is None


def test_a_kernel_of_a_dashboard_acts_as_a_visitor_and_starts_no_stack_that_was_taken_down(
    stack: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKQ_HOME", str(stack.home))
    monkeypatch.delenv("TASKQ_URL", raising=False)
    monkeypatch.setenv("TASKQ_RESTART", str(stack.settings.restart))
    monkeypatch.setenv("TASKQ_VISITOR_TOKEN_FILE", "")  # whatever it will be set to is taken back at the end
    monkeypatch.delenv("TASKQ_VISITOR_TOKEN_FILE")
    act_as_visitor(stack.home, Role.USER, "a colleague")
    monkeypatch.setenv("TASKQ_START", "false")
    with connect() as visitor:
        assert visitor.transport.execute("{ me { name } }")["me"]["name"] == "a colleague"
    assert stack_is_there()

    monkeypatch.setenv("TASKQ_HOME", str(tmp_path))
    assert not stack_is_there()
    with pytest.raises(ServiceUnreachable, match="taskq up"):
        connect()
    assert not (tmp_path / "run").exists()


@contextlib.contextmanager
def served(stack: RunningStack, there: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve a dashboard; its address without the token, and its process."""
    command = [sys.executable, "-c", SERVE, str(there)]
    process = subprocess.Popen(command, env=stack.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().partition("?")[0], process
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def answer(request: str | urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=20) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_who_comes_without_the_token_is_told_what_to_do_and_a_stack_that_is_down_starts_no_kernel(
    stack: RunningStack, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    with served(stack, there) as (url, process):
        for path in ("", "api/kernels", "taskq/there"):
            status, page = answer(url + path)
            assert status == 200
            assert "The end of the address is missing" in page
            assert "taskq dashboard" in page
            assert "Jupyter" not in page
        assert "not, or no longer, the dashboard" in answer(f"{url}?token=another")[1]
        # The field takes the token, the whole address, and nothing else.
        for typed, found in (("the-token", 503), (f"{url}?token=the-token#task=5", 503), (f"{url}?token=the", 401)):
            assert typed_in(url, typed) == found
        status, page = answer(f"{url}?token=the-token")
        assert (status, "taskq is down" in page) == (503, True)
        assert answer(f"{url}taskq/there?token=the-token")[0] == 503
        there.touch()
        assert answer(f"{url}taskq/there?token=the-token")[0] == 204
        assert psutil.Process(process.pid).children(recursive=True) == []


def typed_in(url: str, text: str) -> int:
    """Type a text into the field of the page for those who come without the token; the status that follows."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = opener.open(url, timeout=20).read().decode()
    (xsrf,) = re.findall(r'name="_xsrf" value="([^"]+)"', page)
    form = urllib.parse.urlencode({"_xsrf": xsrf, "password": text}).encode()
    try:
        return int(opener.open(f"{url}login?next=/", form, timeout=20).status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_command_serves_at_the_same_address_each_time_until_a_new_token_is_asked_for(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.env.items():
        monkeypatch.setenv(name, value)
    for name in ("TASKQ_VISITOR_TOKEN_FILE", "TASKQ_START"):  # what the command sets is taken back at the end
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    served: list[dict[str, Any]] = []
    monkeypatch.setattr("taskq_widgets.dashboard.launch.serve", lambda *_, **how: served.append(how))
    for options in ([], [], ["--new-token"]):
        monkeypatch.delenv("TASKQ_VISITOR_TOKEN_FILE", raising=False)
        done = CliRunner().invoke(dashboard, ["--no-browser", *options])
        assert done.exit_code == 0, done.output
    first, second, third = served
    assert (first["port"], first["token"]) == (second["port"], second["token"])
    assert third["port"] == first["port"]
    assert third["token"] != first["token"]
    # And: what a kernel finds is a visitor's, who runs recipes; on the board, any code.
    assert _who() == {"name": "dashboard", "role": "runner"}
    assert os.environ["TASKQ_START"] == "False"
    assert first["is_there"]()
    monkeypatch.delenv("TASKQ_VISITOR_TOKEN_FILE")
    assert CliRunner().invoke(dashboard, ["--no-browser", "--board"]).exit_code == 0
    assert _who() == {"name": "dashboard", "role": "user"}


def _who() -> dict[str, Any]:
    with connect() as visitor:
        return dict(visitor.transport.execute("{ me { name role } }")["me"])
