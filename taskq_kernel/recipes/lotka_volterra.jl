parameters = [
    (name = :prey, default = 10.0, label = "Prey at first", unit = "thousands", minimum = 0.1, maximum = 100.0, step = 0.5,
     help = "How many there are at time 0."),
    (name = :predators, default = 5.0, label = "Predators at first", unit = "thousands", minimum = 0.1, maximum = 100.0,
     step = 0.5, help = "How many there are at time 0."),
    (name = :births, default = 1.1, label = "Births", unit = "a year", minimum = 0.1, maximum = 5.0, step = 0.1,
     help = "How fast prey multiplies where nobody hunts it."),
    (name = :hunting, default = 0.4, label = "Hunting", unit = "a year per thousand", minimum = 0.01, maximum = 5.0,
     step = 0.05, help = "Which share of the prey a thousand predators eat in a year."),
    (name = :growth, default = 0.1, label = "Growth", unit = "a year per thousand", minimum = 0.01, maximum = 5.0,
     step = 0.05, help = "How fast predators multiply on a thousand prey."),
    (name = :deaths, default = 0.4, label = "Deaths", unit = "a year", minimum = 0.1, maximum = 5.0, step = 0.1,
     help = "How fast predators die out where there is no prey."),
    (name = :years, default = 50, label = "Time", unit = "years", minimum = 1, maximum = 1_000, step = 1,
     help = "How long to watch."),
]
shown = (kind = :line, x = :time, y = [:prey, :predators], sweep = :most_prey, x_label = "Years", y_label = "Thousands")

"""
# Predators and prey

The equations of Lotka and Volterra: predators follow their prey in cycles that repeat for ever. Each cycle keeps
`growth * prey - deaths * log(prey) + hunting * predators - births * log(predators)` as it was at the start; `drift`
is the most that the computation strays from that, as a share of it.
"""
function lotka_volterra(; prey, predators, births, hunting, growth, deaths, years)
    flow(x, y) = (births * x - hunting * x * y, growth * x * y - deaths * y)
    kept(x, y) = growth * x - deaths * log(x) + hunting * y - births * log(y)
    x, y, start = prey, predators, kept(prey, predators)
    times, preys, hunters, drift = [0.0], [x], [y], 0.0
    for step in 1:20years
        x, y = lotka_volterra_step(flow, x, y, 0.05)
        push!(times, step / 20)
        push!(preys, x)
        push!(hunters, y)
        drift = max(drift, abs(kept(x, y) - start) / abs(start))
    end
    return (time = times, prey = preys, predators = hunters, drift = drift, most_prey = maximum(preys),
            most_predators = maximum(hunters))
end

"A twentieth of a year, in steps of the classical Runge–Kutta method that are short where it goes fast."
function lotka_volterra_step(flow, x, y, span)
    left = span
    while left > 0
        speed = maximum(abs.(flow(x, y) ./ (x, y)))
        h = min(left, 0.02 / max(speed, 0.02))
        a = flow(x, y)
        b = flow(x + h / 2 * a[1], y + h / 2 * a[2])
        c = flow(x + h / 2 * b[1], y + h / 2 * b[2])
        d = flow(x + h * c[1], y + h * c[2])
        x += h / 6 * (a[1] + 2b[1] + 2c[1] + d[1])
        y += h / 6 * (a[2] + 2b[2] + 2c[2] + d[2])
        left -= h
    end
    return x, y
end
