"""What a definition is called where nobody says: the function that can be seen in its code."""

from __future__ import annotations

import pytest

from taskq_kernel.client.definition import guessed_name


@pytest.mark.parametrize(("code", "name"), [
    ("f(x) = x^2", "f"),
    ("function f(x)\n    g(y) = y\n    g(x)\nend", "f"),
    ("g(x) = x\nf(x) = g(x)", "f"),
    ("x -> x^2", None),
])
def test_the_last_function_that_begins_a_line_names_a_definition(code: str, name: str | None) -> None:
    assert guessed_name(code) == name


@pytest.mark.parametrize("code", [
    "\n    function walk(steps; bias = 0.0)\n        helper(x) = x\n        return helper(steps)\n    end\n",
    "\n    walk(; n, beta) = beta * n\n",
    "    const limit = 3\n\n    walk(n) = n\n",
])
def test_code_that_is_indented_as_a_whole_has_the_name_of_its_function(code: str) -> None:
    assert guessed_name(code) == "walk"
