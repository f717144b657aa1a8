parameters = [
    (name = :temperature, default = 2.0, label = "Temperature", unit = "J/k", minimum = 0.5, maximum = 5.0, step = 0.1,
     help = "In units of the coupling J over Boltzmann's constant; spins lose their order at 2.269."),
    (name = :side, default = 48, label = "Side", unit = "spins", minimum = 4, maximum = 256, step = 4,
     help = "Spins along one side of the lattice, whose edges are joined."),
    (name = :sweeps, default = 4_000, label = "Sweeps", minimum = 100, maximum = 100_000, step = 100,
     help = "How often every spin is looked at; the first fifth is not counted."),
]
shown = (kind = :number, value = :magnetization, error = :standard_error, label = "Magnetization per spin")

isdefined(@__MODULE__, :progress) || @eval progress(_...) = nothing  # where Julia runs without taskq

"""
# Ising magnet

The magnetization of a square lattice of spins at one temperature, by Metropolis' rule. Sweep the
temperature to see the magnet lose its order. `exact` is Onsager and Yang's result for an endless lattice,
`(1 - sinh(2/T)^-4)^(1/8)` below the critical temperature 2.269 and zero above it.
"""
function ising(; temperature, side, sweeps)
    spins = ones(Int, side, side)
    weights = [exp(-2cost / temperature) for cost in 1:4]
    first = sweeps ÷ 5
    measured = Float64[]
    for k in 1:sweeps
        ising_sweep!(spins, weights)
        k > first && push!(measured, abs(sum(spins)) / side^2)
        k % 100 == 0 && progress(k / sweeps, "sweep $k of $sweeps")
    end
    mean, standard_error = ising_mean(measured)
    exact = max(0.0, 1 - sinh(2 / temperature)^-4)^(1 / 8)
    return (temperature = temperature, magnetization = mean, standard_error = standard_error, exact = exact)
end

function ising_sweep!(spins, weights)
    n = size(spins, 1)
    for j in 1:n, i in 1:n
        up, down = spins[i == 1 ? n : i - 1, j], spins[i == n ? 1 : i + 1, j]
        left, right = spins[i, j == 1 ? n : j - 1], spins[i, j == n ? 1 : j + 1]
        cost = spins[i, j] * (up + down + left + right)
        if cost <= 0 || rand() < weights[cost]
            spins[i, j] = -spins[i, j]
        end
    end
end

"The mean of correlated values, and its standard error from the means of twenty blocks."
function ising_mean(values)
    size = length(values) ÷ 20
    blocks = [sum(values[(b - 1) * size + 1:b * size]) / size for b in 1:20]
    mean = sum(blocks) / 20
    return mean, sqrt(sum((blocks .- mean) .^ 2) / (20 * 19))
end
