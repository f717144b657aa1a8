# A failure as people read it: the exception's name and message, the line at fault, and a
# stack trace that begins with the task's own lines and leaves this runner's out.

const MESSAGE_BYTES = 8 * 1024
const MOST_FRAMES = 60

"Why a task failed."
struct Failure
    name::String
    message::String
    stacktrace::String
    line::Int  # of the task's code; 0 where it is not known
    retryable::Bool
    process_is_sound::Bool
end

Failure(name, message; line = 0, retryable = true) = Failure(name, message, "", line, retryable, true)

function unwritten_failure(@nospecialize(problem))
    return Failure(String(nameof(typeof(problem))),
        string("what the task wrote to a file that it did not close could not be kept: ", message_of(problem, Main)))
end

"The code of a task, for its lines to be shown."
struct Source
    file::String
    lines::Vector{SubString{String}}
    folder::String
end

Source(file::String, code::String, folder::String) = Source(file, split(code, '\n'), folder)

"The cells that were run in a session, by the names of files in stack traces: `In[3]`."
const CELLS = Dict{String,Source}()

"""
    describe(stack, source, m, line) -> Failure

Describe what was thrown last on an exception stack. `line` is that of the statement that
was being evaluated.
"""
function describe(stack::Vector{Any}, source::Source, m::Module, line::Int)
    problem, trace = unwrap(last(stack)...)
    text = message_of(problem, m)
    frames = trace_frames(trace)
    mine = first_line(frames, source)
    name = String(nameof(typeof(problem)))
    syntax = problem isa ErrorException && startswith(problem.msg, "syntax: ")
    if problem isa StackOverflowError
        text = "the functions call one another without end; check what stops the recursion"
    elseif problem isa OutOfMemoryError
        text = "Julia asked for more memory than the machine has; work on smaller pieces"
    elseif syntax
        name, text = "SyntaxError", text[length("syntax: ")+1:end]
    end
    shown = trace_text(frames, source, m)
    for (cause, _) in reverse(stack[1:end-1])
        inner = unwrap(cause, [])[1]
        inner === problem && continue
        shown = string(shown, "\ncaused by ", nameof(typeof(inner)), ": ", first(message_of(inner, m), 500))
    end
    sound = !(problem isa StackOverflowError || problem isa OutOfMemoryError)
    return Failure(name, text, shown, mine > 0 ? mine : line, !syntax, sound)
end

"What stands inside of the exceptions that only carry another one."
function unwrap(@nospecialize(problem), @nospecialize(trace))
    for _ in 1:20
        if problem isa LoadError || nameof(typeof(problem)) === :InitError
            problem = problem.error
        elseif problem isa TaskFailedException
            inner = exception_stack(problem.task)
            isempty(inner) && break
            problem, trace = last(inner)
        elseif problem isa CompositeException && !isempty(problem.exceptions)
            problem = problem.exceptions[1]
        elseif problem isa CapturedException
            problem, trace = problem.ex, problem.processed_bt
        elseif nameof(typeof(problem)) === :RemoteException && hasfield(typeof(problem), :captured)
            problem = problem.captured
        else
            break
        end
    end
    return problem, trace
end

function message_of(@nospecialize(problem), m::Module)
    problem isa InterruptException && return "the task was interrupted"
    io = IOBuffer(maxsize = MESSAGE_BYTES)
    try
        Base.invokelatest(showerror, context(io, m, rows = 20), problem)
    catch
        io = IOBuffer(maxsize = MESSAGE_BYTES)
        try
            showerror(context(io, m), problem)
        catch
            return "its message cannot be shown: its own showerror method failed"
        end
    end
    text = whole_characters(String(take!(io)))
    ncodeunits(text) >= MESSAGE_BYTES - 4 && (text = string(text, " ... (cut at ", MESSAGE_BYTES ÷ 1024, " KiB)"))
    return without_name(within_project(text), String(nameof(typeof(problem))))
end

# "ErrorException: x" and "DomainError with -1.0:\nx" begin with what the name says already.
function without_name(text::String, name::String)
    startswith(text, string(name, ": ")) && return text[ncodeunits(name)+3:end]
    startswith(text, string(name, " with ")) && return text[ncodeunits(name)+2:end]
    return text
end

# Frames

"Where the files of the task's project lie, with a slash at the end; empty without one."
const PROJECT = Ref("")

"Take the project's folder that the supervisor names in the variable RUNNER_PROJECT."
function take_project()
    folder = pop!(ENV, "RUNNER_PROJECT", "")
    PROJECT[] = isempty(folder) ? "" : string(folder, '/')
    return nothing
end

"A path or a text as people know it: without the folder in which a worker keeps the project."
within_project(text::String) = isempty(PROJECT[]) ? text : replace(text, PROJECT[] => "")

is_in_project(file::String) = !isempty(PROJECT[]) && startswith(file, PROJECT[])

"The frames of a trace, innermost first; of a very long one its two ends."
function trace_frames(@nospecialize(trace))
    trace === nothing && return StackTraces.StackFrame[]
    if !isempty(trace) && trace[1] isa Tuple  # processed already: (frame, count)
        return StackTraces.StackFrame[item[1] for item in trace]
    end
    length(trace) > 400 && (trace = vcat(trace[1:200], trace[end-199:end]))
    frames = try
        stacktrace(trace)
    catch
        StackTraces.StackFrame[]
    end
    return without_runner(frames)
end

function without_runner(frames::Vector{StackTraces.StackFrame})
    entry = findlast(frame -> frame.func === :evaluate && is_runner(frame), frames)
    kept = entry === nothing ? frames : frames[1:entry-1]
    return filter(frame -> !is_runner(frame) && frame.line > 0, kept)
end

is_runner(frame) = startswith(String(frame.file), RUNNER_FOLDER)

function is_mine(frame, source::Source)
    file = String(frame.file)
    return source_of(file, source) !== nothing || startswith(file, string(source.folder, "/")) ||
        is_in_project(file)
end

"The code that a frame's file is: the task's, or that of an earlier cell of its session."
function source_of(file::String, source::Source)
    startswith(file, "./") && (file = file[3:end])
    return file == source.file ? source : get(CELLS, file, nothing)
end

function first_line(frames, source::Source)
    for frame in frames
        file = String(frame.file)
        (file == source.file || file == string("./", source.file)) && return Int(frame.line)
    end
    return 0
end

"""
The trace as text. The task's own frames come first, each with its line of code; below
them what they called, inside Julia and packages.
"""
function trace_text(frames, source::Source, m::Module)
    mine = filter(frame -> is_mine(frame, source), frames)
    outermost = findlast(frame -> is_mine(frame, source), frames)
    inside = outermost === nothing ? frames : frames[1:outermost]
    inside = filter(frame -> !is_mine(frame, source) && !is_machinery(frame), inside)
    io = IOBuffer()
    if !isempty(mine)
        write(io, "In the task's code, innermost first:")
        put_frames(io, mine, source, m)
    end
    if !isempty(inside)
        write(io, position(io) == 0 ? "" : "\n", "Inside Julia and its packages, innermost first:")
        put_frames(io, inside, source, m)
    end
    return String(take!(io))
end

function put_frames(io::IOBuffer, frames, source::Source, m::Module)
    seen = Dict{Any,Int}()
    left_out = 0
    printed = 0
    for frame in frames
        place = (frame.func, frame.file, frame.line)
        seen[place] = get(seen, place, 0) + 1
        if seen[place] > 2 || printed >= MOST_FRAMES
            left_out += 1
            continue
        end
        printed += 1
        write(io, "\n  ", place_text(frame, source), "  ", call_text(frame, m))
        code = code_line(frame, source)
        isempty(code) || write(io, "\n      ", code)
    end
    left_out > 0 && print(io, "\n  and ", left_out, " more")
    return nothing
end

function place_text(frame, source::Source)
    file = String(frame.file)
    startswith(file, "./") && (file = file[3:end])
    startswith(file, string(source.folder, "/")) && (file = file[ncodeunits(source.folder)+2:end])
    return string(within_project(file), ":", frame.line)
end

# As Julia shows it, without what `StackTraces.show_spec_linfo` would have to compile.
function call_text(frame, m::Module)
    name = String(frame.func)
    types = argument_types(frame)
    types === nothing && return name
    io = IOBuffer(maxsize = 400)
    write(io, name, "(")
    for i in 1:length(types)
        i > 1 && write(io, ", ")
        text = shown(types[i], m, bytes = 200, compact = true)
        write(io, "::", text === nothing ? "?" : text)
    end
    write(io, ")")
    return replace(whole_characters(String(take!(io))), '\n' => ' ')
end

function code_line(frame, source::Source)
    found = source_of(String(frame.file), source)
    (found === nothing || !(1 <= frame.line <= length(found.lines))) && return ""
    return cut_line(String(strip(found.lines[frame.line])))
end
