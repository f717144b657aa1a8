"""Which file of a Julia project counts as its manifest, as Julia itself looks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskq_worker.manifest_texts import AGAIN_S, ManifestTexts
from taskq_worker.projects.preparation import packages_from_elsewhere

from taskq_kernel.julia_manifest import Manifest, fits, made_with, manifest_file, manifest_files, version_numbers
from taskq_kernel.local.julia_project import packages

ALL = ("JuliaManifest-v1.11.toml", "Manifest-v1.11.toml", "JuliaManifest.toml", "Manifest.toml")


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("julia", "there", "taken"),
    [
        ((1, 11, 0), ALL, ALL[0]),
        ((1, 11, 3), ALL[1:], ALL[1]),
        ((1, 11, 3), ALL[2:], ALL[2]),
        ((1, 12, 0), ALL, ALL[2]),
        ((1, 12, 0), ALL[:2], None),
        ((1, 10, 8), ("Manifest-v1.10.toml", "Manifest.toml"), "Manifest-v1.10.toml"),
        ((1, 10, 7), ("Manifest-v1.10.toml", "Manifest.toml"), "Manifest.toml"),
        ((1, 5, 3), ("Manifest-v1.5.toml",), None),
    ],
)
def test_the_manifest_of_one_release_comes_first_where_julia_knows_of_such(
    tmp_path: Path, julia: tuple[int, int, int], there: tuple[str, ...], taken: str | None
) -> None:
    write(tmp_path, **dict.fromkeys(there, ""))
    found = manifest_file(tmp_path, julia)
    assert (found and found.name) == taken
    assert {path.name for path in manifest_files(tmp_path)} == set(there)


def test_a_manifest_that_the_project_names_comes_before_all_others_unless_it_lies_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, **{"x.toml": ""})
    folder = write(tmp_path / "p", **{"Project.toml": 'manifest = "x.toml"', "Manifest.toml": ""})
    assert manifest_file(folder, (1, 11, 3)) == folder / "Manifest.toml"  # there is no such file
    write(folder, **{"x.toml": ""})
    assert manifest_file(folder, (1, 5, 3)) == folder / "x.toml"
    assert next(manifest_files(folder)) == folder / "x.toml"
    write(folder, **{"Project.toml": 'manifest = "../x.toml"'})
    assert manifest_file(folder, (1, 11, 3)) == folder / "Manifest.toml"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1.10.4", (1, 10, 4)), ("1.12.0-rc1", (1, 12, 0)), ("1.13-DEV.5", (1, 13, 0)), ("", (0, 0, 0))],
)
def test_a_version_is_its_numbers(text: str, numbers: tuple[int, int, int]) -> None:
    assert version_numbers(text) == numbers


@pytest.mark.parametrize(
    ("files", "versions"),
    [
        ({}, []),
        ({"Project.toml": ""}, []),
        ({"Manifest.toml": "[[A]]"}, []),
        ({"Manifest.toml": 'julia_version = "1.11.3"'}, ["1.11.3"]),
        ({"Manifest.toml": 'julia_version = "1.10.4"', "Manifest-v1.12.toml": ""}, ["1.12", "1.10.4"]),
        ({"Manifest.toml": "", "Manifest-v1.12.toml": 'julia_version = "1.12.1"'}, []),
        ({"Manifest-v1.12.toml": "", "Manifest-vX.toml": ""}, ["1.12"]),
        ({"Manifest.toml": "julia_version = 3"}, []),
        ({"Manifest.toml": "not TOML"}, []),
    ],
)
def test_which_julias_a_project_takes_is_read_from_its_manifests(
    tmp_path: Path, files: dict[str, str], versions: list[str]
) -> None:
    assert made_with(write(tmp_path, **files)) == versions


def test_another_patch_of_the_release_fits_and_another_release_does_not() -> None:
    assert fits((1, 11, 9), ["1.11.3"])
    assert fits((1, 12, 0), ["1.10.4", "1.12"])
    assert not fits((1, 12, 0), ["1.11.3"])
    assert fits((1, 5, 3), [])


def test_which_packages_lie_elsewhere_is_read_from_the_manifest_that_this_julia_takes(tmp_path: Path) -> None:
    write(tmp_path, **{
        "Project.toml": '[deps]\nA = "1"\nB = "2"\n[sources]\nB = {path = "B"}\n',
        "Manifest-v1.11.toml": 'manifest_format = "2.0"\n[[deps.C]]\nversion = "1"\n[[deps.D]]\npath = "D"\n',
    })
    assert packages_from_elsewhere(tmp_path, (1, 11, 3)) == ["C"]
    assert packages_from_elsewhere(tmp_path, (1, 12, 0)) == ["A"]


@pytest.mark.parametrize(
    "project",
    [
        "deps = 5\nsources = 'x'\n",
        "[deps]\n[sources]\nB = 5\n",
        'manifest = "a\\u0000b"\n',
        f'manifest = "{"a" * 300}"\n',
    ],
)
def test_what_makes_no_sense_in_a_project_is_left_for_pkg_to_say(tmp_path: Path, project: str) -> None:
    write(tmp_path, **{"Project.toml": project})
    assert packages_from_elsewhere(tmp_path, (1, 11, 3)) == []
    assert manifest_file(tmp_path, (1, 11, 3)) is None
    write(tmp_path / "julia-project", **{"Project.toml": project})
    assert packages(tmp_path) == {}


def test_the_text_of_a_manifest_goes_along_once_in_a_while_and_only_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("taskq_worker.manifest_texts.time.monotonic", lambda: now)
    texts = ManifestTexts()
    file = write(tmp_path, **{"Manifest.toml": "one"}) / "Manifest.toml"
    one = Manifest.of(file)
    assert one is not None
    assert [texts.take(one) for _ in range(3)] == ["one", None, None]
    now += AGAIN_S
    file.write_text("another")
    assert texts.take(one) is None
    other = Manifest.of(file)
    assert other is not None
    assert texts.take(other) == "another"
