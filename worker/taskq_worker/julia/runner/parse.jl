# From a task's code to its statements; where it is no Julia, to what is wrong and where.

"The statements of a task's code with their lines; a `Refusal` if any of it does not parse."
function statements_of(code::String, file::String)
    parsed = try
        parse_all(code, file)
    catch problem
        problem isa Meta.ParseError || rethrow()
        Expr(:error, problem)
    end
    statements = Any[]
    flatten!(statements, parsed)
    for statement in statements
        statement isa Expr && statement.head in (:error, :incomplete) || continue
        throw(Refusal(with_room(() -> parse_failure(statement, code, file), code)))
    end
    return statements
end

function flatten!(statements::Vector{Any}, @nospecialize(ex))
    if ex isa Expr && ex.head === :toplevel
        for arg in ex.args
            flatten!(statements, arg)
        end
    else
        push!(statements, ex)
    end
    return nothing
end

"""
    parse_failure(broken, code, file) -> Failure

What is wrong with code of which `broken` is what the parser made: the sentence, where it
is, and the line as it stands.
"""
function parse_failure(broken::Expr, code::String, file::String)
    reason = isempty(broken.args) ? "it does not parse" : broken.args[1]
    complaints = parser_complaints(reason)
    text, line, column = isempty(complaints) ? told_as_text(reason, code, file) :
        told_in_full(complaints, broken.head === :incomplete, code)
    place = column > 0 ? string("line ", line, ", column ", column) : string("line ", line)
    quoted = quoted_line(code, line)
    isempty(quoted) || (text = string(text, " in ", place, ": ", quoted))
    return Failure("ParseError", String(first(text, MESSAGE_BYTES)); line = line, retryable = false)
end

# What the parser says of the end of the text adds nothing to "the code ends too early".
const PREMATURE = "premature end of input"

"The sentence, line and column where the parser tells them apart (1.10 and later)."
function told_in_full(complaints::Vector{Any}, incomplete::Bool, code::String)
    complaint = complaints[1]
    if !incomplete
        # "extra tokens" begin with the blank before them.
        at = something(findnext(!isspace, code, complaint.first_byte), complaint.first_byte)
        at > complaint.last_byte && (at = complaint.first_byte)
        return lowercasefirst(complaint.message), line_at(code, at), column_at(code, at)
    end
    # What is found missing at the end stands there; whose end it would be, the statement tells.
    at_end = filter(one -> one.first_byte > one.last_byte && one.message != PREMATURE, complaints)
    isempty(at_end) || (complaint = at_end[end])
    text = complaint.message == PREMATURE ? "" : string(": ", lowercasefirst(complaint.message))
    line = complaint.first_byte > complaint.last_byte ? first_line_of(code, broken_statement(code)) :
        line_at(code, complaint.first_byte)
    return string("the code ends too early", text), line, 0
end

"The sentence and line where the parser has one text for all (before 1.10)."
function told_as_text(@nospecialize(reason), code::String, file::String)
    text = reason isa Exception ? sprint(showerror, reason) : string(reason)
    line = stated_line(text, file)
    line == 0 && (line = broken_line(code))
    text = replace(text, r"^(ParseError:\s*)?(syntax: )?" => "")
    startswith(text, "incomplete: ") && (text = string("the code ends too early: ", text[ncodeunits("incomplete: ")+1:end]))
    return replace(text, string(" at ", file, ":") => " at line "), line, 0
end

function stated_line(text::String, file::String)
    found = match(Regex(string("\\b", file, ":(\\d+)")), text)
    return found === nothing ? 0 : parse(Int, found.captures[1])
end

function quoted_line(code::String, line::Int)
    lines = split(code, '\n')
    return 1 <= line <= length(lines) ? cut_line(String(strip(lines[line]))) : ""
end

line_at(code::String, byte::Int) = 1 + count(isequal(UInt8('\n')), view(codeunits(code), 1:min(byte - 1, ncodeunits(code))))

function column_at(code::String, byte::Int)
    before = view(codeunits(code), 1:min(byte - 1, ncodeunits(code)))
    start = something(findlast(isequal(UInt8('\n')), before), 0)
    return 1 + length(String(before[start+1:end]))
end

"Where the first statement begins that does not parse; 0 where that cannot be told."
function broken_statement(code::String)
    isvalid(code) || return 0
    at = 1
    while at <= ncodeunits(code)
        ex, next = try
            parse_statement(code, at)
        catch
            return 0
        end
        ex isa Expr && ex.head in (:error, :incomplete) && return at
        next > at || return 0
        at = next
    end
    return 0
end

const BLANKS_AND_COMMENTS = r"\G(?:\s++|#=(?s:.*?)=#|#(?!=)[^\n]*+)*+"

"The line of the first character, from a place on, that is neither blank nor a comment's."
function first_line_of(code::String, at::Int)
    at == 0 && return 0
    before = match(BLANKS_AND_COMMENTS, code, at)
    begins = before === nothing ? at : at + ncodeunits(before.match)
    return line_at(code, begins <= ncodeunits(code) ? begins : at)
end

# Where Julia does not say where an error is: the first line of the broken statement with
# which it is not merely incomplete.
function broken_line(code::String)
    at = broken_statement(code)
    at == 0 && return 0
    lines = split(SubString(code, at), '\n')
    for n in 1:min(length(lines), 500)
        ex = parse_statement(join(lines[1:n], '\n'), 1)[1]
        ex isa Expr && ex.head === :error && return line_at(code, at) + n - 1
    end
    return first_line_of(code, at)
end
