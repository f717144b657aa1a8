# Least-squares fit with errors of its parameters
#
# A damped oscillation, measured with noise: y = A exp(-t/τ) cos(ω t). Gauss–Newton finds
# the parameters; the curvature at the minimum tells how well the data fix them.
parameters = [
    (name = :noise, default = 0.05, label = "Noise", minimum = 0.0, maximum = 1.0, step = 0.01,
     help = "The standard deviation of the measurements."),
    (name = :points, default = 400, label = "Measurements", minimum = 10, maximum = 100_000, step = 10,
     help = "How many there are, evenly in time."),
]

using LinearAlgebra, Random

model(t, p) = p[1] * exp(-t / p[2]) * cos(p[3] * t)

function jacobian(t, p)
    a, τ, ω = p
    J = zeros(length(t), 3)
    for (i, ti) in enumerate(t)
        e = exp(-ti / τ)
        J[i, 1] = e * cos(ω * ti)
        J[i, 2] = a * ti / τ^2 * e * cos(ω * ti)
        J[i, 3] = -a * ti * e * sin(ω * ti)
    end
    return J
end

function fit(t, y, p)
    residuals(p) = [yi - model(ti, p) for (ti, yi) in zip(t, y)]
    for _ in 1:50
        J, r = jacobian(t, p), residuals(p)
        change = cholesky(Symmetric(J' * J)) \ (J' * r)
        p += change
        norm(change) < 1e-12 && break
    end
    J, r = jacobian(t, p), residuals(p)
    variance = sum(abs2, r) / (length(y) - length(p))
    return p, sqrt.(diag(variance * inv(cholesky(Symmetric(J' * J)))))
end

rng = MersenneTwister(5)
truth = [2.0, 3.0, 4.0]
t = [10 * (i - 1) / (points - 1) for i in 1:points]
y = [model(ti, truth) + noise * randn(rng) for ti in t]
best, errors = fit(t, y, [1.8, 2.5, 4.1])
(parameter = ["amplitude", "decay time", "frequency"], truth = truth, fit = best, error = errors)
