"""The widgets' bundles: they are those of their sources, whole, and free of the network."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from javascript import JS, node
from taskq_widgets import JuliaEditor, Overview, SubmitForm, TableView, TaskDetail

BUNDLES = JS.parent / "taskq_widgets" / "bundles"
EXTENSION = BUNDLES.parent / "launcher" / "labextensions" / "taskq-launcher" / "static" / "remoteEntry.js"
WIDGETS = sorted(path.stem for path in BUNDLES.glob("*.js"))


def sources() -> list[str]:
    """Return what bundles are made from, relative to the folder of the sources."""
    folders = ["shared", "launcher", *WIDGETS]
    files = [path for folder in folders for path in (JS / folder).iterdir() if path.suffix in (".js", ".json", ".svg")]
    own = [f"{path.parent.name}/{path.name}" for path in files]
    return sorted([*own, "build.mjs", "package.json", "package-lock.json"])


def test_the_bundles_were_built_from_these_sources() -> None:
    now = [f"{hashlib.sha256((JS / name).read_bytes()).hexdigest()}  {name}" for name in sources()]
    assert (JS / "bundled.sha256").read_text().splitlines() == now, "run `npm ci && npm run build` in widgets/js"


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    node("build.mjs", str(tmp_path))
    for widget in WIDGETS:
        assert (tmp_path / f"{widget}.js").read_bytes() == (BUNDLES / f"{widget}.js").read_bytes(), widget
    assert (tmp_path / "launcher.js").read_bytes() == EXTENSION.read_bytes()


def test_the_types_of_the_sources_fit_together() -> None:
    node("node_modules/typescript/bin/tsc", "-p", ".")


def test_the_modules_do_what_their_own_tests_say() -> None:
    node("--test")


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_bundle_is_one_module_that_loads_nothing_else(widget: str) -> None:
    code = (BUNDLES / f"{widget}.js").read_text(encoding="utf-8")
    assert re.search(r"^import\b", code, re.MULTILINE) is None
    assert "import(" not in code
    assert "sourceMappingURL" not in code
    assert re.search(r"export\{[\w$]+ as default", code) is not None


@pytest.mark.parametrize("widget", [TaskDetail, JuliaEditor, SubmitForm, Overview, TableView])
def test_every_variable_of_a_style_sheet_has_a_value(widget: Any) -> None:
    css, script = widget._css, widget._esm
    given = set(re.findall(r"(--tqp?-[\w-]+)\s*:", css)) | set(re.findall(r"[\"'`](--tqp?-[\w-]+)[\"'`]", script))
    assert set(re.findall(r"var\((--tqp?-[\w-]+)\)", css)) - given == set()


def test_the_bundle_of_the_editor_carries_the_licence_of_every_package_in_it() -> None:
    code = (BUNDLES / "editor.js").read_text(encoding="utf-8")
    for package in (
        "@codemirror/view",
        "@codemirror/state",
        "@plutojl/lang-julia",
        "@plutojl/lezer-julia",
        "@lezer/lr",
    ):
        assert re.search(rf"{package} \d+\.\d+\.\d+, licence MIT\n\n[\s\S]{{0,40}}[Cc]opyright", code), package


def test_the_lock_file_names_no_registry() -> None:
    lock = (JS / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "://" not in re.sub(r'"funding": .*?[}\]],?\n|"url": "[^"]*"', "", lock, flags=re.DOTALL)
    packages = json.loads(lock)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)


def test_the_editor_is_codemirror_6_in_parts() -> None:
    wanted = json.loads((JS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert "codemirror" not in wanted
    assert {"@codemirror/state", "@codemirror/view", "@plutojl/lang-julia"} <= wanted.keys()


def test_the_unicode_names_are_those_that_people_type() -> None:
    table = json.loads((JS / "editor" / "unicode.json").read_text(encoding="utf-8"))
    assert {name: table[name] for name in ("alpha", "Sigma", "_1", "^2", "sqrt", "in", "bbR", "hbar")} == {
        "alpha": "α", "Sigma": "Σ", "_1": "₁", "^2": "²", "sqrt": "√", "in": "∈", "bbR": "ℝ", "hbar": "ħ",
    }  # fmt: skip
    assert 1000 < len(table) < 2000
