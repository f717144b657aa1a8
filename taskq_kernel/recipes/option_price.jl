parameters = [
    (name = :option, default = "call", label = "Option", choices = ["call", "put"],
     help = "A call is the right to buy, a put the right to sell."),
    (name = :price, default = 100.0, label = "Price today", unit = "€", minimum = 1.0, maximum = 10_000.0, step = 1.0,
     help = "Of the share."),
    (name = :strike, default = 105.0, label = "Strike", unit = "€", minimum = 1.0, maximum = 10_000.0, step = 1.0,
     help = "The price at which the option may be exercised."),
    (name = :interest, default = 0.03, label = "Interest", unit = "a year", minimum = -0.05, maximum = 0.5, step = 0.005,
     help = "Without risk, continuously compounded."),
    (name = :volatility, default = 0.2, label = "Volatility", unit = "a year", minimum = 0.01, maximum = 2.0, step = 0.01,
     help = "The standard deviation of the yearly logarithm of the price."),
    (name = :years, default = 1.0, label = "Time", unit = "years", minimum = 0.01, maximum = 30.0, step = 0.25,
     help = "Until the option can be exercised."),
    (name = :paths, default = 1_000_000, label = "Paths", minimum = 1_000, maximum = 100_000_000, step = 100_000,
     help = "More of them, more digits: four times as many halve the interval."),
    (name = :confidence, default = 0.95, label = "Confidence", choices = [0.9, 0.95, 0.99],
     help = "How sure the interval is to have the value."),
]
shown = (kind = :number, value = :value, error = :standard_error, label = "Value of the option", unit = "€")

isdefined(@__MODULE__, :progress) || @eval progress(_...) = nothing  # where Julia runs without taskq

"""
# Price of an option

What a European option is worth, by Monte Carlo: the mean of what it brings on many random paths of the share,
discounted, with its confidence interval from `low` to `high`. `exact` is the formula of Black and Scholes.
"""
function option_price(; option, price, strike, interest, volatility, years, paths, confidence)
    sign = option == "call" ? 1 : -1
    drift, spread = (interest - volatility^2 / 2) * years, volatility * sqrt(years)
    discount = exp(-interest * years)
    mean, squares, done = 0.0, 0.0, 0
    while done < paths
        count = min(100_000, paths - done)
        for k in done + 1:done + count
            payoff = discount * max(0.0, sign * (price * exp(drift + spread * randn()) - strike))
            change = payoff - mean
            mean += change / k
            squares += change * (payoff - mean)
        end
        done += count
        progress(done / paths, "$done of $paths paths")
    end
    standard_error = sqrt(squares / (paths - 1) / paths)
    reach = normal_quantile((1 + confidence) / 2) * standard_error
    upper = (log(price / strike) + drift) / spread + spread
    exact = sign * (price * normal_cdf(sign * upper) - discount * strike * normal_cdf(sign * (upper - spread)))
    return (value = mean, standard_error = standard_error, low = mean - reach, high = mean + reach, exact = exact)
end

"The share of a normal distribution below `x`, by its series (Marsaglia, J. Stat. Software 11(4), 2004)."
function normal_cdf(x)
    abs(x) > 8 && return x > 0 ? 1.0 : 0.0
    term = total = x
    n = 1
    while total + term != total
        n += 2
        term *= x^2 / n
        total += term
    end
    return 0.5 + total * exp(-x^2 / 2) / sqrt(2π)
end

"Below which point the share `p` of a normal distribution lies, by bisection."
function normal_quantile(p)
    low, high = -8.0, 8.0
    for _ in 1:60
        middle = (low + high) / 2
        normal_cdf(middle) < p ? (low = middle) : (high = middle)
    end
    return (low + high) / 2
end
