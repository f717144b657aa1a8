# Arguments that do not stand in their frame as what they are: arrays with their type and shape, and
# large values, which lie in files in the task's folder.

"What stands for something else in arguments: files of values, or the arrays of one value."
struct Given
    files::Dict{String,Any}
    folder::String
    parts::Vector{Any}
end

"""
    in_place(x, given)

Arguments, or a value among them, with each `{"\$value": ...}` and `{"\$array": ...}` that something belongs to
replaced by that.
"""
function in_place(@nospecialize(x), given::Given)
    if x isa Dict{String,Any}
        found = length(x) == 1 ? meant(first(x)..., given) : nothing
        found === nothing || return something(found)
        for (key, value) in x
            x[key] = in_place(value, given)
        end
    elseif x isa Vector{Any}
        for i in 1:length(x)
            x[i] = in_place(x[i], given)
        end
    elseif x isa Dict{Any,Any}
        return Dict{Any,Any}(key => in_place(value, given) for (key, value) in x)
    end
    return x
end

"What a tag stands for; `nothing` where nothing belongs to it."
function meant(tag::String, @nospecialize(content), given::Given)
    if tag == "\$array" && content isa Int
        return 0 <= content < length(given.parts) ? given.parts[content+1] : nothing
    end
    (tag == "\$value" && content isa Dict{String,Any}) || return nothing
    file = get(given.files, get(content, "ref", nothing), nothing)
    return file === nothing ? nothing : Some(read_given(joinpath(given.folder, file), content))
end

"What is in the file of a value: an array in NumPy's format, or JSON, with its arrays beside it where they are large."
function read_given(path::String, about::Dict{String,Any})
    about["kind"] == "ARRAY" && return open(read_numpy, path)
    json, parts = open(file -> is_tar(file) ? read_parts(file) : (read(file), Any[]), path)
    value = read_json(json)
    isempty(parts) || (value = in_place(value, Given(Dict{String,Any}(), "", parts)))
    if about["kind"] == "TABLE"
        (value isa Dict{String,Any} && haskey(value, "columns")) || return value
        return typed_columns!(value["columns"], get(value, "types", nothing))
    end
    return something(array_of(get(about, "type", ""), value), Some(value))
end

"The columns of a table, each of the type that is told of it."
function typed_columns!(@nospecialize(columns), @nospecialize(types))
    (columns isa Dict{String,Any} && types isa Dict{String,Any}) || return columns
    for (name, type) in types
        entries = get(columns, name, nothing)
        made = array_of(string("Vector{", type, "}"), entries)
        made === nothing || typeof(made) === typeof(entries) || (columns[name] = made)
    end
    return columns
end

# Arrays, given as JSON with Julia's name of their type

const NUMBERS = Dict{String,DataType}(
    (String(nameof(type)) => type for (type, _) in DESCRIPTIONS if isempty(type.parameters))...,
    # Julia writes these in either way, by its version.
    "Complex{Float32}" => ComplexF32, "ComplexF32" => ComplexF32,
    "Complex{Float64}" => ComplexF64, "ComplexF64" => ComplexF64,
)

"""
    array_of(type, items, size = nothing)

The array that Julia calls `type`, such as `Matrix{Float32}`, of nested rows, the first index
outermost; `nothing` where they are no such array. Where it has no entries, `size` tells how many
there are not.
"""
function array_of(@nospecialize(type), @nospecialize(items), @nospecialize(size = nothing))
    (type isa String && items isa Vector) || return nothing
    found = named_array(type)
    found === nothing && return nothing
    T, dimensions = found
    if size !== nothing
        fits = size isa Vector{Int} && length(size) == dimensions && all(>=(0), size) && any(iszero, size)
        return fits ? Array{T}(undef, size...) : nothing
    end
    sizes = zeros(Int, dimensions)
    rows = items
    for d in 1:dimensions
        rows isa Vector || return nothing
        sizes[d] = length(rows)
        isempty(rows) || (rows = rows[1])
    end
    filled = Array{T}(undef, sizes...)
    try
        return place!(filled, items, 1, 1) ? filled : nothing
    catch  # a number that is none of this type
        return nothing
    end
end

"The type of an array's entries and how many dimensions it has, by Julia's name; `nothing` for any other type."
function named_array(type::String)
    type == "BitVector" && return Bool, 1
    type == "BitMatrix" && return Bool, 2
    bits = match(r"^BitArray\{(\d+)\}$", type)
    bits === nothing || return Bool, parse(Int, bits.captures[1])
    named = match(NAMED_ARRAY, type)
    named === nothing && return nothing
    kind, with_holes, plain, dimensions = named.captures
    T = element_type(something(with_holes, plain))
    (T !== nothing && (kind == "Array") == (dimensions !== nothing)) || return nothing
    return with_holes === nothing ? T : Union{Missing,T},
        kind == "Vector" ? 1 : kind == "Matrix" ? 2 : parse(Int, dimensions)
end

const NAMED_ARRAY = r"^(Vector|Matrix|Array)\{(?:Union\{Missing, ?([\w.]+(?:\{\w+\})?)\}|([\w.]+(?:\{\w+\})?))(?:, ?(\d))?\}$"

"The type of an array's entries by its name; `nothing` for one that arrays among arguments do not have."
function element_type(name::AbstractString)
    name == "String" && return String
    moment = Symbol(startswith(name, "Dates.") ? name[7:end] : name)
    return moment in values(MOMENT_TAGS) ? value_of(dates(), moment) : get(NUMBERS, name, nothing)
end

# `start` is the linear index of a slice's first entry, as where values are written.
function place!(@nospecialize(filled::Array), @nospecialize(items), dimension::Int, start::Int)
    last_one = dimension == ndims(filled)
    (items isa Vector && length(items) == size(filled, dimension)) || return false
    stride = 1
    for d in 1:dimension-1
        stride *= size(filled, d)
    end
    for i in 1:length(items)
        at = start + (i - 1) * stride
        if last_one
            filled[at] = entry_of(eltype(filled), items[i])
        else
            place!(filled, items[i], dimension + 1, at) || return false
        end
    end
    return true
end

"An entry of an array of type `T`: as JSON has it, null is `missing`, and dates are texts."
function entry_of(@nospecialize(T), @nospecialize(item))
    item === nothing && Missing <: T && return missing
    S = nonmissingtype(T)
    return item isa String && S !== String ? something(moment(nameof(S), item)) : item
end

# NumPy's files

"""
    read_numpy(io) -> Array

The array in a file of NumPy's format, of its own type and shape, whichever index comes first in the file.
"""
function read_numpy(io::IO)
    description, column_by_column, dimensions = read_numpy_header(io)
    T = numpy_type(description)
    T === nothing && error("an array of NumPy's type $description")
    if column_by_column || length(dimensions) < 2
        return read!(io, Array{T}(undef, dimensions...))
    end
    rows = read!(io, Array{T}(undef, reverse(dimensions)...))
    return permutedims(rows, length(dimensions):-1:1)
end

"What stands before the numbers: their type, whether they lie as Julia's do, and the array's size."
function read_numpy_header(io::IO)
    magic = read(io, 8)
    (length(magic) == 8 && magic[1:6] == UInt8[0x93, codeunits("NUMPY")...]) || error("no file of NumPy's format")
    bytes = magic[7] == 0x01 ? 2 : 4
    size = 0
    for (place, byte) in enumerate(read(io, bytes))
        size |= Int(byte) << (8 * (place - 1))
    end
    text = String(read(io, size))
    description = match(r"'descr': *'([^']*)'", text)
    order = match(r"'fortran_order': *(True|False)", text)
    shape = match(r"'shape': *\(([0-9, ]*)\)", text)
    (description === nothing || order === nothing || shape === nothing) && error("a header that is not NumPy's: $text")
    dimensions = Int[parse(Int, part) for part in split(shape.captures[1], ',') if !isempty(strip(part))]
    return String(description.captures[1]), order.captures[1] == "True", dimensions
end

"Julia's type of what NumPy describes so; `nothing` where it has none."
function numpy_type(description::String)
    for (T, known) in DESCRIPTIONS
        known == description && return T
    end
    return nothing
end
