"""Exports as texts: what a script and a notebook hold, the description of an RO-Crate, a citation."""

from __future__ import annotations

import json
import tomllib
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from taskq_kernel.client.exports import cite_batch, cite_task, export_notebook, export_script
from taskq_kernel.errors import InvalidTask
from taskq_kernel.export.crate import Crate, write_crate
from taskq_kernel.export.julia_literals import literal
from taskq_kernel.export.notebook import notebook
from taskq_kernel.export.script import SCRIPT, beside, folder, script
from taskq_kernel.export.source import Exported
from taskq_kernel.julia_environment import ENVIRONMENT_FILE

ROW: dict[str, Any] = {
    "number": 7, "id": "5c8bd1a2-7f0e-4a54-9a3c-3a8c1f1f2a11", "name": "a sum of 100 % {noise} <b>", "kind": "SCRIPT",
    "entry": None, "code": "x + rand()", "arguments": {"x": 1.5}, "seed": 42, "status": "FINISHED", "owner": "ann & co",
    "surroundings": {"julia_version": "1.10.4", "taskq_version": "0.9.0"}, "value": 1.7, "valueText": "1.7",
    "createdAt": "2026-01-02T03:04:05+00:00", "startedAt": "2026-01-02T03:04:05+00:00", "attempt": 1,
    "finishedAt": "2026-01-02T03:04:06+00:00", "manifest": "julia_version = \"1.10.4\"\n", "env": {"A": "$x"},
}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "nothing"), (True, "true"), (2**63, 'parse(BigInt, "9223372036854775808")'), (0.1, "0.1"),
        ('a "$b"\n', r'"a \"\$b\"\n"'), ([], "Any[]"), ([1, 2.5], "Float64[1, 2.5]"), ([1, "a"], 'Any[1, "a"]'),
        ([True, 1], "Any[true, 1]"), ({"$float": "NaN"}, "NaN"), ({"a": [1]}, 'Dict{String,Any}("a" => Int[1])'),
        ({"$array": ["Matrix{Float32}", [[1, 2], [3, 4]]]}, "reshape(Float32[1, 3, 2, 4], 2, 2)"),
        ({"$array": ["Vector{Union{Missing, Date}}", ["2026-01-02", None]]},
         'Union{Missing, Dates.Date}[Dates.Date("2026-01-02"), missing]'),
    ],
)  # fmt: skip
def test_an_argument_is_written_as_julia_code(value: Any, written: str) -> None:
    assert literal(value) == written


def test_a_script_of_one_file_needs_no_other_and_says_when_that_is_not_enough() -> None:
    text = script(Exported(ROW))
    assert text.splitlines()[0] == "# a sum of 100 % {noise} <b>"
    assert "# Processor" not in text  # it is not known
    assert 'ENV["A"] = "\\$x"' in text
    assert text.endswith("# ---- the task's code ----\nx + rand()\n")
    for more in ({"project": {"Project.toml": b""}}, {"inputs": {"data.csv": b"1"}}):
        with pytest.raises(InvalidTask, match="export it into a folder, not one file"):
            script(Exported(ROW, **more))  # type: ignore[arg-type]  # either of them


def test_a_folder_has_the_project_its_manifest_and_large_arrays_beside_the_script() -> None:
    array = BytesIO()
    np.save(array, np.asfortranarray([[1.5, 2.5], [3.5, 4.5]]))
    large = {"$value": {"ref": "a" * 64, "kind": "ARRAY", "type": "Matrix{Float64}"}}
    task = Exported(
        ROW | {"arguments": {"x": large}}, {"Project.toml": b"[deps]\n", "src/m.jl": b"m"}, {"data.csv": b"1"},
        {"a" * 64: array.getvalue()},
    )
    files = folder(task)
    assert files["Manifest.toml"].decode() == ROW["manifest"]
    assert sorted(files) == ["Manifest.toml", "Project.toml", "data.csv", SCRIPT, "src/m.jl", "task_values/" + "a" * 16]
    assert np.frombuffer(files["task_values/" + "a" * 16]).tolist() == [1.5, 3.5, 2.5, 4.5]


MANIFEST = """\
manifest_format = "2.0"

[[deps.Optim]]
uuid = "429524aa-4258-5aef-a3af-852621145aeb"
version = "1.9.4"

[[deps.Random]]
uuid = "9a3f8284-a2c9-5f02-9a11-845980a1fd5c"
"""


def test_packages_that_were_named_are_a_project_like_any_other_beside_a_script_and_a_notebook(tmp_path: Path) -> None:
    task = Exported(ROW | {"manifest": MANIFEST}, {ENVIRONMENT_FILE: b"Optim@1.9\nRandom\n"})
    files = folder(task)
    assert sorted(files) == ["Manifest.toml", "Project.toml", SCRIPT]
    assert files["Manifest.toml"].decode() == MANIFEST
    assert tomllib.loads(files["Project.toml"].decode()) == {"deps": {
        "Optim": "429524aa-4258-5aef-a3af-852621145aeb", "Random": "9a3f8284-a2c9-5f02-9a11-845980a1fd5c",
    }}
    assert "-e 'using Pkg; Pkg.instantiate()'" in files[SCRIPT].decode()
    assert beside(task, {}) == {name: content for name, content in files.items() if name != SCRIPT}
    assert "Pkg.instantiate()" in notebook(task)
    written = export_notebook(task, tmp_path / "task.ipynb")
    assert sorted(file.name for file in written.parent.iterdir()) == ["Manifest.toml", "Project.toml", "task.ipynb"]


def test_an_export_takes_the_place_of_its_own_file_and_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Exported(ROW, {"model.jl": b"f(x) = x"}, {"data/in.csv": b"1"})
    assert export_notebook(task, tmp_path / "new" / "a.ipynb") == export_notebook(task, tmp_path / "new" / "a.ipynb")
    assert export_script(task, tmp_path / "new") == tmp_path / "new" / SCRIPT
    monkeypatch.setenv("HOME", str(tmp_path))
    assert export_script(task, "~/new") == tmp_path / "new" / SCRIPT
    work = tmp_path / "new" / "model.jl"
    work.write_text("f(x) = 2x  # not submitted yet")
    for export, target in ((export_notebook, "b.ipynb"), (export_script, "")):
        with pytest.raises(InvalidTask, match=r"beside which model\.jl is another: give a folder of its own"):
            export(task, tmp_path / "new" / target)
    assert work.read_text() == "f(x) = 2x  # not submitted yet"
    assert not (tmp_path / "new" / "b.ipynb").exists()


@pytest.mark.parametrize("manifest", [None, "no = [toml", MANIFEST.replace("Optim", "Other")])
def test_packages_that_were_named_are_added_where_nobody_knows_which_they_were(manifest: str | None) -> None:
    task = Exported(ROW | {"manifest": manifest}, {ENVIRONMENT_FILE: b"Optim@1.9\nRandom\n"})
    files = folder(task)
    assert list(files) == [SCRIPT]
    add = 'Pkg.add([Pkg.PackageSpec(name = "Optim", version = "1.9"), Pkg.PackageSpec(name = "Random")])'
    assert f"-e 'using Pkg; {add}'" in files[SCRIPT].decode()


def test_nothing_is_installed_for_a_folder_without_packages() -> None:
    task = Exported(ROW, {"model.jl": b"f(x) = x"})
    assert "Pkg." not in folder(task)[SCRIPT].decode()
    assert "Pkg.instantiate" not in notebook(task)


@pytest.mark.parametrize("kind", [{}, {"kind": "CALL", "code": "f(x; n = 2) = x * n", "arguments": {"1": 3, "n": 4}}])
def test_a_notebook_is_valid_and_for_julias_kernel(kind: dict[str, Any]) -> None:
    text = notebook(Exported(ROW | kind))
    read = nbformat.reads(text, as_version=4)
    nbformat.validate(read)
    assert (read.metadata.kernelspec.name, read.metadata.language_info.name) == ("julia-1.10", "julia")
    assert text == notebook(Exported(ROW | kind))
    last = read.cells[-1].source
    assert last == ("seed_task(42)\nf(3; n = 4)" if kind else "seed_task(42)\nx + rand()")
    assert "\\<b\\>" in read.cells[0].source
    # And: what only prepares shows nothing.
    assert read.cells[1].source.endswith("= nothing\nnothing")


def test_a_citation_is_a_text_and_bibtex_in_which_nothing_is_tex_by_chance() -> None:
    citation = cite_task(ROW)
    said = "ann & co (2026). a sum of 100 % {noise} <b>: value of task 7, computed on 2026-01-02. Computed with taskq"
    assert citation.text.startswith(said)
    assert citation.bibtex.startswith("@misc{taskq-5c8bd1a2,")
    assert r"title = {{a sum of 100 \% \textbraceleft{}noise\textbraceright{} <b>}}" in citation.bibtex
    assert r"author = {{ann \& co}}" in citation.bibtex
    halved = cite_task(ROW | {"name": "struct Pair{A, B"}).bibtex
    assert halved.count("{") == halved.count("}"), "BibTeX reads on to the end of the file"
    assert cite_batch([ROW, ROW], "gaps", None).text.startswith("ann & co (2026). gaps: values of 2 tasks")


@pytest.mark.parametrize("license", ["", "https://creativecommons.org/licenses/by/4.0/"])
def test_a_crate_is_as_the_specification_has_it(license: str) -> None:
    """The rules of RO-Crate 1.1 by hand; `test_crate_validator.py` has the validator say so."""
    task = Exported(ROW, {"Project.toml": b"[deps]\n", "src/m.jl": b"m"})
    crate = Crate("a sweep", "ann", [task], cite_task(ROW), license, {"data/values/7.npy": b"1"})
    packed = BytesIO()
    write_crate(crate, packed, datetime(2026, 1, 3, tzinfo=UTC))
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
        metadata = json.loads(archive.read("ro-crate-metadata.json"))
        [record] = json.loads(archive.read("data/results.json"))
        header, row = archive.read("data/results.csv").decode().splitlines()
    assert metadata["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert len(entities) == len(metadata["@graph"])  # each is there once
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license"} <= root.keys()
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == set(names) - {"ro-crate-metadata.json"}
    assert all("File" in entities[part]["@type"] and "encodingFormat" in entities[part] for part in parts)
    assert _referred(metadata["@graph"]) <= entities.keys() | {"https://w3id.org/ro/crate/1.1"}
    run = entities["#run"]
    assert (run["@type"], run["endTime"]) == ("CreateAction", ROW["finishedAt"])
    assert {"data/results.csv", "data/results.json", "data/values/7.npy"} == {part["@id"] for part in run["result"]}
    assert (record["value"], record["provenance"]["seed"], record["arguments"]) == (1.7, 42, {"x": 1.5})
    assert dict(zip(header.split(","), row.split(","), strict=True))["made_julia_version"] == "1.10.4"


def test_a_crate_has_each_project_of_its_tasks_and_the_files_that_they_were_given_by_their_uris() -> None:
    first, second = "a" * 64, "b" * 64
    tasks = [
        Exported(ROW | {"number": number, "project": project}, {"src/m.jl": content})
        for number, project, content in ((7, first, b"1"), (8, second, b"2"), (9, second, b"2"))
    ]
    crate = Crate("a sweep", "ann", tasks, cite_task(ROW), values={"inputs/7/my data #1.csv": b"1"})
    packed = BytesIO()
    write_crate(crate, packed, datetime(2026, 1, 3, tzinfo=UTC))
    with zipfile.ZipFile(packed) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name.startswith("project/")}
        graph = json.loads(archive.read("ro-crate-metadata.json"))["@graph"]
        assert archive.read("inputs/7/my data #1.csv") == b"1"
    assert kept == {f"project/{first[:16]}/src/m.jl": b"1", f"project/{second[:16]}/src/m.jl": b"2"}
    run = next(entity for entity in graph if entity["@id"] == "#run")
    used = {part["@id"] for part in run["object"]}
    assert used >= kept.keys() | {"inputs/7/my%20data%20%231.csv"}
    assert used <= {entity["@id"] for entity in graph}


def _referred(value: Any) -> set[str]:
    """What entities refer to."""
    if isinstance(value, list):
        return set().union(*map(_referred, value))
    if not isinstance(value, dict):
        return set()
    return {value["@id"]} if value.keys() == {"@id"} else set().union(*map(_referred, value.values()))
