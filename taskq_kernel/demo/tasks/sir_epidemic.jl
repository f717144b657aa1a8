# SIR model of an epidemic
#
# Susceptible, infected, recovered: each infected person infects β others a day and recovers
# at the rate γ. How many are infected in the end, z, solves z = 1 - exp(-β/γ z).
parameters = [
    (name = :β, default = 0.5, label = "Infections", unit = "a day", minimum = 0.0, maximum = 5.0, step = 0.1,
     help = "How many others an infected person infects."),
    (name = :γ, default = 0.2, label = "Recoveries", unit = "a day", minimum = 0.01, maximum = 2.0, step = 0.05,
     help = "The share of the infected that recovers."),
    (name = :days, default = 300, label = "Days", minimum = 10, maximum = 2_000, step = 10,
     help = "How long to watch."),
]

function epidemic(β, γ, days, steps_per_day)
    s, i = 1 - 1e-6, 1e-6
    infected = [i]
    flow(s, i) = (-β * s * i, β * s * i - γ * i)
    for day in 1:days
        h = 1 / steps_per_day
        for _ in 1:steps_per_day
            a = flow(s, i)
            b = flow(s + h / 2 * a[1], i + h / 2 * a[2])
            c = flow(s + h / 2 * b[1], i + h / 2 * b[2])
            d = flow(s + h * c[1], i + h * c[2])
            s += h / 6 * (a[1] + 2b[1] + 2c[1] + d[1])
            i += h / 6 * (a[2] + 2b[2] + 2c[2] + d[2])
        end
        push!(infected, i)
    end
    return 1 - s, infected
end

function final_size(r)
    z = 0.5
    for _ in 1:200
        z = 1 - exp(-r * z)
    end
    return z
end

total, infected = epidemic(β, γ, days, 200)
(final_size = total, theory = final_size(β / γ), peak = maximum(infected), day_of_peak = argmax(infected) - 1)
