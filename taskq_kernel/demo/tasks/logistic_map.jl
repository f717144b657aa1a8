# Logistic map from order to chaos
#
# x ← r x (1 - x). For each r: the period that the orbit settles to (0: none up to 64), and
# the Lyapunov exponent, above zero where neighbouring orbits part: chaos. At r = 4 it is ln 2.
function settled(r)
    x = 0.4
    for _ in 1:10_000
        x = r * x * (1 - x)
    end
    return x
end

function period(r)
    start = x = settled(r)
    for n in 1:64
        x = r * x * (1 - x)
        abs(x - start) < 1e-9 && return n
    end
    return 0
end

function lyapunov(r, steps)
    x, total = settled(r), 0.0
    for _ in 1:steps
        total += log(abs(r * (1 - 2x)))
        x = r * x * (1 - x)
    end
    return total / steps
end

rs = [2.8, 3.2, 3.5, 3.55, 3.7, 3.83, 3.9, 4.0]
exponents = Float64[]
for (i, r) in enumerate(rs)
    push!(exponents, lyapunov(r, 1_000_000))
    progress(i / length(rs), "r = $r")
end
(r = rs, period = period.(rs), lyapunov = exponents)
