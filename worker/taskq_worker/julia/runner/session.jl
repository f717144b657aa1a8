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
    done = evaluate_cell(request, baseline.folder)
    failure, shown = done.failure, nothing
    if failure === nothing
        is_plain(done.value) || say_evaluated(wire, job, done)
        encoding = time_ns()
        shown = present_safely(done.value, Main, request["max_value_bytes"]::Int, request["max_array_bytes"]::Int,
            baseline.folder)
        TIMING.encode_s = since(encoding)
    end
    report_unsent()
    RUNNING.job = 0
    Libc.flush_cstdio()
    say_end(wire, job, Over(Main, failure, done.seconds, shown, false), "")
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
        begin_code!()
        value = reenable_sigint(() -> evaluate(Main, statements, line))
        seconds = end_code!()
        # Not what the notebook's own questions, such as those for completions, come to.
        value === nothing || !startswith(cell, "In[") || Core.eval(Main, Expr(:(=), :ans, QuoteNode(value)))
    catch
        seconds = end_code!()
        # Before the reason is told, which may take a while: an interrupt has been heeded, and needs no other.
        say_evaluated(RUNNING.wire::Wire, RUNNING.job, Evaluated(nothing, nothing, Main, seconds))
        failure = failure_of(exception_stack(), source, Main, line[])
    end
    return Evaluated(value, failure, Main, seconds)
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
