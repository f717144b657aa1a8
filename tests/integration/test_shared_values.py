"""What tasks have written, on the pages of their results: values as files, and texts that would be more than text."""

from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from service_process import ServiceProcess, digest
from shared_fixtures import results, service
from shared_results import Results, below, json_value, links, text_of

from taskq_kernel.recipes import shipped

__all__ = ["results", "service"]


def test_values_come_as_files_of_the_kinds_that_they_can_be(results: Results) -> None:
    table = {"columns": {"n": [1, 2], "text": ["a", "=1+1"]}, "types": {"n": "Int64"}}
    path = results.share(results.finish(json_value(table, kind="TABLE")))
    assert results.get(below(path, "value.csv")).data == b"n,text\r\n1,a\r\n2,'=1+1\r\n"
    assert results.get(below(path, "value.json")).json() == table
    path = results.share(results.finish(json_value([[1.5, 2.0], [3.0, 4.0]], julia_type="Matrix{Float64}")))
    assert results.get(below(path, "value.csv")).data == b"1.5,2.0\r\n3.0,4.0\r\n"
    array = np.load(io.BytesIO(results.get(below(path, "value.npy")).data))
    assert array.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert results.get(below(path, "value.png")).status == 404


def test_a_large_array_is_summed_up_and_comes_whole(results: Results, service: ServiceProcess) -> None:
    file = io.BytesIO()
    np.save(file, np.linspace(0, 1, 100_000))
    ref = digest(file.getvalue())
    assert service.request("PUT", f"/blobs/{ref}", "worker", body=file.getvalue()).status == 204
    size = len(file.getvalue())
    value = {"kind": "ARRAY", "type": "Vector{Float64}", "text": "100000 entries", "ref": ref, "size": size}
    path = results.share(results.finish(value))
    page = results.get(path).data.decode()
    said = text_of(page)
    assert ("size 100000" in said, "smallest 0.0" in said, "mean 0.5" in said, "largest 1.0" in said) == (True,) * 4
    assert "<polyline" in page
    assert len(page) < 150_000
    assert results.get(below(path, "value.npy")).data == file.getvalue()


def test_the_picture_of_an_array_comes_as_svg_and_as_png(results: Results) -> None:
    path = results.share(results.finish(json_value([0.0, 2.0, 1.0, 5.0], julia_type="Vector{Float64}")))
    named = [urlsplit(link).path.rpartition("/")[2] for link in links(results.get(path).data.decode())]
    assert {"value.csv", "value.npy", "picture.png", "picture.svg"} <= set(named)
    assert b"<polyline" in results.get(below(path, "picture.svg")).data
    image = Image.open(io.BytesIO(results.get(below(path, "picture.png")).data)).convert("RGB")
    assert image.size == (2 * 640, 2 * 356)
    assert (0x0B, 0x57, 0xC2) in {colour for _, colour in image.getcolors(1 << 24)}
    path = results.share(results.finish(json_value(2)))
    assert "picture.png" not in results.get(path).data.decode()
    assert results.get(below(path, "picture.png")).status == 404


def test_the_result_of_a_recipe_is_drawn_as_the_recipe_says_and_comes_as_a_file(
    results: Results, service: ServiceProcess
) -> None:
    code = next(file for file in shipped() if file.stem == "sir").read_text(encoding="utf-8")
    service.data('mutation($code: String!) { addRecipe(input: {name: "sir", code: $code}) { added } }', "admin",
                 code=code)  # fmt: skip
    run = 'mutation { submitRecipe(input: {recipe: "sir"}) { id number } }'
    task = service.data(run, "ann")["submitRecipe"]
    results.claim(task)
    curve = [0.1, 0.2, 0.3]
    made = {"day": [0, 1, 2], "susceptible": curve, "infected": curve[::-1], "recovered": curve, "final_size": 0.875}
    results.end(task, value=json_value(made, julia_type="NamedTuple"))
    path = results.share(task["number"])
    text = text_of(results.get(path).data.decode())
    said = (
        "SIR epidemic", "Infected at first", "0.5 a day", "150 days", "Share of all people", "Day", "susceptible",
        "infected", "recovered", "0.875",
    )
    assert [one for one in said if one not in text] == []
    drawn = results.get(below(path, "picture.svg"))
    assert drawn.data.count(b"<polyline") == 3
    assert results.get(below(path, "picture.png")).status == 200


#: Texts that break out of HTML, of an attribute, of a header, of a line, or of the direction of writing.
HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'-alert(1)-'", "</title></style><b>bold</b>",
    "{{ 7919 * 7907 }}{% raw %}", "a\r\nset-cookie: owned=1", "\u202egnp.exe", "\x1b]0;owned\x07\x1b[2J",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_task_has_put_into_its_texts_is_text(results: Results, service: ServiceProcess, text: str) -> None:
    values = [
        json_value(text, text), json_value({text: text}, text), json_value([text, {"$dict": [[text, text]]}], text),
        json_value({"columns": {text: [text, text]}}, text, kind="TABLE"),
        json_value({"repr": text}, text, kind="REPR"),
        json_value({"text/plain": text, "text/html": f"<b>{text}"}, text, kind="MIME"),
    ]
    given = {"name": text, "arguments": {"x": text}, "code": f"# {text}\n1"}
    logs = [{"seq": 1, "stream": "stdout", "text": text}]
    for value in values:
        answer = results.get(results.share(results.finish(value | {"type": text}, given, logs=logs)))
        page = answer.data.decode()
        assert answer.status == 200
        assert "set-cookie" not in answer.headers
        for active in ("<script", "<img src=x", "<b>bold", "62615533", "\x1b", "\u202e", 'href="javascript'):
            assert active not in page, active
        assert page.count("</title>") == page.count("</style>") == 1
    task = results.submit(given)[0]
    results.claim(task)
    error = {"name": text, "message": text, "stacktrace": text}
    results.end(task, status="FAILED", error=error)
    failed = results.page(task["number"])
    assert ("<script" in failed, "<img src=x" in failed, "\x1b" in failed) == (False,) * 3


def test_html_of_a_task_stands_in_a_frame_that_may_do_nothing_and_is_saved_otherwise(results: Results) -> None:
    html = "<script>parent.document.title = 'owned'</script><h1>hello</h1>"
    path = results.share(results.finish(json_value({"text/html": html}, kind="MIME")))
    page = results.get(path).data.decode()
    assert re.search(r'<iframe class="frame" sandbox title="[^"]*" src="\d+/value\.html\?[^"]*"></iframe>', page)
    assert ("<h1>hello" in page, "parent.document" in page) == (False, False)
    framed = results.get(below(path, "value.html") + "&shown=1")
    assert (framed.data.decode(), "content-disposition" in framed.headers) == (html, False)
    assert framed.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    saved = results.get(below(path, "value.html"))
    assert saved.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(("mime", "suffix"), [("image/svg+xml", "svg"), ("image/png", "png")])
def test_images_of_a_task_are_shown_as_images_and_nothing_else(results: Results, mime: str, suffix: str) -> None:
    drawn = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    data = drawn if suffix == "svg" else "iVBORw0KGgo="
    path = results.share(results.finish(json_value({mime: data, "text/plain": "Plot"}, kind="MIME")))
    page = results.get(path).data.decode()
    assert ('<img class="image" src="' in page, f"value.{suffix}?share=" in page, "<svg" in page) == (True, True, False)
    image = results.get(below(path, f"value.{suffix}") + "&shown=1")
    assert (image.headers["content-type"], image.headers["x-content-type-options"]) == (mime, "nosniff")
    assert image.headers["content-security-policy"].startswith("sandbox;")


def test_a_value_that_is_not_what_its_kind_says_is_said_and_no_error(results: Results) -> None:
    for kind, data in (
        ("TABLE", [1]), ("TABLE", {"columns": 3}), ("TABLE", {"columns": {"a": 3}}), ("MIME", [1]),
        ("MIME", {"text/html": 3}), ("MIME", {}), ("REPR", []), ("JSON", {"$complex": ["a"]}),
        ("MIME", {"image/png": "no base64!"}),
        ("JSON", [[1.0], [2.0, 3.0]]), ("JSON", {"$int": "0x" + "f" * 5000}),
    ):
        path = results.share(results.finish(json_value(data, "its text", "Matrix{Float64}", kind)))
        assert results.get(path).status == 200, (kind, data)
        for suffix in ("csv", "npy", "png", "html", "json"):
            assert results.get(below(path, f"value.{suffix}")).status in (200, 404), (kind, data, suffix)


def test_huge_values_and_logs_are_cut_with_a_sentence_and_had_whole(results: Results, service: ServiceProcess) -> None:
    text = ("x" * 99 + "\n") * 100_000
    body = f'"{text}"'.replace("\n", "\\n").encode()
    ref = digest(body)
    assert service.request("PUT", f"/blobs/{ref}", "worker", body=body).status == 204
    value = {"kind": "JSON", "type": "String", "text": "xxx…", "ref": ref, "size": len(body)}
    logs = [{"seq": 1, "stream": "stdout", "text": "".join(f"line {place}\n" for place in range(5_000))}]
    path = results.share(results.finish(value, logs=logs))
    page = results.get(path).data.decode()
    said = text_of(page)
    assert len(page) < 100_000
    assert "It is too large to be shown here" in said
    assert "The last 300 of 5,000 lines are shown here" in said
    assert ("line 4999" in said, "line 4000 " in said) == (True, False)
    assert results.get(below(path, "value.json")).data == body
    assert results.get(below(path, "log.txt")).data.startswith(b"line 0\nline 1\n")


def test_files_of_a_task_are_saved_under_their_names_and_as_bytes(results: Results, service: ServiceProcess) -> None:
    body = b"<script>alert(1)</script>"
    ref = digest(body)
    assert service.request("PUT", f"/blobs/{ref}", "worker", body=body).status == 204
    names = ["plots/an \"odd\" näme;.html", "a&amp;b.txt", "%0d%0aset-cookie: x=1.svg"]
    path = results.share(results.finish(files=[{"name": name, "ref": ref, "size": len(body)} for name in names]))
    page = results.get(path).data.decode()
    found = [link for link in links(page) if "/files/" in link]
    assert len(found) == len(names)
    for link in found:
        answer = results.get(f"/r/{link}")
        assert (answer.status, answer.data, answer.headers["content-type"]) == (200, body, "application/octet-stream")
        assert re.fullmatch(
            r"attachment; filename=\"[ -~]+\"; filename\*=UTF-8''[\w.%~-]+", answer.headers["content-disposition"]
        )
        assert "set-cookie" not in answer.headers
    assert results.get(below(path, "files/../../1")).status in (401, 404)
    assert results.get(below(path, "files/nothing.txt")).status == 404
