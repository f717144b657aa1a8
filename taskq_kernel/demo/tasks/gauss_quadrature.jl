# Gauss–Legendre quadrature from eigenvalues
#
# The nodes are eigenvalues of a tridiagonal matrix, the weights come from its eigenvectors
# (Golub and Welsch). Twenty nodes integrate exp(-x²) to fifteen digits.
parameters = [
    (name = :n, default = 20, label = "Nodes", minimum = 1, maximum = 500, step = 1,
     help = "At how many places the function is looked at."),
]

using LinearAlgebra

function gauss_legendre(n)
    beside = [k / sqrt(4k^2 - 1) for k in 1:n-1]
    nodes, vectors = eigen(SymTridiagonal(zeros(n), beside))
    return nodes, 2 .* vectors[1, :] .^ 2
end

nodes, weights = gauss_legendre(n)
integral = sum(weights .* exp.(-nodes .^ 2))
exact = 1.4936482656248540507989348722637  # √π erf(1)
(integral = integral, error = abs(integral - exact), nodes = length(nodes))
