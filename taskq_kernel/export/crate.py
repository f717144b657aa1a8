"""Results as an RO-Crate 1.1: a zip with data, code, project and a description of all of it, ready for an archive.

https://w3id.org/ro/crate/1.1 is the specification. The description is written here and not by a library: the few
entities of a run are less than what the libraries bring along, and the tests have the validator look at it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any
from urllib.parse import quote

from taskq_kernel import exact_json
from taskq_kernel.export.citation import Citation
from taskq_kernel.export.source import Exported
from taskq_kernel.machine import release
from taskq_kernel.provenance import facts_of

_METADATA = "ro-crate-metadata.json"
_FORMATS = {
    "json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jl": "text/x-julia",
    "toml": "application/toml", "md": "text/markdown", "npy": "application/octet-stream", "bib": "text/x-bibtex",
}  # fmt: skip
#: What the specification's own context does not have, as it asks for.
_OWN_TERMS = {"creditText": "https://schema.org/creditText"}
#: A moment that a zip can have, so that the same crate has the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Crate:
    """What goes into a crate.

    Attributes
    ----------
    name : str
        What it is called.
    author : str
        Whose it is.
    tasks : sequence of Exported
        The tasks, in their order.
    citation : Citation
        How it is cited.
    license : str
        The address of a licence; empty where none is given.
    values : mapping of str to bytes
        Values and kept files that are files of their own, by their paths in the crate.
    parquet : bytes or None
        The table of results in that format.
    """

    name: str
    author: str
    tasks: Sequence[Exported]
    citation: Citation
    license: str = ""
    values: Mapping[str, bytes] = field(default_factory=dict)
    parquet: bytes | None = None


def write_crate(crate: Crate, file: IO[bytes], at: datetime) -> None:
    """Write a crate as a zip.

    Parameters
    ----------
    at : datetime
        When it is published.
    """
    files = _files(crate)
    described = _described(crate, files, at)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {_METADATA: described, **files}.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content, zipfile.ZIP_DEFLATED)


def _files(crate: Crate) -> dict[str, bytes]:
    """The content of the crate, by paths."""
    rows = [_record(task) for task in crate.tasks]
    files = {"data/results.json": exact_json.encode(rows)}
    files["data/results.csv"] = _table(crate.tasks)
    if crate.parquet is not None:
        files["data/results.parquet"] = crate.parquet
    for task in crate.tasks:
        code = task.row["code"].encode("utf-8", "replace")
        files[f"code/{hashlib.sha256(code).hexdigest()[:16]}.jl"] = code
        if manifest := task.row.get("manifest"):
            files[f"manifests/{hashlib.sha256(manifest.encode()).hexdigest()[:16]}/Manifest.toml"] = manifest.encode()
    files |= _projects(crate.tasks)
    files["README.md"] = _readme(crate).encode()
    files["CITATION.bib"] = f"{crate.citation.bibtex}\n".encode()
    return files | dict(crate.values)


def _projects(tasks: Sequence[Exported]) -> dict[str, bytes]:
    """The files of the project; of several, each in a folder that is named by its hash, as the tasks name it."""
    projects = {task.row.get("project"): task.project for task in tasks if task.project}
    return {
        f"project/{path}" if len(projects) == 1 else f"project/{str(name)[:16]}/{path}": content
        for name, files in projects.items() for path, content in files.items()
    }


_RECORDED = (
    "number", "id", "name", "status", "arguments", "seed", "value", "valueType", "valueText", "valueRef", "error",
)


def _record(task: Exported) -> dict[str, Any]:
    """A task whole: what it was given, what it came to, and how."""
    row = task.row
    return {name: row.get(name) for name in _RECORDED} | {"provenance": {fact.key: fact.value for fact in task.facts}}


def _table(tasks: Sequence[Exported]) -> bytes:
    """A row for each task: its arguments, its value as text, and its facts."""
    arguments = list(dict.fromkeys(name for task in tasks for name in task.row.get("arguments") or {}))
    known = [{fact.key: fact.value for fact in task.facts if fact.key not in ("task", "arguments")} for task in tasks]
    facts = list(dict.fromkeys(key for one in known for key in one))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", *arguments, "status", "value", *(f"made_{key}" for key in facts)])
    for task, made in zip(tasks, known, strict=True):
        given = task.row.get("arguments") or {}
        cells = [_cell(given.get(name)) for name in arguments]
        value = task.row.get("value")
        shown = task.row.get("valueText") if isinstance(value, dict | list) or value is None else value
        writer.writerow([task.row["number"], *cells, task.row["status"], _cell(shown), *map(made.get, facts)])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else value


def _readme(crate: Crate) -> str:
    first = crate.tasks[0]
    facts = "\n".join(f"- {fact.label}: {' '.join(str(fact).split())}" for fact in facts_of(first.row))
    return (
        f"# {crate.name}\n\n{len(crate.tasks)} results, computed with taskq. `data/results.json` has every value whole "
        "with how it was made, `data/results.csv` a row for each; `code` what was run, `project` its files "
        "(of several projects, a folder for each), `inputs` the files that tasks were given, and `manifests` which "
        f"packages there were.\n\nHow the first one was made:\n\n{facts}\n\n"
        f"## Cite this\n\n{crate.citation.text}\n"
    )


def _described(crate: Crate, files: Mapping[str, bytes], at: datetime) -> bytes:
    graph: list[dict[str, Any]] = [
        {
            "@id": _METADATA, "@type": "CreativeWork", "about": {"@id": "./"},
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        },
        {
            "@id": "./", "@type": "Dataset", "name": crate.name, "datePublished": at.isoformat(timespec="seconds"),
            "description": f"{len(crate.tasks)} results of Julia code with how each was made, computed with taskq",
            "license": {"@id": crate.license or "#license"}, "author": {"@id": "#author"},
            "creditText": crate.citation.text, "hasPart": [_part(path) for path in files],
            "mentions": [{"@id": "#run"}],
        },
        {"@id": "#author", "@type": "Person", "name": crate.author},
        {"@id": "#taskq", "@type": "SoftwareApplication", "name": "taskq", "softwareVersion": release() or "unknown"},
        *_license(crate), *_julia(crate), _run(crate, files), *(_file(path, files[path]) for path in files),
    ]  # fmt: skip
    # A list of one stands as that one, as the specification recommends.
    plain = [
        {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in entity.items()}
        for entity in graph
    ]
    document = {"@context": ["https://w3id.org/ro/crate/1.1/context", _OWN_TERMS], "@graph": plain}
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _license(crate: Crate) -> list[dict[str, Any]]:
    if crate.license:
        return [{"@id": crate.license, "@type": "CreativeWork", "name": crate.license}]
    said = "No licence was given: all rights are its author's."
    return [{"@id": "#license", "@type": "CreativeWork", "name": "No licence", "description": said}]


def _versions(crate: Crate) -> list[str]:
    return sorted({task.julia for task in crate.tasks} - {""})


def _julia(crate: Crate) -> list[dict[str, Any]]:
    return [
        {
            "@id": f"#julia-{version}", "@type": "SoftwareApplication", "name": "Julia", "softwareVersion": version,
            "url": "https://julialang.org",
        }
        for version in _versions(crate)
    ]  # fmt: skip


def _run(crate: Crate, files: Mapping[str, bytes]) -> dict[str, Any]:
    """How the data came about: by whom, from which code, with what, and when."""
    ended = [task.row["finishedAt"] for task in crate.tasks if task.row.get("finishedAt")]
    started = [task.row["startedAt"] for task in crate.tasks if task.row.get("startedAt")]
    used = [path for path in files if path.startswith(("code/", "project/", "manifests/", "inputs/"))]
    run: dict[str, Any] = {
        "@id": "#run", "@type": "CreateAction", "name": f"Running {len(crate.tasks)} tasks",
        "agent": {"@id": "#author"},
        "instrument": [{"@id": f"#julia-{version}"} for version in _versions(crate)] + [{"@id": "#taskq"}],
        "object": [_part(path) for path in used],
        "result": [_part(path) for path in files if path.startswith("data/")],
    }  # fmt: skip
    if started:
        run["startTime"] = min(started)
    if ended:
        run["endTime"] = max(ended)
    return run


def _part(path: str) -> dict[str, str]:
    """What refers to a file: its path as a URI has it."""
    return {"@id": quote(path)}


def _file(path: str, content: bytes) -> dict[str, Any]:
    kind = path.rpartition(".")[2].lower()
    entity: dict[str, Any] = {
        **_part(path), "@type": ["File", "SoftwareSourceCode"] if kind == "jl" else "File",
        "name": path.rpartition("/")[2], "contentSize": str(len(content)),
        "encodingFormat": _FORMATS.get(kind, "application/octet-stream"),
    }
    if kind == "jl":
        entity["programmingLanguage"] = "Julia"
    return entity
