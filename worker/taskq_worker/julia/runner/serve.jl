# The main loop: hello, then one task after another, until the supervisor is gone.

"""
    main(requests_fd, frames_fd, ahead_fd)

Serve tasks that come in on one file descriptor, report on another. Returns when the
first one ends. On the third wait those that are sent ahead.
"""
function main(requests_fd::Integer, frames_fd::Integer, ahead_fd::Integer)
    lacking = missing_internals()
    isempty(lacking) || give_up(lacking)
    OWN_PID[] = getpid()
    wire = Wire(Cint(requests_fd), Cint(frames_fd), Cint(ahead_fd))
    foreach(close_on_exec, (wire.requests, wire.frames, wire.ahead))
    tie_to_supervisor()
    take_limits()
    take_project()
    atexit(end_children)
    RUNNER_WORLD[] = world_counter()
    log_as_tasks_do!()
    start_compile_clock!()
    baseline = prepare(pwd())
    say_hello(wire)
    try
        serve_one(wire, baseline, warm_up_until_asked(wire, pwd())) && while serve_one(wire, baseline, receive(wire))
        end
        say(wire, FRAME_BYE)
    catch problem
        # A task has broken what this module stands on. That must not look like its exit.
        ccall(:close, Cint, (Cint,), wire.frames)
        showerror(stderr, problem, catch_backtrace())
        wait_for_the_end(wire)
    end
    return nothing
end

"""
Run the warm-up, and note how the process is before its first task. What of Julia is not as
this module knows it shows here, and not as a failure of each task.
"""
function prepare(folder::String)
    try
        watch_methods()
        program_file!(program_file(folder))
        warm_up(folder, WARM_UP)
        baseline = Baseline(folder)
        restore(baseline)
        leftovers(baseline, Main)
        return baseline
    catch problem
        # One line: what newer Julias suggest below it is for who wrote the code.
        reason = first(split(sprint(showerror, problem), '\n'))
        give_up(string("taskq does not know Julia ", VERSION, " yet: ", reason))
    end
end

"Say in one sentence why this process cannot serve, and end it."
function give_up(reason::String)
    println(stderr, reason)
    exit(1)
end

"""
    use_host_libraries(executable)

Forget the library path that a wrapper may have started this julia with: programs that
tasks start must see the system's libraries. (The loader read it long ago, so later dlopens
still work.) Other Julias, which precompile packages, are started by the wrapper then.
"""
function use_host_libraries(executable::String)
    haskey(ENV, "LD_LIBRARY_PATH") || return nothing
    delete!(ENV, "LD_LIBRARY_PATH")
    isabspath(executable) && start_julia_as(executable)
    return nothing
end

function say_hello(wire::Wire)
    io = start_frame()
    print(io, "{\"protocol\":", PROTOCOL_VERSION, ",\"julia\":")
    put_string(io, string(VERSION))
    print(io, ",\"pid\":", getpid(), ",\"threads\":", Threads.nthreads())
    put_field(io, "flags", julia_flags())
    put_field(io, "cpu", Sys.CPU_NAME)
    write(io, "}")
    send(wire, FRAME_HELLO, io)
end

function say(wire::Wire, kind::UInt8)
    io = start_frame()
    write(io, "{}")
    send(wire, kind, io)
end

"Run the task that a frame asks for, and those that were sent ahead behind it; false when there will be none."
function serve_one(wire::Wire, baseline::Baseline, frame)
    (frame === nothing || frame[1] != FRAME_RUN) && return false
    request = read_json(frame[2])::Dict{String,Any}
    TAKEN_UP[] = time_ns()
    if haskey(request, "cell")
        run_cell(wire, baseline, request)
    else
        run_all(wire, baseline, request)
    end
    return true
end

"What came of a task, without anything that holds its memory."
struct Over
    home::Module
    failure::Union{Failure,Nothing}
    seconds::Float64
    shown::Union{Shown,Nothing}
    "whether files were open at its end that were not before the first task"
    files_open::Bool
    "linear algebra, as the code has left it: its name, and its threads"
    blas::Tuple{String,Int}
end

"Run a task, and those to go on with at once."
function run_all(wire::Wire, baseline::Baseline, request::Union{Dict{String,Any},Nothing})
    while request !== nothing
        request = run_one(wire, baseline, request)
    end
    return nothing
end

"When the task was taken up that runs."
const TAKEN_UP = Ref(UInt64(0))

"Run one task and report its end. Returns the request of the one to go on with at once, or nothing."
function run_one(wire::Wire, baseline::Baseline, request::Dict{String,Any})
    job = request["job"]::Int
    script = request["kind"] == "SCRIPT"
    enter(baseline)
    before = state_of(baseline.folder)
    was_old = is_old(before)
    start_running(job, wire)
    over = run_task(wire, baseline, request, script)
    report_unsent()
    RUNNING.job = 0
    # Before the load path is put back, by which Julia 1.5 finds where a package is.
    isempty(CHANGED[]) && (CHANGED[] = left_behind(RUNNING.suspects, over.home))
    left = try
        # What ran in Main has its process replaced, and Main is not the task's to clear.
        settle(baseline, over, script && over.home !== Main)
    catch
        "left the process in disorder"
    end
    over.failure !== nothing && !over.failure.process_is_sound && (left = "overflowed the stack or ran out of memory")
    Libc.flush_cstdio()
    children = has_children()
    # What a definition has changed its own calls find at each of their tasks.
    in_order = over.failure === nothing && isempty(left) && !children && !(script && !isempty(CHANGED[]))
    goes_on = in_order && is_spotless(before, was_old, baseline.folder)
    next = goes_on ? next_ahead(wire) : nothing
    say_end(wire, job, over, left, children, next !== nothing ? next["job"]::Int : goes_on ? 0 : nothing)
    return next
end

"What the process was changed by for good: for a definition, the same at each of its tasks."
const CHANGED = Ref("")

@noinline function run_task(wire::Wire, baseline::Baseline, request::Dict{String,Any}, script::Bool)
    done = with_arguments(request, script, baseline.folder)
    shown = nothing
    failure = done.failure
    if failure === nothing
        is_plain(done.value) || say_evaluated(wire, request["job"], done)
        encoding = time_ns()
        shown = present_safely(done.value, done.home, request["max_value_bytes"]::Int, request["max_array_bytes"]::Int, baseline.folder)
        TIMING.encode_s = since(encoding)
    end
    blas = blas_in_use()
    empty!(request)
    files_open = open_descriptors() != baseline.files.before
    final = script && done.home !== Main
    unwritten = files_open ? write_streams(done.home, Any[done.value, task_local_storage()], final) : nothing
    failure === nothing && unwritten !== nothing && (failure = unwritten_failure(unwritten))
    return Over(done.home, failure, done.seconds, failure === nothing ? shown : nothing, files_open, blas)
end

"Let nothing of a task stay that can go. Returns what stays in the process, in a few words."
function settle(baseline::Baseline, over::Over, script::Bool)
    empty!(task_local_storage())
    over.files_open && collect_streams(baseline.files, over.home, script)
    restore(baseline)
    roomy = let_go(baseline.held, over.home, script)
    left = leftovers(baseline, over.home)
    return isempty(left) && !roomy ? "keeps memory that cannot be let go" : left
end

function with_arguments(request::Dict{String,Any}, script::Bool, folder::String)
    seed = request["seed"]::Int
    arguments = try
        arguments_of(request, folder)
    catch problem
        if problem isa OutOfMemoryError
            failure = Failure("OutOfMemoryError", "Julia asked for more memory than the machine has, for a large argument",
                "", 0, true, false)
            return Evaluated(nothing, failure, Main, 0.0)
        end
        reason = sprint(showerror, problem)
        failure = Failure("InvalidArguments", "a large argument cannot be read: $reason"; retryable = false)
        return Evaluated(nothing, failure, Main, 0.0)
    end
    return script ? run_script(request["code"], arguments, seed, folder) :
        run_call(request["code"], request["sha256"], request["entry"], arguments, seed, folder)
end

function arguments_of(request::Dict{String,Any}, folder::String)
    named = Dict{String,Any}()
    arguments = request["arguments"]::Dict{String,Any}
    files = get(request, "files", nothing)
    if files isa Dict{String,Any}
        given = Given(files, folder, Any[])
        for name in collect(keys(arguments))  # one by one: an argument may look like a tag, all of them do not
            arguments[name] = in_place(arguments[name], given)
        end
        foreach(name -> rm(joinpath(folder, name)), values(files))
    end
    for (name, value) in arguments
        # Digits name no variable: in a call they are places.
        named[all(isdigit, name) ? name : parsed_name(name)] = value
    end
    return named
end

function start_running(job::Int, wire::Wire)
    RUNNING.wire = wire
    RUNNING.credit = PROGRESS_BURST
    RUNNING.credited_at = time_ns()
    RUNNING.unsent = nothing
    RUNNING.suspects = Suspects()
    empty!(GOING)
    Series.begin!(Series.REPORTS)
    forget_methods!()
    take_up!(TIMING)
    RUNNING.job = job
    return nothing
end

"`present`, and a bare name where even that fails: a value can overflow the stack when shown."
function present_safely(@nospecialize(x), m::Module, limit::Int, array_limit::Int, folder::String)
    try
        if is_for_file(x)
            shown = present_array(x, m, array_limit, folder)
            shown === nothing || return shown
        end
        return present(x, m, limit, array_limit, folder)
    catch
        name = string(nameof(typeof(x)))
        io = IOBuffer()
        write(io, "{\"repr\":")
        put_string(io, plain_name(x))
        write(io, "}")
        return Shown("REPR", name, plain_name(x), take!(io), "The value could not be shown: its `show` method failed.")
    end
end

# The task's code is done; what follows is its value on its way to JSON, which may call the
# task's own methods. The supervisor gives that a time limit of its own.
function say_evaluated(wire::Wire, job::Int, done::Evaluated)
    io = start_frame()
    print(io, "{\"job\":", job, ",\"seconds\":", done.seconds, ",\"type\":")
    put_string(io, String(nameof(typeof(done.value))))
    print(io, "}")
    send(wire, FRAME_EVALUATED, io)
end

function say_end(wire::Wire, job::Int, over::Over, left::String, children::Bool = has_children(), next::Union{Int,Nothing} = nothing)
    io = start_frame()
    took, TAKEN_UP[] = since(TAKEN_UP[]), time_ns()
    print(io, "{\"job\":", job, ",\"seconds\":", over.seconds, ",\"took_s\":", took, ",\"children\":", children)
    next === nothing || print(io, ",\"next\":", next)
    put_field(io, "tainted", CHANGED[])
    put_field(io, "left", left)
    put_timing(io, TIMING)
    put_blas(io, over.blas)
    if !isempty(Series.REPORTS.curves)
        write(io, ",\"series\":")
        put_series(io, Series.REPORTS, Series.MOST_BUCKETS)
    end
    over.shown === nothing ? put_failure(io, over.failure) : put_shown(io, over.shown)
    write(io, "}")
    send(wire, FRAME_END, io)
end

function put_field(io::IOBuffer, name::String, text::String)
    write(io, ",\"", name, "\":")
    put_string(io, text)
end

function put_blas(io::IOBuffer, (name, threads)::Tuple{String,Int})
    isempty(name) && return nothing
    print(io, ",\"blas\":{\"threads\":", threads)
    put_field(io, "name", name)
    write(io, "}")
end

function put_failure(io::IOBuffer, failure::Failure)
    print(io, ",\"retryable\":", failure.retryable, ",\"error\":{\"line\":", failure.line > 0 ? failure.line : "null")
    put_field(io, "name", failure.name)
    put_field(io, "message", failure.message)
    put_field(io, "stacktrace", failure.stacktrace)
    write(io, "}")
end

function put_shown(io::IOBuffer, value::Shown)
    write(io, ",\"value\":{\"kind\":\"", value.kind, "\"")
    put_field(io, "type", value.type)
    put_field(io, "text", value.text)
    put_field(io, "note", value.note)
    value.in_file && write(io, ",\"file\":true")
    write(io, ",\"data\":")
    write(io, value.data)
    write(io, "}")
end

"""
Run some of the warm-up tasks, before or instead of real ones: what Julia compiles for them
now, no user waits for later. `go_on()` is asked before each.
"""
function warm_up(folder::String, requests::Vector{String}, go_on = () -> true)
    nowhere = open("/dev/null", "r+")
    wire = Wire(descriptor(nowhere), descriptor(nowhere))
    baseline = Baseline(folder)
    for request in requests
        go_on() || break
        run_one(wire, baseline, read_json(Vector{UInt8}(request)))
    end
    receive(wire)  # there is nothing
    empty!(DEFINITIONS)
    CHANGED[] = ""
    close(nowhere)
    return nothing
end

"""
Wait for the first request, and use the time: the warm-up of what not every task needs ends
when one is there. Slots that start at once share the processor, and a task may be waiting.
"""
function warm_up_until_asked(wire::Wire, folder::String)
    warm_up(folder, WARM_UP_AT_LEISURE, () -> !is_asked(wire))
    is_asked(wire) || GC.gc()
    return receive(wire)
end

warm_request(kind, code, arguments) = string("{\"job\":1,\"kind\":\"", kind, "\",\"code\":\"", code,
    "\",\"sha256\":\"warm\",\"entry\":null,\"seed\":1,\"arguments\":", arguments, ",\"max_value_bytes\":100000,\"max_array_bytes\":100000}")

const WARM_UP = [
    warm_request("SCRIPT", "println(stderr)\\nsum(1:10)", "{}"),
]

# Without output, which would be taken for that of a real task.
const WARM_UP_AT_LEISURE = [
    warm_request("SCRIPT", "progress(0.5, \\\"half\\\")\\ntotal = 0.5\\nfor i in 1:3\\n total += i\\nend\\n(a = v, b = total, c = d, d = s)", "{\"s\":\"\\u00e9\",\"v\":[1,2.5],\"d\":{\"a\":[1]}}"),
    warm_request("SCRIPT", "(a = v, b = s)", "{\"s\":[\"x\"],\"v\":[1,2.5]}"),
    warm_request("SCRIPT", "f(x) = sqrt(x)\\nf(-1.0)", "{}"),
    warm_request("SCRIPT", "f(x) = x.a\\nf(rand(3))\\n", "{}"),
    warm_request("SCRIPT", "sin", "{}"),
    warm_request("SCRIPT", "x = (1\\ny = )", "{}"),
    warm_request("CALL", "f(; n, beta = 0.5) = n * beta", "{\"n\":3}"),
    warm_request("CALL", "f(; n, beta = 0.5) = n * beta", "{\"m\":3}"),
    warm_request("CALL", "f(n) = n", "{\"1\":3}"),
]
