# Prime numbers below twenty million
#
# The sieve of Eratosthenes, and how well the integral of 1/ln x, which Gauss guessed as a
# boy, counts them.
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

n = 20_000_000
primes = findall(sieve(n))
twins = count(i -> primes[i+1] - primes[i] == 2, 1:length(primes)-1)
(count = length(primes), largest = primes[end], twins = twins, gauss = round(Int, logarithmic_integral(n, 2_000_000)))
