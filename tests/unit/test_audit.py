"""``scripts/audit.py``: what is a failure, what is only said, and an index that is not there."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit.py"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry(*fixes: str) -> dict[str, Any]:
    """An entry of pip-audit's report."""
    return {"name": "Urllib3", "version": "2.2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": list(fixes)}]}


@pytest.mark.parametrize(
    ("found", "allowed", "mends"),
    [
        (entry(), ">=2,<3", None),
        (entry("3.0"), ">=2,<3", None),
        (entry("1.26.19"), ">=1,<3", None),
        (entry("1.26.19", "2.2.2"), ">=1,<3", "2.2.2"),
        (entry("2.5.0", "2.3.1"), ">=2,<3", "2.3.1"),
        (entry("2.3.1"), "", "2.3.1"),
        (entry("2.3.1"), ">=2,<3,!=2.3.1", None),
    ],
)
def test_only_what_a_later_release_within_the_ranges_mends_is_a_failure(
    audit: ModuleType, found: dict[str, Any], allowed: str, mends: str | None
) -> None:
    mendable, others = audit.judge([found], {"urllib3": audit.SpecifierSet(allowed)})
    if mends is None:
        assert (mendable, others) == ([], ["urllib3 2.2.0 has PYSEC-1"])
    else:
        assert others == []
        assert mendable == [f"urllib3 2.2.0 has PYSEC-1: `.venv/bin/pip install 'urllib3>={mends}'` mends it"]


def test_a_package_without_a_finding_is_nothing_to_say(audit: ModuleType) -> None:
    clean = {"name": "pika", "version": "1.3.2", "vulns": []}
    assert audit.judge([clean, {"name": "x", "skip_reason": "not on PyPI"}], {}) == ([], [])


def test_the_ranges_are_those_of_all_that_is_installed_our_extras_included(audit: ModuleType) -> None:
    found = audit.ranges(distributions())
    assert not found["pika"].contains("2.0")
    assert not found["juliacall"].contains("1.0")
    assert found["pika"].contains("1.3.2")


def test_an_index_that_cannot_be_reached_is_said_in_one_line_and_is_no_failure(tmp_path: Path) -> None:
    # Nobody listens on port 1, so every request fails at once, as without a network.
    nowhere = {f"{scheme}_proxy": "http://127.0.0.1:1" for scheme in ("http", "https")}
    env = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"} | nowhere
    env["XDG_CACHE_HOME"] = env["PIP_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, SCRIPT], env=env, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("audit: nothing was checked: the package index cannot be asked (")
    assert done.stdout.count("\n") == 1
