"""The editor's bundle: it is that of its sources, whole, and free of the network."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from javascript import JS, node

BUNDLE = JS.parent / "taskq_widgets" / "editor" / "editor.bundle.js"


def source_hash() -> str:
    """Hash the sources as ``build.mjs`` does."""
    own = [f"editor/{path.name}" for path in (JS / "editor").iterdir() if path.suffix in (".js", ".json")]
    digest = hashlib.sha256()
    for name in sorted([*own, "../taskq_widgets/panels/saving.js", "build.mjs", "package.json", "package-lock.json"]):
        digest.update(f"{name}\0".encode() + (JS / name).read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_bundle_was_built_from_these_sources() -> None:
    first_line = BUNDLE.read_text(encoding="utf-8").split("\n", 1)[0]
    assert first_line.endswith(source_hash()), "run `npm ci && npm run build` in widgets/js"


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    node("build.mjs", str(tmp_path / "again.js"))
    assert (tmp_path / "again.js").read_bytes() == BUNDLE.read_bytes()


def test_syntax_errors_are_told_from_code_that_parses() -> None:
    node("--test")


def test_the_bundle_is_one_module_that_loads_nothing_else() -> None:
    code = BUNDLE.read_text(encoding="utf-8")
    assert re.search(r"^import\b", code, re.MULTILINE) is None
    assert "import(" not in code
    assert "sourceMappingURL" not in code
    assert re.search(r"export\{\w+ as default", code) is not None


def test_the_bundle_carries_the_licence_of_every_package_in_it() -> None:
    code = BUNDLE.read_text(encoding="utf-8")
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
