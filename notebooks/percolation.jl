"""Whether a path of open sites crosses a lattice of n by n sites, each of which is open with probability `p`."""
function crosses(n, p)
    open = rand(n, n) .< p
    found = [CartesianIndex(1, column) for column in 1:n if open[1, column]]
    open[1, :] .= false
    while !isempty(found)
        site = pop!(found)
        site[1] == n && return true
        for step in ((1, 0), (-1, 0), (0, 1), (0, -1))
            next = site + CartesianIndex(step)
            if checkbounds(Bool, open, next) && open[next]
                open[next] = false
                push!(found, next)
            end
        end
    end
    return false
end

"""The share of `samples` lattices that are crossed, and its standard deviation."""
function percolation(; n, p, samples = 1000)
    crossed = 0
    for sample in 1:samples
        crossed += crosses(n, p)
        progress(sample / samples)
    end
    share = crossed / samples
    return (share = share, deviation = sqrt(share * (1 - share) / samples))
end
