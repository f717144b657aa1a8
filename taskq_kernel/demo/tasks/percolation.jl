# Percolation threshold of a square lattice
#
# Open sites one by one, in random order, until a way leads from the top to the bottom. On a
# large lattice that happens when 59.27 % of them are open. Clusters are kept by union-find.
parameters = [
    (name = :side, default = 150, label = "Side", minimum = 5, maximum = 500, step = 5,
     help = "Sites along one side of the lattice."),
    (name = :lattices, default = 150, label = "Lattices", minimum = 2, maximum = 1_000, step = 10,
     help = "How many are filled; more of them, more digits."),
]

using Random

function find(parent, k)
    while parent[k] != k
        parent[k] = parent[parent[k]]
        k = parent[k]
    end
    return k
end

join!(parent, a, b) = (parent[find(parent, a)] = find(parent, b))

function shuffled(rng, n)
    order = collect(1:n)
    for k in n:-1:2
        other = 1 + floor(Int, rand(rng) * k)
        order[k], order[other] = order[other], order[k]
    end
    return order
end

function threshold(rng, n)
    top, bottom = n^2 + 1, n^2 + 2
    parent = collect(1:n^2+2)
    open = falses(n, n)
    for (count, site) in enumerate(shuffled(rng, n^2))
        i, j = fldmod1(site, n)
        open[j, i] = true
        i == 1 && join!(parent, site, top)
        i == n && join!(parent, site, bottom)
        i > 1 && open[j, i-1] && join!(parent, site, site - n)
        i < n && open[j, i+1] && join!(parent, site, site + n)
        j > 1 && open[j-1, i] && join!(parent, site, site - 1)
        j < n && open[j+1, i] && join!(parent, site, site + 1)
        find(parent, top) == find(parent, bottom) && return count / n^2
    end
end

function mean_threshold(rng, n, repetitions)
    total = squares = 0.0
    for k in 1:repetitions
        p = threshold(rng, n)
        total += p
        squares += p^2
        progress(k / repetitions, "lattice $k of $repetitions")
    end
    mean = total / repetitions
    return (threshold = mean, standard_error = sqrt((squares / repetitions - mean^2) / (repetitions - 1)))
end

mean_threshold(MersenneTwister(17), side, lattices)
