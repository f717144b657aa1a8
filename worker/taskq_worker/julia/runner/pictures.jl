# Values that show themselves as a picture or a page: a MIME bundle.

# Of LaTeX and Markdown only what has no other form: that is what it costs the least.
const PICTURES = ("image/png", "image/svg+xml", "text/html", "text/latex")
const LAST_RESORT = ("text/latex", "text/markdown")

"""
    mime_bundle(x, m, limit, mimes = PICTURES) -> Union{Vector{UInt8},Nothing}, String

A MIME bundle of at most `limit` bytes as JSON, `nothing` where `x` shows itself as text only; and
what was left out, in a sentence.
"""
function mime_bundle(@nospecialize(x), m::Module, limit::Int, mimes = PICTURES)
    note = ""
    x isa Union{Function,Module,Type} && return nothing, note
    io = IOBuffer()
    for mime in mimes
        mime in LAST_RESORT && position(io) > 0 && continue
        Base.invokelatest(showable, MIME(mime), x) === true || continue
        data = form_of(x, mime, m, limit)
        data === nothing && (note = too_large_form(mime, limit); continue)
        write(io, position(io) == 0 ? "{" : ",")
        put_form(io, mime, data)
    end
    position(io) == 0 && return nothing, note
    put_plain_form(io, x, m)
    write(io, "}")
    data = take!(io)
    length(data) > limit && return nothing, string("Its forms are larger than ", size_text(limit), " and were left out.")
    return data, note
end

"What `show` writes for `x` as one type; `nothing` where that is larger than `limit` bytes, as it travels."
function form_of(@nospecialize(x), mime::String, m::Module, limit::Int)
    io = IOBuffer(maxsize = limit + 1)
    Base.invokelatest(show, context(io, m), MIME(mime), x)
    data = take!(io)
    return is_too_large(data, mime, limit) ? nothing : data
end

is_too_large(data::Vector{UInt8}, mime::String, limit::Int) = length(data) > (mime == "image/png" ? limit ÷ 4 * 3 : limit)

too_large_form(mime::String, limit::Int) = string("Its form as ", mime, " is larger than ", size_text(limit), " and was left out.")

function put_form(io::IOBuffer, mime::String, data::Vector{UInt8})
    write(io, "\"", mime, "\":")
    mime == "image/png" ? write(io, "\"", base64(data), "\"") : put_string(io, String(data))
    return nothing
end

function put_plain_form(io::IOBuffer, @nospecialize(x), m::Module)
    plain = shown(x, m)
    write(io, ",\"text/plain\":")
    put_string(io, plain === nothing ? plain_name(x) : plain)
    return nothing
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
