# Heat flow in a rod, against the exact solution
#
# u_t = u_xx on a rod of length 1 whose ends are kept cold, by the Crank–Nicolson method. A
# sine wave keeps its shape and fades as exp(-π² t).
parameters = [
    (name = :cells, default = 400, label = "Cells", minimum = 10, maximum = 5_000, step = 10,
     help = "Into how many pieces the rod is cut; an even number."),
    (name = :steps, default = 2_000, label = "Steps", minimum = 10, maximum = 100_000, step = 100,
     help = "In how many steps time goes on."),
    (name = :t, default = 0.1, label = "Time", minimum = 0.001, maximum = 1.0, step = 0.01,
     help = "When to look; the rod cools down as exp(-π² t)."),
]

using LinearAlgebra

function crank_nicolson(cells, steps, t_end)
    x = range(0, 1; length = cells + 1)[2:end-1]
    λ = t_end / steps * cells^2 / 2
    ones_beside = ones(cells - 2)
    implicit = lu(Tridiagonal(-λ * ones_beside, (1 + 2λ) * ones(cells - 1), -λ * ones_beside))
    explicit = Tridiagonal(λ * ones_beside, (1 - 2λ) * ones(cells - 1), λ * ones_beside)
    u = sin.(π .* x)
    for step in 1:steps
        u = implicit \ (explicit * u)
        step % 100 == 0 && progress(step / steps, "t = $(round(t_end * step / steps; digits = 3))")
    end
    return x, u
end

x, u = crank_nicolson(cells, steps, t)
exact = exp(-π^2 * t) .* sin.(π .* x)
(middle = u[(end+1)÷2], exact = exp(-π^2 * t), largest_error = maximum(abs.(u .- exact)))
