parameters = [
    (name = :mode, default = 2, label = "Mode", minimum = 1, maximum = 10, step = 1,
     help = "How many half waves of temperature there are along the rod at first."),
    (name = :diffusivity, default = 1.1e-4, label = "Diffusivity", unit = "m²/s", minimum = 1.0e-7, maximum = 1.0e-3,
     help = "Of the rod: 1.1e-4 m²/s is copper, 4e-6 m²/s steel, 1e-7 m²/s wood."),
    (name = :length, default = 0.5, label = "Length", unit = "m", minimum = 0.01, maximum = 10.0, step = 0.05,
     help = "Of the rod, whose ends are kept cold."),
    (name = :seconds, default = 200.0, label = "Time", unit = "s", minimum = 1.0, maximum = 100_000.0, step = 10.0,
     help = "How long to watch."),
    (name = :cells, default = 200, label = "Cells", minimum = 40, maximum = 2_000, step = 20,
     help = "Into how many pieces the rod is cut."),
]
shown = (kind = :heatmap, value = :temperature, x = :position, y = :time, sweep = :decay_rate,
         label = "Temperature", x_label = "Position (m)", y_label = "Time (s)")

"""
# Heat equation

How the heat of a rod flows off through its cold ends, by the method of Crank and Nicolson. A wave of `mode` half
waves keeps its shape and fades at the rate `theory`, which is `diffusivity * (mode * π / length)^2`; `decay_rate`
is what the computation finds. Each row of `temperature` is a moment, each column a place.
"""
function heat_equation(; mode, diffusivity, length, seconds, cells)
    rows, theory = 100, diffusivity * (mode * π / length)^2
    inner = max(10, ceil(Int, theory * seconds / rows / 0.01))
    λ = diffusivity * (seconds / rows / inner) / (length / cells)^2 / 2
    u = [sin(mode * π * k / cells) for k in 1:cells-1]
    temperature = zeros(rows + 1, cells + 1)
    temperature[1, 2:end-1] = u
    first, decay_rate = sqrt(sum(abs2, u)), NaN
    for row in 1:rows
        heat_steps!(u, λ, inner, 1.0e-9 * first)
        left = sqrt(sum(abs2, u))
        left > 1.0e-9 * first || break  # the rod is cold
        temperature[row+1, 2:end-1] = u
        decay_rate = log(first / left) / (seconds * row / rows)
    end
    return (position = [length * k / cells for k in 0:cells], time = [seconds * k / rows for k in 0:rows],
            temperature = temperature, decay_rate = decay_rate, theory = theory)
end

"Steps of Crank and Nicolson, each of which solves a tridiagonal system (Thomas); no more than it takes to cool down."
function heat_steps!(u, λ, steps, cold)
    n = length(u)
    above = zeros(n)
    above[1] = -λ / (1 + 2λ)
    for k in 2:n
        above[k] = -λ / (1 + 2λ + λ * above[k-1])
    end
    right = zeros(n)
    for _ in 1:steps
        for k in 1:n
            before, after = k > 1 ? u[k-1] : 0.0, k < n ? u[k+1] : 0.0
            known = u[k] + λ * (before - 2u[k] + after)
            right[k] = k > 1 ? (known + λ * right[k-1]) / (1 + 2λ + λ * above[k-1]) : known / (1 + 2λ)
        end
        u[n] = right[n]
        for k in n-1:-1:1
            u[k] = right[k] - above[k] * u[k+1]
        end
        sqrt(sum(abs2, u)) > cold || return
    end
end
