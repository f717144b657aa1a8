"""GraphQL over HTTP as the specification's draft has it: status codes and media types included."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from javascript import node
from service_process import JSON, STRICT, ServiceProcess, service_process, token

TYPENAME = "{ __typename }"
BOTH = pytest.mark.parametrize("accept", [JSON, STRICT])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("http") / "home") as running:
        yield running


def test_every_audit_of_the_reference_implementation_passes(service: ServiceProcess) -> None:
    node("audit/graphql_over_http.mjs", f"{service.url}/graphql", token("ann"))


def post(service: ServiceProcess, body: Any, accept: str = STRICT, **headers: str) -> urllib3.BaseHTTPResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.request(
        "POST", "/graphql", body=raw, headers={"content-type": JSON, "accept": accept, **headers}
    )


def get(service: ServiceProcess, accept: str = STRICT, **parameters: str) -> urllib3.BaseHTTPResponse:
    return service.request("GET", f"/graphql?{urlencode(parameters)}", headers={"accept": accept})


def media_type(answer: urllib3.BaseHTTPResponse) -> str:
    return answer.headers["content-type"].partition(";")[0]


@BOTH
def test_a_query_is_answered_in_the_accepted_media_type_in_utf_8(service: ServiceProcess, accept: str) -> None:
    answer = post(service, {"query": TYPENAME}, accept)
    assert (answer.status, media_type(answer)) == (200, accept)
    assert "charset=utf-8" in answer.headers["content-type"]
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON), ("application/*", JSON), ("", JSON), (f"{STRICT}, {JSON};q=0.9", STRICT),
        (f"{STRICT};q=0.2, {JSON};q=0.9", JSON), (f"text/html;q=0.1, {STRICT}", STRICT),
        (f"{STRICT}; charset=utf-8", STRICT), ("text/html, */*;q=0.1", JSON),
    ],
)
def test_the_media_type_is_negotiated(service: ServiceProcess, accept: str, expected: str) -> None:
    assert media_type(post(service, {"query": TYPENAME}, accept)) == expected


def test_what_can_only_be_answered_in_another_media_type_is_not_acceptable(service: ServiceProcess) -> None:
    assert post(service, {"query": TYPENAME}, "image/png").status == 406


@BOTH
def test_a_query_may_come_by_get_and_a_mutation_may_not(service: ServiceProcess, accept: str) -> None:
    answer = get(service, accept, query="query a { __typename } query b { me { name } }", operationName="b")
    assert (answer.status, answer.json()) == (200, {"data": {"me": {"name": "ann"}}})
    answer = get(service, accept, query='query($id: ID!) { task(id: $id) { id } }', variables='{"id": "9"}')
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    refused = get(service, accept, query='mutation { createTask(input: {code: "1"}) { id } }')
    assert (refused.status, refused.headers["allow"]) == (405, "GET, POST")
    assert service.data("{ tasks { totalCount } }") == {"tasks": {"totalCount": 0}}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(service: ServiceProcess, method: str) -> None:
    answer = service.request(method, "/graphql", body=b"{}", headers={"content-type": JSON})
    assert answer.status == 405


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
def test_a_body_of_another_media_type_is_refused(service: ServiceProcess, content_type: str) -> None:
    answer = post(service, {"query": TYPENAME}, **{"content-type": content_type})
    assert answer.status == 415


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"7", b"\xff", b'{"query": NaN}', b'{"query": "\\ud800"}', b"[" * 100_000,
        {}, {"qeury": TYPENAME}, {"query": None}, {"query": 7}, {"query": ["x"]}, {"query": {}},
        {"query": TYPENAME, "operationName": 7}, {"query": TYPENAME, "operationName": {}},
        {"query": TYPENAME, "variables": "x"}, {"query": TYPENAME, "variables": [1]},
        {"query": TYPENAME, "variables": 0}, {"query": TYPENAME, "extensions": "x"},
        {"query": TYPENAME, "extensions": [1]}, [{"query": TYPENAME}],
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_request_that_is_not_well_formed_is_a_bad_request(
    service: ServiceProcess, body: Any, accept: str
) -> None:
    answer = post(service, body, accept)
    assert answer.status == 400
    [error] = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert "Traceback" not in error["message"]


@pytest.mark.parametrize("null", ["variables", "operationName", "extensions"])
def test_optional_parameters_may_be_null(service: ServiceProcess, null: str) -> None:
    assert post(service, {"query": TYPENAME, null: None}).status == 200


DOCUMENT_ERRORS = [
    ("{", {}, "GRAPHQL_PARSE_FAILED"), ("query {{", {}, "GRAPHQL_PARSE_FAILED"),
    ('{ task(id: "\\uD800") { id } }', {}, "GRAPHQL_PARSE_FAILED"), ("#", {}, "GRAPHQL_PARSE_FAILED"),
    ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"), ("{ task { id } }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("{ tasks { nodes } }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query a { __typename } query b { __typename }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query($n: Int!) { tasks(first: $n) { totalCount } }", {}, "BAD_INPUT"),
    ("query($n: Int) { tasks(first: $n) { totalCount } }", {"n": "many"}, "BAD_INPUT"),
    ("query($n: Int) { tasks(first: $n) { totalCount } }", {"n": 1 << 40}, "BAD_INPUT"),
    ("query($f: TaskFilter) { tasks(filter: $f) { totalCount } }", {"f": {"status": ["LOST"]}}, "BAD_INPUT"),
    ("query($f: TaskFilter) { tasks(filter: $f) { totalCount } }", {"f": {"createdAfter": "noon"}}, "BAD_INPUT"),
]


@pytest.mark.parametrize(("query", "variables", "code"), DOCUMENT_ERRORS)
def test_what_cannot_be_executed_is_an_error_with_a_code_and_a_status(
    service: ServiceProcess, query: str, variables: dict[str, Any], code: str
) -> None:
    for accept, status in ((STRICT, 400), (JSON, 200)):
        answer = post(service, {"query": query, "variables": variables}, accept)
        assert answer.status == status
        assert media_type(answer) == accept
        body = answer.json()
        assert body["errors"][0]["extensions"]["code"] == code
        assert "data" not in body


@BOTH
def test_what_was_executed_is_a_success_even_with_errors(service: ServiceProcess, accept: str) -> None:
    answer = post(service, {"query": '{ me { name } task(id: "9") { id } }'}, accept)
    assert answer.status == 200
    body = answer.json()
    assert body["data"] is None  # task is not nullable
    assert body["errors"][0]["path"] == ["task"]


@BOTH
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "bearer"])
def test_without_a_valid_token_nothing_is_answered(service: ServiceProcess, accept: str, header: str) -> None:
    answer = service.request("POST", "/graphql", None, body=b'{"query": "{ __typename }"}', headers={
        "content-type": JSON, "accept": accept, **({"authorization": header} if header else {}),
    })
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert media_type(answer) == accept
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHORIZED"


def test_a_subscription_needs_a_websocket(service: ServiceProcess) -> None:
    answer = post(service, {"query": "subscription { taskChanges { version } }"})
    assert answer.status == 400
    assert "WebSocket" in answer.json()["errors"][0]["message"]


def test_a_request_that_is_too_large_is_refused(service: ServiceProcess) -> None:
    body = b'{"query": "' + b"x" * (65 << 20) + b'"}'
    # The service may close the connection before all of it is sent.
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        assert post(service, body).status == 413
    assert service.data(TYPENAME) == {"__typename": "Query"}


def test_the_page_for_browsers_needs_no_token_and_loads_nothing_from_elsewhere(service: ServiceProcess) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    page = service.request("GET", "/graphql", None, headers={"accept": browser})
    assert (page.status, media_type(page)) == (200, "text/html")
    text = page.data.decode()
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for place in ("static/graphiql.js", "static/graphiql.css", "static/vendor/graphiql.min.js",
                  "static/vendor/graphiql.min.css", "static/vendor/react.production.min.js",
                  "static/vendor/react-dom.production.min.js"):
        assert place in text
        assert service.request("GET", f"/{place}", None).status == 200
    assert service.request("GET", "/static/%2e%2e/main.py", None).status == 404
