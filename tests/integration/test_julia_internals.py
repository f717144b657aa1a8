"""What the runner stands on inside Julia, and what it says where a Julia has it no more."""

from __future__ import annotations

import re
import subprocess

import pytest
from julia_fixtures import julia
from taskq_worker.runner import JULIA_SOURCES

#: Names of Base and Core that Julia's manual describes, and types that values are compared with.
PUBLIC = {
    "Base.Enums", "Base.Experimental", "Base.GMP", "Base.MPFR", "Base.Iterators", "Base.PkgId", "Base.RefValue",
    "Base.UUID", "Base.include", "Base.invokelatest", "Base.require", "Base.show", "Core.eval",
}  # fmt: skip


def run_julia(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Julia code that knows the runner as TaskqRunner."""
    program = f"include({str(JULIA_SOURCES / 'runner.jl')!r})\n{code}".replace("'", '"')
    command = [julia(), "--startup-file=no", "-e", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=100, check=False)


def test_what_julia_does_not_promise_is_used_in_one_file_only() -> None:
    for path in JULIA_SOURCES.glob("*.jl"):
        if path.name == "internals.jl":
            continue
        code = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
        used = set(re.findall(r"\b(?:Base|Core)\.\w+", code))
        assert used <= PUBLIC, path.name
        assert not re.findall(r"ccall\(:(?:jl|uv)_\w+", code), path.name


def test_this_julia_has_everything() -> None:
    done = run_julia("print(repr(TaskqRunner.missing_internals()))")
    assert done.stdout == '""', done.stderr


@pytest.mark.parametrize("number", ["3", "RawFD(3)"])
def test_a_descriptor_is_a_number_in_either_of_its_forms(number: str) -> None:
    done = run_julia(f"print(repr(TaskqRunner.descriptor({number})))")
    assert done.stdout == "3", done.stderr


def test_a_process_whose_julia_lacks_something_says_so_in_one_sentence_and_ends() -> None:
    lacks = 'push!(TaskqRunner.INTERNALS, (Base, "gone|gone_too", "see what is left behind"))'
    done = run_julia(f"{lacks}; TaskqRunner.main(0, 1)")
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(
        r"taskq does not know Julia 1\.\S+ yet: it lacks Base\.gone or gone_too \(to see what is left behind\)\n",
        done.stderr,
    )


def test_a_process_whose_julia_is_otherwise_than_known_says_so_and_ends() -> None:
    # Given: a Julia whose queue of tasks cannot be read any more.
    done = run_julia("Core.eval(TaskqRunner, :(work_waits() = length(queues))); TaskqRunner.main(0, 1)")
    # Then: it is not every task that fails.
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.search(r"^taskq does not know Julia 1\.\S+ yet: UndefVarError: .*queues.*\n\Z", done.stderr, re.MULTILINE)
