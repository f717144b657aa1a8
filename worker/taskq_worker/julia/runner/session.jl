# A session: cells that share one module, one after another.
#
# The module is Main, as in the REPL: types are printed without a prefix, and Distributed finds what
# is defined there. From its first cell on the process is the session's alone, so nothing is put back
# after a cell, and nothing that a cell leaves behind is held against it.

"Whether this process is a session's."
const IN_SESSION = Ref(false)

"Run a cell and report its end."
function run_cell(wire::Wire, baseline::Baseline, request::Dict{String,Any})
    job = request["job"]::Int
    IN_SESSION[] || begin_session!(baseline, request["seed"]::Int)
    start_running(job, wire)
    DISPLAYS.most_bytes = get(request, "max_display_bytes", 0)::Int
    done = evaluate_cell(request, baseline.folder)
    failure, shown = done.failure, nothing
    if failure === nothing
        is_plain(done.value) || say_evaluated(wire, job, done)
        encoding = time_ns()
        shown = present_safely(done.value, Main, request["max_value_bytes"]::Int, request["max_array_bytes"]::Int,
            baseline.folder)
        is_numbered(request["cell"]::String) && (shown = as_in_repl(done.value, shown))
        TIMING.encode_s = since(encoding)
    end
    report_unsent()
    RUNNING.job = 0
    Libc.flush_cstdio()
    say_end(wire, job, Over(Main, failure, done.seconds, shown, false, blas_in_use()), "")
    return nothing
end

"""
Make this process a session's: from now on an interrupt is an exception, as in the REPL. It ends a
cell's code, and waits everywhere else: what reports the end of a cell is not to be ended by one
that comes late.
"""
function begin_session!(baseline::Baseline, seed::Int)
    IN_SESSION[] = true
    enter(baseline)
    use_surroundings!(Main)
    hold_interrupts!()
    survive_interrupts!()
    DISPLAYS.printed_to = baseline.descriptors
    pushdisplay(CellDisplay())
    # Once, and not before each cell: what a cell seeds itself holds for those that follow.
    seed_default!(RANDOM, seed)
    return nothing
end

"Evaluate a cell's code in Main; its value is `ans` from then on."
function evaluate_cell(request::Dict{String,Any}, folder::String)
    code, cell = request["code"]::String, request["cell"]::String
    source = CELLS[cell] = Source(cell, code, folder)
    line = Ref(0)
    value, failure, seconds = nothing, nothing, 0.0
    forget_interrupts()
    try
        statements = statements_of(code, cell)
        bind!(Main, arguments_of(request, folder))
        # From 1.11 on it is the REPL that makes text of documentation.
        occursin("@doc", code) && standard_library("REPL", "3fa0cd96-eef1-5676-8a61-b3b8758bbffb")
        begin_code!()
        value = reenable_sigint(() -> evaluate(Main, statements, line))
        seconds = end_code!()
        # Not what the notebook's own questions, such as those for completions, come to.
        value === nothing || !is_numbered(cell) || Core.eval(Main, Expr(:(=), :ans, QuoteNode(value)))
    catch
        seconds = end_code!()
        # Before the reason is told, which may take a while: an interrupt has been heeded, and needs no other.
        say_evaluated(RUNNING.wire::Wire, RUNNING.job, Evaluated(nothing, nothing, Main, seconds))
        failure = failure_of(exception_stack(), source, Main, line[])
    end
    return Evaluated(value, failure, Main, seconds)
end

"Whether somebody looks at what a cell comes to: the notebook's own questions have no number."
is_numbered(cell::String) = startswith(cell, "In[")

const CELL_TEXT_BYTES = 16 * 1024

"""
What a frame says about the value of a cell that somebody looks at: its text is what the REPL shows,
and nothing is said of how it travels as data.
"""
function as_in_repl(@nospecialize(x), told::Shown)
    text = shown(x, Main, bytes = CELL_TEXT_BYTES)
    text === nothing && return told
    cut = ncodeunits(text) >= CELL_TEXT_BYTES - 4
    note = told.kind == "MIME" ? told.note : cut ? "The text is cut at $(CELL_TEXT_BYTES ÷ 1024) KiB." : ""
    return Shown(told.kind, told.type, text, told.data, note, told.in_file)
end

"Let an interrupt go by that came when the cell before had just ended."
function forget_interrupts()
    try
        reenable_sigint(() -> nothing)
    catch problem
        problem isa InterruptException || rethrow()
    end
    return nothing
end
