# Values that show themselves as a picture or a page: a MIME bundle.

const PICTURES = ("image/png", "image/svg+xml", "text/html")

"A MIME bundle as JSON and a note; `nothing` where `x` shows itself as text only."
function mime_bundle(@nospecialize(x), m::Module, limit::Int)
    x isa Union{Function,Module,Type} && return nothing
    io = IOBuffer()
    note = ""
    for mime in PICTURES
        Base.invokelatest(showable, MIME(mime), x) === true || continue
        picture = IOBuffer(maxsize = limit + 1)
        Base.invokelatest(show, context(picture, m), MIME(mime), x)
        data = take!(picture)
        if length(data) > (mime == "image/png" ? limit ÷ 4 * 3 : limit)
            note = string("Its form as ", mime, " is larger than ", size_text(limit), " and was left out.")
            continue
        end
        write(io, position(io) == 0 ? "{" : ",", "\"", mime, "\":")
        mime == "image/png" ? write(io, "\"", base64(data), "\"") : put_string(io, String(data))
    end
    position(io) == 0 && return nothing
    plain = shown(x, m)
    write(io, ",\"text/plain\":")
    put_string(io, plain === nothing ? plain_name(x) : plain)
    write(io, "}")
    data = take!(io)
    return length(data) > limit ? nothing : (data, note)
end

const BASE64 = Vector{UInt8}("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

function base64(data::Vector{UInt8})
    out = UInt8[]
    sizehint!(out, 4 * cld(length(data), 3))
    for i in 1:3:length(data)
        bits = UInt32(0)
        for k in 0:2
            bits = bits << 8 | (i + k <= length(data) ? data[i+k] : 0x00)
        end
        for k in 0:3
            inside = i + k - 1 <= length(data)
            push!(out, inside ? BASE64[(bits>>(18-6k))&0x3f+1] : UInt8('='))
        end
    end
    return out
end
