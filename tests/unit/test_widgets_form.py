"""What is typed into the form becomes a task, or a remark beside the field it belongs to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from client_lab import FakeService
from effort import scaled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from taskq_widgets.examples import EXAMPLES, Example
from taskq_widgets.form import FIELDS, SubmitForm, remarks_on
from taskq_widgets.live import LiveState
from taskq_widgets.panels.arguments import read_arguments, reading, rows_of, typed
from test_widgets_live import ScriptedService

from taskq_kernel.arguments import encode_arguments
from taskq_kernel.client.options import task_input
from taskq_kernel.declarations import declared
from taskq_kernel.errors import InvalidTask, ServiceUnreachable, TaskqError
from taskq_kernel.literals import kind_of, read_value
from taskq_kernel.store.submission import check_all


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("2.5e3", 2500.0), ("true", True), ("null", None), ("[1, 2]", [1, 2]), ('"12"', "12"),
        ("twelve", "twelve"), ("", ""), ("1,5", "1,5"), ('{"a": 1}', {"a": 1}),
    ],
)  # fmt: skip
def test_a_typed_value_is_what_it_says_as_json_and_else_a_string(text: str, value: object) -> None:
    assert read_value(text) == value
    assert type(read_value(text)) is type(value)


@pytest.mark.parametrize("value", [12, 2.5, True, None, "word", "12", "true", "", [1, "a"], {"a": None}, "α = 'β'"])
def test_a_value_that_is_put_into_the_form_comes_out_the_same(value: object) -> None:
    assert read_value(typed(value)) == value


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"$range": [10, 30]}, "10:30"), ({"$range": [0, 0.1, 1]}, "0:0.1:1"), ({"$rational": [1, 3]}, "1//3"),
        ({"$complex": [1, -2]}, "1 - 2im"), ({"$symbol": "a"}, ":a"), ({"$float": "NaN"}, "NaN"), (None, "nothing"),
        ([1, {"$rational": [1, 3]}, "a"], '[1, 1//3, "a"]'), ({"$float": "0.1"}, '{"$float":"0.1"}'),
        ({"a": {"$float": "NaN"}}, '{"a":{"$float":"NaN"}}'), (":a", '":a"'), (1.0, "1.0"), (1e6, "1.0e6"),
    ],
)  # fmt: skip
def test_what_a_task_was_given_stands_in_the_form_as_it_is_typed(data: object, text: str) -> None:
    assert typed(data) == text
    assert encode_arguments({"x": read_value(text)}) == {"x": data}


def test_rows_without_name_and_value_are_left_out() -> None:
    assert read_arguments([["n", "3"], ["", " "], [" β ", "x"]]) == {"n": 3, "β": "x"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [([["", "3"]], "no name"), ([["a b", "3"]], "'a b'"), ([["1n", "3"]], "'1n'"), ([["n", "1"], ["n", "2"]], "two")],
)
def test_an_argument_that_cannot_be_used_is_named(rows: list[list[str]], said: str) -> None:
    with pytest.raises(TaskqError, match=said):
        read_arguments(rows)


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"timeout": "-3"}, "timeout", "The timeout is '-3': give a number of seconds above 0."),
        ({"memory_limit": "much"}, "memory", "The memory limit is 'much': give bytes, or a text such as '2 GiB' "),
        ({"priority": "urgent"}, "priority", "The priority is 'urgent': give 0 (low)"),
        ({"name": "\ud800"}, "name", "The name is not text"),
        ({"queue": "\ud800"}, "queue", "The queue is not text"),
        ({"code": "\ud800"}, "code", "The code is not text"),
        ({"arguments": {"n": {1}, "b": b"x"}}, "arguments.b", "Argument b is bytes \"b'x'\": give text"),
        ({"arguments": {"end": 1}}, "arguments.end", "Argument 'end' is no name that Julia takes: end is a keyword"),
    ],
)
def test_what_the_client_refuses_stands_beside_its_field(options: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InvalidTask) as caught:
        task_input(**{"code": "1", **options})
    [(place, remark)] = remarks_on(caught.value).items()
    assert place == field
    assert remark.startswith(said)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"code": " "}, "code", "The code is empty: give some Julia code."),
        ({"timeout_seconds": 1e9}, "timeout", "The timeout is 1000000000.0: give more than 0 and at most"),
        ({"memory_limit": 3}, "memory", "The memory limit is 3: give a number of bytes from"),
        ({"queue": "a b"}, "queue", "The queue is 'a b': use 1 to 64 letters"),
        ({"max_attempts": 0}, "attempts", "The number of attempts is 0: give 1 to 100."),
        ({"name": "n" * 900}, "name", "The name has 900 characters"),
        ({"arguments": {"x": "y" * (1 << 20)}}, "arguments", "What is given as arguments has 1048584 bytes as JSON"),
        ({"arguments": {"end": 1}}, "arguments.end", "Argument 'end' is no name that Julia takes"),
    ],
)
def test_what_the_service_refuses_stands_beside_its_field(given: dict[str, Any], field: str, said: str) -> None:
    service = FakeService()
    with pytest.raises(InvalidTask) as refused:
        check_all([{"code": "1", **given}])
    service.refuse_input = refused.value
    form = SubmitForm(service.client(), code="1")
    form._deliver("1")
    [(place, remark)] = form.problems.items()
    assert place == field
    assert remark.startswith(said)
    form.close()


def test_an_error_about_no_field_stands_below_the_form() -> None:
    error = ServiceUnreachable("no taskq service at http://127.0.0.1:1/graphql: Connection refused")
    assert remarks_on(error) == {"form": "No taskq service at http://127.0.0.1:1/graphql: Connection refused."}


def test_examples_have_titles_notes_and_arguments_that_their_code_uses() -> None:
    assert len(EXAMPLES) >= 6
    assert len({example.title for example in EXAMPLES}) == len(EXAMPLES)
    for example in EXAMPLES:
        assert example.title
        assert example.note
        assert example.code.strip()
        assert all(name in example.code for name in example.arguments)


def test_examples_declare_what_can_be_changed_with_label_range_and_help() -> None:
    for example in EXAMPLES:
        parameters = declared(example.code)
        assert parameters, example.title
        for one in parameters:
            assert one.label, (example.title, one)
            assert one.help, (example.title, one)
            if one.kind in ("whole", "number"):
                assert None not in (one.minimum, one.maximum, one.step), (example.title, one)


CODE = """\
parameters = [(name = :n, default = 10, label = "Size", minimum = 1, maximum = 99_999, step = 1)]
n + 1
"""


def test_parameters_that_code_declares_have_fields_that_refuse_text_before_anything_is_submitted() -> None:
    service = ScriptedService([])
    form = SubmitForm(service, code=CODE)  # type: ignore[arg-type]
    form._live._enter(LiveState("ready"))
    assert [one["range"] for one in form.parameters] == ["1 to 99\u202f999"]
    assert form.arguments == [["n", "10"]]
    assert form.initial["arguments"] == form.arguments, "nobody has touched it: a draft may take its place"

    form.arguments = [["n", "many"]]
    assert form.readings == [["n", "many", "", "Size is “many”: give a whole number, such as 10."]]
    assert form.blocked == "Size is “many”: give a whole number, such as 10."

    form.arguments = [["n", "1e3"]]
    assert form.readings == [["n", "1e3", "= 1000", ""]]
    assert form.blocked == ""
    assert form._options()["arguments"] == {"n": 1000}

    form.editor.value = CODE.replace("]\n", "\n")
    assert form.editor.diagnostics[0]["line"] == 1
    assert form.parameters, "what is in the middle of being written takes no field away"

    form.editor.value = "n + 1"
    assert (form.parameters, form.arguments, form.editor.diagnostics) == ([], [], [])
    form.close()


def test_an_example_with_parameters_folds_its_code_away_and_code_to_edit_is_open() -> None:
    service = ScriptedService([])
    form = SubmitForm(service, examples=[Example("One", "Note.", CODE), Example("Two", "", "m", {"m": 3})])  # type: ignore[arg-type]
    form._on_message(form, {"type": "example", "view": "v", "index": 0}, [])
    assert (form.folded, form.arguments) == (True, [["n", "10"]])
    form._on_message(form, {"type": "example", "view": "v", "index": 0}, [])
    assert (form.folded, form.arguments) == (True, [["n", "10"]]), "the same once more"
    form._on_message(form, {"type": "example", "view": "v", "index": 1}, [])
    assert (form.folded, form.arguments) == (False, [["m", "3"]])
    form.load({"code": CODE, "arguments": {"n": 12}})
    assert (form.folded, form.arguments) == (False, [["n", "12"]])
    form.close()


def test_parameters_come_first_and_in_their_order_and_a_text_stands_without_quotes() -> None:
    code = 'parameters = [(name = :b, default = "12"), (name = :a, default = 1), (name = :c, default = 2)]'
    assert rows_of(code, {"x": "12", "a": 3, "b": "13"}) == [["b", "13"], ["a", "3"], ["c", "2"], ["x", '"12"']]
    assert read_arguments([["b", "13"]], declared(code)) == {"b": "13"}


@pytest.mark.parametrize(("text", "kind"), [("10:30", "range"), ("1,15", "text"), ("x", "text"), ("[1]", "list")])
def test_beside_each_value_stands_what_it_is_taken_for(text: str, kind: str) -> None:
    assert reading("a", text) == (kind, "")
    assert kind_of(read_value(text)) == kind


def test_what_stands_in_the_fields_goes_ahead_of_a_submission() -> None:
    service = ScriptedService([])
    form = SubmitForm(service)  # type: ignore[arg-type]
    fields = {"name": "all of it", "queue": "", "priority": "high", "timeout": "3", "memory": "", "attempts": ""}
    form._on_message(form, {"type": "fields", "view": "v", "form": {**fields, "arguments": [["n", "2"]]}}, [])
    assert form._options() == {"name": "all of it", "priority": "high", "timeout": "3", "arguments": {"n": 2}}
    form.close()


TYPED = st.text(max_size=30) | st.sampled_from(
    ["1e999", "-1e999", "[" * 100_000, "9" * 5000, "NaN", "\ud800", "\0", "0x10", "½", "१२", "1_000", " ", "1,5", "∞",
     "-0", "9" * 400]
)


@settings(max_examples=scaled(300), deadline=None)
@given(TYPED)
def test_whatever_is_typed_as_a_value_is_json_or_the_text_itself(text: str) -> None:
    try:
        value = encode_arguments({"x": read_value(text)})["x"]
    except TaskqError as error:
        assert str(error)  # noqa: PT017  (it may also be taken)
    else:
        assert encode_arguments({"x": read_value(typed(value))}) == {"x": value}


@settings(max_examples=scaled(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    # The priority is chosen from a list.
    st.fixed_dictionaries(dict.fromkeys(FIELDS, TYPED) | {"priority": st.sampled_from(["low", "normal", "high"])}),
    st.lists(st.tuples(TYPED | st.just("n"), TYPED).map(list), max_size=3),
)
def test_whatever_is_typed_into_the_fields_is_submitted_or_a_remark_beside_one(
    fields: dict[str, str], arguments: list[list[str]]
) -> None:
    service = ScriptedService([])
    form = SubmitForm(service)  # type: ignore[arg-type]
    try:
        form._on_message(form, {"type": "fields", "view": "v", "form": {**fields, "arguments": arguments}}, [])
        try:
            options = form._options()
            task = task_input("1 + 1", **options)
        except TaskqError as error:
            assert str(error)  # noqa: PT017  (it may also be taken)
        else:
            json.dumps(task, allow_nan=False)
    finally:
        form.close()


def test_an_integer_of_5000_digits_that_is_typed_is_an_integer() -> None:
    assert read_arguments([["n", "1" + "0" * 5000]]) == {"n": 10**5000}
