"""The service's parts by themselves: limits, documents, errors, media types, numbers, execution."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from graphql import GraphQLError, parse, validate
from store_lab import Lab

from taskq_kernel.domain import Role
from taskq_kernel.errors import Forbidden, InvalidTask, NotFound, Unauthorized
from taskq_kernel.exact_json import exact_number
from taskq_kernel.service.async_store import AsyncStore
from taskq_kernel.service.feed import Feed
from taskq_kernel.service.graphql import codec, rows, websocket
from taskq_kernel.service.graphql.documents import KEPT, Documents, InvalidDocument
from taskq_kernel.service.graphql.errors import format_error
from taskq_kernel.service.graphql.execution import run
from taskq_kernel.service.graphql.executor import Executor
from taskq_kernel.service.graphql.limits import MAX_COST, DepthLimit, TooComplex
from taskq_kernel.service.graphql.negotiation import JSON_TYPE, STRICT_TYPE, is_json, response_type, wants_page
from taskq_kernel.service.schema.build import build_schema
from taskq_kernel.service.schema.context import RequestContext
from taskq_kernel.service.schema.scalars import DateTime, iso
from taskq_kernel.service.security.auth import Tokens
from taskq_kernel.service.security.throttle import Throttle
from taskq_kernel.settings import Settings
from taskq_kernel.store import create
from taskq_kernel.store.tokens import Identity, create_token, hash_token, revoke_token

pytest_plugins = ["store_fixtures"]


@pytest.fixture
def documents() -> Documents:
    return Documents(build_schema())


def refused(documents: Documents, query: str, **variables: Any) -> tuple[str, str]:
    with pytest.raises(InvalidDocument) as error:
        documents.prepare(query, variables, None)
    [first, *_] = error.value.errors
    assert first.extensions is not None
    return first.extensions["code"], first.message


def test_a_page_may_be_large_and_its_fields_few_or_the_other_way_round(documents: Documents) -> None:
    documents.prepare("{ tasks(first: 1000) { nodes { id name status } } }", None, None)
    documents.prepare("{ tasks(first: 5) { nodes { id logs { text } history { at } } } }", None, None)
    code, message = refused(documents, "{ tasks(first: 1000) { nodes { logs { text } } } }")
    assert code == "TOO_COMPLEX"
    assert f"more than the {MAX_COST} allowed" in message


def test_the_size_of_a_page_counts_when_it_is_a_variable_too(documents: Documents) -> None:
    query = "query($n: Int) { tasks(first: $n) { nodes { logs { text } } } }"
    documents.prepare(query, {"n": 5}, None)
    assert refused(documents, query, n=1000)[0] == "TOO_COMPLEX"
    documents.prepare(query, {}, None)


def test_a_query_may_be_twelve_levels_deep(documents: Documents) -> None:
    def nested(levels: int) -> str:
        # No type of the schema is that deep, so fragments cannot either: measured without validation.
        return "{ " + "a { " * (levels - 1) + "a" + " }" * levels

    for levels, problems in ((12, []), (13, ["the query is 13 levels deep, more than the 12 allowed"])):
        errors = validate(build_schema(), parse(nested(levels)), [DepthLimit])
        assert [error.message for error in errors] == problems
        assert all(isinstance(error, TooComplex) for error in errors)


def test_fragments_that_contain_fragments_are_measured_once(documents: Documents) -> None:
    doubling = " ".join(
        f"fragment f{place} on Task {{ ...f{place + 1} ...f{place + 1} }}" for place in range(40)
    )
    query = f'{{ task(id: "1") {{ ...f0 }} }} {doubling} fragment f40 on Task {{ id }}'
    assert refused(documents, query)[0] == "TOO_COMPLEX"


def test_a_document_with_very_many_fields_is_refused_before_it_is_validated(documents: Documents) -> None:
    code, message = refused(documents, "{ " + "a " * 501 + "}")  # no field of the schema
    assert (code, message) == ("TOO_COMPLEX", "the query has 501 fields, more than the 500 allowed")


def test_a_document_nested_beyond_reason_is_refused(documents: Documents) -> None:
    assert refused(documents, "{ a" * 5000)[0] == "GRAPHQL_PARSE_FAILED"
    assert refused(documents, "{ tasks(filter: {ids: " + "[" * 4000 + "]" * 4000 + "}) { totalCount } }")[0] in {
        "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED",
    }


def test_the_documents_used_last_are_kept_and_no_more(documents: Documents) -> None:
    first = documents.prepare("{ me { name } }", None, None).document
    assert documents.prepare("{ me { name } }", None, None).document is first
    for place in range(KEPT):
        documents.prepare(f"{{ me {{ a{place}: name }} }}", None, None)
    assert len(documents._kept) == KEPT
    assert documents.prepare("{ me { name } }", None, None).document is not first


def test_an_internal_error_shows_a_reference_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    secret = GraphQLError("password=x", original_error=RuntimeError("password=x"))
    with caplog.at_level(logging.ERROR):
        formatted = format_error(secret)
    reference = formatted["extensions"]["reference"]
    assert formatted["extensions"] == {"code": "INTERNAL", "reference": reference}
    assert "password" not in formatted["message"]
    assert reference in formatted["message"]
    assert reference in caplog.text
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize(("cause", "code"), [
    (NotFound("no task", "NOT_FOUND", {"ids": ["1"]}), "NOT_FOUND"), (Forbidden("no", "FORBIDDEN"), "FORBIDDEN"),
    (InvalidTask("bad"), "BAD_INPUT"), (GraphQLError("deep", original_error=InvalidTask("bad")), "BAD_INPUT"),
])
def test_our_own_errors_keep_their_message_and_code(cause: Exception, code: str) -> None:
    formatted = format_error(GraphQLError("shown elsewhere", original_error=cause))
    assert formatted["extensions"]["code"] == code
    assert formatted["message"] in {"no task", "no", "bad"}


@pytest.mark.parametrize(("text", "value"), [
    ("1.5", 1.5), ("0.1", 0.1), ("1e5", 1e5), ("1e400", Decimal("1e400")), ("2.50", 2.5),
    ("3.14159265358979323846264338", Decimal("3.14159265358979323846264338")), ("0.30000000000000004", 0.1 + 0.2),
])
def test_a_number_keeps_its_digits(text: str, value: float | Decimal) -> None:
    assert exact_number(text) == value
    assert type(exact_number(text)) is type(value)
    assert float(codec.encode(codec.decode(text))) == float(text)


@pytest.mark.parametrize(("text", "words"), [
    (b"{", "JSON"), (b"NaN", "NaN is not JSON"), (b'"\\ud800"', "surrogate"), (b"[" * 100_000, "nested"),
    (b"\xff", "JSON"), (b"", "JSON"),
])
def test_what_is_not_json_is_refused_with_a_reason(text: bytes, words: str) -> None:
    with pytest.raises(InvalidTask, match=words):
        codec.decode(text)


def test_times_are_written_in_utc_and_read_in_any_zone() -> None:
    assert iso(0.25) == "1970-01-01T00:00:00.250000Z"
    assert iso(None) is None
    for text in ("1970-01-01T00:00:01Z", "1970-01-01T01:00:01+01:00", "1970-01-01T00:00:01"):
        assert DateTime.parse_value(text) == 1.0
    for wrong in ("noon", 7, None, "", "9999999-01-01"):
        with pytest.raises(GraphQLError, match="give a time such as"):
            DateTime.parse_value(wrong)


@pytest.mark.parametrize(("accept", "expected"), [
    (STRICT_TYPE, STRICT_TYPE), ("text/html", None), (f"{JSON_TYPE};q=0, */*;q=0", None), ("", JSON_TYPE),
    (f"{JSON_TYPE};q=x", None), (f"*/*;q=0.1,{STRICT_TYPE};q=0.2", STRICT_TYPE),
])
def test_media_types_are_chosen_by_weight(accept: str, expected: str | None) -> None:
    assert response_type(accept) == expected


def test_a_browser_gets_the_page_and_a_client_does_not() -> None:
    assert wants_page("text/html,application/xhtml+xml,*/*;q=0.8")
    assert not wants_page(f"{JSON_TYPE}, text/html;q=0.5")
    assert not wants_page("*/*")


def test_a_body_is_json_in_utf_8() -> None:
    assert is_json("application/json")
    assert is_json('Application/JSON; charset="UTF-8"')
    assert not is_json("application/json; charset=latin-1")
    assert not is_json("text/json")


FIELDS = """id number name kind code entry arguments queue priority timeoutSeconds memoryLimit maxAttempts attempt
    status progress progressMessage value valueKind valueType valueText valueNote valueRef valueSize
    error { name message stacktrace line __typename } worker owner batch seconds lost createdAt startedAt
    finishedAt version"""


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_rows_written_at_once_and_field_by_field_are_the_same(lab: Lab) -> None:
    """``history`` is loaded, so a selection with it takes the long way."""
    failed, finished, _waiting = lab.submit("1", "2", "3", arguments={"x": 1.5})
    worker = lab.join()
    lab.claim(worker, failed, finished)
    lab.fail(failed, worker)
    lab.finish(finished, worker)

    async def both() -> tuple[Any, Any]:
        store = AsyncStore(lab.store)
        runtime: Any = SimpleNamespace(store=store, settings=Settings())
        context = RequestContext(Identity("ann", Role.USER), runtime)
        documents, answers = Documents(build_schema()), []
        for extra in ("", "history { status }"):
            query = (
                "{ t: tasks { nodes { ...f } edges { node { a: id ...f } } } }"
                f"fragment f on Task {{ {FIELDS} {extra} __typename }}"
            )
            result = await run(build_schema(), documents.prepare(query, None, None), None, context)
            assert result.errors is None
            answers.append(msgspec.json.decode(codec.encode(result.data)))
        return answers[0], answers[1]

    short, long = asyncio.run(both())
    for node in [*long["t"]["nodes"], *(edge["node"] for edge in long["t"]["edges"])]:
        assert node.pop("history")
    assert short == long
    assert short["t"]["nodes"][0]["error"]["__typename"] == "TaskError"
    assert short["t"]["nodes"][1]["error"] is None


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_how_rows_are_written_is_found_out_once_a_document_but_where_it_depends_on_variables(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.submit("1")
    made: list[str] = []
    make = rows._make
    monkeypatch.setattr(rows, "_make", lambda kind, *others: made.append(kind.name) or make(kind, *others))
    runtime: Any = SimpleNamespace(store=AsyncStore(lab.store), settings=Settings())
    context = RequestContext(Identity("ann", Role.USER), runtime)
    documents = Documents(build_schema())

    async def ask(query: str, **variables: Any) -> Any:
        result = await run(build_schema(), documents.prepare(query, variables, None), variables, context)
        return (result.data or {})["tasks"]["nodes"]

    plain = "{ tasks { nodes { number } } }"
    assert asyncio.run(ask(plain)) == asyncio.run(ask(plain)) == [{"number": 1}]
    assert made == ["Task"]
    chosen = "query($named: Boolean!) { tasks { nodes { number name @include(if: $named) } } }"
    assert asyncio.run(ask(chosen, named=False)) == [{"number": 1}]
    assert asyncio.run(ask(chosen, named=True)) == [{"number": 1, "name": "1"}]


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_a_page_whose_variables_are_null_is_the_default_page(lab: Lab) -> None:
    lab.submit(*"123")
    query = """query($n: Int, $s: String, $f: TaskFilter, $o: [TaskOrder!]) {
        tasks(filter: $f, orderBy: $o, first: $n, after: $s, last: $n, before: $s, offset: $n) { nodes { number } }
    }"""

    async def ask(**variables: None) -> list[int]:
        runtime: Any = SimpleNamespace(store=AsyncStore(lab.store), settings=Settings())
        context = RequestContext(Identity("ann", Role.USER), runtime)
        prepared = Documents(build_schema()).prepare(query, variables, None)
        result = await run(build_schema(), prepared, variables, context)
        assert result.errors is None
        return [node["number"] for node in (result.data or {})["tasks"]["nodes"]]

    assert asyncio.run(ask(n=None, s=None, f=None, o=None)) == asyncio.run(ask()) == [1, 2, 3]


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_many_histories_are_one_query(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.submit(*"12345")
    calls: list[Any] = []
    from taskq_kernel.store import records

    known = records.histories
    monkeypatch.setattr(records, "histories", lambda conn, numbers: calls.append(numbers) or known(conn, numbers))

    async def ask() -> None:
        runtime: Any = SimpleNamespace(store=AsyncStore(lab.store), settings=Settings())
        context = RequestContext(Identity("ann", Role.USER), runtime)
        query = "{ tasks { nodes { history { status } } } }"
        result = await run(build_schema(), Documents(build_schema()).prepare(query, None, None), None, context)
        assert result.errors is None

    asyncio.run(ask())
    assert [sorted(numbers) for numbers in calls] == [[1, 2, 3, 4, 5]]


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_what_is_not_asked_for_is_not_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[frozenset[str]] = []
    known = create.create_tasks

    def spy(write: Any, new: Any, owner: str, wants: frozenset[str], *others: Any) -> Any:
        seen.append(wants)
        return known(write, new, owner, wants, *others)

    monkeypatch.setattr(create, "create_tasks", spy)

    async def submit() -> None:
        runtime: Any = SimpleNamespace(
            store=AsyncStore(lab.store), metrics=SimpleNamespace(submitted=SimpleNamespace(inc=lambda _n: None)),
            settings=SimpleNamespace(private_tasks=False), blobs=None, out_of_reach=None,
        )
        context = RequestContext(Identity("ann", Role.USER), runtime)
        for selection in ("id", "id ...f"):
            query = f'mutation {{ createTask(input: {{code: "1"}}) {{ {selection} }} }} fragment f on Task {{ code }}'
            if selection == "id":
                query = query.split("fragment")[0]
            await run(build_schema(), Documents(build_schema()).prepare(query, None, None), None, context)

    asyncio.run(submit())
    assert seen == [frozenset(), frozenset({"code"})]


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_a_token_of_the_file_stands_for_its_identity(lab: Lab, tmp_path: Any) -> None:
    file = tmp_path / "tokens.json"
    file.write_bytes(msgspec.json.encode([{"name": "ann", "role": "user", "sha256": hash_token("secret").upper()}]))

    async def identify() -> None:
        tokens = Tokens(file, AsyncStore(lab.store), Throttle(20))
        assert await tokens.identify("Bearer secret", "") == Identity("ann", Role.USER)
        assert await tokens.identify("bearer  secret ", "") == Identity("ann", Role.USER)
        for wrong in ("Bearer secret2", "Basic secret", "secret", "", None, "Bearer é\x00"):
            with pytest.raises(Unauthorized) as refused:
                await tokens.identify(wrong, "")
            assert "secret" not in str(refused.value)

    asyncio.run(identify())


@pytest.mark.parametrize("lab", ["sqlite"], indirect=True)
def test_a_connection_whose_token_was_revoked_is_closed_before_it_is_sent_anything(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "IDENTIFY_S", 0.0)
    token_id, secret = lab.store.write(create_token, "ann", Role.USER)

    async def scene() -> list[Any]:
        store = AsyncStore(lab.store)
        tokens = Tokens(None, store, Throttle(20))
        monkeypatch.setattr("taskq_kernel.service.security.auth.BELIEVED_S", 0.0)
        clock = SimpleNamespace(time=lab.clock, monotonic=lab.clock)
        monkeypatch.setattr("taskq_kernel.service.security.auth.time", clock)
        feed = Feed(store)
        lab.store.on_commit.append(lambda write: loop.call_soon_threadsafe(feed.advance, write.version))
        loop = asyncio.get_running_loop()
        incoming: asyncio.Queue[Any] = asyncio.Queue()
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "websocket.close":
                incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

        def say(message: Any) -> None:
            incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

        async def until(count: int) -> None:
            async with asyncio.timeout(10):
                while len(sent) < count:
                    await asyncio.sleep(0.005)

        runtime = SimpleNamespace(tokens=tokens, feed=feed, store=store, settings=Settings())
        endpoint = websocket.GraphQLOverWebSocket(Executor(build_schema(), runtime))  # type: ignore[arg-type]  # what it uses
        scope = {"type": "websocket", "path": "/graphql", "headers": [], "subprotocols": ["graphql-transport-ws"]}
        served = asyncio.create_task(endpoint(scope, incoming.get, send))  # type: ignore[arg-type]  # a queue will do
        incoming.put_nowait({"type": "websocket.connect"})
        say({"type": "connection_init", "payload": {"authorization": f"Bearer {secret}"}})
        say({"id": "1", "type": "subscribe", "payload": {"query": "subscription { taskChanges { tasks { name } } }"}})
        await until(3)  # accepted, acknowledged, the first event
        await asyncio.to_thread(lab.store.write, revoke_token, token_id)
        lab.clock.advance(1)
        await asyncio.to_thread(lab.submit, name="secret")
        async with asyncio.timeout(10):
            await served
        return sent

    sent = asyncio.run(scene())
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 4401
    assert "secret" not in str(sent)
