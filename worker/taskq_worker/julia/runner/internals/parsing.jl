# Parsing and evaluating

# Where Julia's parser gives up on nesting that is too deep for it (1.10 and later), it logs its
# whole stack and asks the old parser. The log takes minutes to write, and tells nobody anything.
quietly(parse) = Base.CoreLogging.with_logger(parse, Base.CoreLogging.NullLogger())

# The parser of 1.10 and later takes some 16 KiB of stack for each bracket that is open.
const SHALLOW = 100
const STACK_BYTES_PER_LEVEL = 64 * 2^10
const MOST_STACK_BYTES = 2^30

"""
Call `parse` for code, with as much stack as its nesting needs: else the parser overflows it,
which Julia (1.12 and later) says on standard error, beside every logger.
"""
function with_room(parse, code::String)
    depth = nesting(code)
    depth > SHALLOW || return parse()
    return fetch(schedule(Task(parse, min(depth * STACK_BYTES_PER_LEVEL, MOST_STACK_BYTES))))
end

"How many brackets are open at once in code, at most; those in strings and comments count too."
function nesting(code::String)
    depth, most = 0, 0
    for byte in codeunits(code)
        if byte in (UInt8('('), UInt8('['), UInt8('{'))
            depth += 1
            most = max(most, depth)
        elseif byte in (UInt8(')'), UInt8(']'), UInt8('}'))
            depth -= 1
        end
    end
    return most
end

"The whole of a task's code as one expression."
function parse_all(code::String, file::String)
    if isdefined(Meta, :parseall)  # 1.6 and later
        return with_room(() -> quietly(() -> Meta.parseall(code; filename = file)), code)
    end
    return Base.parse_input_line(code; filename = file)
end

parse_statement(code::String, at::Int) = quietly(() -> Meta.parse(code, at; raise = false))

"""
    parser_complaints(reason) -> Vector{Any}

What the parser found, each with `message`, `first_byte` and `last_byte`; empty before 1.10,
and where the old parser was asked.
"""
function parser_complaints(@nospecialize(reason))
    # A `Meta.ParseError`, whose `detail` is a `JuliaSyntax.ParseError`.
    detail = reason isa Exception && hasfield(typeof(reason), :detail) ? reason.detail : nothing
    hasfield(typeof(detail), :diagnostics) || return Any[]
    return Any[one for one in detail.diagnostics if one.level === :error]
end

"The form in which a loop at top level may assign to the variables there, as in the REPL (1.5 and later)."
soft_scoped(@nospecialize(statement), line::LineNumberNode) = Expr(:block, line, Expr(:softscope, true), statement)

# Written with `;`, Julia would compile a caller for each set of argument types.
"Call `f` with keywords, in the newest world."
function call_latest(@nospecialize(f), positional::Vector{Any}, @nospecialize(keywords::NamedTuple))
    isdefined(Core, :kwcall) && return Base.invokelatest(Core.kwcall, keywords, f, positional...)  # 1.9 and later
    return Base.invokelatest(Core.kwfunc(f), keywords, f, positional...)
end

"Call `f` as it was in a world, where Julia can (1.6 and later)."
@inline function call_in_world(world::UInt, f::F, args::Vararg{Any,N}) where {F,N}
    isdefined(Base, :invoke_in_world) && return Base.invoke_in_world(world, f, args...)
    return f(args...)
end

world_counter() = Base.get_world_counter()

"Where `@main` notes that a module has an entry point."
const ENTRY_POINT = Symbol("#__main_is_entrypoint__#")

"Say which file runs as a program: the variable is Julia's own."
program_file!(file::String) = (Core.eval(Base, :(PROGRAM_FILE = $file)); nothing)

"A name in the form that the parser gives it in code (µ and μ are one); itself where it is none."
function parsed_name(name::String)
    isascii(name) && return name
    parsed = Meta.parse(name; raise = false)
    return parsed isa Symbol ? String(parsed) : name
end
