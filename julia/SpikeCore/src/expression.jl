# A nonlinearity given as text. The text is parsed, every node is checked against the list below, and only then does it
# become a function; a distinct text is compiled once.

const EXPRESSION_FUNCTIONS = Dict{Symbol,Any}(
    :+ => +, :- => -, :* => *, :/ => /, :^ => ^, :exp => exp, :expm1 => expm1, :log => log, :log1p => log1p,
    :sqrt => sqrt, :abs => abs, :tanh => tanh, :sin => sin, :cos => cos, :max => max, :min => min,
    :sigmoid => x -> 1 / (1 + exp(-x)), :relu => x -> max(x, zero(x)), :softplus => x -> softplus(x))

# Overflow-free: log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)).
softplus(x) = max(x, zero(x)) + log1p(exp(-abs(x)))

"A nonlinearity compiled from text; `id` tells one text from another."
struct FromText{id} end

const TEXTS = Dict{String,Any}()

"""
    nonlinearity_from_text(text)

The function of `g` that `text` says: numbers, `g`, `+ - * / ^` and the functions exp, expm1, log, log1p, sqrt, abs,
tanh, sin, cos, max, min, sigmoid, relu, softplus. Anything else is a `SpikeCoreError`.
"""
function nonlinearity_from_text(text::String)
    haskey(TEXTS, text) && return TEXTS[text]
    parsed = try
        Meta.parse(text)
    catch problem
        fail("nonlinearity = \"", text, "\" cannot be read: ", sprint(showerror, problem))
    end
    body = checked(parsed, text)
    nonlinearity = FromText{length(TEXTS) + 1}()
    @eval @inline (::$(typeof(nonlinearity)))(g::T) where {T} = convert(T, $body)
    return TEXTS[text] = nonlinearity
end

checked(x::Symbol, text) = x === :g ? :g : fail("nonlinearity = \"", text, "\": unknown name `", x, "`; expected g")
checked(x::Integer, text) = :(T($(Float64(x))))
checked(x::AbstractFloat, text) = :(T($(Float64(x))))
function checked(x::Expr, text)
    x.head === :call && haskey(EXPRESSION_FUNCTIONS, x.args[1]) ||
        fail("nonlinearity = \"", text, "\": `", x, "` is not arithmetic in g or a known function")
    # An integer exponent stays one: T^Int is exact for negative bases.
    if x.args[1] === :^ && length(x.args) == 3 && x.args[3] isa Integer
        return Expr(:call, ^, checked(x.args[2], text), x.args[3])
    end
    return Expr(:call, EXPRESSION_FUNCTIONS[x.args[1]], map(a -> checked(a, text), x.args[2:end])...)
end
checked(x, text) = fail("nonlinearity = \"", text, "\": `", x, "` is not arithmetic in g or a known function")
