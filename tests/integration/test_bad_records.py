"""Values and arguments at the edge of what somebody can hold: each ends its own task, and holds up no other."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from decimal import Decimal
from uuid import uuid4

import pytest
import urllib3
from stacks import RunningStack

from taskq_kernel import connect
from taskq_kernel.domain import TaskStatus


def post(stack: RunningStack, content: bytes) -> urllib3.BaseHTTPResponse:
    headers = {"authorization": f"Bearer {stack.token()}", "content-type": "application/json"}
    return urllib3.request("POST", stack.url, headers=headers, body=content, timeout=20, retries=False)


@pytest.mark.timeout(120)
def test_numbers_beyond_python_come_as_text_or_exact_and_hold_up_no_other(stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as client:
        beyond = client.submit("prevfloat(BigFloat(Inf))", name="beyond")
        inside = client.submit("[prevfloat(BigFloat(Inf)), 1]", name="inside")
        long = client.submit("factorial(big(2000))", name="long")
        parts = client.submit("Complex(big(10)^400 // 7, big(1) // 3)", name="parts")
        bytes_ = client.submit('Dict("\\xff\\0" => "\\xfe\\ud800")', name="no text")
        good = client.submit("1 + 1", name="good")

        assert good.result(timeout=60) == 2
        assert beyond.result(timeout=60).startswith("5.87565")
        assert "shown as text" in beyond.value_note
        assert inside.result(timeout=60)[1] == 1
        assert long.result(timeout=60) == math.factorial(2000)
        assert isinstance(parts.result(timeout=60), str)
        assert bytes_.result(timeout=60)
        frame = client.frame(name="")
        assert len(frame) >= 6
        assert "beyond" in frame.to_string()
        assert "good" in frame._repr_html_()


@pytest.mark.timeout(120)
def test_arguments_keep_every_digit_on_their_way(stack: RunningStack) -> None:
    with connect(stack.url, token=stack.token()) as client:
        task = client.submit("x", arguments={"x": 10**5000})
        assert task.result(timeout=60) == 10**5000
        assert task.arguments == {"x": 10**5000}
        digits = Decimal("3.14159265358979323846264338327950288")
        assert abs(client.submit("x", arguments={"x": digits}).result(timeout=60) - digits) < Decimal("1e-70")


@pytest.mark.timeout(120)
def test_an_argument_of_1e400_from_another_program_arrives(stack: RunningStack) -> None:
    task_id = str(uuid4())
    query = "mutation($inputs: [TaskInput!]!) { createTasks(inputs: $inputs) { number } }"
    inputs = [{"id": task_id, "code": "x == big(10.0)^400", "arguments": {"x": "RAW"}}]
    content = json.dumps({"query": query, "variables": {"inputs": inputs}}).replace('"RAW"', "1e400")
    assert post(stack, content.encode()).status == 200
    with connect(stack.url, token=stack.token()) as client:
        task = client.task(task_id).wait(timeout=60)
        assert task.status is TaskStatus.FINISHED
        assert task.value is True


NUMBERS = [
    "1e99999999999999999999", "-1e99999999999999999999", "1e-99999999999999999999", "1" * 5000, "[" * 300 + "]" * 300,
]  # fmt: skip
CODES = {"BAD_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
INLINE = 'mutation { createTask(input: {code: "1", arguments: {x: RAW}}) { number } }'
VARIABLE = 'mutation($a: JSON) { createTask(input: {code: "1", arguments: $a}) { number } }'


@pytest.mark.parametrize("number", NUMBERS, ids=[number[:12] for number in NUMBERS])
def test_a_number_beyond_every_reader_is_refused_wherever_it_stands_in_a_request(
    stack: RunningStack, number: str
) -> None:
    bodies = [
        json.dumps({"query": VARIABLE, "variables": {"a": {"x": "RAW"}}}).replace('"RAW"', number),
        json.dumps({"query": "{ me { name } }", "variables": {"unused": "RAW"}}).replace('"RAW"', number),
        json.dumps({"query": INLINE.replace("RAW", number)}),
        json.dumps({"query": "{ me { name } }", "extensions": "RAW"}).replace('"RAW"', number),
    ]
    for content in bodies:
        answer = post(stack, content.encode())
        assert answer.status < 500, answer.data
        told = json.loads(answer.data)
        if "errors" in told:
            assert told["errors"][0]["extensions"]["code"] in CODES, told
    first = json.loads(post(stack, bodies[0].encode()).data)
    assert "errors" in first
    assert "errors" in json.loads(post(stack, bodies[2].encode()).data)


@pytest.mark.timeout(120)
def test_the_command_line_takes_an_integer_of_5000_digits_and_says_what_is_beyond(stack: RunningStack) -> None:
    def submit(argument: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "taskq_kernel.cli", "submit", "-", "--wait", "--arg", f"n={argument}"],
            input="n - big(10)^5000", env=stack.env, capture_output=True, text=True, timeout=90,
        )  # fmt: skip

    done = submit("1" + "0" * 4999 + "7")
    assert (done.returncode, done.stdout.strip()) == (0, "7")
    refused = submit("1e99999999999999999999")
    assert refused.returncode == 2 or "power of ten" in refused.stderr
    assert "power of ten" in refused.stderr
    assert "Traceback" not in refused.stderr
