using InteractiveUtils: code_llvm

function formulas(; changes...)
    d = Dict{String,Any}("variables" => ["v", "w"], "held" => [true, false], "noises" => 1, "arrivals" => [2],
                         "definition_names" => ["a", "b", "unused"],
                         "definitions" => ["(v - E)", "(a * 2.0)", "(b + I)"],
                         "derivatives" => ["((I - b) + (xi_1 * t))", "((-w) / tau)"], "threshold" => ["b", ">=", "20.0"],
                         "reset_names" => ["v", "w"], "reset" => ["(E + 1.0)", "(w + a)"], "parameters" => ["E", "tau"])
    for (name, x) in changes
        d[string(name)] = x
    end
    return d
end

model(d, parameters) = S.TextModel{S.text_model(d),length(parameters),Float64}(parameters, 2.0)

@testset "what a model file provides" begin
    m = model(formulas(), (-70.0, 10.0))
    M = typeof(m)
    y = (-65.0, 3.0)
    @test S.variables(M) === (:v, :w)
    @test S.held(M) === (true, false)
    @test (S.n_noises(M), S.n_variables(M), S.own_arrivals(M), S.refractory(m)) == (1, 2, [2], 2.0)
    @test S.rest(m) === (0.0, 0.0)
    @test S.derivative(m, y, (I=3.0, xi=(0.5,), t=4.0)) === (3.0 - 10.0 + 2.0, -0.3)
    @test S.activity(m, y) === -10.0
    @test !S.fire(m, y, 0.0, 0.1) && S.fire(m, (-60.0, 0.0), 0.0, 0.1)     # >=
    @test S.reset(m, y) === (-69.0, 4.0)        # w sees the new v
end

@testset "slopes are those of dual numbers" begin
    d = formulas(derivatives=["((b * a) - exp((w / v)))", "((tanh(b) * w) / tau)"], noises=0)
    m = model(d, (-70.0, 10.0))
    for y in ((-65.0, 1.0), (-75.0, -2.0))
        input = (I=3.0, xi=(), t=0.0)
        @test all(isapprox.(S.slopes(m, y, input, 0.0), S.dual_slopes(m, y, input, 0.0); rtol=1e-14))
    end
    constant = model(formulas(derivatives=["tau", "(v * v)"], noises=0), (-70.0, 10.0))
    @test S.slopes(constant, (-65.0, 1.0), (I=3.0, xi=(), t=0.0), 0.0) === (0.0, 0.0)
end

@testset "one type for one text" begin
    first_one, again = S.text_model(formulas()), S.text_model(formulas())
    @test first_one == again
    @test S.text_model(formulas(threshold=["b", ">", "20.0"])) != first_one
    strict = model(formulas(threshold=["b", ">", "20.0"]), (-70.0, 10.0))
    @test !S.fire(strict, (-60.0, 0.0), 0.0, 0.1)
    @test S.retyped(typeof(strict), Float64, Float32) === S.TextModel{S.text_model(formulas(threshold=["b", ">", "20.0"])),2,Float32}
end

@testset "single precision, names of all kinds, and models that never fire" begin
    m = S.TextModel{S.text_model(formulas()),2,Float32}((-70.0f0, 10.0f0), 0.0f0)
    @test S.derivative(m, (-65.0f0, 3.0f0), (I=3.0f0, xi=(0.0f0,), t=0.0f0)) isa NTuple{2,Float32}
    # Names that mean something inside of the functions must not.
    d = formulas(variables=["m", "y"], definition_names=["input", "T", "u"], definitions=["(m - dt)", "(input * 2.0)", "(T + I)"],
                 derivatives=["(T * I)", "((-y) / tau)"], threshold=String[], reset_names=String[], reset=String[],
                 parameters=["dt", "tau"], noises=0)
    m = model(d, (1.0, 2.0))
    @test S.derivative(m, (3.0, 4.0), (I=5.0, xi=(), t=0.0)) === (20.0, -2.0)
    @test !S.fire(m, (1e9, 0.0), 0.0, 0.1)
    @test S.reset(m, (3.0, 4.0)) === (3.0, 4.0)
end

@testset "what is not a model is refused" begin
    for change in ((derivatives=["v"],), (derivatives=["v", "z"],), (derivatives=["v", "run(v)"],), (threshold=["v", "<", "1.0"],),
                   (threshold=["I", ">", "1.0"],), (threshold=["t", ">", "1.0"],), (threshold=["unused", ">", "1.0"],),
                   (reset=["I", "w"],), (reset_names=["z", "w"],), (reset=["v"],), (arrivals=[3],), (variables=["v", "v"],),
                   (variables=["v", "w.x"],), (held=[true],), (definitions=["b", "a", "v"], derivatives=["a", "w"],),
                   (noises=0,), (parameters=["E"],))
        @test_throws SpikeCoreError S.text_model(formulas(; change...))
    end
end

function sweep!(m, v, w)
    @inbounds @simd ivdep for i in 1:length(v)
        v[i], w[i] = S.derivative(m, (v[i], w[i]), (I=3.0, xi=(), t=0.0))
    end
end

@testset "loops over compiled functions vectorise and do not allocate" begin
    d = formulas(derivatives=["((I - b) + (exp((a / 2.0)) * tanh(w)))", "(log((2.0 + sin(w))) - (clip(v, 0.0, 1.0) ^ 3))"], noises=0)
    m = model(d, (-70.0, 10.0))
    v, w = fill(-65.0, 100), fill(1.0, 100)
    sweep!(m, v, w)
    @test @allocated(sweep!(m, v, w)) == 0
    llvm = sprint(io -> code_llvm(io, sweep!, (typeof(m), Vector{Float64}, Vector{Float64}); debuginfo=:none))
    @test occursin(r"fadd (contract )?<\d+ x double>", llvm)
    @test !occursin(r"call [^\n]*@(?!llvm|julia\.|jl_throw|jl_bounds)", llvm)
end

function advanced(cell, y, steps)
    for _ in 1:steps
        y = S.advance(cell, y, (I=0.0, xi=(), t=0.0), 1.0, 0.1)
    end
    return y[1] + y[end]
end

function sum_of_last(cells, n)
    total = 0.0
    for i in 1:n
        total += S.at(cells, i).membrane.parameters[end]
    end
    return total
end

@testset "models of many variables and parameters do not allocate" begin
    K = 20
    d = formulas(variables=["v$k" for k in 1:K], held=fill(false, K), noises=0, arrivals=Int[], definition_names=String[],
                 definitions=String[], derivatives=["((p$k - v$k) / 2.0)" for k in 1:K], threshold=String[],
                 reset_names=String[], reset=String[], parameters=["p$k" for k in 1:K])
    m = model(d, ntuple(k -> Float64(k), K))
    start = ntuple(k -> 0.0, K)
    for scheme in (S.Euler(), S.RK2(), S.RK4(), S.ExponentialEuler(), S.scheme("exact", m, (), 0.1))
        cell = S.Cell(scheme, m, ())
        @test isapprox(advanced(cell, start, 10), -(1 + K) * expm1(-0.5); rtol=scheme isa S.Euler ? 0.03 : 1e-3)
        @test (@allocated advanced(cell, start, 1000)) < 100
    end
    columns = ntuple(k -> collect(1.0:9.0), K + 1)
    cells = S.PerCell{typeof(S.Cell(S.Euler(), m, ())),typeof(columns)}(columns)
    @test sum_of_last(cells, 9) == 45
    @test (@allocated sum_of_last(cells, 9)) < 100
end
