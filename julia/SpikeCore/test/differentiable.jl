# `simulate` and its pullback: against the losses of the package, against differences of the smooth run, over several segments; and
# functions given as Julia code, with derivatives of their own.

const pullback = S.pullback     # not exported: Zygote has one, too
const PULSE = Any[Dict{String,Any}("kind" => "pulse", "name" => "input", "conductance" => false)]
leaky(n) = Dict{String,Any}("name" => "Leaky", "method" => "discrete", "beta" => [0.75 + 0.01i for i in 1:n], "v_threshold" => 1.0,
                            "bias" => [0.1 * cos(i) for i in 1:n], "receptors" => PULSE)
bernoulli(; more...) = merge(
    Dict{String,Any}("name" => "Cascade", "nonlinearity" => "sigmoid", "emission" => "bernoulli", "theta" => 0.7, "beta" => 1.3,
                     "scale" => 0.5, "r" => 1.1, "b" => 0.1, "activation_tau" => 5.0),
    Dict{String,Any}(string(k) => v for (k, v) in more))
a_matrix(n) = [(7i + 3j) % 5 == 0 ? 0.4 * sin(i + 2j) : 0.0 for i in 1:n, j in 1:n]
const DRIVE = Any[Dict{String,Any}("kind" => "constant", "strength" => 0.3)]

leaky_run(; n=20, steps=60, trials=3, record=["v"], more...) =
    differentiable_run(; model=leaky(n), weight=a_matrix(n), dt=1.0, steps=steps, free=["weight", "beta"], stimuli=DRIVE,
                       trials=trials, delay=2, alpha=5.0, record=record, more...)
cascade_run(; n=12, steps=50, trials=3, model=bernoulli(), more...) =
    differentiable_run(; model=model, weight=a_matrix(n), dt=1.0, steps=steps, free=["weight", "theta", "b"], stimuli=DRIVE,
                       trials=trials, delay=2, more...)

"The same run with a loss of the package."
function with_loss(make, run, d, arrays; more...)
    found = make(; more...)
    loss = S.build_loss(typeof(found.setup.dt), d, arrays, found.setup.n, found.steps, length(found.setup.trials), 1.0, found.setup.blueprint.variables)
    empty!(found.losses)
    push!(found.losses, loss)
    return S.evaluate!(found, S.all_trials(found), [1.0], true)
end

const NO_SPIKES = Dict{String,Any}("step" => Int64[], "neuron" => Int32[])
no_spikes(trials) = merge(NO_SPIKES, Dict{String,Any}("pointer" => zeros(Int64, trials + 1)))
close(a, b) = all(isapprox(x, y; rtol=1e-10, atol=1e-12) for (x, y) in zip(a, b))

@testset "squared counts, as the package has them: $mode, $threads threads, memory $memory" for (make, mode, threads, memory) in (
        (leaky_run, "surrogate", 1, 1e9), (leaky_run, "surrogate", 2, 1.0), (leaky_run, "soft", 1, 1.0), (leaky_run, "relaxed", 2, 1e9),
        (cascade_run, "surrogate", 1, 1e9), (cascade_run, "relaxed", 2, 1e9))
    settings = (mode=mode, threads=threads, memory=memory)
    run = make(; settings...)
    values = free_values(run)
    output, back = pullback(run, values)
    @test make !== leaky_run || run.segment == (memory == 1.0 ? 8 : 60)
    count = sum(output.spikes; dims=2)
    trials = size(output.spikes, 3)
    found = back(2 / trials .* count .+ zero(output.spikes))
    expected = with_loss(make, run, Dict{String,Any}("kind" => "count"), no_spikes(trials); settings...)
    @test expected[1] > 0 && any(!=(0), expected[3][1])
    @test sum(abs2, count) / trials ≈ expected[1] rtol = 1e-12
    @test close(found, expected[3])
    values[1][1] += 1       # what was kept is not what is given
    @test close(back(2 / trials .* count .+ zero(output.spikes)), expected[3])
end

@testset "a variable, as the package has it: memory $memory" for memory in (1e9, 1.0)
    run = leaky_run(; memory=memory)
    output, back = pullback(run, free_values(run))
    data = [0.5 * sin(i + k + b) for i in 1:20, k in 1:60, b in 1:3]
    difference = output.states.v .- data
    expected = with_loss(leaky_run, run, Dict{String,Any}("kind" => "variable", "variable" => "v"), Dict{String,Any}("data" => data);
                         memory=memory)
    @test sum(abs2, difference) / 60 / 3 ≈ expected[1] rtol = 1e-12
    @test close(back(nothing, (v=2 .* difference ./ 180,)), expected[3])
end

@testset "single precision" begin
    output, back = pullback(leaky_run(; dtype="float32"), free_values(leaky_run()))
    @test eltype(output.spikes) == eltype(output.states.v) == Float32
    expected = with_loss(leaky_run, nothing, Dict{String,Any}("kind" => "count"), no_spikes(3); dtype="float32")
    found = back(2 / 3 .* sum(output.spikes; dims=2) .+ zero(output.spikes))
    @test all(isapprox(a, b; rtol=1e-4) for (a, b) in zip(found, expected[3]))
end

@testset "the output of the relaxed run against differences" begin
    run = leaky_run(; mode="relaxed", n=8, steps=20)
    values = free_values(run)
    a, b = [sin(1.0i) for i in 1:8, k in 1:20, t in 1:3], [cos(i + k) for i in 1:8, k in 1:20, t in 1:3]
    loss(values) = (y = simulate(run, values); sum(a .* y.spikes .^ 2) + sum(b .* y.states.v))
    output, back = pullback(run, values)
    @test 0 < count(0 .< output.spikes .< 1)
    found = back(2 .* a .* output.spikes, (v=b,))
    for k in 1:2, i in (1, length(values[k]))
        moved(h) = (x = deepcopy(values); x[k][i] += h; loss(x))
        h = 1e-4
        @test found[k][i] ≈ (8(moved(h) - moved(-h)) - (moved(2h) - moved(-2h))) / 12h rtol = 1e-6 atol = 1e-9
    end
end

@testset "outputs and adjoints that do not fit" begin
    run = leaky_run(; n=8, steps=10)
    values = free_values(run)
    _, back = pullback(run, values)
    @test_throws S.SpikeCoreError back(zeros(8, 10, 2))
    @test_throws S.SpikeCoreError back(nothing, (u=zeros(8, 10, 3),))
    @test_throws S.SpikeCoreError simulate(run, values[1:1])
    @test_throws S.SpikeCoreError simulate(run, [values[1], [1.0]])
    @test_throws S.SpikeCoreError leaky_run(; record=["w"])
    @test_throws S.SpikeCoreError cascade_run(; record=["v"])
    empty!(run.losses)
    @test_throws S.SpikeCoreError simulate(run, values)
end

# ---- Julia code -------------------------------------------------------------------------------------------------------------

coded(code, gradient; more...) = merge(
    Dict{String,Any}("kind" => "julia", "code" => code, "record" => ["v"]), Dict{String,Any}("gradient" => gradient),
    Dict{String,Any}(string(k) => v for (k, v) in more))

@testset "a loss given as Julia code: memory $memory" for memory in (1e9, 1.0)
    data = Dict{String,Any}("data.goal" => [0.1i for i in 1:20, k in 1:60, b in 1:3])
    d = coded("""
        using Statistics
        function loss(spikes, states, data)
            sum(abs2, sum(spikes, dims=2)) / 3 + 3 * mean(abs2, states.v .- data.goal[:, :, data.trials])
        end
        """, """
        (spikes, states, data) -> begin
            trials = length(data.trials)
            (2 / 3 .* sum(spikes, dims=2) .+ zero(spikes), (v = 2 / (20 * 20 * trials) .* (states.v .- data.goal[:, :, data.trials]),))
        end
        """)
    loss, _, found = with_loss(leaky_run, nothing, d, data; memory=memory)
    counts = with_loss(leaky_run, nothing, Dict{String,Any}("kind" => "count"), no_spikes(3); memory=memory)
    variable = Dict{String,Any}("data" => data["data.goal"])
    course = with_loss(leaky_run, nothing, Dict{String,Any}("kind" => "variable", "variable" => "v"), variable; memory=memory)
    @test loss ≈ counts[1] + 3 * course[1] / 20 rtol = 1e-12
    @test close(found, [a .+ 3 / 20 .* b for (a, b) in zip(counts[3], course[3])])
end

@testset "steps that are not seen, and a batch of some trials" begin
    run = leaky_run(; trials=3)
    d = coded("(spikes, states, data) -> sum(data.of_trial[data.trials] .* vec(sum(spikes, dims=(1, 2))))",
              "(spikes, states, data) -> zero(spikes) .+ reshape(data.of_trial[data.trials], 1, 1, :)"; skip=20)
    arrays = Dict{String,Any}("data.of_trial" => [1.0, 10.0, 100.0])
    run.losses[1] = S.build_loss(Float64, d, arrays, 20, 60, 3, 1.0, ["v"])
    spikes = simulate(leaky_run(), free_values(run)).spikes
    found = S.evaluate!(run, [3, 1], [2.0], true)
    @test found[1] ≈ 2 * (100 * sum(spikes[:, 21:60, 3]) + sum(spikes[:, 21:60, 1])) rtol = 1e-12
    _, back = pullback(leaky_run(), free_values(run))
    adjoint = zeros(20, 60, 3)
    adjoint[:, 21:60, 1] .= 2
    adjoint[:, 21:60, 3] .= 200
    @test close(found[3], back(adjoint))
end

@testset "code that cannot be used" begin
    loss(code, gradient="(s, x) -> nothing") = S.build_loss(Float64, coded(code, gradient), Dict{String,Any}(), 20, 60, 3, 1.0, ["v"])
    for bad in ("(s, x) ->", "1 + 1", "nowhere(s, x) + 1")
        @test_throws S.SpikeCoreError loss(bad)
    end
    for (bad, gradient) in (("(s, x) -> s", "(s, x) -> nothing"), ("(s, x) -> 1.0", "(s, x) -> 1.0"),
                            ("(s, x) -> 1.0", "(s, x) -> s[:, :, 1]"), ("(s, x) -> 1.0", "(s, x) -> (nothing, (w = s,))"),
                            ("(s, x) -> NaN", "(s, x) -> nothing"))
        run = leaky_run(; n=20, steps=60)
        run.losses[1] = loss(bad, gradient)
        @test_throws S.SpikeCoreError S.evaluate!(run, [1], [1.0], true)
    end
    if !isempty(S.load_zygote())
        problem = try
            delete!(S.CODES, "(s, x) -> sum(s)")
            S.build_loss(Float64, Dict{String,Any}("kind" => "julia", "code" => "(s, x) -> sum(s)"), Dict{String,Any}(), 20, 60, 3, 1.0, ["v"])
        catch problem
            problem
        end
        @test problem isa S.SpikeCoreError && occursin("Zygote", problem.message) && occursin("gradient=", problem.message)
    end
end

given(code; more...) = bernoulli(; nonlinearity=Dict{String,Any}("code" => code, (string(k) => v for (k, v) in more)...))

@testset "a nonlinearity given as Julia code" begin
    values = free_values(cascade_run())
    output, back = pullback(cascade_run(), values)
    adjoint = [sin(1.0i + k) for i in 1:12, k in 1:50, t in 1:3]
    expected = back(adjoint)
    numbers_only = "x -> ccall(:tanh, Float64, (Float64,), x / 2) / 2 + 0.5"
    for model in (given("x -> 1 / (1 + exp(-x))"), given("f(x) = x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))"),
                  given(numbers_only; derivative="x -> (1 - tanh(x / 2)^2) / 4"))
        run = cascade_run(; model=model)
        found, to = pullback(run, values)
        @test found.spikes == output.spikes
        @test close(to(adjoint), expected)
    end
    @test S.takes_duals(S.function_from_code("a", "x -> 1 / (1 + exp(-x))"))
    @test S.takes_duals(S.function_from_code("a", "x -> sqrt(x)"))          # not for negative ones, but for them nothing is
    @test !S.takes_duals(S.function_from_code("a", numbers_only))
    if !isempty(S.load_zygote())
        @test_throws S.SpikeCoreError cascade_run(; model=given(numbers_only))
    end
    for bad in ("x -> ", "3", "x -> \"text\"", "x -> nowhere(x)", "(x, y) -> x")
        @test_throws S.SpikeCoreError cascade_run(; model=given(bad))
    end
end
