"""Known vulnerabilities of what is installed here: ``make audit``.

pip-audit finds them in PyPI's own JSON service. One that a release within everybody's ranges
mends is a failure, because there is something to do about it; any other is reported, and so
is an index that cannot be asked. What can be done depends on the calendar as little as it can.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

#: Ours: its extras count, and it is not on the index yet.
OURS = "taskq-kernel"
#: One package that every index has: whether this one knows advisories is asked with it alone.
PROBE = "urllib3"
TIMEOUT_S = 90


class NotAudited(Exception):
    """Nothing can be said; the message says why."""


def main() -> int:
    """Audit, report; 1 if there is something to do."""
    installed = {canonicalize_name(one.name): one for one in distributions() if one.name}
    versions = {name: one.version for name, one in installed.items() if name != OURS}
    try:
        ask({PROBE: versions[PROBE]})
        report = ask(versions)
    except NotAudited as reason:
        print(f"audit: nothing was checked: {reason}")
        return 0
    mendable, others = judge(report, ranges(installed.values()))
    for line in others:
        print(f"audit: {line}; no release within the ranges mends it")
    for line in mendable:
        print(f"audit: {line}", file=sys.stderr)
    if not mendable:
        skipped = sum("skip_reason" in one for one in report)
        print(f"audit: {len(report) - skipped} packages checked, {skipped} not on the index, {len(others)} reported")
    return 1 if mendable else 0


def ask(versions: Mapping[str, str]) -> list[dict[str, Any]]:
    """What pip-audit says of these packages, one entry each.

    Raises
    ------
    NotAudited
        If the index cannot be reached, or has nothing to say about any of them.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="taskq-audit-", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in sorted(versions.items()))
        file.flush()
        options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "5", "--format", "json"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pip_audit", "-r", file.name, *options],
                capture_output=True, encoding="utf-8", errors="replace", timeout=TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise NotAudited(f"the package index gave no answer within {TIMEOUT_S} s") from None
    try:
        report: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise NotAudited(f"the package index cannot be asked ({said[-1][:160]})") from None
    if all("skip_reason" in one for one in report):
        raise NotAudited("this package index has no advisories")
    return report


def ranges(installed: Iterable[Distribution]) -> dict[str, SpecifierSet]:
    """For each package, the versions that everything installed here can live with."""
    found: dict[str, SpecifierSet] = {}
    for one in installed:
        extras = ["", *(one.metadata.get_all("Provides-Extra") or [])] if canonicalize_name(one.name) == OURS else [""]
        for text in one.requires or []:
            try:
                wanted = Requirement(text)
            except InvalidRequirement:
                continue
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
                name = canonicalize_name(wanted.name)
                found[name] = found.get(name, SpecifierSet()) & wanted.specifier
    return found


def judge(report: Iterable[Mapping[str, Any]], allowed: Mapping[str, SpecifierSet]) -> tuple[list[str], list[str]]:
    """Sort what was found: what a release within the ranges mends, and what none does."""
    mendable, others = [], []
    for one in report:
        name, version = canonicalize_name(one["name"]), one.get("version", "")
        for found in one.get("vulns", []):
            fits = allowed.get(name, SpecifierSet())
            fixes = sorted(Version(fix) for fix in found["fix_versions"] if fits.contains(fix))
            fixes = [fix for fix in fixes if fix > Version(version)]
            line = f"{name} {version} has {found['id']}"
            if fixes:
                mendable.append(f"{line}: `.venv/bin/pip install '{name}>={fixes[0]}'` mends it")
            else:
                others.append(line)
    return mendable, others


if __name__ == "__main__":
    raise SystemExit(main())
