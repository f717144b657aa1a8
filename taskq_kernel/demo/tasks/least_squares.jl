# Least-squares fit with errors of its parameters
#
# A damped oscillation, measured with noise: y = A exp(-t/τ) cos(ω t). Gauss–Newton finds
# the parameters; the curvature at the minimum tells how well the data fix them.
using LinearAlgebra, Random

model(t, p) = p[1] * exp(-t / p[2]) * cos(p[3] * t)

function jacobian(t, p)
    a, τ, ω = p
    e = exp(-t / τ)
    return [e * cos(ω * t), a * t / τ^2 * e * cos(ω * t), -a * t * e * sin(ω * t)]
end

function fit(t, y, p)
    for _ in 1:50
        J = reduce(vcat, jacobian(ti, p)' for ti in t)
        Δ = J \ (y .- model.(t, Ref(p)))
        p = p .+ Δ
        norm(Δ) < 1e-12 && break
    end
    J = reduce(vcat, jacobian(ti, p)' for ti in t)
    variance = sum(abs2, y .- model.(t, Ref(p))) / (length(y) - length(p))
    return p, sqrt.(diag(variance * inv(J' * J)))
end

rng = MersenneTwister(5)
truth = [2.0, 3.0, 4.0]
t = collect(range(0, 10; length = 400))
y = model.(t, Ref(truth)) .+ 0.05 .* randn(rng, length(t))
best, errors = fit(t, y, [1.8, 2.5, 4.1])
(parameter = ["amplitude", "decay time", "frequency"], truth = truth, fit = best, error = errors)
