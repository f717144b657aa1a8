# Eigenvalues of a random symmetric matrix
#
# The spectrum of a large symmetric matrix of noise fills a semicircle of radius 2 (after
# division by the square root of its size), whatever the noise: Wigner's law.
using LinearAlgebra, Random

n = 600
noise = randn(MersenneTwister(7), n, n)
spectrum = eigvals(Symmetric((noise + noise') / sqrt(2n)))

# The share of a semicircle of radius 2 that lies between -1 and 1.
expected = 1 / 3 + sqrt(3) / 2π
(largest = maximum(spectrum), within_one = count(x -> abs(x) < 1, spectrum) / n, semicircle = expected)
