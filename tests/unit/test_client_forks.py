"""A client that was used before a fork: parent and child share no connection, and both go on."""

from __future__ import annotations

import json
import os
import select
import threading
import warnings
from collections.abc import Callable
from typing import Any

from client_lab import FakeService, soon
from client_stubs import SocketStub, Subscriber, data, http_stub

from taskq_kernel.client.feed import Changes, Feed
from taskq_kernel.transport.graphql import GraphQLTransport


def in_child(action: Callable[[], Any]) -> Any:
    """What ``action`` returns in a forked child of this process, as JSON carries it."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has threads: it is what is tried
        pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(action()).encode())
        except BaseException as error:
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    try:
        assert select.select([reading], [], [], 20)[0], "the child hangs"
        return json.loads(os.read(reading, 65536))
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(reading)


def test_a_child_asks_over_a_connection_of_its_own() -> None:
    with http_stub(data(me={"name": "ann"})) as stub:
        transport = GraphQLTransport(stub.url, "token")
        for _ in range(2):
            transport.execute("{ me { name } }")
        assert len(set(stub.peers)) == 1
        assert in_child(lambda: transport.execute("{ me { name } }")) == {"me": {"name": "ann"}}
        assert stub.peers[2] != stub.peers[0]
        transport.execute("{ me { name } }")
        assert stub.peers[3] == stub.peers[0]  # the parent's is as it was
        transport.close()


def test_a_child_follows_a_feed_of_its_own_from_the_start_and_the_parents_goes_on() -> None:
    more = threading.Event()

    def parents(client: Subscriber) -> None:
        client.accept()
        client.tell(5)
        more.wait(20)
        client.tell(6)
        client.stay()

    def childs(client: Subscriber) -> None:
        client.accept()
        client.tell(7)
        client.stay()

    stub = SocketStub(parents, childs)
    feed = Feed(stub.url, {})
    got: list[Changes] = []
    feed.subscribe(got.append)
    feed.start()
    soon(lambda: feed.state.connected)

    def follow() -> Any:
        got.clear()
        before = feed.state.name
        feed.start()
        soon(lambda: got)
        feed.close()
        return [before, got[0].version, got[0].anew]

    # Another thread of the parent may hold the lock at that instant.
    with feed._lock:
        assert in_child(follow) == ["off", 7, True]
    assert stub.subscriptions[1]["variables"]["since"] is None
    more.set()
    soon(lambda: len(got) == 2)
    assert got[1] == Changes(6)
    feed.close()
    stub.close()


def test_a_child_reads_tasks_again_and_waits_for_none_of_its_parents() -> None:
    service = FakeService()
    q = service.client()
    service.connect_feed()
    task = q.submit("1")
    woken: list[object] = []
    stop = q.cache.wait_for([task.entry], woken.append)

    def look() -> Any:
        calls = len(service.calls)
        assert task.status == "QUEUEING"
        service.finish(task.id, 2)
        return [service.calls[calls:], q.cache._readers, len(woken)]

    with q.cache.reading(), q.cache.lock:
        assert in_child(look) == [["Tasks"], 0, 0]
    service.finish(task.id, 1)
    assert woken == [task.entry]
    stop()
