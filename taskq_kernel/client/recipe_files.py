"""From a recipe's file to a recipe: read here, so that an error has the file's name, and registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from taskq_kernel.client import recipe_operations
from taskq_kernel.client.definition import read_source
from taskq_kernel.client.operations import Row
from taskq_kernel.errors import InvalidDeclaration, InvalidTask
from taskq_kernel.recipe_file import RecipeFile, check_name, read_new_recipe

if TYPE_CHECKING:
    from taskq_kernel.client.project import Project, SentProject
    from taskq_kernel.client.session import Session


#: What makes a folder a project of Julia's.
_PROJECT = "Project.toml"


def read_file(file: Path, name: str | None = None) -> tuple[str, RecipeFile]:
    """Read a recipe's file; the recipe's name, by default the file's, and what it declares.

    Raises
    ------
    InvalidTask
        If it is no recipe: with file, line and what should stand there.
    """
    code = read_source(file)
    try:
        return check_name(file.stem if name is None else name), read_new_recipe(code)
    except InvalidDeclaration as error:
        raise InvalidTask(f"{file}, line {error.line}: {error.reason}") from None


def project_folder(file: Path) -> Path | None:
    """The project that a recipe's file lies in: its folder, or the one above ``recipes``; None where it is none."""
    folder = file.absolute().parent
    if folder.name == "recipes" and not (folder / _PROJECT).exists():
        folder = folder.parent
    return folder if (folder / _PROJECT).exists() else None


def add_recipe(
    client: Session, file: Path, name: str | None = None, project: Project | SentProject | None = None
) -> tuple[Row, bool]:
    """Register a recipe's file; the recipe, and whether anything is new."""
    name, read = read_file(file, name)
    given = {"name": name, "code": read.code}
    if project is not None:
        given |= project.send().as_options()
    return recipe_operations.add(client.transport, given)
