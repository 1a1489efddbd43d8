# The rule for Zygote, and Julia code that Zygote differentiates, against what is differentiated by hand.
# Needs Zygote and ChainRulesCore beside SpikeCore; runtests.jl tells whether they are there.

import Zygote, ChainRulesCore

@testset "the extension is loaded" begin
    @test S.pullback_of[] === Zygote.pullback
    @test hasmethod(ChainRulesCore.rrule, Tuple{typeof(simulate),Any,Any})
end

@testset "Zygote around simulate: $mode, memory $memory" for (make, mode, memory) in (
        (leaky_run, "surrogate", 1e9), (leaky_run, "relaxed", 1.0), (cascade_run, "surrogate", 1e9))
    run = make(; mode=mode, memory=memory)
    values, trials = free_values(run), 3
    count_loss(values) = sum(abs2, sum(simulate(run, values).spikes; dims=2)) / trials
    expected = with_loss(make, run, Dict{String,Any}("kind" => "count"), no_spikes(trials); mode=mode, memory=memory)
    value, (found,) = Zygote.withgradient(count_loss, values)
    @test value ≈ expected[1] rtol = 1e-12
    @test close(found, expected[3])
    # Through what makes the values, and a tuple of them.
    found, = Zygote.gradient(a -> count_loss((a .* values[1], values[2:end]...)), 1.0)
    @test found ≈ sum(expected[3][1] .* values[1]) rtol = 1e-10
end

@testset "Zygote around recorded variables, and around two runs" begin
    run = leaky_run()
    values = free_values(run)
    data = [0.5 * sin(i + k + b) for i in 1:20, k in 1:60, b in 1:3]
    expected = with_loss(leaky_run, run, Dict{String,Any}("kind" => "variable", "variable" => "v"), Dict{String,Any}("data" => data))
    course(values) = sum(abs2, simulate(run, values).states.v .- data) / 180
    found, = Zygote.gradient(course, values)
    @test close(found, expected[3])
    output, back = pullback(run, values)
    both, = Zygote.gradient(v -> (y = simulate(run, v); course(v) + sum(y.spikes .* y.states.v)), values)
    @test close(both, found .+ back(output.states.v, (v=output.spikes,)))
    @test Zygote.gradient(v -> (simulate(run, v); 1.0), values)[1] in (nothing, zero.(values))
end

@testset "a loss given as Julia code, differentiated by Zygote" begin
    code = "(spikes, states, data) -> sum(abs2, sum(spikes, dims=2)) / 3 + sum(abs2, states.v .- data.goal) / 180"
    data = Dict{String,Any}("data.goal" => [0.1i for i in 1:20, k in 1:60, b in 1:3])
    by_zygote = Dict{String,Any}("kind" => "julia", "code" => code, "record" => ["v"])
    by_hand = coded(code, "(spikes, states, data) -> (2 / 3 .* sum(spikes, dims=2) .+ zero(spikes), (v = (states.v .- data.goal) ./ 90,))")
    found = with_loss(leaky_run, nothing, by_zygote, data)
    expected = with_loss(leaky_run, nothing, by_hand, data)
    @test found[1] == expected[1]
    @test close(found[3], expected[3])
    only_spikes = Dict{String,Any}("kind" => "julia", "code" => "(spikes, states) -> sum(spikes)", "record" => ["v"])
    @test any(!=(0), with_loss(leaky_run, nothing, only_spikes, Dict{String,Any}())[3][1])
end

@testset "a nonlinearity that dual numbers cannot pass through" begin
    # ccall takes plain numbers only; a rule tells Zygote its derivative.
    Main.eval(quote
        hard_tanh_half(x::Float64) = ccall(:tanh, Float64, (Float64,), x / 2)
        Main.ChainRulesCore.rrule(::typeof(hard_tanh_half), x::Float64) =
            (y = hard_tanh_half(x); (y, d -> (Main.ChainRulesCore.NoTangent(), d * (1 - y^2) / 2)))
    end)
    adjoint = [sin(1.0i + k) for i in 1:12, k in 1:50, t in 1:3]
    expected = pullback(cascade_run(), free_values(cascade_run()))[2](adjoint)
    run = cascade_run(; model=given("x -> Main.hard_tanh_half(x) / 2 + 0.5"))
    @test close(pullback(run, free_values(run))[2](adjoint), expected)
end
