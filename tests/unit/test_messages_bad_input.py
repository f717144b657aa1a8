"""Whatever comes as a message: it is one, or it is refused with a reason; nothing else can happen."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from effort import scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_messages import OUTCOME, TASK, changed
from taskq_sink.database import ResultsDatabase

from taskq_kernel.errors import MessageError
from taskq_kernel.messages import MAX_MESSAGE_BYTES, OutcomeMessage, TaskMessage, decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
KINDS = st.sampled_from([TaskMessage, OutcomeMessage])


def refused(kind: Any, body: bytes) -> str:
    with pytest.raises(MessageError) as error:
        decode(kind, body)
    return error.value.reason


@settings(max_examples=scaled(200), deadline=None)
@given(KINDS, st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_message_is_refused_with_a_reason(kind: Any, body: bytes) -> None:
    assert refused(kind, body)


@settings(max_examples=scaled(200), deadline=None)
@given(st.data())
def test_a_message_with_one_field_of_another_shape_is_read_or_refused(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from([TASK, OUTCOME]))
    field = data.draw(st.sampled_from(sorted(json.loads(encode(message)))))
    body = changed(message, **{field: data.draw(JSON)})
    with suppress(MessageError):
        again = decode(type(message), body)
        assert decode(type(message), encode(again)) == again


@settings(max_examples=scaled(200), deadline=None)
@given(st.data())
def test_an_outcome_that_can_be_read_can_be_kept_or_is_refused_by_its_values(data: st.DataObject) -> None:
    given = json.loads(encode(OUTCOME))
    place = data.draw(st.sampled_from([given, given["value"], given["provenance"]]))
    field = data.draw(st.sampled_from(sorted(place)))
    place[field] = data.draw(st.integers() | st.text() | st.sampled_from([2**31, 2**63, 2**64, 2**70, -1, "\0" * 36]))
    with suppress(MessageError):
        outcome = decode(OutcomeMessage, json.dumps(given).encode())
        database = ResultsDatabase("sqlite://")
        database.commit([outcome])
        assert database.unreported(9, 1 << 20).outcomes == [outcome]
        database.close()


@pytest.mark.parametrize("version", [0, -1, 2, 10**30, "1", None, [1], "x" * 5000])
@pytest.mark.parametrize("message", [TASK, OUTCOME])
def test_another_schema_version_is_refused_with_the_version_and_what_to_do(message: Any, version: Any) -> None:
    reason = refused(type(message), changed(message, schema=version))
    assert reason.startswith(f"schema version {version!r}"[:90])
    assert "run one release everywhere" in reason
    assert len(reason) < 300


@pytest.mark.parametrize("field", ["schema", "arguments", "x"])
def test_json_that_is_nested_too_deeply_is_refused(field: str) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    body = b'{"schema": 1, "' + field.encode() + b'": ' + deep + b"}"
    assert refused(TaskMessage, body)


def test_a_message_that_is_too_long_is_refused_before_it_is_read() -> None:
    body = changed(TASK, code="x" * (20 << 20))
    assert refused(TaskMessage, body) == f"{len(body)} bytes, more than the {MAX_MESSAGE_BYTES} that a message may have"


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (TASK, {"id": "7"}), (TASK, {"id": TASK.id + "\n"}), (TASK, {"number": -1}), (OUTCOME, {"attempt": 2**31}),
        (OUTCOME, {"id": "x" * 36}), (OUTCOME, {"value": {"kind": "JSON", "type": "t", "text": "x", "size": 2**63}}),
    ],
)  # fmt: skip
def test_a_number_or_an_id_that_no_database_holds_is_refused(message: Any, fields: dict[str, Any]) -> None:
    assert "not a" in refused(type(message), changed(message, **fields))
