# Mandelbrot set as a picture
#
# How many turns of z ← z² + c until z escapes, for each point c of the plane. A value that
# can show itself as SVG is shown as a picture.
parameters = [
    (name = :width, default = 180, label = "Width", unit = "points", minimum = 20, maximum = 400, step = 10,
     help = "Points along the picture."),
    (name = :limit, default = 60, label = "Turns", minimum = 10, maximum = 500, step = 10,
     help = "After so many turns a point counts as one that stays."),
]

struct Picture
    turns::Matrix{Int}
    limit::Int
end

function escape(c, limit)
    z = zero(c)
    for k in 1:limit
        abs2(z) > 4 && return k
        z = z^2 + c
    end
    return limit
end

function picture(width, height, limit)
    xs, ys = range(-2.2, 0.8; length = width), range(-1.2, 1.2; length = height)
    return Picture([escape(complex(x, y), limit) for y in ys, x in xs], limit)
end

colour(k, limit) = k == limit ? "#10131a" : "hsl($(round(Int, 215 + 60 * k / limit)),60%,$(round(Int, 92 - 60 * sqrt(k / limit)))%)"

# Neighbours of one colour become one rectangle.
function Base.show(io::IO, ::MIME"image/svg+xml", p::Picture)
    height, width = size(p.turns)
    print(io, """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" shape-rendering="crispEdges">""")
    for y in 1:height
        x = 1
        while x <= width
            last = x
            while last < width && p.turns[y, last+1] == p.turns[y, x]
                last += 1
            end
            print(io, """<rect x="$(x-1)" y="$(y-1)" width="$(last-x+1)" height="1" fill="$(colour(p.turns[y, x], p.limit))"/>""")
            x = last + 1
        end
    end
    print(io, "</svg>")
end

picture(width, 4width ÷ 5, limit)
