# Cells in discrete time as pure functions, and what lets a caller advance cells one step at a time.

const CURRENT = Dict{String,Any}("name" => "LIFCurrent", "method" => "discrete", "tau_syn_inv" => 200.0, "tau_mem_inv" => 100.0,
                                 "v_leak" => 0.0, "v_th" => 1.0, "v_reset" => 0.0,
                                 "receptors" => [Dict{String,Any}("name" => "input", "kind" => "pulse", "conductance" => false)])

function cells_request(x::Matrix{Float64}; model=CURRENT, first_step=0, state=Dict{String,Any}(), trials=0:0)
    params = Dict{String,Any}("n" => size(x, 1), "dt" => 1.0, "dtype" => "float64", "seed" => 1, "first_step" => first_step,
                              "threads" => 1, "model" => model, "initial" => "given", "steps" => size(x, 2),
                              "stimuli" => [Dict{String,Any}("kind" => "table", "dt" => 1.0, "start" => Float64(first_step))])
    arrays = Dict{String,Any}("trials" => collect(Int64, trials), "stimulus.1.data" => x)
    return params, merge(arrays, Dict{String,Any}("state.$name" => values for (name, values) in state))
end

@testset "pure functions of numbers, in both precisions" begin
    for T in (Float32, Float64)
        m = S.LIFCurrent{T}(200, 100, 0, 1, 0)
        y = @inferred S.step(m, S.rest(m), (I=one(T), xi=(), t=zero(T)), one(T))
        @test y isa Tuple{T,T}
        @test all(isapprox.(y, (0.1, 0.8); rtol=4eps(T)))
        @test !S.fire(m, (one(T), zero(T)), zero(T), one(T)) && S.fire(m, (nextfloat(one(T)), zero(T)), zero(T), one(T))
        @test S.reset(m, (T(2), T(3))) == (0, 3)
        b = S.LSNN{T}(200, 100, 1 / 800, 0, 1, 0, 1.8)
        @test S.rest(b) == (0, 0, 1)
        @test S.reset(b, (T(2), T(3), one(T)))[3] == one(T) + T(1.8)
        @test !S.fire(S.LIBox{T}(100, 0), (floatmax(T),), zero(T), one(T))
    end
    @test S.refractory_steps(S.LIFRefrac{Float64}(200, 100, 0, 1, 0, 5), 1.0) == 6
    @test S.refractory_steps(S.LIFBox{Float64}(100, 0, 1, 0), 1.0) == 1
end

@testset "a run in one call is the session" begin
    x = repeat([3.0 1.0 0.0 7.0], 4, 3) .* [0.2, 0.5, 1.0, 2.0]
    params, arrays = cells_request(x)
    sessions = length(S.SESSIONS)
    _, at_once = handle("run", params, arrays)
    @test length(S.SESSIONS) == sessions
    id = handle("open", params, arrays)[1]["session"]
    _, recorded = handle("advance", Dict{String,Any}("session" => id, "steps" => size(x, 2), "state" => true), EMPTY)
    handle("close", Dict{String,Any}("session" => id), EMPTY)
    @test keys(at_once) == keys(recorded)
    @test all(at_once[name] == values for (name, values) in recorded)
    @test !isempty(at_once["spike_step"])
    @test_throws SpikeCoreError handle("run", delete!(cells_request(x)[1], "steps"), arrays)
    @test length(S.SESSIONS) == sessions
end

@testset "refractory steps are part of a given state" begin
    refrac = merge(CURRENT, Dict{String,Any}("name" => "LIFRefrac", "rho_reset" => 5.0))
    state = Dict{String,Any}("v" => [0.5 0.5; 0.5 0.5], "refractory" => [3.0 0.0; 1.0 0.0])
    x = fill(10.0, 2, 1)
    _, after = handle("run", cells_request(x; model=refrac, first_step=7, state=state, trials=0:1)...)
    @test after["state.refractory"] == [2.0 5.0; 0.0 5.0]
    @test after["state.v"] == [0.5 0.0; 0.5 0.0]
    @test after["spike_step"] == [7, 7]
    @test after["trial_pointer"] == [0, 0, 2]
    for (name, values) in ("u" => [1.0, 1.0], "refractory" => [1.0], "v" => ones(2, 3))
        @test_throws SpikeCoreError handle("run", cells_request(x; state=Dict{String,Any}(name => values))...)
    end
end
