"""RabbitMQ that has stopped taking messages, for want of disk or of memory: everybody says so."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from stacks import RunningStack, eventually, local_stack, until

from taskq_kernel.broker import session as broker_session
from taskq_kernel.broker.client import Broker
from taskq_kernel.broker.names import Names
from taskq_kernel.errors import BrokerUnreachable, StackError
from taskq_kernel.local.broker import check_broker
from taskq_kernel.local.rabbit_files import NodeFiles, find_server
from taskq_kernel.transport.graphql import GraphQLTransport

#: What brings each alarm about, what ends it, and the word that tells which limit it is.
ALARMS = {
    "disk": (["set_disk_free_limit", "1000000GB"], ["set_disk_free_limit", "50MB"], "disk_free_limit"),
    "memory": (
        ["set_vm_memory_high_watermark", "0.00001"], ["set_vm_memory_high_watermark", "0.6"],
        "vm_memory_high_watermark",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def own() -> Iterator[RunningStack]:
    """A stack whose RabbitMQ these tests may block."""
    with local_stack(workers=1) as running:
        yield running


def rabbitmqctl(stack: RunningStack, *arguments: str) -> str:
    files = NodeFiles(stack.home / "broker")
    facts = files.read_facts()
    assert facts is not None
    tool = find_server().script.with_name("rabbitmqctl")
    command = [str(tool), "--quiet", *arguments]
    return subprocess.run(
        command, env=files.environment(facts), check=True, capture_output=True, timeout=60, encoding="utf-8"
    ).stdout


@contextmanager
def blocked(stack: RunningStack, alarm: str = "disk") -> Iterator[str]:
    """RabbitMQ under an alarm; the name of the limit."""
    begin, end, limit = ALARMS[alarm]
    rabbitmqctl(stack, *begin)
    try:
        yield limit
    finally:
        rabbitmqctl(stack, *end)
        eventually(lambda: readyz(stack)["broker"] == "up", "RabbitMQ takes messages again")


def readyz(stack: RunningStack) -> dict[str, Any]:
    return urllib3.request("GET", stack.url.replace("/graphql", "/readyz")).json()  # type: ignore[no-any-return]


def taskq(stack: RunningStack, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "taskq_kernel.cli", *arguments]
    return subprocess.run(
        command, env=stack.env, capture_output=True, input=stdin, encoding="utf-8", timeout=90, cwd=Path("/")
    )


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_service_that_has_nothing_to_send_says_all_the_same_that_rabbitmq_takes_nothing(
    own: RunningStack, alarm: str
) -> None:
    with blocked(own, alarm) as limit:
        eventually(lambda: readyz(own)["broker"] == "blocked", "readyz says so")
        assert limit in readyz(own)["reason"]
        transport = GraphQLTransport(own.url, own.token())
        assert limit in transport.execute("{ statistics { brokerBlocked } }")["statistics"]["brokerBlocked"]
        answer = urllib3.request(
            "GET", own.url.replace("/graphql", "/metrics"), headers={"authorization": f"Bearer {own.token()}"}
        )
        assert b"taskq_broker_blocked 1.0" in answer.data
    assert "reason" not in readyz(own)


def test_status_doctor_and_up_say_which_limit_it_is(own: RunningStack) -> None:
    with blocked(own) as limit:
        eventually(lambda: readyz(own)["broker"] == "blocked", "the service knows")

        status = taskq(own, "status")
        assert status.returncode == 1
        assert limit in status.stdout
        assert limit in json.loads(taskq(own, "status", "--json").stdout)["broker_blocked"]
        check = check_broker(own.settings)
        assert (check.ok, limit in check.detail) == (False, True)
        with pytest.raises(StackError, match=limit):
            own.local.up()
        assert {one["state"] for one in own.local.status()["processes"]} == {"running"}  # it stays as it was
    assert check_broker(own.settings).ok
    assert taskq(own, "status").returncode == 0


def test_a_submit_that_waits_says_what_it_waits_for_and_has_its_value_afterwards(own: RunningStack) -> None:
    with blocked(own) as limit:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "taskq_kernel.cli", "submit", "-", "--wait"], env=own.env, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path("/"),
        )  # fmt: skip
        assert waiting.stdin is not None
        assert waiting.stderr is not None
        waiting.stdin.write("6 * 7")
        waiting.stdin.close()
        waiting.stdin = None
        assert limit in waiting.stderr.readline()
        number = taskq(own, "ls", "--json", "--limit", "1")
        shown = taskq(own, "show", str(json.loads(number.stdout)[0]["number"]))
        assert limit in shown.stdout
    out, said = waiting.communicate(timeout=60)
    assert (waiting.returncode, out, said) == (0, "42\n", "")


def test_no_channel_is_left_behind_by_what_was_asked_while_rabbitmq_read_nothing(
    own: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_session, "ANSWER_TIMEOUT_S", 1.0)

    async def only_one_channel() -> None:
        await asyncio.to_thread(eventually, lambda: channels(own) == 1, "one channel alone is open", 10)

    async def scenario() -> None:
        broker = Broker(own.broker_url, Names("test-channels"), "classic", "the test of channels")
        await broker.start()
        await broker.wait_connected(10)
        await only_one_channel()  # of what it publishes on; that on which it looked for the queue goes
        await asyncio.to_thread(rabbitmqctl, own, *ALARMS["disk"][0])
        try:
            broker.probe()
            await until(lambda: broker.blocked, "RabbitMQ says that it reads nothing", 10)
            with pytest.raises(BrokerUnreachable, match="disk_free_limit"):
                await broker.ready_count(broker.names.dead)
            session = broker._session
            assert session is not None
            session.blocked = ""  # as if it had not been told yet
            asked = [broker.ready_count(broker.names.dead) for _ in range(5)]
            found = await asyncio.gather(*asked, return_exceptions=True)
            assert ["gave no answer" in str(one) for one in found] == [True] * 5
        finally:
            await asyncio.to_thread(rabbitmqctl, own, *ALARMS["disk"][1])
        await only_one_channel()
        assert await broker.ready_count(broker.names.dead) == 0
        await broker.close()

    asyncio.run(scenario())


def channels(stack: RunningStack) -> int:
    """How many channels the connection of `test_no_channel_is_left_behind` has, as RabbitMQ sees it."""
    rows = rabbitmqctl(stack, "list_connections", "client_properties", "channels").splitlines()
    return sum(int(row.split("\t")[-1]) for row in rows if "the test of channels" in row)
