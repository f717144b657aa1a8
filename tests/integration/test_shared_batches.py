"""The page of a batch by link: its picture, its table, its points."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import sqlalchemy as sa
from PIL import Image
from service_process import ServiceProcess, digest
from shared_fixtures import results, service
from shared_results import Results, below, json_value, links, text_of
from stacks import eventually

from taskq_kernel.store import Store
from taskq_kernel.store.tables import tasks

__all__ = ["results", "service"]

DEFINE = "mutation { registerDefinition(input: {code: \"gap(; n, beta) = n * beta\", name: \"gap\"}) { id } }"
SUBMIT = "mutation($i: BatchInput!) { submitBatch(input: $i) { batch { id } } }"
POINTS = "query($b: ID) { tasks(filter: {batch: $b}, first: 1000) { nodes { id number point arguments } } }"


def sweep(results: Results, axes: Mapping[str, Any], name: str = "gaps") -> tuple[str, list[dict[str, Any]]]:
    """A batch whose points all have a task; its id and these."""
    service = results.service
    definition = service.data(DEFINE)["registerDefinition"]["id"]
    given = {"name": f"{name} {uuid4()}", "definition": definition, "design": json.dumps({"axes": axes})}
    batch = service.data(SUBMIT, i=given)["submitBatch"]["batch"]["id"]
    total = 1
    for items in axes.values():
        total *= len(items)

    def made() -> list[dict[str, Any]]:
        found = service.data(POINTS, b=batch)["tasks"]["nodes"]
        return found if len(found) == total else []

    return batch, eventually(made, "every point has a task")


def finish(results: Results, points: list[dict[str, Any]]) -> None:
    """End points with the product of their arguments."""
    results.claim(*points)
    for point in points:
        product = 1.0
        for item in point["arguments"].values():
            product *= item
        results.end(point, value=json_value(product, julia_type="Float64"))


def test_a_batch_has_its_picture_its_table_and_the_pages_of_its_points_by_one_link(results: Results) -> None:
    batch, points = sweep(results, {"n": [1, 2, 3, 4], "beta": [0.5, 1.0]})
    finish(results, points[:6])
    path = results.share(batch)
    page = results.get(path).data.decode()
    said = text_of(page)
    assert page.count("<polyline") == 2, "a line for each beta"
    assert 'aria-label="value against n, by beta: 6 of 8 points"' in page
    assert ("6 FINISHED" in said, "2 QUEUEING" in said, "2 of 8 points are not done yet" in said) == (True,) * 3
    assert 'http-equiv="refresh" content="15"' in page
    query = urlsplit(path).query
    for point in points:
        answer = results.get(f"/r/{point['number']}?{query}")
        assert answer.status == 200
        assert f"{batch}?{query}" in links(answer.data.decode()), "there is a way back"
    stranger = results.finish(json_value("secret"))
    assert results.get(f"/r/{stranger}?{query}").status == 404

    finish(results, points[6:])
    done = results.get(path).data.decode()
    assert ('http-equiv="refresh"' in done, "8 FINISHED" in text_of(done)) == (False, True)


def test_many_values_of_a_second_argument_make_a_heat_map(results: Results) -> None:
    batch, points = sweep(results, {"n": [1, 2, 3], "beta": [step / 10 for step in range(12)]}, "map")
    finish(results, points)
    path = results.share(batch)
    page = results.get(path).data.decode()
    assert page.count("<title>n = ") == 36
    picture = results.get(below(path, "picture.svg"))
    assert (picture.status, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert picture.headers["content-disposition"].startswith("attachment")
    assert picture.data.count(b"<title>n = ") == 36
    named = [urlsplit(link).path.rpartition("/")[2] for link in links(page)]
    assert [name for name in named if name.startswith("picture")] == ["picture.png", "picture.svg"]
    drawn = results.get(below(path, "picture.png"))
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/png")
    assert drawn.headers["content-disposition"].startswith(f"attachment; filename=\"batch-{batch[:8]}.png\"")
    image = Image.open(io.BytesIO(drawn.data)).convert("RGB")
    assert image.width == 2 * 640
    assert len({colour for _, colour in image.getcolors(1 << 24)}) > 9
    assert results.get(below(path, "picture.gif")).status == 404


def test_all_points_come_as_csv_and_as_json(results: Results) -> None:
    batch, points = sweep(results, {"n": [1, 2], "beta": [0.5]}, "files")
    finish(results, points[:1])
    path = results.share(batch)
    rows = list(csv.DictReader(io.StringIO(results.get(below(path, "points.csv")).data.decode())))
    assert [(row["point"], row["n"], row["beta"], row["status"], row["value"]) for row in rows] == [
        ("0", "1", "0.5", "FINISHED", "0.5"), ("1", "2", "0.5", "QUEUEING", ""),
    ]
    found = results.get(below(path, "points.json")).json()
    assert [(one["n"], one["value"]) for one in found] == [(1, 0.5), (2, None)]


def test_numbers_stand_in_the_table_before_rows_of_numbers_which_take_one_short_line(results: Results) -> None:
    batch, points = sweep(results, {"n": [1]}, "rows")
    results.claim(*points)
    results.end(points[0], value=json_value({"rows": list(range(100, 400)), "rate": 1.25}))
    page = results.get(results.share(batch)).data.decode()
    assert page.index(">rate</th>") < page.index(">rows</th>")
    (shown,) = re.findall(r"<td>(\[[^<]*)</td>", page)
    assert (shown[:9], len(shown), " " in shown) == ("[100,\u00a0101", 32, False)


def archive(*files: bytes) -> bytes:
    """A value with arrays beside its JSON."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as written:
        for place, content in enumerate(files):
            member = tarfile.TarInfo("value.json" if place == 0 else f"{place - 1}.npy")
            member.size = len(content)
            written.addfile(member, io.BytesIO(content))
    return data.getvalue()


def test_the_numbers_of_values_that_are_files_are_drawn_and_stand_in_the_table_and_in_the_files(
    results: Results, service: ServiceProcess
) -> None:
    batch, points = sweep(results, {"n": [1, 2], "beta": [0.5]}, "large")
    results.claim(*points)
    rows = io.BytesIO()
    np.save(rows, np.zeros(20_000))
    plain = json.dumps({"rows": [0.0] * 20_000, "rate": 4.25}).encode()
    archived = archive(b'{"rows":{"$array":0},"rate":1.25}', rows.getvalue())
    for point, data in zip(points, (archived, plain), strict=True):
        assert service.request("PUT", f"/blobs/{digest(data)}", "worker", body=data).status == 204
        value = {"kind": "JSON", "type": "NamedTuple", "text": "rows", "ref": digest(data), "size": len(data)}
        results.end(point, value=value)
    path = results.share(batch)
    page = results.get(path).data.decode()
    assert 'aria-label="rate against n: 2 of 2 points"' in page
    assert ("<td>1.25</td>" in page, "<td>4.25</td>" in page) == (True, True)
    found = results.get(below(path, "points.json")).json()
    assert [(one["n"], one["rate"]) for one in found] == [(1, 1.25), (2, 4.25)]


def test_failed_points_are_told_by_their_causes(results: Results) -> None:
    batch, points = sweep(results, {"n": [1, 2, 3], "beta": [0.5]}, "failing")
    results.claim(*points)
    error = {"name": "DomainError", "message": "n is odd", "stacktrace": "", "line": 1}
    results.end(*points[:2], status="FAILED", error=error)
    results.end(points[2], value=json_value(1.0))
    said = text_of(results.page(batch))
    assert "2 × DomainError in line 1 n is odd" in said


def test_a_deleted_batch_is_gone_and_so_is_the_way_to_its_points(results: Results, service: ServiceProcess) -> None:
    batch, points = sweep(results, {"n": [1], "beta": [0.5]}, "gone")
    path = results.share(batch)
    service.data("mutation($id: ID!) { deleteBatch(id: $id) }", id=batch)
    for one in (path, below(path, "points.csv"), below(path, "picture.svg"), below(path, "picture.png")):
        answer = results.get(one)
        assert (answer.status, "has been deleted" in answer.data.decode()) == (410, True)
    assert results.get(f"/r/{points[0]['number']}?{urlsplit(path).query}").status == 404


def test_a_link_to_tasks_that_were_submitted_together_shows_their_owners_alone(
    results: Results, service: ServiceProcess
) -> None:
    together = str(uuid4())
    mine = results.submit(*({"batch": together, "name": f"mine {place}"} for place in range(3)))
    path = results.share(together)
    [theirs] = results.submit({"batch": together, "name": "of bob"}, who="bob")
    page, query = results.get(path).data.decode(), urlsplit(path).query
    assert "3 of 3 points are not done" in text_of(page)
    named = {urlsplit(link).path for link in links(page)}
    assert {number for number in named if number.isdecimal()} == {str(one["number"]) for one in mine}
    assert [results.get(f"/r/{one['number']}?{query}").status for one in (*mine, theirs)] == [200, 200, 200, 404]
    code, message = service.error(
        "mutation($id: ID!) { createShare(id: $id) { url } }", "bob", id=together
    )
    assert (code, "you may share your own only" in message) == ("FORBIDDEN", True)


def test_a_batch_of_ten_thousand_points_comes_by_the_page_and_whole_as_a_file(
    results: Results, service: ServiceProcess
) -> None:
    together, count = str(uuid4()), 10_000
    [first] = results.submit({"batch": together, "arguments": {"n": 0}})
    results.claim(first)
    results.end(first, value=json_value(0.0))
    store = Store(f"sqlite:///{service.home}/tasks.db")

    def multiply(write: Any) -> None:
        row = dict(write.conn.execute(sa.select(tasks).where(tasks.c.number == first["number"])).one()._mapping)
        write.conn.execute(sa.insert(tasks), [
            row | {
                "number": 1_000_000 + place, "id": str(uuid4()), "version": -place, "arguments": f'{{"n":{place}}}',
                "value_json": f"{place}.5",
            }
            for place in range(1, count)
        ])

    store.write(multiply)
    store.close()
    path = results.share(together)
    page = results.get(path).data.decode()
    assert ("10,000 FINISHED" in text_of(page), page.count("<tr>") < 110, len(page) < 300_000) == (True,) * 3
    assert "<polyline" in page
    last = results.get(f"{path}&page=100").data.decode()
    assert ("9999.5" in last, "Next" in last) == (True, False)
    assert [results.get(f"{path}&page={number}").status for number in ("101", "0", "-1", "x", "99999999")] == [404] * 5
    lines = results.get(below(path, "points.csv")).data.splitlines()
    assert (len(lines), lines[-1].split(b",")[2]) == (count + 1, b"9999")
