"""The transport: an answer or one exception that says what was wrong."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import traceback
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from client_stubs import TOKEN, data, errors, http_stub

from taskq_kernel.errors import (
    Forbidden,
    NotFound,
    ServiceError,
    ServiceUnreachable,
    SettingsError,
    Unauthorized,
)
from taskq_kernel.exact_json import decode_kept
from taskq_kernel.transport.graphql import GraphQLTransport, endpoint


def test_an_operation_is_posted_with_its_variables_and_the_token() -> None:
    with http_stub(data(me={"name": "ann"})) as stub:
        answer = GraphQLTransport(stub.url, TOKEN).execute("query Me { me { name } }", {"n": 1})
    assert answer == {"me": {"name": "ann"}}
    method, path, headers, body = stub.requests[0]
    assert (method, path) == ("POST", "/graphql")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(body) == {"query": "query Me { me { name } }", "variables": {"n": 1}}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NOT_FOUND", NotFound),
        ("UNAUTHORIZED", Unauthorized),
        ("FORBIDDEN", Forbidden),
        ("BAD_INPUT", ServiceError),
        ("GRAPHQL_VALIDATION_FAILED", ServiceError),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_the_code_of_a_graphql_error_chooses_the_exception(code: str, kind: type[ServiceError], status: int) -> None:
    answer = errors(code, "no task has the id 7", status, ids=["7"])
    with http_stub(answer) as stub, pytest.raises(ServiceError) as caught:
        GraphQLTransport(stub.url, TOKEN).execute("{ task }")
    assert type(caught.value) is kind
    assert str(caught.value) == "no task has the id 7"
    assert (caught.value.code, caught.value.extensions) == (code, {"ids": ["7"]})


def test_a_401_without_graphql_says_which_variable_to_set() -> None:
    with http_stub((401, b"")) as stub, pytest.raises(Unauthorized, match="TASKQ_TOKEN"):
        GraphQLTransport(stub.url, None).execute("{ me }")


def test_an_answer_of_something_else_is_quoted() -> None:
    with http_stub((200, b"<html>It works!</html>")) as stub, pytest.raises(ServiceError, match="It works!"):
        GraphQLTransport(stub.url, TOKEN).execute("{ me }")


def test_nobody_at_the_address_is_service_unreachable_with_the_address() -> None:
    with http_stub(data()) as stub:
        url = stub.url
    with pytest.raises(ServiceUnreachable, match=f"{url}: Connection refused"):
        GraphQLTransport(url, TOKEN).execute("{ me }")


@pytest.mark.parametrize("broken", [None, (503, b"starting"), (502, b"")])
def test_a_query_is_sent_again_when_nobody_answered_it(broken: tuple[int, bytes] | None) -> None:
    with http_stub(broken, data(me=1)) as stub:
        assert GraphQLTransport(stub.url, TOKEN).execute("{ me }") == {"me": 1}
    assert len(stub.requests) == 2


def test_a_mutation_is_not_sent_again_unless_it_says_that_it_may_be() -> None:
    with http_stub(None, data(retryTasks=1)) as stub:
        transport = GraphQLTransport(stub.url, TOKEN)
        with pytest.raises(ServiceUnreachable):
            transport.execute("mutation M { retryTasks }")
        assert len(stub.requests) == 1
    with http_stub(None, data(createTasks=1)) as stub:
        answer = GraphQLTransport(stub.url, TOKEN).execute("mutation M { createTasks }", repeatable=True)
    assert answer == {"createTasks": 1}


def test_a_service_that_does_not_answer_in_time_is_unreachable_and_not_asked_again() -> None:
    with http_stub(data(me=1)) as stub:
        stub.delay_s = 0.5
        with pytest.raises(ServiceUnreachable, match=r"no answer within 0\.1 s"):
            GraphQLTransport(stub.url, TOKEN, timeout_s=0.1).execute("{ me }")
        assert len(stub.requests) == 1


def test_the_token_is_in_no_text_of_the_transport_or_its_errors() -> None:
    transport = GraphQLTransport("http://127.0.0.1:1/graphql", TOKEN)
    assert TOKEN not in repr(transport)
    with pytest.raises(ServiceUnreachable) as caught:
        transport.execute("{ me }")
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://h:8000", "http://h:8000/graphql"),
        ("http://h:8000/", "http://h:8000/graphql"),
        ("https://h/taskq/graphql/", "https://h/taskq/graphql"),
        (" http://[::1]:80/graphql ", "http://[::1]:80/graphql"),
    ],
)
def test_an_address_without_a_path_means_graphql(given: str, meant: str) -> None:
    assert endpoint(given) == meant


@pytest.mark.parametrize("given", ["", "localhost:8000", "ftp://h/", "http://", "http://h:99999/", "http://h:0/"])
def test_what_is_no_address_is_refused_with_what_was_given(given: str) -> None:
    with pytest.raises(SettingsError, match="must look like"):
        endpoint(given)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        endpoint("https://ann:hunter2@h/graphql")
    assert "hunter2" not in str(caught.value)
    assert "TASKQ_TOKEN" in str(caught.value)


def test_values_lie_beside_graphql_whatever_comes_before_it() -> None:
    with http_stub((200, b"[1]"), (204, b"")) as stub:
        transport = GraphQLTransport(stub.url.replace("/graphql", "/hub/taskq/graphql"), TOKEN)
        assert transport.get_blob("ab12") == b"[1]"
        transport.put_blob("cd34", b"[2]")
    assert [request[:2] for request in stub.requests] == [
        ("GET", "/hub/taskq/blobs/ab12"),
        ("PUT", "/hub/taskq/blobs/cd34"),
    ]
    assert stub.requests[1][3] == b"[2]"


def test_a_value_in_a_file_is_sent_whole_each_time_that_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"numbers" * 100_000)
    with http_stub((503, b"not yet"), (204, b"")) as stub, (tmp_path / "value").open("rb", buffering=0) as file:
        file.read(9)  # its digest was made of it
        GraphQLTransport(stub.url, TOKEN).put_blob("cd34", file)
    assert [request[3] == b"numbers" * 100_000 for request in stub.requests] == [True, True]


def test_a_value_that_is_not_there_is_not_found() -> None:
    with http_stub((404, b"no such value")) as stub, pytest.raises(NotFound):
        GraphQLTransport(stub.url, TOKEN).get_blob("ab12")


class _FullDisk(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise OSError(28, "No space left on device")


def test_a_download_that_is_given_up_leaves_its_rest_to_no_other_request() -> None:
    value, given_up = b"7" * (2 << 20), threading.Event()

    def in_two_parts(write: Callable[[bytes], object]) -> None:
        write(value[: 1 << 20])
        assert given_up.wait(30)
        write(value[1 << 20 :])

    with http_stub((200, value), data(ok=1)) as stub:
        stub.parts = in_two_parts
        transport = GraphQLTransport(stub.url, TOKEN, connections=1)
        with pytest.raises(OSError, match="No space left"):
            transport.save_blob(hashlib.sha256(value).hexdigest(), _FullDisk(), len(value))
        try:
            assert transport.execute("mutation A { ok }") == {"ok": 1}
        finally:
            given_up.set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("0.1", 0.1),
        ("-2.2250738585072014e-308", -2.2250738585072014e-308),
        ("0.30000000000000004", 0.30000000000000004),
        ("1000000000000000000000000000001", 10**30 + 1),
        ("3.14159265358979323846264338327950288", Decimal("3.14159265358979323846264338327950288")),
        ("1e400", Decimal("1e400")),
    ],
)
def test_numbers_keep_all_their_digits(text: str, value: object) -> None:
    decoded = decode_kept(f'{{"x": {text}}}'.encode())["x"]
    assert decoded == value
    assert type(decoded) is type(value)
