"""A service that is killed while it makes the tasks of a batch: no point is missed, none is there twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from service_process import service_process
from stacks import eventually

from taskq_kernel.store.expansion import AHEAD

#: As many as are made whatever was made before: of a batch of which more wait, no others are made until
#: workers have taken some, and here is none.
POINTS = AHEAD // 2
SUBMIT = "mutation Submit($input: BatchInput!) { submitBatch(input: $input) { added batch { id total } } }"
MADE = "query Made($batch: ID!) { tasks(filter: {batch: $batch}, first: 0) { totalCount } }"
PAGE = "query Page($batch: ID!, $after: String) { tasks(filter: {batch: $batch}, first: 1000, after: $after) " \
       "{ nodes { point arguments seed } pageInfo { hasNextPage endCursor } } }"  # fmt: skip


def test_a_service_that_is_killed_while_it_makes_tasks_makes_each_once(tmp_path: Path) -> None:
    with service_process(tmp_path / "home") as service:
        define = 'mutation { registerDefinition(input: {code: "f(; n) = n"}) { id } }'
        definition = service.data(define)["registerDefinition"]["id"]
        design = json.dumps({"columns": {"n": list(range(POINTS))}})
        given = {"name": "killed", "definition": definition, "design": design, "seed": 1}
        batch = service.data(SUBMIT, input=given)["submitBatch"]["batch"]
        assert batch["total"] == POINTS

        def made() -> int:
            return int(service.data(MADE, batch=batch["id"])["tasks"]["totalCount"])

        for _ in range(2):
            service.stop(signal.SIGKILL)
            service.start_again()
            # The same request again, as a client does whose answer was lost.
            assert service.data(SUBMIT, input=given)["submitBatch"]["added"] == 0
        eventually(lambda: made() == POINTS, "every point has a task", 30)
        rows, after = [], None
        while after is not None or not rows:
            page = service.data(PAGE, batch=batch["id"], after=after)["tasks"]
            rows += page["nodes"]
            after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        assert sorted(row["point"] for row in rows) == list(range(POINTS))
        assert all(row["arguments"] == {"n": row["point"]} for row in rows)
        assert len({row["seed"] for row in rows}) == POINTS
