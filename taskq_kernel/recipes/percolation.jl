parameters = [
    (name = :side, default = 100, label = "Side", unit = "sites", minimum = 5, maximum = 1_000, step = 5,
     help = "Sites along one side of the square lattice."),
    (name = :lattices, default = 200, label = "Lattices", minimum = 10, maximum = 10_000, step = 10,
     help = "How many are filled; four times as many halve the error."),
]
shown = (kind = :number, value = :threshold, error = :standard_error, label = "Share of open sites")

isdefined(@__MODULE__, :progress) || @eval progress(_...) = nothing  # where Julia runs without taskq

"""
# Percolation threshold

Which share of the sites of a square lattice is open when the first way leads from its top to its bottom: sites
open one by one, in random order, and clusters are joined as they meet (union-find). On an endless lattice that is
`theory`, 0.59274605; there is no formula for it. Small lattices stray a little from it.
"""
function percolation(; side, lattices)
    shares = Float64[]
    for k in 1:lattices
        push!(shares, percolation_share(side))
        progress(k / lattices, "lattice $k of $lattices")
    end
    mean = sum(shares) / lattices
    standard_error = sqrt(sum((shares .- mean) .^ 2) / (lattices * (lattices - 1)))
    return (threshold = mean, standard_error = standard_error, theory = 0.59274605)
end

"Open the sites of one lattice until it is crossed: the share that is open."
function percolation_share(n)
    top, bottom = n^2 + 1, n^2 + 2
    parent = collect(1:n^2 + 2)
    open = falses(n, n)
    order = collect(1:n^2)
    for count in 1:n^2
        other = rand(count:n^2)
        order[count], order[other] = order[other], order[count]
        site = order[count]
        column, row = fldmod1(site, n)
        open[site] = true
        row == 1 && percolation_join!(parent, site, top)
        row == n && percolation_join!(parent, site, bottom)
        row > 1 && open[site - 1] && percolation_join!(parent, site, site - 1)
        row < n && open[site + 1] && percolation_join!(parent, site, site + 1)
        column > 1 && open[site - n] && percolation_join!(parent, site, site - n)
        column < n && open[site + n] && percolation_join!(parent, site, site + n)
        percolation_root!(parent, top) == percolation_root!(parent, bottom) && return count / n^2
    end
end

function percolation_root!(parent, site)
    while parent[site] != site
        parent[site] = parent[parent[site]]
        site = parent[site]
    end
    return site
end

percolation_join!(parent, a, b) = (parent[percolation_root!(parent, a)] = percolation_root!(parent, b))
