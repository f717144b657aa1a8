# A value with large arrays in it: a tar archive, in which the arrays are files in NumPy's format.
#
# The first file, value.json, is the value's JSON; `{"$array": 2}` in it stands for 2.npy. The format is POSIX
# ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"): blocks of 512 bytes, so that the numbers lie aligned.

"A smaller array inside a value stays in the value's JSON."
const PART_BYTES = 2^16
const TAR_BLOCK = 512
"The largest file in such an archive: its size has eleven octal digits."
const MOST_IN_TAR = 8^11 - 1

"Whether an array is written apart from the JSON that it stands in."
function is_part(w::Walk, @nospecialize(x))
    (w.parts_limit > 0 && (w.in_table || !isempty(w.path)) && x isa AbstractArray && ndims(x) > 0) || return false
    count = x isa Array ? length(x) : Base.invokelatest(length, x)
    # Most are small: that is seen without a look at their type, of which none takes more than 16 bytes.
    (count isa Int && (count == 0 || 16 * count > PART_BYTES)) || return false
    return numpy_description(eltype(x)) !== nothing && (count * sizeof(eltype(x)) > PART_BYTES || (count == 0 && ndims(x) > 1))
end

"Have an array written apart, each once however often it is in the value."
function put_part(w::Walk, @nospecialize(x::Array))
    place = get(w.places, x, 0)
    if place == 0
        w.parts_bytes += sizeof(x) + 2 * TAR_BLOCK  # about what stands before and behind it counts, too
        (w.parts_bytes > w.parts_limit || sizeof(x) > MOST_IN_TAR - 2^16) && throw(TooLarge())
        push!(w.parts, x)
        place = w.places[x] = length(w.parts)
    end
    print(w.io, "{\"\$array\":", place - 1, "}")
    return check_size(w)
end

"Write the JSON of a walk and its arrays into the value's file; whether that could be done."
function write_parts(w::Walk, folder::String)
    try
        open(file -> write_archive(file, w), joinpath(folder, ARRAY_FILE), "w")
        return true
    catch
        return false
    end
end

function write_archive(file::IO, w::Walk)
    json = take!(w.io)
    write(file, tar_header("value.json", length(json)), json, tar_padding(length(json)))
    for i in 1:length(w.parts)
        items = w.parts[i]::Array
        head = numpy_header(numpy_description(eltype(items))::String, size(items))
        bytes = length(head) + sizeof(items)
        write(file, tar_header(string(i - 1, ".npy"), bytes), head)
        write(file, items)
        write(file, tar_padding(bytes))
    end
    write(file, zeros(UInt8, 2 * TAR_BLOCK))
    return nothing
end

tar_padding(bytes::Int) = zeros(UInt8, mod(-bytes, TAR_BLOCK))

"What stands before a file in the archive."
function tar_header(name::String, bytes::Int)
    header = zeros(UInt8, TAR_BLOCK)
    put_at!(header, 0, name)
    put_at!(header, 100, "0000644")
    put_at!(header, 108, "0000000")
    put_at!(header, 116, "0000000")
    put_at!(header, 124, string(bytes, base = 8, pad = 11))
    put_at!(header, 136, "00000000000")
    put_at!(header, 148, "        ")  # the checksum itself counts as spaces
    put_at!(header, 156, "0")
    put_at!(header, 257, "ustar\0" * "00")
    put_at!(header, 148, string(sum(Int, header), base = 8, pad = 6) * "\0 ")
    return header
end

function put_at!(header::Vector{UInt8}, offset::Int, text::String)
    for (place, byte) in enumerate(codeunits(text))
        header[offset+place] = byte
    end
    return nothing
end

# Reading

"Whether a file is such an archive, and not JSON."
function is_tar(file::IO)
    start = read(file, TAR_BLOCK)
    seekstart(file)
    return length(start) == TAR_BLOCK && start[258:262] == codeunits("ustar")
end

"The JSON and the arrays in an archive."
function read_parts(file::IO)
    json = UInt8[]
    parts = Any[]
    while true
        header = read(file, TAR_BLOCK)
        (length(header) < TAR_BLOCK || header[1] == 0x00) && break
        bytes = parse(Int, String(header[125:135]), base = 8)
        start = position(file)
        isempty(json) ? (json = read(file, bytes)) : push!(parts, read_numpy(file))
        seek(file, start + bytes + mod(-bytes, TAR_BLOCK))
    end
    return json, parts
end
