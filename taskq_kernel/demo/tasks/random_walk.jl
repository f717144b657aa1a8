# Random walks and the law of diffusion
#
# Walkers on a square lattice. Their mean squared distance grows in proportion to time: the
# slope in a log-log plot is 1.
parameters = [
    (name = :walkers, default = 20_000, label = "Walkers", minimum = 100, maximum = 1_000_000, step = 1_000,
     help = "More walkers, less chance."),
]

using Random

function squared_distances(rng, walkers, times)
    total = zeros(length(times))
    for walker in 1:walkers
        x = y = now = 0
        for (k, time) in enumerate(times)
            while now < time
                direction = rand(rng)
                direction < 0.25 ? (x += 1) : direction < 0.5 ? (x -= 1) : direction < 0.75 ? (y += 1) : (y -= 1)
                now += 1
            end
            total[k] += x^2 + y^2
        end
        walker % 500 == 0 && progress(walker / walkers, "$walker walkers")
    end
    return total ./ walkers
end

function slope(x, y)
    dx, dy = x .- sum(x) / length(x), y .- sum(y) / length(y)
    return sum(dx .* dy) / sum(abs2, dx)
end

times = [2^k for k in 3:12]
distances = squared_distances(MersenneTwister(13), walkers, times)
(exponent = slope(log.(times), log.(distances)), after_4096_steps = distances[end])
