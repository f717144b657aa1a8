"""How a result was made, from a task's row: the facts, their order, their words; and the object that shows them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from client_fixtures import q, service
from client_lab import FakeService
from sample_messages import OUTCOME

from taskq_kernel.client.client import Client
from taskq_kernel.client.provenance import Provenance
from taskq_kernel.messages import Blas, OutcomeMessage, decode, encode
from taskq_kernel.provenance import COST, FIELDS, WHAT, WHERE, facts_of

__all__ = ["q", "service"]

SURROUNDINGS = {
    "julia_version": "1.10.4", "julia_flags": "-C native", "threads": 4, "blas": "libopenblas64_ (OpenBLAS 0.3.23)",
    "blas_threads": 2, "cpu": "AMD EPYC 7763", "cpu_target": "znver3", "system": "Linux 6.1 x86_64", "host": "node7",
    "runner": "julia", "taskq_version": "0.9.0",
}
ROW: dict[str, Any] = {
    "number": 7, "name": "a sum", "kind": "CALL", "entry": "f", "code": "f(x; n) = x + n",
    "arguments": {"1": [1.5, None], "n": 3}, "seed": 42, "project": "a" * 64, "projectCommit": "1234abc-dirty",
    "definition": None, "repeats": None, "cachedFrom": None, "owner": "ann", "attempt": 2, "worker": "w1",
    "environment": "Julia 1.10.4", "manifestSha256": "f" * 64, "surroundings": SURROUNDINGS,
    "peakMemory": 3 << 29, "seconds": 0.25,
    "timing": {"cpu_s": 1.5, "compile_s": None, "gc_s": 0.0, "allocated_bytes": 100},
    "createdAt": "2026-01-02T03:04:05.678+00:00", "startedAt": None, "finishedAt": None,
}


def test_a_row_has_every_fact_in_order_each_with_its_words_and_its_unit() -> None:
    facts = {fact.key: fact for fact in facts_of(ROW)}
    assert [facts[key].part for key in ("task", "cpu", "wall_s")] == [WHAT, WHERE, COST]
    assert list(dict.fromkeys(fact.part for fact in facts.values())) == [WHAT, WHERE, COST]
    assert str(facts["task"]) == "7 (a sum)"
    assert facts["arguments"].text == "[1.5,null], n = 3"
    assert (facts["git_commit"].value, facts["git_dirty"].value) == ("1234abc", True)
    assert [facts[key].value for key in SURROUNDINGS] == list(SURROUNDINGS.values())
    assert (facts["manifest_sha256"].value, facts["manifest_sha256"].text) == ("f" * 64, "f" * 16)
    assert (facts["wall_s"].text, facts["wall_s"].unit, str(facts["cpu_s"])) == ("250", "ms", "1.5 s")
    assert (str(facts["peak_memory_bytes"]), facts["peak_memory_bytes"].value) == ("1.5 GiB", 3 << 29)
    assert str(facts["submitted_at"]) == "2026-01-02 03:04:05 UTC"
    assert facts["code_sha256"].value.startswith(facts["code_sha256"].text)


def test_arguments_that_json_lacks_are_written_as_everywhere() -> None:
    given = {"day": {"$date": "2026-01-02"}, "share": {"$rational": [1, 3]}, "gap": {"$missing": True}}
    facts = {fact.key: fact for fact in facts_of(ROW | {"arguments": given})}
    assert facts["arguments"].text == "day = 2026-01-02, share = 1//3, gap = missing"
    assert facts["arguments"].value == given


def test_what_is_not_known_is_not_there_and_a_zero_is_known() -> None:
    facts = {fact.key: fact.value for fact in facts_of(ROW)}
    assert facts["gc_s"] == 0.0
    assert not {"compile_s", "started_at", "repeats"} & facts.keys()
    waiting = dict.fromkeys(ROW) | {"number": 8, "name": "n", "code": "1", "attempt": 0}
    assert {fact.key for fact in facts_of(waiting)} == {"task", "code_sha256"}
    # A task that ended before all of this was kept has said which Julia it ran in.
    earlier = {fact.key: fact.value for fact in facts_of(ROW | {"surroundings": None, "environment": "Julia 1.9.3, m"})}
    assert earlier["julia_version"] == "1.9.3"


def test_json_as_the_service_passes_it_on_is_read() -> None:
    raw = {
        name: msgspec.Raw(msgspec.json.encode(value)) if isinstance(value, dict) else value
        for name, value in ROW.items()
    }
    assert facts_of(raw) == facts_of(ROW)


def test_a_tasks_provenance_is_a_mapping_that_shows_itself_and_becomes_json(service: FakeService, q: Client) -> None:
    task = q.submit("1 + 1", name="<b>sum</b>")
    service.finish(task.id, 2, surroundings=SURROUNDINGS, peakMemory=1024)
    made = task.provenance
    assert isinstance(made, Provenance)
    assert (made["cpu"], made["peak_memory_bytes"], made["code"]) == ("AMD EPYC 7763", 1024, "1 + 1")
    assert "repeats" not in made
    assert json.loads(made.to_json()) == dict(made)
    assert "Processor " in str(made)
    html = made._repr_mimebundle_()["text/html"]
    assert "AMD EPYC 7763" in html
    assert "<b>" not in html
    assert "&lt;b&gt;sum" in html


def test_the_fields_that_are_asked_for_are_those_of_a_task(service: FakeService, q: Client) -> None:
    task = service.add()
    assert set(FIELDS.split()) <= task.keys()


@pytest.mark.parametrize("blas", [None, Blas("libopenblas", 4)])
def test_an_outcome_says_what_is_the_same_for_all_tasks_of_its_process(blas: Blas | None) -> None:
    origin = msgspec.structs.replace(OUTCOME.provenance, cpu="a processor", threads=2, blas=blas)
    outcome = decode(OutcomeMessage, encode(msgspec.structs.replace(OUTCOME, provenance=origin)))
    told = outcome.provenance.surroundings()
    assert (told["cpu"], told["threads"], told.get("blas_threads")) == ("a processor", 2, blas and 4)
    assert "worker" not in told
    assert "system" not in told  # it was not said
