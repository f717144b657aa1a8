"""What Julia advises is replaced by what helps a task."""

from __future__ import annotations

import pytest
from taskq_worker.julia.advice import advise

from taskq_kernel.messages import ErrorInfo

WANTED = "- Run `taskq julia add Plots` where the worker runs, to put Plots into the Julia project of its tasks."


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (  # Julia 1.5 to 1.8
            'Package Plots not found in current path:\n- Run `import Pkg; Pkg.add("Plots")` to install the Plots '
            "package.\n",
            "Package Plots not found in current path:",
        ),
        (  # 1.9 and newer
            'Package Plots not found in current path.\n- Run `import Pkg; Pkg.add("Plots")` to install the Plots '
            "package.",
            "Package Plots not found in current path.",
        ),
        (
            "Package Plots not found in current path, maybe you meant `import/using .Plots`.\n- Otherwise, run `import "
            'Pkg; Pkg.add("Plots")` to install the Plots package.',
            "Package Plots not found in current path, maybe you meant `import/using .Plots`.",
        ),
        (
            "Package Plots [91a5bcdd-55d7-5caf-9e0b-520d859cae80] is required but does not seem to be installed:\n"
            " - Run `Pkg.instantiate()` to install all recorded dependencies.\n",
            "Package Plots [91a5bcdd-55d7-5caf-9e0b-520d859cae80] is required but does not seem to be installed:",
        ),
    ],
)
def test_a_package_that_is_not_there_names_the_command_that_adds_it(message: str, said: str) -> None:
    error = ErrorInfo(name="ArgumentError", message=message, stacktrace="[1] top", line=3)
    told = advise(error, in_project=False)
    assert told.message == f"{said}\n{WANTED}"
    assert (told.name, told.stacktrace, told.line) == ("ArgumentError", "[1] top", 3)
    in_project = advise(error, in_project=True).message
    assert in_project.startswith(f"{said}\n- Add Plots to the packages of the task's project")
    assert "taskq julia add" not in in_project


@pytest.mark.parametrize("message", ["file not found", "Package, not found", "", "with -1.0"])
def test_other_errors_stay_as_they_are(message: str) -> None:
    error = ErrorInfo(name="ErrorException", message=message)
    assert advise(error, in_project=True) is error
