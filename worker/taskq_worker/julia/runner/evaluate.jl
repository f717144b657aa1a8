# From a task's code to its value.

"A definition that was evaluated in this process."
struct Definition
    home::Module
    source::Source
    entry_names::Vector{Symbol}
    "the function that its last expression is, if it is one"
    last_value::Union{Function,Nothing}
end

"What came of a task: a value, or why there is none."
struct Evaluated
    value::Any
    failure::Union{Failure,Nothing}
    home::Module
    seconds::Float64

    # Else Julia would compile it anew for each type of value.
    function Evaluated(@nospecialize(value), failure, home::Module, seconds::Float64)
        return new(value, failure, home, seconds)
    end
end

"Thrown where taskq itself has the reason."
struct Refusal <: Exception
    failure::Failure
end

# Evaluating

const NOT_SCOPED = (:meta, :import, :using, :export, :public, :module, :toplevel, :error, :incomplete, :thunk)

"As in a notebook: a loop at top level may assign to the variables there."
function scoped(@nospecialize(statement), line::LineNumberNode)
    plain = !(statement isa Expr) || statement.head in NOT_SCOPED ||
        (statement.head === :global && all(arg -> arg isa Symbol, statement.args))
    return Expr(:toplevel, line, plain ? statement : soft_scoped(statement, line))
end

"Evaluate statements in `m`, one after the other; the value of the last. `line` follows along."
@noinline function evaluate(m::Module, statements::Vector{Any}, line::Base.RefValue{Int})
    value = nothing
    here = LineNumberNode(1, :task)
    for statement in statements
        if statement isa LineNumberNode
            here = statement
            line[] = here.line
        else
            value = Core.eval(m, scoped(statement, here))
        end
    end
    return value
end

"Call a program's `main`."
@noinline evaluate(@nospecialize(main)) = Base.invokelatest(main, String[])

"Call a function with arguments by position and by name."
@noinline function evaluate(@nospecialize(f), positional::Vector{Any}, named::Dict{String,Any})
    isempty(named) && return Base.invokelatest(f, positional...)
    names = Tuple(Symbol(name) for name in keys(named))
    keywords = NamedTuple{names}(Tuple(values(named)))
    return call_latest(f, positional, keywords)
end

"Evaluate a task's code in a module of its own."
function run_script(code::String, arguments::Dict{String,Any}, seed::Int, folder::String)
    source = Source("task", code, folder)
    home = fresh_module(:task, arguments)
    line = Ref(0)
    value, failure, seconds = nothing, nothing, 0.0
    try
        statements = statements_of(code, "task")
        any(uses_distributed, statements) && (home = program_module())
        bind!(home, arguments)
        occursin("@__FILE__", code) && name_file!(statements, program_file(folder))
        scan_all!(RUNNING.suspects, statements)
        # As late as can be: whatever draws before would change what the task draws.
        seed_default!(RANDOM, seed)
        begin_code!()
        value = evaluate(home, statements, line)
        is_program(home) && (value = evaluate(value_of(home, :main)))
        seconds = end_code!()
    catch
        seconds = end_code!()
        failure = failure_of(exception_stack(), source, home, line[])
    end
    return Evaluated(value, failure, home, seconds)
end

"What a script calls itself, and Julia its `PROGRAM_FILE`: there is no such file, for nothing is written to it."
program_file(folder::String) = joinpath(folder, "task")

"Give `@__FILE__` the name of the file that the code would stand in."
name_file!(@nospecialize(ex), file::String) = ex
function name_file!(ex::Expr, file::String)
    ex.head === :macrocall && ex.args[1] === Symbol("@__FILE__") && return file
    name_file!(ex.args, file)
    return ex
end

function name_file!(statements::Vector{Any}, file::String)
    for i in 1:length(statements)
        statements[i] = name_file!(statements[i], file)
    end
    return statements
end

"Whether a script has a `@main` (1.11 and later), which Julia calls at its end."
is_program(m::Module) = known(m, ENTRY_POINT) && known(m, :main) && value_of(m, ENTRY_POINT) === true

function failure_of(stack::Vector{Any}, source::Source, m::Module, line::Int)
    problem = last(stack)[1]
    problem isa Refusal && return problem.failure
    try
        return describe(stack, source, m, line)
    catch
        return Failure(String(nameof(typeof(problem))), "its message cannot be shown"; line = line)
    end
end

const DEFINITIONS = Dict{String,Definition}()

"Evaluate a definition, once per process; a `Refusal` if it fails."
function definition(code::String, sha256::String, folder::String)
    known = get(DEFINITIONS, sha256, nothing)
    known === nothing || return known
    source = Source("definition", code, folder)
    home = fresh_module(:definition)
    line = Ref(0)
    try
        statements = statements_of(code, "definition")
        any(uses_distributed, statements) && (home = program_module())
        occursin("@__FILE__", code) && name_file!(statements, joinpath(folder, "definition"))
        scan_all!(RUNNING.suspects, statements)
        seed_default!(RANDOM, own_seed(sha256))
        value = evaluate(home, statements, line)
        made = Definition(home, source, functions_in(statements), value isa Function ? value : nothing)
        isempty(sha256) || (DEFINITIONS[sha256] = made)
        return made
    catch
        throw(Refusal(failure_of(exception_stack(), source, home, line[])))
    end
end

"What a definition itself may draw has to be the same in every process, whichever task comes first."
own_seed(sha256::String) = something(tryparse(Int, first(sha256, 13); base = 16), 0)

"The names of the functions that statements define at top level, in order."
function functions_in(statements::Vector{Any})
    names = Symbol[]
    for statement in statements
        name = function_name(statement)
        name === nothing || push!(names, name)
    end
    return names
end

function function_name(@nospecialize(ex))
    ex isa Expr || return nothing
    ex.head in (:macrocall, :const, :global) && return isempty(ex.args) ? nothing : function_name(ex.args[end])
    ex.head in (:function, :(=)) || return nothing
    head = ex.args[1]
    if ex.head === :(=) && head isa Symbol
        body = ex.args[2]
        return body isa Expr && body.head in (:(->), :function) ? head : nothing
    end
    called = ex.head === :function
    while head isa Expr && head.head in (:where, :(::), :call) && !isempty(head.args)
        called |= head.head === :call
        head = head.args[1]
    end
    return called && head isa Symbol ? head : nothing
end

"""
Call a definition's entry function with the task's arguments: those named `1`, `2`, ... by
position, the others as keywords.
"""
function run_call(code::String, sha256::String, entry, arguments::Dict{String,Any}, seed::Int, folder::String)
    value, failure, home, seconds = nothing, nothing, Main, 0.0
    source = Source("definition", code, folder)
    try
        made = definition(code, sha256, folder)
        home, source = made.home, made.source
        f = entry_function(made, entry)
        positional, named = by_position(arguments)
        seed_default!(RANDOM, seed)
        begin_code!()
        value = evaluate(f, positional, named)
        seconds = end_code!()
    catch
        seconds = end_code!()
        stack = exception_stack()
        failure = wrong_call(last(stack)[1], home, entry, arguments)
        failure === nothing && (failure = failure_of(stack, source, home, 0))
    end
    return Evaluated(value, failure, home, seconds)
end

"The arguments with digits for names, in the order of these numbers; and the others."
function by_position(arguments::Dict{String,Any})
    numbered, named = Pair{Int,Any}[], Dict{String,Any}()
    for (name, value) in arguments
        place = all(isdigit, name) ? tryparse(Int, name) : nothing
        place === nothing ? (named[name] = value) : push!(numbered, place => value)
    end
    sort!(numbered; by = first)
    return Any[pair.second for pair in numbered], named
end

"A definition's entry: the function named so; else what its code ends with, if that can be called; else its last function."
function entry_function(made::Definition, entry)
    entry === nothing && made.last_value !== nothing && return made.last_value
    name = entry === nothing ? (isempty(made.entry_names) ? nothing : last(made.entry_names)) : Symbol(entry)
    name === nothing && throw(Refusal(Failure("InvalidDefinition",
        "the definition defines no function; end it with one, such as f(; n) = n^2"; retryable = false)))
    if !known(made.home, name)
        has = isempty(made.entry_names) ? "no function" : join(unique(made.entry_names), ", ")
        throw(Refusal(Failure("InvalidDefinition", "the definition has no function named $name; it defines $has";
            retryable = false)))
    end
    return value_of(made.home, name)
end

# Calls that do not fit

"Where the entry function was called with the wrong arguments: a failure that names them."
function wrong_call(@nospecialize(problem), home::Module, entry, arguments::Dict{String,Any})
    given = isempty(arguments) ? "nothing" : join(sort!(collect(keys(arguments))), ", ")
    if problem isa UndefKeywordError
        return Failure("UndefKeywordError",
            "the function needs the argument $(problem.var), which was not given; given: $given"; retryable = false)
    end
    problem isa MethodError || return nothing
    f, positional = called_function(problem)
    # With places given, Julia's own message names the candidates.
    (f isa Function && parentmodule(f) === home && isempty(positional)) || return nothing
    accepted, takes_any, places = try
        keywords_of(f)
    catch
        return nothing
    end
    takes_any && return nothing
    unknown = sort!(filter(name -> !(Symbol(name) in accepted), collect(keys(arguments))))
    if places !== nothing
        text = "$(nameof(f)) takes its arguments by position ($places), and they were given by name: " *
            "write $(nameof(f))(; $places), or give them by position"
    elseif isempty(unknown)
        return nothing
    else
        has = isempty(accepted) ? "it takes none" : "it takes $(join(accepted, ", "))"
        text = "$(nameof(f)) has no argument named $(join(unknown, ", ")); $has"
    end
    return Failure("MethodError", text; retryable = false)
end

# With keywords, Julia calls a sorter (`Core.kwcall` since 1.9) with (keywords, f, positional...).
function called_function(problem::MethodError)
    arguments = Any[problem.args...]
    if length(arguments) >= 2 && arguments[1] isa NamedTuple && arguments[2] isa Function && problem.f !== arguments[2]
        return arguments[2], arguments[3:end]
    end
    return problem.f, filter(argument -> !(argument isa Base.Iterators.Pairs), arguments)
end

function keywords_of(f::Function)
    accepted, takes_any, places = Symbol[], false, nothing
    for method in Base.invokelatest(methods, f)
        if argument_count(method) == 0
            for keyword in keyword_names(method)
                endswith(String(keyword), "...") ? (takes_any = true) : push!(accepted, keyword)
            end
        elseif places === nothing
            places = join(argument_names(method), ", ")
        end
    end
    any(method -> argument_count(method) == 0, Base.invokelatest(methods, f)) && (places = nothing)
    return unique(accepted), takes_any, places
end
