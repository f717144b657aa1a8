"""Pages that repeat what the code says, and must say the same."""

from __future__ import annotations

import re
from pathlib import Path

from taskq_kernel.domain import LEGAL_TRANSITIONS, Role
from taskq_kernel.service.security.access import ALLOWED, PATHS
from taskq_kernel.settings import declared

ROOT = Path(__file__).parents[2]


def test_the_architecture_page_lists_exactly_the_legal_transitions() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    _, _, rest = page.partition("| from | to | when |\n|---|---|---|\n")
    rows = rest.partition("\n\n")[0].splitlines()
    assert rows == [f"| {before} | {after} | {why} |" for (before, after), why in LEGAL_TRANSITIONS.items()]


def test_the_security_page_has_the_table_of_roles_as_it_is() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    roles = [str(role) for role in Role]
    _, found, rest = page.partition(f"| | {' | '.join(roles)} |\n|{'---|' * (len(roles) + 1)}\n")
    assert found
    assert rest.partition("\n\n")[0].splitlines() == [
        f"| `{what}` | {' | '.join('yes' if role in allowed else '–' for role in Role)} |"
        for what, allowed in (ALLOWED | PATHS).items()
    ]


def test_every_setting_that_the_security_page_names_is_one() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    named = {name.lower() for name in re.findall(r"TASKQ_([A-Z_]+)", page)}
    assert named - set(declared()) == set()
    about = {"ca_file", "trusted_proxies", "auth_failures", "private_tasks", "graphiql", "introspection"}
    assert about <= named


def test_the_page_of_recipes_shows_a_small_picture_of_each_that_is_shipped() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text()
    shown = set(re.findall(r"!\[[^\]]+\]\(images/recipe-(\w+)\.png\)", page))
    assert shown == {file.stem for file in (ROOT / "taskq_kernel" / "recipes").glob("*.jl")}
    sizes = {name: (ROOT / "docs" / "images" / f"recipe-{name}.png").stat().st_size for name in shown}
    assert {name: size for name, size in sizes.items() if size > 80_000} == {}
