# A loop without an end (fails on purpose)
#
# The code cannot be parsed, so nothing of it is run.
function harmonic(n)
    total = 0.0
    for k in 1:n
        total += 1 / k
    return total
end

harmonic(100)
