# A hundred digits of π
#
# The arithmetic-geometric mean of Gauss and Legendre doubles the number of right digits with
# every turn. Big numbers keep all their digits on the way back.
parameters = [
    (name = :digits, default = 100, label = "Digits", minimum = 10, maximum = 10_000, step = 10,
     help = "How many digits after the point are right."),
]

function agm_pi(bits)
    setprecision(BigFloat, bits) do
        a, b, t, p = big(1.0), 1 / sqrt(big(2.0)), big(0.25), big(1.0)
        for _ in 1:ceil(Int, log2(bits))
            next = (a + b) / 2
            b = sqrt(a * b)
            t -= p * (a - next)^2
            p *= 2
            a = next
        end
        (a + b)^2 / 4t
    end
end

# Sixty-four bits more than are kept take up what rounding spoils on the way.
bits = ceil(Int, digits * log2(10)) + 3
BigFloat(agm_pi(bits + 64); precision = bits)
