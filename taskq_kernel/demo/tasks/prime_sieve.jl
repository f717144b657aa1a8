# Prime numbers below twenty million
#
# The sieve of Eratosthenes, and how well the integral of 1/ln x, which Gauss guessed as a
# boy, counts them.
parameters = [
    (name = :n, default = 20_000_000, label = "Up to", minimum = 1_000, maximum = 200_000_000, step = 1_000,
     help = "Where the search ends."),
]

function sieve(n)
    isprime = trues(n)
    isprime[1] = false
    for p in 2:isqrt(n)
        isprime[p] && (isprime[p*p:p:n] .= false)
    end
    return isprime
end

function logarithmic_integral(n, steps)
    h = (n - 2) / steps
    return h * sum(1 / log(2 + (i - 0.5) * h) for i in 1:steps)
end

primes = findall(sieve(n))
twins = count(i -> primes[i+1] - primes[i] == 2, 1:length(primes)-1)
(count = length(primes), largest = primes[end], twins = twins, gauss = round(Int, logarithmic_integral(n, 2_000_000)))
