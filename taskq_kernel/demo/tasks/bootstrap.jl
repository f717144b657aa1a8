# Bootstrap confidence interval of a median
#
# Waiting times between eruptions of a geyser, in minutes. How sure is their median? Draw as
# many times again from the data, with repetition, and see how the median scatters.
parameters = [
    (name = :repetitions, default = 20_000, label = "Repetitions", minimum = 100, maximum = 1_000_000, step = 1_000,
     help = "How often the data are drawn again."),
    (name = :confidence, default = 0.95, label = "Confidence", minimum = 0.5, maximum = 0.999, step = 0.01,
     help = "The share of medians that lies between low and high."),
]

using Random, Statistics

waiting = [79, 54, 74, 62, 85, 55, 88, 85, 51, 85, 54, 84, 78, 47, 83, 52, 62, 84, 52, 79, 51, 47, 78, 69, 74,
    83, 55, 76, 78, 79, 73, 77, 66, 80, 74, 52, 48, 80, 59, 90, 80, 58, 84, 58, 73, 83, 64, 53, 82, 59]

function bootstrap(rng, data, repetitions)
    n = length(data)
    draw() = median([data[1+floor(Int, rand(rng) * n)] for _ in 1:n])
    return [draw() for _ in 1:repetitions]
end

medians = bootstrap(MersenneTwister(11), waiting, repetitions)
low, high = quantile(medians, [(1 - confidence) / 2, (1 + confidence) / 2])
(median = median(waiting), low = low, high = high, standard_error = std(medians))
