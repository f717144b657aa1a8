# Newton's method and its basins
#
# From where in the plane does Newton's method for z³ = 1 lead to which root? The borders of
# the three basins are a fractal; the shares are exact mirror images for the complex pair.
parameters = [
    (name = :n, default = 600, label = "Points along a side", minimum = 50, maximum = 3_000, step = 50,
     help = "The plane is looked at in n × n points."),
]

function root_found(z)
    for _ in 1:60
        abs(z) < 1e-12 && return 0
        z -= (z^3 - 1) / (3z^2)
    end
    roots = (1.0 + 0im, cis(2π / 3), cis(-2π / 3))
    for (k, root) in enumerate(roots)
        abs(z - root) < 1e-6 && return k
    end
    return 0
end

function basins(n)
    counts = zeros(Int, 4)
    axis = range(-2, 2; length = n)
    for (k, y) in enumerate(axis)
        for x in axis
            counts[root_found(complex(x, y))+1] += 1
        end
        k % 50 == 0 && progress(k / n, "row $k of $n")
    end
    return counts ./ n^2
end

none, one, above, below = basins(n)
(to_one = one, to_upper = above, to_lower = below, nowhere = none)
