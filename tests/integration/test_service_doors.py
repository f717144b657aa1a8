"""The service's doors: wrong tokens, other origins, and what can be switched off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from service_process import JSON, ServiceProcess, service_process, token
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from taskq_kernel.errors import ServiceUnreachable
from taskq_kernel.transport.graphql import GraphQLTransport

FAILURES = 5
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(
        tmp_path_factory.mktemp("doors") / "home",
        auth_failures=str(FAILURES), graphiql="false", introspection="false", log_level="debug",
    ) as running:
        # Tests of other things ask from 127.0.0.1, where one test uses up all patience.
        for who in ("admin", "ann"):
            running.data("{ me { name } }", who)
        yield running


def ask(
    service: ServiceProcess, given: str, source: str, path: str = "/graphql", method: str = "POST"
) -> urllib3.BaseHTTPResponse:
    """A request from an address of this machine's many loopback ones."""
    pool = urllib3.HTTPConnectionPool(
        "127.0.0.1", service.port, source_address=(source, 0), retries=False, timeout=10
    )
    headers = {"authorization": f"Bearer {given}", "content-type": JSON}
    body = b'{"query": "{ me { name } }"}' if method == "POST" else None
    try:
        return pool.request(method, path, body=body, headers=headers)
    finally:
        pool.close()


def greeting(service: ServiceProcess, given: str, source: str) -> tuple[int, str] | None:
    """How a WebSocket with this token ends; None if it is accepted."""
    with connect(
        f"ws://127.0.0.1:{service.port}/graphql", subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        source_address=(source, 0), close_timeout=1,
    ) as connection:
        payload = {"authorization": f"Bearer {given}"}
        connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        try:
            assert json.loads(connection.recv(10)) == {"type": "connection_ack"}
        except ConnectionClosedError as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")
    return None


def exhaust(service: ServiceProcess, source: str) -> None:
    """Send wrong tokens until there is no more patience."""
    statuses = [ask(service, f"guess-{number}", source).status for number in range(FAILURES + 2)]
    assert statuses[:FAILURES] == [401] * FAILURES
    assert statuses[-1] == 429


def test_many_wrong_tokens_have_to_wait_and_are_told_how_long(service: ServiceProcess) -> None:
    exhaust(service, "127.0.0.2")
    refused = ask(service, "another guess", "127.0.0.2")
    wait = int(refused.headers["retry-after"])
    assert (refused.status, 1 <= wait <= 60 / FAILURES) == (429, True)
    [error] = refused.json()["errors"]
    assert error["extensions"]["code"] == "TOO_MANY_FAILURES"
    assert f"try again in {wait} s" in error["message"]
    assert service.log.count("too many wrong tokens from 127.0.0.2") == 1


def test_values_metrics_and_websockets_are_behind_the_same_brake(service: ServiceProcess) -> None:
    exhaust(service, "127.0.0.3")
    for path in (f"/blobs/{'0' * 64}", "/metrics"):
        refused = ask(service, "guess", "127.0.0.3", path, "GET")
        assert (refused.status, "retry-after" in refused.headers) == (429, True)
    closed = greeting(service, "guess", "127.0.0.3")
    assert closed is not None
    assert (closed[0], "too many wrong tokens" in closed[1]) == (1013, True)


@pytest.mark.parametrize("door", ["websocket", "blobs", "metrics"])
def test_wrong_tokens_count_at_every_door(service: ServiceProcess, door: str) -> None:
    source = {"websocket": "127.0.0.4", "blobs": "127.0.0.5", "metrics": "127.0.0.6"}[door]
    for number in range(FAILURES + 1):
        if door == "websocket":
            greeting(service, f"guess-{number}", source)
        else:
            ask(service, f"guess-{number}", source, f"/{door}{'/' + '0' * 64 if door == 'blobs' else ''}", "GET")
    assert ask(service, "guess", source).status == 429


def test_the_owner_of_a_token_is_not_locked_out_from_another_address(service: ServiceProcess) -> None:
    exhaust(service, "127.0.0.7")
    assert ask(service, token("ann"), "127.0.0.8").status == 200
    assert greeting(service, token("ann"), "127.0.0.8") is None


def test_a_token_that_was_accepted_before_still_is_beside_one_that_guesses(service: ServiceProcess) -> None:
    assert ask(service, token("worker"), "127.0.0.9").status == 200
    exhaust(service, "127.0.0.9")
    assert ask(service, token("worker"), "127.0.0.9").status == 200
    # Not so a token that is tried from there for the first time: it could be a lucky guess.
    assert ask(service, token("sink"), "127.0.0.9").status == 429


def test_an_address_that_a_stranger_claims_in_a_header_is_not_believed(service: ServiceProcess) -> None:
    headers = {"authorization": "Bearer guess"}
    statuses = [
        service.request("GET", "/metrics", None, headers=headers | {"x-forwarded-for": f"10.0.0.{number}"}).status
        for number in range(FAILURES + 2)
    ]
    assert statuses[-1] == 429


def test_behind_a_proxy_that_is_trusted_each_client_has_its_own_patience(tmp_path: Path) -> None:
    with service_process(tmp_path / "home", auth_failures=str(FAILURES), trusted_proxies='["127.0.0.1"]') as service:
        def status(client: str, given: str) -> int:
            headers = {"authorization": f"Bearer {given}", "x-forwarded-for": client}
            return service.request("GET", "/metrics", None, headers=headers).status

        assert [status("10.0.0.1", "guess") for _ in range(FAILURES + 2)][-1] == 429
        assert status("10.0.0.1", token("ann")) == 429
        assert status("10.0.0.2", token("ann")) == 200


def test_requests_without_a_token_are_no_guesses(service: ServiceProcess) -> None:
    for _ in range(FAILURES + 2):
        assert service.request("GET", "/metrics", None).status == 401
    assert service.request("GET", "/metrics", "ann").status == 200


def test_the_client_says_that_it_has_to_wait(service: ServiceProcess) -> None:
    for _ in range(FAILURES + 1):
        ask(service, "guess", "127.0.0.1")
    with pytest.raises(ServiceUnreachable, match="too many wrong tokens came from this address: try again in"):
        GraphQLTransport(f"{service.url}/graphql", "guess").execute("{ me { name } }")


@pytest.mark.parametrize("path", ["/graphql", f"/blobs/{'0' * 64}", "/metrics", "/healthz"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
def test_no_page_of_another_origin_may_read_an_answer(service: ServiceProcess, path: str, origin: str) -> None:
    preflight = service.request("OPTIONS", path, None, headers={
        "origin": origin, "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    })
    assert preflight.status >= 400
    answers = [preflight, service.request("GET", path, headers={"origin": origin})]
    assert not [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("place", ["token", "access_token", "authorization"])
def test_a_token_in_a_url_or_a_cookie_is_no_token(service: ServiceProcess, place: str) -> None:
    query = f"/graphql?query={{me{{name}}}}&{place}=Bearer%20{token('ann')}"
    assert service.request("GET", query, None).status == 401
    assert service.request("GET", "/metrics", None, headers={"cookie": f"{place}={token('ann')}"}).status == 401


@pytest.mark.parametrize("payload", [None, {}, {"authorization": ""}, {"authorization": "nonsense"}, {"token": "x"}])
def test_a_websocket_without_a_token_gets_nothing(service: ServiceProcess, payload: Any) -> None:
    with service.socket(None) as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": payload}))
        with pytest.raises(ConnectionClosedError) as closed:
            connection.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_a_websocket_that_does_not_greet_gets_nothing(service: ServiceProcess) -> None:
    with service.socket(None) as connection:
        payload = {"query": "subscription { taskChanges { version } }"}
        connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        with pytest.raises(ConnectionClosedError) as closed:
            connection.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


def test_graphiql_can_be_switched_off_with_all_that_belongs_to_it(service: ServiceProcess) -> None:
    page = service.request("GET", "/graphql", None, headers={"accept": BROWSER})
    assert (page.status, "<html" in page.data.decode()) == (404, False)
    assert service.request("GET", "/static/graphiql.js", None).status == 404


@pytest.mark.parametrize("query", ["{ __schema { types { name } } }", '{ __type(name: "Task") { name } }'])
def test_introspection_can_be_switched_off_over_http_and_websockets(service: ServiceProcess, query: str) -> None:
    code, message = service.error(query, "admin")
    assert (code, "introspection" in message) == ("GRAPHQL_VALIDATION_FAILED", True)
    with service.socket("admin") as connection:
        connection.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        assert json.loads(connection.recv(10))["type"] == "error"
    assert service.data("{ __typename }") == {"__typename": "Query"}
