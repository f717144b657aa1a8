"""Links from Python and from the command line, on a real stack with real results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import urllib3
from shared_results import text_of
from stacks import RunningStack, eventually
from taskq_widgets.detail import TaskDetail
from taskq_widgets.task_table import TaskTable

from taskq_kernel import Client
from taskq_kernel.client.sharing import MAX_DAYS, ONLY_HERE, Share
from taskq_kernel.errors import InvalidTask, NotFound


def page(url: str | None) -> tuple[int, str]:
    """What a browser that has nothing but the address sees."""
    answer = urllib3.request("GET", str(url), retries=False, timeout=20)
    return answer.status, text_of(answer.data.decode())


def test_a_task_is_shared_seen_listed_and_revoked(q: Client) -> None:
    task = q.submit('println("half way"); sqrt(2)', name="a root")
    task.result(60)
    share = task.share()
    assert str(share) == share.url
    assert str(share).startswith(q.url.removesuffix("graphql") + f"r/{task.number}?share=tqs_")
    assert share.note == ONLY_HERE
    assert share.expires_at is not None
    assert (share.expires_at - share.created_at).days == 30
    status, said = page(share.url)
    assert (status, "1.4142135623730951" in said, "half way" in said, "a root" in said) == (200, True, True, True)

    forever = q.task(task.number).share(days=None)
    assert (forever.expires_at, forever.until) == (None, "until it is revoked")
    assert [(one.id, one.url, one.state) for one in q.shares(task)] == [
        (share.id, None, "good"), (forever.id, None, "good"),
    ]
    assert share.revoke().state == "revoked"
    assert (page(share.url)[0], page(forever.url)[0]) == (410, 200)
    [listed] = [one for one in q.shares() if one.id == forever.id]
    listed.revoke()
    assert page(forever.url)[0] == 410


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), 36_601])
def test_days_that_are_none_are_refused_with_what_they_are(q: Client, days: float) -> None:
    task = q.submit("1")
    with pytest.raises(InvalidTask, match="^days is .*: give a number of days above 0, or None"):
        task.share(days=days)
    assert task.share(days=MAX_DAYS).state == "good"
    task.delete()
    with pytest.raises(NotFound):
        task.share()


def test_part_of_a_batch_is_not_shared_as_if_it_were_the_whole(q: Client) -> None:
    batch = q.submit_many(["1", "2", "3"])
    with pytest.raises(InvalidTask, match="are not one batch"):
        batch[:2].share()
    with pytest.raises(InvalidTask, match="are not one batch"):
        q.tasks(limit=1).share()
    assert batch.share().batch == batch.id


def test_the_command_line_shares_lists_and_revokes(q: Client, stack: RunningStack, tmp_path: Path) -> None:
    task = q.submit("6 * 7", name="answer")
    task.result(60)

    def taskq(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
        done = subprocess.run(command, env=stack.env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
        return done

    made = taskq("share", str(task.number), "--days", "7")
    [url] = made.stdout.split()
    assert page(url)[0] == 200
    assert "only programs on this machine" in made.stderr
    found = re.search(r"taskq share revoke (\S+)", made.stderr)
    assert found is not None
    listed = json.loads(taskq("share", "list", str(task.number), "--json").stdout)
    assert [(one["id"], one["name"]) for one in listed] == [(found[1], "answer")]
    assert url.partition("share=")[2] not in taskq("share", "list").stdout
    assert taskq("share", "revoke", found[1]).stdout == f"revoked: {found[1]}, to task {task.number}\n"
    assert page(url)[0] == 410
    assert "revoked" in taskq("share", "list", str(task.number)).stdout
    assert "no batch is named 'nothing of the kind'" in taskq("share", "nothing of the kind", code=1).stderr


def test_a_link_shows_itself_in_a_notebook_with_its_address_and_for_how_long(q: Client) -> None:
    share: Share = q.submit("1").share(days=1)
    shown = share._repr_html_()
    assert f'href="{share.url}"' in shown
    assert (share.until in shown, ONLY_HERE in shown) == (True, True)


@pytest.mark.parametrize("kind", ["panel", "table"])
def test_a_widget_makes_a_link_and_revokes_it_and_keeps_its_address_nowhere(q: Client, kind: str) -> None:
    task = q.submit("6 * 7", name="in a panel")
    task.result(60)
    batch = q.submit_many(["1", "2"])
    of = task.id if kind == "panel" else batch.id
    widget = TaskDetail(q, task) if kind == "panel" else TaskTable(q)
    sent: list[dict[str, Any]] = []
    widget.send = lambda content, buffers=None: sent.append(content)  # noqa: ARG005  (what it takes)

    def say(**content: Any) -> None:
        widget._on_message(widget, {"view": "v", **content}, [])

    def told(what: str) -> dict[str, Any]:
        [answer] = eventually(lambda: [one for one in sent if one["type"] == "shared"], what)
        sent.clear()
        return answer

    try:
        say(type="alive")
        if kind == "panel":
            eventually(lambda: widget.state == "ready", "the panel shows the task")
            say(type="share", of="another's")
        say(type="share", of=of)
        made = told("a link is made")
        assert (made["of"], page(made["url"])[0], made["note"].startswith("Only programs on")) == (of, 200, True)
        assert made["url"] not in str(widget.get_state())
        say(type="share", of=of, revoke=made["id"])
        assert (told("the link is revoked")["url"], page(made["url"])[0]) == ("", 410)
        say(type="share", of=of, revoke="nothing")
        assert "no link has the id nothing" in told("there is no such link")["refused"]
    finally:
        widget.close()
