# Ising model of a magnet, below its critical temperature
#
# Spins on a square lattice, flipped by Metropolis' rule. Onsager's exact solution tells the
# magnetisation of an endless lattice: (1 - sinh(2/T)^-4)^(1/8) below T = 2.269.
parameters = [
    (name = :temperature, default = 2.0, label = "Temperature", minimum = 0.5, maximum = 5.0, step = 0.1,
     help = "In units where spins lose their order at 2.269."),
    (name = :side, default = 64, label = "Side", minimum = 4, maximum = 256, step = 4,
     help = "Spins along one side of the lattice."),
    (name = :sweeps, default = 8_000, label = "Sweeps", minimum = 10, maximum = 100_000, step = 100,
     help = "How often every spin is looked at; the first fifth is not counted."),
]

using Random

function sweep!(spins, weights, rng)
    n = size(spins, 1)
    for j in 1:n, i in 1:n
        neighbours = spins[mod1(i - 1, n), j] + spins[mod1(i + 1, n), j] + spins[i, mod1(j - 1, n)] + spins[i, mod1(j + 1, n)]
        cost = spins[i, j] * neighbours
        if cost <= 0 || rand(rng) < weights[cost]
            spins[i, j] = -spins[i, j]
        end
    end
end

function magnetisation(rng, n, temperature, sweeps)
    spins = ones(Int, n, n)
    weights = [exp(-2cost / temperature) for cost in 1:4]
    total = 0.0
    for k in 1:sweeps
        sweep!(spins, weights, rng)
        k > sweeps ÷ 5 && (total += abs(sum(spins)) / n^2)
        k % 50 == 0 && progress(k / sweeps, "sweep $k of $sweeps")
    end
    return total / (sweeps - sweeps ÷ 5)
end

(magnetisation = magnetisation(MersenneTwister(3), side, temperature, sweeps),
    onsager = max(0.0, 1 - sinh(2 / temperature)^-4)^(1 / 8))
