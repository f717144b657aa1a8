# Lyapunov exponent of the Lorenz attractor
#
# Two weathers that differ by a millionth of a millionth part company as exp(λ t), with
# λ = 0.906: the butterfly effect. The distance is measured, and pulled back, every step.
parameters = [
    (name = :steps, default = 4_000_000, label = "Steps", minimum = 100_000, maximum = 50_000_000, step = 100_000,
     help = "More steps, more digits."),
    (name = :h, default = 0.005, label = "Step of time", minimum = 0.0005, maximum = 0.02, step = 0.0005,
     help = "Larger steps get further, and are less exact."),
]

const Point = NTuple{3,Float64}

flow(s::Point) = (10 * (s[2] - s[1]), s[1] * (28 - s[3]) - s[2], s[1] * s[2] - 8 / 3 * s[3])

function step(s::Point, h)
    k1 = flow(s)
    k2 = flow(s .+ h / 2 .* k1)
    k3 = flow(s .+ h / 2 .* k2)
    k4 = flow(s .+ h .* k3)
    return s .+ h / 6 .* (k1 .+ 2 .* k2 .+ 2 .* k3 .+ k4)
end

distance(a::Point, b::Point) = sqrt(sum(abs2, a .- b))

function lyapunov(steps, h)
    a = (1.0, 1.0, 20.0)
    for _ in 1:10_000
        a = step(a, h)
    end
    start = 1e-9
    b = a .+ (start, 0.0, 0.0)
    total = 0.0
    for k in 1:steps
        a, b = step(a, h), step(b, h)
        apart = distance(a, b)
        total += log(apart / start)
        b = a .+ start / apart .* (b .- a)
        k % 100_000 == 0 && progress(k / steps, "t = $(round(Int, k * h))")
    end
    return total / (steps * h)
end

lyapunov(steps, h)
