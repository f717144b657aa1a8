"""Conditions on arguments as people type them, in the table's box, after --arg and in Python."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from client_stubs import data, http_stub

from taskq_kernel.argument_terms import read_typed
from taskq_kernel.client.argument_filter import conditions_of
from taskq_kernel.client.argument_order import order_input, order_of
from taskq_kernel.client.client import Client
from taskq_kernel.errors import InvalidTask

EQ = "EQ"


@pytest.mark.parametrize(
    ("typed", "conditions", "text"),
    [
        ("n=200", [("n", EQ, 200)], ""),
        ("beta=0.5 n>=100", [("beta", EQ, 0.5), ("n", "GE", 100)], ""),
        ("spin n<1_000 glass", [("n", "LT", 1000)], "spin glass"),
        ("n = 200, m ≠ 3", [("n", EQ, 200), ("m", "NE", 3)], ""),
        ("n==1 n!=2 n<=3 n≤4 n≥5 n>6", [("n", EQ, 1), ("n", "NE", 2), ("n", "LE", 3), ("n", "LE", 4), ("n", "GE", 5),
                                          ("n", "GT", 6)], ""),
        ("n=200,beta=0.5", [("n", EQ, 200), ("beta", EQ, 0.5)], ""),
        ('n="200"', [("n", EQ, "200")], ""),
        ("method=euler", [("method", EQ, "euler")], ""),
        ('method="two words" x', [("method", EQ, "two words")], "x"),
        ("β=:euler 1=5", [("β", EQ, {"$symbol": "euler"}), ("1", EQ, 5)], ""),
        ("r=1:10 p=1//3 c=[1, 2]", [("r", EQ, {"$range": [1, 10]}), ("p", EQ, {"$rational": [1, 3]}),
                                     ("c", EQ, [1, 2])], ""),
        ("flag=true x=nothing T=Inf", [("flag", EQ, True), ("x", EQ, None), ("T", EQ, {"$float": "Infinity"})], ""),
        ("t>=2024-01-01", [("t", "GE", "2024-01-01")], ""),
        ("day=9007199254740993", [("day", EQ, 9007199254740993)], ""),
        # What is no condition is text, as it was typed.
        ("spin  glass ", [], "spin  glass"),
        ("x = y", [], "x = y"),
        ("x=f(y)", [], "x=f(y)"),
        ("f(x) = 3", [], "f(x) = 3"),
        ("n= =3 a-b=3 if=3 #12 n=200)", [], "n= =3 a-b=3 if=3 #12 n=200)"),
        ("flag<true", [], "flag<true"),
        ("x=1e99999999", [], "x=1e99999999"),
        ('println("foo")', [], 'println("foo")'),
        ('"n = 200"', [], "n = 200"),
        ('n=200 "x = 1" y', [("n", EQ, 200)], "x = 1 y"),
        ("", [], ""),
    ],
)  # fmt: skip
def test_what_is_typed_is_told_apart_into_conditions_and_text(
    typed: str, conditions: list[tuple[str, str, Any]], text: str
) -> None:
    read = read_typed(typed)
    assert [(one.name, str(one.comparison), one.value) for one in read.conditions] == conditions
    assert [type(one.value) for one in read.conditions] == [type(value) for *_, value in conditions]
    assert read.text == text


def test_a_condition_is_shown_as_it_was_understood() -> None:
    shown = [term.shown for term in read_typed("n==200 m!=1 q>=.5 method=euler who=\"a b\" r=1:10").terms]
    assert shown == ["n = 200", "m ≠ 1", "q ≥ .5", 'method = "euler"', 'who = "a b"', "r = 1:10"]


def test_python_gives_values_by_name_or_conditions_as_text() -> None:
    two = [{"name": "n", "comparison": "EQ", "value": 200}, {"name": "beta", "comparison": "GT", "value": 0.5}]
    assert conditions_of("n=200 beta>0.5") == conditions_of(["n=200", "beta>0.5"]) == two
    assert conditions_of({"n": np.int64(200)}) == two[:1]
    assert conditions_of([{"n": 200}, "beta>0.5"]) == two
    assert conditions_of({}) == []
    assert conditions_of("name=two words") == [{"name": "name", "comparison": "EQ", "value": "two words"}]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("spin", "a condition on arguments is 'spin': write a condition such as n=200, beta>0.5"),
        ("spin n=2", "a condition on arguments is 'spin n=2'"),
        ("n!=200 and beta>0.5", "in which 'and' is no condition: leave it out"),
        ("n>1 foo", "in which 'foo' is no condition"),
        ("n=1e99999999", "argument 'n' cannot be read: "),
        ("n<true", "argument 'n' is compared with true"),
        ({"a b": 1}, "argument 'a b' is no name that Julia takes"),
        ({"n": object()}, "argument n"),
        (3, "arguments is int: give values by name, or a text such as 'n>=100 beta=0.5'"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_to_write(given: Any, problem: str) -> None:
    with pytest.raises(InvalidTask, match=problem.replace("(", r"\(")):
        conditions_of(given)


def test_an_order_is_a_field_or_an_argument_and_falls_with_a_minus() -> None:
    names = ("seconds", "-created", "finished_at", "n", "-beta", "argument.name", "-arg2", "argument.arg2")
    assert order_input(map(order_of, names)) == [
        {"field": "SECONDS", "direction": "ASC"}, {"field": "CREATED_AT", "direction": "DESC"},
        {"field": "FINISHED_AT", "direction": "ASC"}, {"argument": "n", "direction": "ASC"},
        {"argument": "beta", "direction": "DESC"}, {"argument": "name", "direction": "ASC"},
        {"argument": "2", "direction": "DESC"}, {"argument": "arg2", "direction": "ASC"},
    ]  # fmt: skip
    for nothing in ("", "-", "argument."):
        with pytest.raises(InvalidTask, match="order_by is .*: give the name of an argument"):
            order_of(nothing)


PAGE = data(tasks={"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}})
CONDITIONS = [{"name": "n", "comparison": "EQ", "value": 200}, {"name": "beta", "comparison": "GT", "value": 0.5}]


def test_tasks_and_frames_are_asked_for_by_arguments_and_in_their_order() -> None:
    with http_stub(PAGE) as stub, Client(stub.url, "token") as q:
        assert len(q.tasks(arguments="n=200 beta>0.5", order_by="-n")) == 0
        assert q.frame(arguments={"n": 200}, status="FINISHED", order_by="seconds").empty
        with pytest.raises(InvalidTask, match="order_by and newest_first are both given"):
            q.tasks(order_by="n", newest_first=True)
        asked = [json.loads(body)["variables"] for *_, body in stub.requests]
    assert [one["filter"] for one in asked] == [
        {"arguments": CONDITIONS}, {"arguments": CONDITIONS[:1], "status": ["FINISHED"]}
    ]
    assert [one["order"] for one in asked] == [
        [{"argument": "n", "direction": "DESC"}], [{"field": "SECONDS", "direction": "ASC"}]
    ]


def test_tasks_are_changed_by_their_arguments_and_no_condition_is_no_selection() -> None:
    with http_stub(data(cancelTasks={"tasks": [], "changed": 2})) as stub, Client(stub.url, "token") as q:
        assert q.cancel(arguments={"n": 200}) == 2
        for nothing in ({}, [], None):
            with pytest.raises(InvalidTask, match="needs tasks, or a selection"):
                q.cancel(arguments=nothing)
        (asked,) = [json.loads(body)["variables"] for *_, body in stub.requests]
    assert asked["filter"] == {"arguments": CONDITIONS[:1]}
