parameters = [
    (name = :infections, default = 0.5, label = "Infections", unit = "a day", minimum = 0.05, maximum = 5.0, step = 0.05,
     help = "How many others somebody infects in a day, where everybody can be infected."),
    (name = :recoveries, default = 0.2, label = "Recoveries", unit = "a day", minimum = 0.02, maximum = 2.0, step = 0.02,
     help = "The share of the infected that recovers in a day."),
    (name = :first_infected, default = 1.0e-4, label = "Infected at first", minimum = 1.0e-6, maximum = 0.5,
     help = "The share of all people that is infected on day 0."),
    (name = :days, default = 150, label = "Time", unit = "days", minimum = 10, maximum = 2_000, step = 10,
     help = "How long to watch."),
]
shown = (kind = :line, x = :day, y = [:susceptible, :infected, :recovered], sweep = :final_size,
         x_label = "Day", y_label = "Share of all people")

"""
# SIR epidemic

How an epidemic comes and goes: the shares of those who can be infected, are infected, and have recovered.
`final_size` is the share that was infected by the last day; `theory` is where it ends after all days, the
solution of `1 - z = s exp(-R z)` with the basic reproduction number `R = infections / recoveries`, where `s` is
the share that could be infected on day 0.
"""
function sir(; infections, recoveries, first_infected, days)
    s, i = 1 - first_infected, first_infected
    susceptible, infected = [s], [i]
    for day in 1:days
        s, i = sir_day(s, i, infections, recoveries)
        push!(susceptible, s)
        push!(infected, i)
    end
    theory = sir_final_size(infections / recoveries, 1 - first_infected)
    return (day = collect(0:days), susceptible = susceptible, infected = infected,
            recovered = 1 .- susceptible .- infected, final_size = 1 - s, theory = theory,
            peak = maximum(infected), day_of_peak = argmax(infected) - 1)
end

"One day, in a hundred steps of the classical Runge–Kutta method."
function sir_day(s, i, infections, recoveries, h = 0.01)
    flow(s, i) = (-infections * s * i, infections * s * i - recoveries * i)
    for _ in 1:round(Int, 1 / h)
        a = flow(s, i)
        b = flow(s + h / 2 * a[1], i + h / 2 * a[2])
        c = flow(s + h / 2 * b[1], i + h / 2 * b[2])
        d = flow(s + h * c[1], i + h * c[2])
        s += h / 6 * (a[1] + 2b[1] + 2c[1] + d[1])
        i += h / 6 * (a[2] + 2b[2] + 2c[2] + d[2])
    end
    return s, i
end

"The share that is infected in the end, by Newton's method from above."
function sir_final_size(reproduction, susceptible)
    z = 1.0
    for _ in 1:100
        left = susceptible * exp(-reproduction * z)
        z -= (z - 1 + left) / (1 - reproduction * left)
    end
    return z
end
