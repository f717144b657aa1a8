"""The shipped recipes with Julia alone: it reads what is read without it, and the values are those of theory."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from julia_fixtures import julia

from taskq_kernel.recipe_file import read_recipe
from taskq_kernel.recipes import shipped

#: Includes each file as it is, and calls its function with what its own block says, and with other arguments.
PROGRAM = r"""
json(x::Union{AbstractString, Symbol}) = repr(string(x))
json(x::Bool) = string(x)
json(x::Real) = isfinite(x) ? string(x) : "null"
json(x::Union{Tuple, AbstractVector}) = "[" * join(map(json, x), ",") * "]"
json(x::AbstractMatrix) = json([x[i, :] for i in 1:size(x, 1)])
json(x::NamedTuple) = "{" * join(("\"$k\":" * json(x[k]) for k in keys(x)), ",") * "}"
others = Dict(
    "ising" => [(temperature = 1.5,), (temperature = 4.0, side = 16, sweeps = 2000)],
    "sir" => [(infections = 0.3, days = 600), (infections = 0.1, days = 2000), (first_infected = 0.2, days = 600)],
    "lotka_volterra" => [(hunting = 1.5, growth = 0.8, years = 100)],
    "option_price" => [(option = "put", strike = 90.0, confidence = 0.99), (interest = -0.02, volatility = 0.6)],
    "heat_equation" => [(mode = 7, cells = 400), (mode = 10, diffusivity = 1e-3, length = 0.05, seconds = 1e5)],
    "percolation" => [(side = 30, lattices = 100)],
)
import Random
for file in ARGS
    Random.seed!(1)
    name = splitext(basename(file))[1]
    place = Module(:Recipe)
    Core.eval(place, :(eval(x) = Core.eval($place, x)))
    Base.include(place, file)
    Base.invokelatest() do
        call = getfield(place, Symbol(name))
        defaults = (; (one.name => one.default for one in place.parameters)...)
        results = [call(; merge(defaults, other)...) for other in [(;), others[name]...]]
        println(json((name = name, parameters = place.parameters, shown = place.shown, results = results)))
    end
end
"""


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """What Julia says of each file."""
    files = [str(file) for file in shipped()]
    command = [julia(), "--startup-file=no", "-e", PROGRAM, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.stem)
def test_what_is_read_of_a_recipe_is_what_julia_reads(said: dict[str, Any], file: Path) -> None:
    read, julias = read_recipe(file.read_text("utf-8")), said[file.stem]
    for one, other in zip(read.parameters, julias["parameters"], strict=True):
        attributes = {name: getattr(one, name) for name in other}
        assert attributes | {"choices": list(one.choices)} == {"choices": [], **other}
        assert [type(value) for value in (one.default, one.minimum)] == [
            type(value) for value in (other["default"], other.get("minimum"))
        ]
    for name, value in julias["shown"].items():
        kept = getattr(read.show, name)
        assert (list(kept) if isinstance(value, list) else kept[0] if isinstance(kept, tuple) else kept) == value
    fields = {read.show.value, read.show.error, read.show.x, read.show.sweep, *read.show.y} - {""}
    assert fields <= julias["results"][0].keys()


def test_an_epidemic_ends_at_its_final_size(said: dict[str, Any]) -> None:
    for result in said["sir"]["results"]:
        assert result["final_size"] == pytest.approx(result["theory"], abs=1e-4)
        assert result["susceptible"][-1] + result["infected"][-1] + result["recovered"][-1] == pytest.approx(1)
    # 1 - z = s exp(-2.5 z), by bisection, which the recipe does not use.
    low, high = 0.1, 1.0
    for _ in range(60):
        z = (low + high) / 2
        low, high = (z, high) if 1 - z > (1 - 1e-4) * math.exp(-2.5 * z) else (low, z)
    assert said["sir"]["results"][0]["theory"] == pytest.approx(z, abs=1e-9)


def test_a_magnet_has_the_magnetization_of_onsager(said: dict[str, Any]) -> None:
    for result, temperature in zip(said["ising"]["results"][:2], (2.0, 1.5), strict=True):
        onsager = (1 - math.sinh(2 / temperature) ** -4) ** (1 / 8)
        assert result["exact"] == pytest.approx(onsager)
        assert abs(result["magnetization"] - onsager) < 5 * result["standard_error"]
        assert 0 < result["standard_error"] < 0.005
    hot = said["ising"]["results"][2]
    assert hot["exact"] == 0
    assert hot["magnetization"] < 0.15  # 1/16, and some, of so few spins


def test_predators_and_prey_keep_what_their_cycle_keeps(said: dict[str, Any]) -> None:
    for result in said["lotka_volterra"]["results"]:
        assert result["drift"] < 1e-5
    first = said["lotka_volterra"]["results"][0]
    # As its help says, at the start and at the end.
    kept = [
        0.1 * x - 0.4 * math.log(x) + 0.4 * y - 1.1 * math.log(y)
        for x, y in ((first["prey"][place], first["predators"][place]) for place in (0, -1))
    ]
    assert kept[0] == pytest.approx(kept[1], rel=1e-5)


def test_an_option_has_the_price_of_black_and_scholes(said: dict[str, Any]) -> None:
    def share(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    cases = [("call", 105.0, 0.03, 0.2), ("put", 90.0, 0.03, 0.2), ("call", 105.0, -0.02, 0.6)]
    for result, (option, strike, interest, volatility) in zip(said["option_price"]["results"], cases, strict=True):
        upper = (math.log(100 / strike) + interest + volatility**2 / 2) / volatility
        discounted = strike * math.exp(-interest)
        call = 100 * share(upper) - discounted * share(upper - volatility)
        exact = call if option == "call" else call - 100 + discounted
        assert result["exact"] == pytest.approx(exact, abs=1e-9)
        assert abs(result["value"] - exact) < 5 * result["standard_error"]
    reach = [(one["high"] - one["value"]) / one["standard_error"] for one in said["option_price"]["results"]]
    assert reach == pytest.approx([1.959964, 2.575829, 1.959964], abs=1e-4)


def test_a_wave_of_heat_fades_at_its_rate(said: dict[str, Any]) -> None:
    results = said["heat_equation"]["results"]
    settings = [(2, 1.1e-4, 0.5), (7, 1.1e-4, 0.5), (10, 1e-3, 0.05)]
    for result, (mode, diffusivity, length) in zip(results, settings, strict=True):
        assert result["theory"] == pytest.approx(diffusivity * (mode * math.pi / length) ** 2)
        if result["decay_rate"] is not None:  # it is cold before the first look
            assert result["decay_rate"] == pytest.approx(result["theory"], rel=2e-3)
    rows = results[0]["temperature"]
    assert (len(rows), len(rows[0])) == (len(results[0]["time"]), len(results[0]["position"]))
    assert results[2]["decay_rate"] is None


def test_a_lattice_percolates_at_its_threshold(said: dict[str, Any]) -> None:
    large, small = said["percolation"]["results"]
    assert large["theory"] == pytest.approx(0.592746, abs=1e-6)
    assert abs(large["threshold"] - 0.592746) < 5 * large["standard_error"]
    assert 0 < large["standard_error"] < 0.002
    assert abs(small["threshold"] - 0.592746) < 0.02
