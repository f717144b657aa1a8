"""Examples to start from: real science in a few lines of Julia, ready to submit as they stand.

Each declares its parameters (`taskq_kernel.declarations`), which the code finds as global names,
so that somebody who does not write Julia can change what is computed without touching the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import takewhile


@dataclass(frozen=True)
class Example:
    """Something to submit.

    Attributes
    ----------
    title
        What it does, in a few words; also the name of the task.
    note
        One sentence for those who have never seen it: what comes out, what to change.
    code
        The Julia. The parameters that it declares have fields in the form.
    arguments
        Names and values that the code uses, and what a parameter is at first where that is not its default.
    """

    title: str
    note: str
    code: str
    arguments: Mapping[str, object] = field(default_factory=dict)


PI = Example(
    "Estimate π by throwing darts",
    "Darts fall on a square at random; the share that hits the circle inside gives π. More darts, more digits.",
    """\
parameters = [
    (name = :darts, default = 20_000_000, label = "Darts", minimum = 1_000, maximum = 1_000_000_000, step = 1_000,
     help = "More darts, more digits."),
]

function estimate(darts; parts = 50)
    hits = 0
    for part in 1:parts
        hits += count(_ -> rand()^2 + rand()^2 <= 1, 1:darts ÷ parts)
        progress(part / parts, "$part of $parts")
    end
    return 4hits / (parts * (darts ÷ parts))
end

estimate(darts)
""",
)

ORBIT = Example(
    "Follow a planet around its sun",
    "A Runge–Kutta orbit, drawn; the picture tells how well energy was conserved.",
    """\
parameters = [
    (name = :speed, default = 1.15, label = "Speed at the start", minimum = 0.1, maximum = 1.4, step = 0.05,
     help = "At 1 the orbit is a circle; at 1.414 the planet leaves."),
    (name = :turns, default = 2, label = "Turns", minimum = 1, maximum = 50, step = 1,
     help = "How often it goes around, about."),
]

acceleration(x, y) = (-x, -y) ./ (x^2 + y^2)^1.5
slope((x, y, u, v)) = (u, v, acceleration(x, y)...)

function step(s, dt)  # Runge and Kutta, fourth order
    a = slope(s)
    b = slope(s .+ dt / 2 .* a)
    c = slope(s .+ dt / 2 .* b)
    d = slope(s .+ dt .* c)
    return s .+ dt / 6 .* (a .+ 2 .* b .+ 2 .* c .+ d)
end

energy((x, y, u, v)) = (u^2 + v^2) / 2 - 1 / hypot(x, y)

struct Picture
    path::Vector{NTuple{2,Float64}}
    drift::Float64
end

function Base.show(io::IO, ::MIME"image/svg+xml", p::Picture)
    r = 1.15 * maximum(point -> maximum(abs, point), p.path)
    points = join([string(x, ",", y) for (x, y) in p.path], " ")
    drift = round(p.drift, sigdigits = 2)
    print(io, "<svg xmlns='http://www.w3.org/2000/svg' width='340' height='340' ")
    print(io, "viewBox='$(-r) $(-r) $(2 * r) $(2 * r)'>")
    print(io, "<rect x='$(-r)' y='$(-r)' width='$(2 * r)' height='$(2 * r)' fill='white'/>")
    print(io, "<polyline points='$points' fill='none' stroke='#0b5cad' stroke-width='$(r / 120)'/>")
    print(io, "<circle r='$(r / 25)' fill='#e0a100'/>")
    print(io, "<text x='$(-0.95 * r)' y='$(0.93 * r)' font-family='sans-serif' font-size='$(r / 13)'>")
    print(io, "energy conserved to $drift</text></svg>")
end

function orbit(speed, turns)
    state = (1.0, 0.0, 0.0, speed)
    start, path = energy(state), NTuple{2,Float64}[]
    steps = 2000turns
    for i in 1:steps
        state = step(state, 0.01)
        i % 10 == 0 && push!(path, state[1:2])
        i % 500 == 0 && progress(i / steps)
    end
    return Picture(path, abs(energy(state) / start - 1))
end

orbit(speed, turns)
""",
)

EIGENVALUES = Example(
    "Eigenvalues of a random matrix",
    "A symmetric matrix of random numbers; Wigner's law says that its eigenvalues fill a half circle.",
    """\
parameters = [
    (name = :n, default = 200, label = "Size", minimum = 2, maximum = 2_000, step = 50,
     help = "Rows and columns of the matrix."),
]

using LinearAlgebra

A = randn(n, n)
values = eigvals(Symmetric(A + A')) ./ sqrt(2n)
println("smallest ", minimum(values), ", largest ", maximum(values))
round.(values, digits = 4)
""",
)

LOGISTIC = Example(
    "From order to chaos: the logistic map",
    "A table of growth rates and the state that a population settles into; try other bounds.",
    """\
parameters = [
    (name = :from, default = 2.5, label = "Smallest growth rate", minimum = 0.0, maximum = 4.0, step = 0.1,
     help = "Below 3 the population settles down."),
    (name = :to, default = 4.0, label = "Largest growth rate", minimum = 0.0, maximum = 4.0, step = 0.1,
     help = "From 3.57 on it is chaos."),
    (name = :points, default = 60, label = "Points", minimum = 2, maximum = 10_000, step = 10,
     help = "How many growth rates are looked at."),
]

function settle(r; steps = 1000)
    x = 0.5
    for _ in 1:steps
        x = r * x * (1 - x)
    end
    return x
end

r = range(from, to, length = points)
(growth = collect(r), population = settle.(r))
""",
)

SLOW = Example(
    "A slow one that tells how far it is",
    "Counts the seconds, with a progress bar and a log that grows while you watch. Cancel it if you like.",
    """\
parameters = [
    (name = :seconds, default = 15, label = "Seconds", unit = "s", minimum = 1, maximum = 600, step = 1,
     help = "How long it takes."),
]

for second in 1:seconds
    sleep(1)
    println("second ", second)
    progress(second / seconds, "second $second of $seconds")
end
"done"
""",
)

FAILING = Example(
    "One that fails, and says why",
    "A square root of a negative number: the error, with the line where it happened.",
    """\
parameters = [
    (name = :seconds, default = 4, label = "Seconds", unit = "s", minimum = 1, maximum = 60, step = 1,
     help = "The ball is back on the ground after 2.4 s."),
]

height(t; v = 12.0, g = 9.81) = v * t - g * t^2 / 2
speed_at(t) = sqrt(2 * 9.81 * height(t))

[speed_at(t) for t in 0:0.5:seconds]
""",
)

#: Demonstration tasks that an example above does better, or that show what goes wrong.
_LEFT_OUT = frozenset(
    {"does_not_parse", "domain_error", "exits", "kepler_orbit", "logistic_map", "monte_carlo_pi", "wigner_semicircle"}
)


def demonstrations() -> tuple[Example, ...]:
    """Return the tasks of ``taskq demo`` as examples, by title."""
    found = [
        _read(file.read_text(encoding="utf-8"))
        for file in files("taskq_kernel").joinpath("demo", "tasks").iterdir()
        if file.name.endswith(".jl") and file.name.removesuffix(".jl") not in _LEFT_OUT
    ]
    return tuple(sorted(found, key=lambda example: example.title))


def _read(source: str) -> Example:
    """Make an example of a file that begins with its title and a paragraph, as comments."""
    lines = source.splitlines()
    comments = [line.lstrip("# ").strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
    code = "\n".join(lines[len(comments) :]).strip() + "\n"
    note = " ".join(comments[1:]).strip()
    return Example(comments[0], note, code)


#: In the order in which they are offered.
EXAMPLES = (PI, ORBIT, EIGENVALUES, LOGISTIC, SLOW, FAILING, *demonstrations())
