"""``taskq recipe``: what those who do not code may run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples
from taskq_kernel.cli.times import local_time
from taskq_kernel.client import recipe_operations
from taskq_kernel.client.connection import existing
from taskq_kernel.parameters import shown

if TYPE_CHECKING:
    from taskq_kernel.recipe_file import RecipeFile

_File = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(epilog=examples("taskq recipe check ising.jl", "taskq recipe add ising.jl", "taskq recipe list"))
def recipe() -> None:
    """Register Julia code with parameters for those who do not code.

    A FILE is plain Julia that declares its parameters and how its result is shown: see the page on recipes.
    """


@recipe.command(cls=TaskCommand, epilog=examples("taskq recipe add ising.jl", "taskq recipe add fit.jl --project ."))
@click.argument("file", type=_File)
@click.option("--name", help="What to call it. Default: the file's name, without .jl.")
@click.option(
    "--project", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER",
    help="The folder that its tasks have at hand, as it is now: its packages, modules and data. Default: the file's "
    "own, or the one above a folder named recipes, where that has a Project.toml.",
)
@click.option("--no-project", is_flag=True, help="No project, whatever the file's folder has.")
def add(file: Path, name: str | None, project: Path | None, no_project: bool) -> int:
    """Register FILE, or a new version of what has its name. It takes a token with the role admin.

    The same file once more changes nothing. What earlier versions made stays as it is.
    """
    if project is not None and no_project:
        raise click.UsageError("give either --project or --no-project")
    # late: few commands have a project
    from taskq_kernel.client.client import client_at
    from taskq_kernel.client.recipe_files import add_recipe, project_folder

    folder = None if no_project else project or project_folder(file)
    with client_at(existing()) as client:
        row, added = add_recipe(client, file, name, None if folder is None else client.project(folder))
    said = ("" if folder is None else f", with the project {folder}") + ("" if added else "; it was there")
    output.line(f"recipe {row['name']}, version {row['version']}: {row['title']}{said}")
    return DONE


@recipe.command("list", epilog=examples("taskq recipe list", "taskq recipe list --json"))
@as_json_option
def list_(as_json: bool) -> int:
    """List the recipes that can be submitted."""
    known = recipe_operations.recipes(existing().transport())
    if as_json:
        output.json_document(known)
        return DONE
    output.columns([("name", "version", "title", "parameters", "registered"), *map(_cells, known)])
    return DONE


@recipe.command(cls=TaskCommand, epilog=examples("taskq recipe check ising.jl"))
@click.argument("file", type=_File)
def check(file: Path) -> int:
    """Look whether FILE is a recipe, and show what is read of it. No service is asked, and no Julia run."""
    from taskq_kernel.client.recipe_files import read_file

    name, read = read_file(file)
    output.write(_described(name, read))
    return DONE


@recipe.command(epilog=examples("taskq recipe remove ising"))
@click.argument("name")
def remove(name: str) -> int:
    """Take the recipe NAME out of use; what it made stays. It takes a token with the role admin."""
    gone = recipe_operations.remove(existing().transport(), name)
    output.line(f"removed: {gone['name']}, version {gone['version']}")
    return DONE


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    parameters = ", ".join(parameter["name"] for parameter in one["parameters"])
    return one["name"], str(one["version"]), one["title"], parameters, local_time(one["createdAt"], seconds=False)


def _described(name: str, read: RecipeFile) -> str:
    lines = [f"{name}: {read.title}", f"calls {read.entry}, and shows its result as a {read.show.kind}", ""]
    width = max(len(one.name) for one in read.parameters)
    for one in read.parameters:
        unit = f" {one.unit}" if one.unit else ""
        lines.append(f"  {one.name:<{width}}  {one.takes}; {shown(one.default)}{unit} by default")
    return "\n".join(lines) + "\n"
