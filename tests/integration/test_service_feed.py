"""The live feed over graphql-transport-ws: its protocol, its cursor, its rate."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from service_process import ServiceProcess, receive, service_process, subscribe, token
from stacks import eventually
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

FEED = """subscription($v: BigInt, $f: TaskFilter) {
    taskChanges(sinceVersion: $v, filter: $f) { version deleted tasks { number name status } } }"""
LONG_FEED = FEED.replace("number name", "number name code")
CREATE = "mutation($i: [TaskInput!]!) { createTasks(inputs: $i) { number id } }"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("feed") / "home") as running:
        yield running


def create(service: ServiceProcess, *names: str, who: str = "ann") -> list[dict[str, Any]]:
    given = [{"code": "1", "name": name} for name in names]
    return service.data(CREATE, who, i=given)["createTasks"]  # type: ignore[no-any-return]  # JSON


def version(service: ServiceProcess) -> int:
    return int(service.data("{ statistics { version } }")["statistics"]["version"])


def event(connection: ClientConnection, timeout_s: float = 10) -> dict[str, Any]:
    message = receive(connection, timeout_s)
    assert message["type"] == "next", message
    assert "errors" not in message["payload"], message
    return message["payload"]["data"]["taskChanges"]  # type: ignore[no-any-return]  # JSON


def names(found: dict[str, Any]) -> list[str]:
    return [task["name"] for task in found["tasks"]]


def closed(connection: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        while True:
            connection.recv(10)
    return connection.protocol.close_code


def test_the_first_event_comes_at_once_with_the_version(service: ServiceProcess) -> None:
    create(service, "before")
    with service.socket() as connection:
        subscribe(connection, FEED)
        first = event(connection)
        assert (first["tasks"], first["deleted"]) == ([], [])
        assert first["version"] > 0


def test_changes_gather_for_a_moment_and_those_of_one_transaction_come_together(service: ServiceProcess) -> None:
    with service.socket() as connection:
        subscribe(connection, FEED)
        event(connection)
        began = time.monotonic()
        for place in range(15):
            create(service, *(f"pace {place}.{each}" for each in range(30)))
        took = time.monotonic() - began
        parts: list[list[str]] = []
        while sum(map(len, parts)) < 15 * 30:
            parts.append(names(event(connection)))
        told = [name for part in parts for name in part]
        assert told == [f"pace {place}.{each}" for place in range(15) for each in range(30)]
        assert all(len(part) % 30 == 0 for part in parts)
        assert len(parts) <= 2 + took / 0.05


def test_who_comes_back_with_a_version_misses_nothing(service: ServiceProcess) -> None:
    with service.socket() as connection:
        subscribe(connection, FEED)
        cursor = event(connection)["version"]
    created = create(service, "missed 1", "missed 2")
    service.data("mutation($i: [ID!]) { deleteTasks(ids: $i) { changed } }", i=[created[1]["id"]])
    with service.socket() as connection:
        subscribe(connection, FEED, v=cursor)
        first = event(connection)
        assert names(first) == ["missed 1"]
        assert first["deleted"] == [created[1]["id"]]
        create(service, "live")
        assert names(event(connection)) == ["live"]


def test_a_version_of_another_database_is_refused_however_high_this_one_is(service: ServiceProcess) -> None:
    resume = "subscription($v: BigInt, $d: ID) { taskChanges(sinceVersion: $v, ofDatabase: $d) { version database } }"
    with service.socket() as connection:
        subscribe(connection, resume)
        here = event(connection)
    create(service, "after")
    with service.socket() as connection:
        subscribe(connection, resume, v=here["version"], d=here["database"])
        assert event(connection)["version"] > here["version"]
    with service.socket() as connection:
        subscribe(connection, resume, v=1, d="8d0f6b0e-6f52-4c39-9d0c-0a4b5d5b7d10")
        message = receive(connection, 10)
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        assert errors[0]["extensions"] == {"code": "OTHER_DATABASE", "database": here["database"]}


def test_many_changes_come_in_parts_without_a_gap(service: ServiceProcess) -> None:
    cursor = version(service)
    create(service, *[f"part {place}" for place in range(1203)])
    with service.socket() as connection:
        subscribe(connection, FEED, v=cursor)
        seen: list[str] = []
        sizes = []
        while len(seen) < 1203:
            part = event(connection)
            assert part["version"] > cursor
            cursor = part["version"]
            sizes.append(len(part["tasks"]))
            seen += names(part)
        assert seen == [f"part {place}" for place in range(1203)]
        assert sizes == [500, 500, 203]


def test_a_filter_chooses_what_is_sent(service: ServiceProcess) -> None:
    with service.socket() as connection:
        subscribe(connection, FEED, f={"owner": "bob"})
        event(connection)
        create(service, "of ann")
        create(service, "of bob", who="bob")
        assert names(event(connection)) == ["of bob"]


def test_a_cursor_from_another_database_is_an_error_with_a_code(service: ServiceProcess) -> None:
    with service.socket() as connection:
        subscribe(connection, FEED, v=10**12)
        message = receive(connection)
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "CURSOR_TOO_NEW"
        subscribe(connection, FEED)  # the connection and the id can be used again
        event(connection)


def test_each_subscription_of_a_connection_stands_for_itself(service: ServiceProcess) -> None:
    with service.socket() as connection:
        subscribe(connection, FEED)
        event(connection)
        connection.send(json.dumps(
            {"id": "2", "type": "subscribe", "payload": {"query": "{ me { name } }"}}
        ))
        assert receive(connection) == {"id": "2", "type": "next", "payload": {"data": {"me": {"name": "ann"}}}}
        assert receive(connection) == {"id": "2", "type": "complete"}
        connection.send(json.dumps({"id": "1", "type": "complete"}))
        create(service, "nobody listens")
        connection.send(json.dumps({"type": "ping"}))
        assert receive(connection) == {"type": "pong"}


@pytest.mark.parametrize(("query", "code"), [
    ("subscription {", "GRAPHQL_PARSE_FAILED"), ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ("", "GRAPHQL_PARSE_FAILED"), (None, "GRAPHQL_PARSE_FAILED"), (7, "GRAPHQL_PARSE_FAILED"),
    ("subscription { taskChanges(sinceVersion: -1) { version } }", "BAD_INPUT"),
    ('subscription { taskChanges(filter: {batch: "x"}) { version } }', "BAD_INPUT"),
    ("subscription($v: BigInt!) { taskChanges(sinceVersion: $v) { version } }", "BAD_INPUT"),
    ('{ task(id: "987654") { id } }', "NOT_FOUND"),
])
def test_a_wrong_operation_is_an_error_with_a_code_and_the_connection_goes_on(
    service: ServiceProcess, query: Any, code: str
) -> None:
    with service.socket() as connection:
        subscribe(connection, query)
        message = receive(connection)
        errors = message["payload"] if message["type"] == "error" else message["payload"]["errors"]
        assert errors[0]["extensions"]["code"] == code
        assert "Traceback" not in json.dumps(message)
        connection.send(json.dumps({"type": "ping"}))
        while message["type"] != "pong":
            message = receive(connection)


def test_the_token_may_come_in_the_header(service: ServiceProcess) -> None:
    with service.socket(header=True) as connection:
        subscribe(connection, "{ me { name } }")
        assert receive(connection)["payload"]["data"] == {"me": {"name": "ann"}}


@pytest.mark.parametrize("payload", [{}, None, {"authorization": "Bearer wrong"}, {"authorization": token("ann")}])
def test_without_a_valid_token_the_connection_is_closed(service: ServiceProcess, payload: Any) -> None:
    with service.socket(None) as connection:
        message = {"type": "connection_init"} if payload is None else {"type": "connection_init", "payload": payload}
        connection.send(json.dumps(message))
        assert closed(connection) == 4401


def test_an_operation_before_the_initialisation_closes_the_connection(service: ServiceProcess) -> None:
    with service.socket(None) as connection:
        subscribe(connection, FEED)
        assert closed(connection) == 4401


@pytest.mark.parametrize("text", [
    "no json", "[]", "7", "null", "{}", '{"type": 7}', '{"type": "dance"}', '{"type": "subscribe"}',
    '{"type": "subscribe", "id": 7, "payload": {}}', '{"type": "subscribe", "id": "1", "payload": "x"}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { name } }", "variables": "x"}}',
    '{"type": "connection_init", "payload": "x"}', '{"type": "complete"}',
])
def test_a_message_that_is_not_of_the_protocol_closes_the_connection(service: ServiceProcess, text: str) -> None:
    with service.socket() as connection:
        connection.send(text)
        assert closed(connection) == 4400


def test_bytes_close_the_connection(service: ServiceProcess) -> None:
    with service.socket() as connection:
        connection.send(b"{}")
        assert closed(connection) == 4400


def test_initialising_twice_and_using_an_id_twice_close_the_connection(service: ServiceProcess) -> None:
    with service.socket() as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token('ann')}"}}))
        assert closed(connection) == 4429
    with service.socket() as connection:
        subscribe(connection, FEED)
        subscribe(connection, FEED)
        assert closed(connection) == 4409


def test_another_subprotocol_is_not_spoken(service: ServiceProcess) -> None:
    with connect(
        f"ws://127.0.0.1:{service.port}/graphql", subprotocols=["graphql-ws"]  # type: ignore[list-item]
    ) as connection:
        assert closed(connection) == 4406


def subscribers(service: ServiceProcess) -> float:
    text = service.request("GET", "/metrics").data.decode()
    return float(next(line for line in text.splitlines() if line.startswith("taskq_subscribers ")).split()[1])


def test_a_client_that_is_gone_is_not_followed_any_more(service: ServiceProcess) -> None:
    eventually(lambda: subscribers(service) == 0, "nobody is left of earlier tests")
    with service.socket() as connection:
        subscribe(connection, FEED)
        event(connection)
        assert subscribers(service) == 1
        connection.socket.shutdown(socket.SHUT_RDWR)
        eventually(lambda: subscribers(service) == 0, "its subscription has ended")


def test_a_subscriber_that_does_not_read_costs_no_memory(service: ServiceProcess) -> None:
    import psutil

    process = psutil.Process(service.process.pid)
    given = [{"code": "#" * 10_000 + "\n1"} for _ in range(1000)]
    service.data(CREATE, i=given)
    before = process.memory_info().rss
    slow = []
    try:
        for _ in range(4):
            # Its own connection, of which nothing is read: not even by a library in the background.
            raw = socket.create_connection(("127.0.0.1", service.port))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            follow(raw, service)
            slow.append(raw)
        eventually(lambda: subscribers(service) == 4, "they are followed")
        for _ in range(4):  # 80 MB of changes for each of them
            ids = [task["id"] for task in service.data(CREATE, i=given)["createTasks"]]
            service.data("mutation($i: [ID!]) { cancelTasks(ids: $i) { changed } }", i=ids)
        assert process.memory_info().rss - before < 60 << 20
    finally:
        for raw in slow:
            raw.close()
    eventually(lambda: subscribers(service) == 0, "their subscriptions have ended")


def follow(raw: socket.socket, service: ServiceProcess) -> None:
    """Open a WebSocket and subscribe to everything; nothing is read but the server's consent."""
    def frame(message: dict[str, Any]) -> bytes:
        text = json.dumps(message).encode()
        head = bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") if len(text) > 125 else bytes(
            [0x81, 0x80 | len(text)]
        )
        return head + b"\0\0\0\0" + text

    request = (
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token('ann')}"}}
    wanted = {"id": "1", "type": "subscribe", "payload": {"query": LONG_FEED, "variables": {"v": 0}}}
    raw.sendall(request.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # what comes before it has ended is lost
        answer += raw.recv(1)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    raw.sendall(frame(init) + frame(wanted))


def test_when_the_service_stops_its_subscriptions_end_and_it_is_quick(service: ServiceProcess) -> None:
    with service.socket() as connection:
        subscribe(connection, FEED)
        event(connection)
        began = time.monotonic()
        assert service.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        closed(connection)
    service.start_again()
    with service.socket() as connection:
        subscribe(connection, FEED, v=version(service))
        event(connection)
