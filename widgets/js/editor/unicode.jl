# Writes unicode.json: what `\name` followed by Tab stands for, as in Julia's own prompt.
#
#     julia editor/unicode.jl > editor/unicode.json
#
# The table is that of Julia's REPL (MIT licence). Alphabets of styled letters (bold, script,
# sans and the like), which make up more than half of it, are left out but for \bb and \scr
# capitals; so are emoji.

using REPL

styled(name) = occursin(r"^\\(b|it|bf|bi|bsans|bscr|bfrak|frak|sans|isans|bisans|tt|mitBb|bbi|Bb)", name) &&
    length(name) > 3 && any(c -> c in '\U1d400':'\U1d7ff', REPL.REPLCompletions.latex_symbols[name])

wanted(name) = !styled(name) || occursin(r"^\\bb[A-Z]$", name)

entries = sort([name[2:end] => text for (name, text) in REPL.REPLCompletions.latex_symbols if wanted(name)])
quoted(text) = string('"', replace(replace(text, "\\" => "\\\\"), "\"" => "\\\""), '"')
println("{")
println(join(["$(quoted(name)):$(quoted(text))" for (name, text) in entries], ",\n"))
println("}")
