"""The live feed: what changes arrives once and in order, whatever happens to the connection."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from client_lab import soon
from client_stubs import TOKEN, SocketStub, Subscriber

from taskq_kernel.client.feed import Changes, Feed, FeedState

HEADER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def follow() -> Iterator[Callable[..., tuple[Feed, SocketStub, list[Changes]]]]:
    """Start a feed against a server with scripts; what it brings is collected."""
    opened: list[tuple[Feed, SocketStub]] = []

    def start(*scripts: Callable[[Subscriber], None]) -> tuple[Feed, SocketStub, list[Changes]]:
        stub = SocketStub(*scripts)
        feed = Feed(stub.url, HEADER)
        got: list[Changes] = []
        feed.subscribe(got.append)
        feed.start()
        opened.append((feed, stub))
        return feed, stub, got

    yield start
    for feed, stub in opened:
        feed.close()
        if feed._thread is not None:
            feed._thread.join(5)
            assert not feed._thread.is_alive()
        stub.close()


def test_the_first_event_is_a_start_and_the_others_go_on_from_it(follow) -> None:  # type: ignore[no-untyped-def]
    def script(client: Subscriber) -> None:
        assert client.accept() is None
        client.tell(5)
        client.tell(6, {"id": "a"}, deleted=("b",))
        client.stay()

    feed, stub, got = follow(script)
    soon(lambda: len(got) == 2)
    assert got == [Changes(5, anew=True), Changes(6, [{"id": "a"}], ["b"])]
    assert stub.inits == [HEADER]
    assert feed.state.connected


def test_a_broken_connection_is_resumed_from_the_last_version(follow) -> None:  # type: ignore[no-untyped-def]
    def breaks(client: Subscriber) -> None:
        client.accept()
        client.tell(5)
        client.tell(7, {"id": "a"})
        client.socket.socket.close()

    def goes_on(client: Subscriber) -> None:
        client.tell(client.accept() + 1, {"id": "b"})
        client.stay()

    _feed, stub, got = follow(breaks, goes_on)
    soon(lambda: len(got) == 3)
    assert got[2] == Changes(8, [{"id": "b"}])
    assert [one["variables"]["since"] for one in stub.subscriptions] == [None, 7]


def test_a_cursor_of_another_database_starts_anew(follow) -> None:  # type: ignore[no-untyped-def]
    def breaks(client: Subscriber) -> None:
        client.accept()
        client.tell(500)

    def refuses(client: Subscriber) -> None:
        assert client.accept() == 500
        client.send("error", [{"message": "version 500 is ahead", "extensions": {"code": "CURSOR_TOO_NEW"}}])
        client.stay()

    def starts(client: Subscriber) -> None:
        assert client.accept() is None
        client.tell(3)
        client.stay()

    _feed, _stub, got = follow(breaks, refuses, starts)
    soon(lambda: len(got) == 2)
    assert got[1] == Changes(3, anew=True)


def test_a_cursor_goes_with_the_database_that_it_is_of(follow) -> None:  # type: ignore[no-untyped-def]
    def breaks(client: Subscriber) -> None:
        client.accept()
        client.tell(500, database="one")

    def refuses(client: Subscriber) -> None:
        client.accept()
        client.send("error", [{"message": "of another database", "extensions": {"code": "OTHER_DATABASE"}}])
        client.stay()

    def starts(client: Subscriber) -> None:
        client.accept()
        client.tell(700, database="other")
        client.stay()

    _feed, stub, got = follow(breaks, refuses, starts)
    soon(lambda: len(got) == 2)
    assert got == [Changes(500, anew=True, database="one"), Changes(700, anew=True, database="other")]
    given = [one["variables"] for one in stub.subscriptions]
    assert given == [
        {"since": None, "database": None}, {"since": 500, "database": "one"}, {"since": None, "database": None},
    ]  # fmt: skip


def test_a_refused_token_ends_the_feed_and_is_kept_as_the_reason(follow, caplog) -> None:  # type: ignore[no-untyped-def]
    def refuses(client: Subscriber) -> None:
        client.socket.close(4401, "the token is not known")

    with caplog.at_level(logging.ERROR):
        feed, stub, _got = follow(refuses)
        soon(lambda: feed.state.name == "refused")
    assert feed.error is not None
    assert feed.error.code == "UNAUTHORIZED"
    assert len(stub.inits) == 1
    assert TOKEN not in caplog.text + repr(feed)


def test_states_are_told_once_each_and_the_log_says_once_that_the_service_is_away(follow, caplog) -> None:  # type: ignore[no-untyped-def]
    def once(client: Subscriber) -> None:
        client.accept()
        client.tell(1)

    def never(client: Subscriber) -> None:
        client.socket.close(1013)

    def again(client: Subscriber) -> None:
        client.accept()
        client.tell(1)
        client.stay()

    stub = SocketStub(once, never, never, again)
    feed = Feed(stub.url, HEADER)
    states: list[FeedState] = []
    retries: list[None] = []
    feed.subscribe(lambda _: None, on_state=states.append, on_retry=lambda: retries.append(None))
    with caplog.at_level(logging.INFO):
        feed.start()
        soon(lambda: len(states) == 3)
    feed.close()
    soon(lambda: len(states) == 4)
    stub.close()
    assert [state.name for state in states] == ["connected", "away", "connected", "off"]
    assert len(retries) == 3
    assert caplog.text.count("live updates are away") == 1
    assert caplog.text.count("live updates are back") == 1


def test_a_ping_is_answered(follow) -> None:  # type: ignore[no-untyped-def]
    pongs: list[str] = []

    def script(client: Subscriber) -> None:
        client.accept()
        client.send("ping")
        pongs.append(str(client.socket.recv()))
        client.tell(1)
        client.stay()

    _feed, _stub, got = follow(script)
    soon(lambda: got)
    assert pongs == ['{"type":"pong"}']


def test_a_listener_that_fails_harms_neither_the_feed_nor_the_others(follow, caplog) -> None:  # type: ignore[no-untyped-def]
    ready = threading.Event()

    def script(client: Subscriber) -> None:
        client.accept()
        ready.wait(5)
        client.tell(1)
        client.tell(2)
        client.stay()

    feed, _stub, _got = follow(script)

    def fails(_: Changes) -> None:
        raise RuntimeError("a listener's own fault")

    after: list[Changes] = []
    with caplog.at_level(logging.ERROR):
        feed.subscribe(fails)
        feed.subscribe(after.append)
        ready.set()
        soon(lambda: len(after) == 2)
    assert "a listener's own fault" in caplog.text


def test_who_has_unsubscribed_is_told_no_more(follow) -> None:  # type: ignore[no-untyped-def]
    more = threading.Event()

    def script(client: Subscriber) -> None:
        client.accept()
        client.tell(1)
        more.wait(5)
        client.tell(2)
        client.stay()

    feed, _stub, got = follow(script)
    mine: list[Changes] = []
    unsubscribe = feed.subscribe(mine.append)
    soon(lambda: got)
    unsubscribe()
    unsubscribe()
    more.set()
    soon(lambda: len(got) == 2)
    assert Changes(2) not in mine


def test_a_closed_feed_does_not_start_again(follow) -> None:  # type: ignore[no-untyped-def]
    def script(client: Subscriber) -> None:
        client.accept()
        client.tell(1)
        client.stay()

    feed, stub, got = follow(script)
    soon(lambda: got)
    feed.close()
    soon(lambda: feed.state.name == "off")
    feed.start()
    feed._thread.join(1)
    assert len(stub.inits) == 1


def test_a_feed_that_is_started_while_its_thread_ends_starts_again(follow) -> None:  # type: ignore[no-untyped-def]
    def refuses(client: Subscriber) -> None:
        client.socket.close(4401, "the token is not known")

    def accepts(client: Subscriber) -> None:
        client.accept()
        client.tell(1)
        client.stay()

    stub = SocketStub(refuses, accepts)
    feed = Feed(stub.url, HEADER)

    def start_again(state: FeedState) -> None:
        if state.name == "refused":  # told by the thread that is about to end
            feed.start()

    feed.subscribe(lambda _: None, on_state=start_again)
    feed.start()
    try:
        soon(lambda: feed.state.connected)
        assert feed.error is None
    finally:
        feed.close()
        stub.close()
