# What a cell displays before it ends: sent at once, where it stands among what is printed.
#
# Text alone goes to standard output, as in the REPL. What is more goes as a frame, which is another
# pipe; so all that was printed before is read by then, and what is printed after comes after.

"What `display` may be asked for by its type, besides text."
const Displayable = Union{MIME"image/png",MIME"image/svg+xml",MIME"text/html",MIME"text/latex",MIME"text/markdown"}

"Forms of what is displayed, the best first: those of a cell's value, and one more."
const DISPLAYED = (PICTURES..., "text/markdown")

"How a supervisor takes displays while a cell runs."
mutable struct Displays
    "the most bytes that one may have; 0: it takes none"
    most_bytes::Int
    "the pipes that the process prints to, as they were at its start"
    printed_to::NTuple{3,Tuple{UInt64,UInt64}}
end

const DISPLAYS = Displays(0, ((0, 0), (0, 0), (0, 0)))

takes_displays() = DISPLAYS.most_bytes > 0 && RUNNING.job != 0

"Where `display` goes in a session."
struct CellDisplay <: AbstractDisplay end

Base.display(::CellDisplay, @nospecialize(x)) = in_runner_world(display_best, x)
Base.display(::CellDisplay, ::MIME"text/plain", @nospecialize(x)) = in_runner_world(print_plain, x, "")
Base.display(::CellDisplay, mime::Displayable, @nospecialize(x)) = in_runner_world(display_as, string(mime), x)

"Display what shows itself as more than text as all of that, and all else as text."
function display_best(@nospecialize(x))
    bundle, note = takes_displays() ? rich_forms(x) : (nothing, "")
    bundle === nothing ? print_plain(x, note) : send_display(bundle, note)
    return nothing
end

# A form that cannot be made is none, as for a cell's value.
function rich_forms(@nospecialize(x))
    try
        return mime_bundle(x, Main, DISPLAYS.most_bytes, DISPLAYED)
    catch problem
        problem isa InterruptException && rethrow()
        return nothing, ""
    end
end

"Display as one type: text and bytes may be of that type already."
function display_as(mime::String, @nospecialize(x))
    takes_displays() || throw(MethodError(display, (MIME(mime), x)))
    is_made = mime == "image/png" ? x isa Vector{UInt8} : x isa AbstractString
    limit = DISPLAYS.most_bytes
    data = is_made ? made_form(x) : form_of(x, mime, Main, limit)
    bundle = data === nothing || is_too_large(data, mime, limit) ? nothing : one_form(x, mime, data, is_made)
    if bundle === nothing || length(bundle) > limit
        left_out = string("What was displayed as ", mime, " is larger than ", size_text(limit), " and was left out: ",
            "the log of a task holds no more.")
        is_made ? print_text(string("(", left_out, ")")) : print_plain(x, left_out)
    else
        send_display(bundle, "")
    end
    return nothing
end

function one_form(@nospecialize(x), mime::String, data::Vector{UInt8}, is_made::Bool)
    bundle = IOBuffer()
    write(bundle, "{")
    put_form(bundle, mime, data)
    is_made || put_plain_form(bundle, x, Main)
    write(bundle, "}")
    return take!(bundle)
end

made_form(x::Vector{UInt8}) = x
made_form(@nospecialize(x)) = Vector{UInt8}(codeunits(String(Base.invokelatest(String, x))))

"Print a value as the REPL shows it, in one piece, and what is left out of it, if anything is."
function print_plain(@nospecialize(x), left_out::String)
    io = IOBuffer()
    Base.invokelatest(show, context(io, Main), MIME("text/plain"), x)
    isempty(left_out) || write(io, "\n(", left_out, ")")
    print_text(String(take!(io)))
    return nothing
end

print_text(text::String) = (write(stdout, string(text, "\n")); nothing)

function send_display(bundle::Vector{UInt8}, note::String)
    io = start_frame()
    print(io, "{\"job\":", RUNNING.job, ",\"data\":")
    write(io, bundle)
    put_field(io, "note", note)
    write(io, "}")
    Libc.flush_cstdio()
    wait_until_read()
    # An interrupt must not cut a frame in two.
    disable_sigint(() -> send(RUNNING.wire::Wire, FRAME_DISPLAY, io))
    return nothing
end

const LOOK_S = 0.0002
const READ_PATIENCE_NS = 1_000_000_000

"Wait until all that was printed is read; not for ever: a Julia task may go on printing."
function wait_until_read()
    pipes = filter(fd -> identity_of(fd) == DISPLAYS.printed_to[fd+1], [1, 2])  # others the code has sent elsewhere
    began = time_ns()
    while any(fd -> something(unread_bytes(fd), 0) > 0, pipes) && time_ns() - began < READ_PATIENCE_NS
        Libc.systemsleep(LOOK_S)
    end
    return nothing
end
