two_names = Dict{Symbol,Any}(:x => :x, :y => :y)
formula(text) = eval(:(function (x::T, y::T) where {T}
    return $(S.read_formula(text, two_names))
end))
worth(text, x, y=one(x)) = Base.invokelatest(formula(text), x, y)

@testset "functions agree with those of Julia" begin
    clip(x, low, high) = min(max(x, low), high)
    exprel(x) = x == 0 ? 1.0 : Float64(expm1(big(x)) / big(x))
    cases = Dict("exp(x)" => exp, "expm1(x)" => expm1, "log(abs(x))" => x -> log(abs(x)), "sqrt(abs(x))" => x -> sqrt(abs(x)),
                 "log1p(abs(x))" => x -> log1p(abs(x)), "tanh(x)" => tanh, "sin(x)" => sin, "cos(x)" => cos,
                 "exprel(x)" => exprel, "sigmoid(x)" => x -> 1 / (1 + exp(-x)), "relu(x)" => x -> max(x, 0.0),
                 "softplus(x)" => x -> Float64(log1p(exp(big(x)))), "max(x, 1, 2)" => x -> max(x, 1.0, 2.0),
                 "min(x, 1.5)" => x -> min(x, 1.5), "clip(x, -1, 2)" => x -> clip(x, -1.0, 2.0),
                 "(x ^ 2)" => x -> x^2, "(x ^ (-3))" => x -> x^-3, "(abs(x) ^ 1.7)" => x -> abs(x)^1.7,
                 "(abs(x) ^ 0.5)" => x -> sqrt(abs(x)), "(x ^ 11)" => x -> x^11, "(-(x / 3.0)) - 1" => x -> -(x / 3) - 1)
    points = [-20.0, -3.7, -1.0, -0.3, -1e-3, -1e-7, 1e-12, 1e-5, 0.02, 0.5, 1.0, 2.2, 6.0, 20.0]
    for (text, f) in cases
        h = formula(text)
        for x in points
            @test isapprox(Base.invokelatest(h, x, 1.0), f(x); rtol=2e-14, atol=text in ("sin(x)", "cos(x)") ? 1e-14 : 0)
            @test isapprox(Base.invokelatest(h, Float32(x), 1.0f0), f(Float64(Float32(x))); rtol=2e-5, atol=2e-6)
            @test Base.invokelatest(h, Float32(x), 1.0f0) isa Float32
        end
    end
    for x in (12345.678, -9e4)
        @test isapprox(worth("sin(x)", x), sin(x); atol=2e-11)
    end
end

@testset "where functions have no value" begin
    @test isnan(worth("log(x)", -1.0))
    @test worth("log(x)", 0.0) == -Inf
    @test isnan(worth("sqrt(x)", -1.0))
    @test isnan(worth("(x ^ y)", -1.0, 0.5))
    @test (worth("(x ^ y)", 0.0, 2.0), worth("(x ^ y)", 0.0, 0.0), worth("(x ^ y)", 0.0, -1.0)) == (0.0, 1.0, Inf)
    @test worth("(x ^ 0)", 0.0) == 1.0
    @test worth("exprel(x)", 0.0) == 1.0
    @test worth("log1p(x)", 1e-20) == 1e-20
    for f in ("exp", "log", "relu", "softplus", "sigmoid", "tanh", "sin", "exprel", "abs"), bad in (NaN,)
        @test isnan(worth("$f(x)", bad))
    end
    @test isnan(worth("max(x, 1)", NaN)) && isnan(worth("max(1, x)", NaN)) && isnan(worth("clip(x, 0, 1)", NaN))
end

@testset "derivatives of dual numbers are those of differences" begin
    for text in ("exp(x)", "expm1(x)", "log(x)", "sqrt(x)", "log1p(x)", "tanh(x)", "sin(x)", "cos(x)", "exprel(x)", "sigmoid(x)",
                 "relu(x)", "softplus(x)", "max(x, 0.1)", "min(y, x)", "clip(x, 0, 5)", "(x ^ 3)", "(x ^ 1.3)", "(x ^ (-2))",
                 "(y ^ x)", "abs(x)", "(x / (1 + x))")
        h = formula(text)
        for x in (0.004, 0.7, 3.0)
            slope = Base.invokelatest(h, S.seeded(x, Val(1)), S.Dual{1,Float64}(4.5)).partials[1]
            step = 1e-5x
            difference = (Base.invokelatest(h, x + step, 4.5) - Base.invokelatest(h, x - step, 4.5)) / 2step
            @test isapprox(slope, difference; rtol=1e-6, atol=1e-9)
        end
    end
end

@testset "anything else is refused" begin
    for text in ("z", "run(`ls`)", "Base.exit()", "x; 1", "x = 3", "x -> x", "[x]", "x.y", "x[1]", "\"x\"", "(x", "", "x ? 1 : 2",
                 "ccall(:getpid, Int32, ())", "x > y", "exp(x, y)", "max(x)", "x + y + x + y", "@show x", "exp", "exit()",
                 "begin x end", "x * :y", "x'", "\$x", "true", "clip(x, 1)", "x .+ y", "(x, y)", "float(x)", "f(x)")
        @test_throws SpikeCoreError S.read_formula(text, two_names)
    end
    @test S.formula_names("(x + exp(y)) * 3.0") ⊇ Set([:x, :y])
end
