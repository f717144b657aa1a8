# Monte Carlo estimate of π
#
# Points fall evenly into the unit square; π/4 of them lie within a quarter of a circle.
# The standard error shrinks with the square root of the number of points.
using Random

function estimate(rng, chunks, points_per_chunk)
    inside = 0
    for chunk in 1:chunks
        for _ in 1:points_per_chunk
            inside += rand(rng)^2 + rand(rng)^2 <= 1
        end
        progress(chunk / chunks, "$(chunk * points_per_chunk) points")
    end
    p = inside / (chunks * points_per_chunk)
    return 4p, 4sqrt(p * (1 - p) / (chunks * points_per_chunk))
end

value, standard_error = estimate(MersenneTwister(2024), 100, 5_000_000)
(pi = value, standard_error = standard_error)
