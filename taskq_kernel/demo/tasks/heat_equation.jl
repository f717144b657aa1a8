# Heat flow in a rod, against the exact solution
#
# u_t = u_xx on a rod of length 1 whose ends are kept cold, by the Crank–Nicolson method. A
# sine wave keeps its shape and fades as exp(-π² t).
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

t = 0.1
x, u = crank_nicolson(400, 2000, t)
exact = exp(-π^2 * t) .* sin.(π .* x)
(middle = u[(end+1)÷2], exact = exp(-π^2 * t), largest_error = maximum(abs.(u .- exact)))
