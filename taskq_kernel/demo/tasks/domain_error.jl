# A root that is not real (fails on purpose)
#
# The discriminant of x² + x + 1 is negative, and Julia's real square root refuses it. The
# error names the line; complex(d) would have given the two complex roots.
function roots(a, b, c)
    d = b^2 - 4a * c
    return (-b + sqrt(d)) / 2a, (-b - sqrt(d)) / 2a
end

roots(1.0, 1.0, 1.0)
