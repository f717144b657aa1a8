# Short texts for people: bounded, whatever a type's own `show` does.

const LINE_LENGTH = 200
const REPR_BYTES = 64 * 1024

"""
    shown(x, m; bytes, compact) -> Union{String,Nothing}

What `show` writes for `x`, cut at `bytes`; `nothing` where `show` fails. `m` is the
task's module: its own types are named without it.
"""
function shown(@nospecialize(x), m::Module; bytes::Int = REPR_BYTES, compact::Bool = false)
    io = IOBuffer(maxsize = bytes)
    try
        if compact
            Base.invokelatest(show, context(io, m, compact = true, rows = 20), x)
        else
            Base.invokelatest(show, context(io, m, rows = 50), MIME("text/plain"), x)
        end
    catch
        return nothing
    end
    return whole_characters(String(take!(io)))
end

function context(io::IOBuffer, m::Module; compact::Bool = false, rows::Int = 50)
    return IOContext(io, :limit => true, :compact => compact, :displaysize => (rows, 120), :module => m)
end

"Without the half of a character that a cut may leave at the end."
function whole_characters(text::String)
    for cut in 0:min(3, ncodeunits(text))
        last = ncodeunits(text) - cut
        (last == 0 || isvalid(text, thisind(text, last))) && return cut == 0 ? text : String(codeunits(text)[1:last])
    end
    return text
end

"One line of at most 200 characters for a table's cell."
function one_line(@nospecialize(x), m::Module)
    x isa Union{Float16,Float32,Float64} && return string(x)
    io = IOBuffer()
    brief(io, x, m, 1)
    return cut_line(whole_characters(String(take!(io))))
end

const BRIEF_ITEMS = 12
const BRIEF_DEPTH = 4

# Julia's own containers, without `show`: it would be compiled anew for each type of
# array and named tuple, and a task may have changed it.
function brief(io::IOBuffer, @nospecialize(x), m::Module, depth::Int)
    if x isa Union{Nothing,Missing,Bool,Signed,Unsigned,BigInt} && is_builtin(x)
        print_any(io, x)
    elseif x isa Union{Float16,Float32,Float64}
        print_any(io, x)
    elseif x isa String
        print_any(io, repr(String(first(x, LINE_LENGTH))))
    elseif x isa Symbol
        write(io, ":", String(x))
    elseif position(io) > 4 * LINE_LENGTH || depth > BRIEF_DEPTH
        write(io, "…")
    elseif x isa Vector
        brief_items(io, "[", x, "]", m, depth)
    elseif x isa Matrix
        brief_rows(io, x, m, depth)
    elseif x isa Tuple
        brief_items(io, "(", Any[getfield(x, i) for i in 1:nfields(x)], nfields(x) == 1 ? ",)" : ")", m, depth)
    elseif x isa NamedTuple
        brief_pairs(io, "(", names_of(x), fields(x), " = ", ")", m, depth)
    elseif x isa Dict
        keys, values = first_pairs(x)
        brief_pairs(io, "Dict(", keys, values, " => ", ")", m, depth)
    else
        text = shown(x, m, bytes = 4 * LINE_LENGTH, compact = !(x isa Number))
        write(io, text === nothing ? plain_name(x) : text)
    end
    return nothing
end

# So that the compiler does not prepare for every kind of value.
@noinline print_any(@nospecialize(io), @nospecialize(x)) = print(io, x)

function is_builtin(@nospecialize(x))
    home = parentmodule(typeof(x))
    return home === Core || home === Base || home === Base.GMP
end

function brief_items(io::IOBuffer, before::String, @nospecialize(x::Vector), after::String, m::Module, depth::Int)
    write(io, before)
    for i in 1:min(length(x), BRIEF_ITEMS)
        i > 1 && write(io, ", ")
        isassigned(x, i) ? brief(io, x[i], m, depth + 1) : write(io, "#undef")
    end
    length(x) > BRIEF_ITEMS && write(io, ", … ", string(length(x) - BRIEF_ITEMS), " more")
    write(io, after)
    return nothing
end

function brief_rows(io::IOBuffer, @nospecialize(x::Matrix), m::Module, depth::Int)
    rows, columns = size(x)
    (rows > BRIEF_ITEMS || columns > BRIEF_ITEMS) && write(io, string(rows), "×", string(columns), " ")
    write(io, "[")
    for i in 1:min(rows, BRIEF_ITEMS)
        i > 1 && write(io, "; ")
        for j in 1:min(columns, BRIEF_ITEMS)
            j > 1 && write(io, " ")
            at = (j - 1) * rows + i
            isassigned(x, at) ? brief(io, x[at], m, depth + 1) : write(io, "#undef")
        end
        columns > BRIEF_ITEMS && write(io, " …")
    end
    rows > BRIEF_ITEMS && write(io, "; …")
    write(io, "]")
    return nothing
end

function first_pairs(@nospecialize(x::Dict))
    keys, values = Any[], Any[]
    for (key, value) in x
        push!(keys, key)
        push!(values, value)
        length(keys) > BRIEF_ITEMS && break
    end
    return keys, values
end

function brief_pairs(
    io::IOBuffer, before::String, names::Vector{Any}, values::Vector{Any}, between::String, after::String, m::Module,
    depth::Int,
)
    write(io, before)
    for i in 1:min(length(names), BRIEF_ITEMS)
        i > 1 && write(io, ", ")
        name = names[i]
        name isa Symbol && between == " = " ? write(io, String(name)) : brief(io, name, m, depth + 1)
        write(io, between)
        brief(io, values[i], m, depth + 1)
    end
    length(names) > BRIEF_ITEMS && write(io, ", …")
    write(io, after)
    return nothing
end

plain_name(@nospecialize(x)) = string("<", nameof(typeof(x)), ">")

function cut_line(text::String)
    io = IOBuffer()
    written = 0
    for c in text
        if written == LINE_LENGTH - 1 && length(text) > LINE_LENGTH
            write(io, "…")
            break
        end
        write(io, !isvalid(c) ? '\ufffd' : iscntrl(c) ? ' ' : c)
        written += 1
    end
    return String(take!(io))
end

"The name of `x`'s type, as the task's author would write it."
function type_name(@nospecialize(x), m::Module)
    T = typeof(x)
    T isa DataType && T.name.module === Core && isempty(T.parameters) && return String(nameof(T))
    text = shown(T, m, bytes = 2000, compact = true)
    text === nothing && return String(nameof(T))
    return length(text) <= 500 ? text : string(first(text, 499), "…")
end
