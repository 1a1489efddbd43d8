# Membrane models in the loop: the same result for any number of blocks, nothing allocated, vector instructions.

using InteractiveUtils

receptor(name, conductance) = Dict{String,Any}("kind" => "exponential", "name" => name, "conductance" => conductance)

const INTEGRATE_AND_FIRE = Dict{String,Any}("name" => "LIF", "method" => "exact", "tau_m" => 20.0, "E_L" => -49.0, "R" => 1.0,
    "v_threshold" => -50.0, "v_reset" => -60.0, "refractory_period" => 5.0, "receptor.1.tau" => 5.0, "receptor.2.tau" => 10.0,
    "receptors" => [receptor("exc", false), receptor("inh", false)])
const ADAPTIVE = Dict{String,Any}("name" => "AdEx", "method" => "euler", "C" => 281.0, "g_L" => 30.0, "E_L" => -70.6,
    "V_T" => -50.4, "D_T" => 2.0, "tau_w" => 144.0, "a" => 4.0, "b" => 80.5, "V_r" => -70.6, "V_cut" => -40.4,
    "refractory_period" => 2.0, "receptor.1.tau" => 5.0, "receptor.1.reversal" => 0.0, "receptors" => [receptor("exc", true)])

"`n` neurons, each with synapses to 20 others, through `receptors` in turn; `delay` in steps."
function membrane_request(model, n; dtype="float64", threads=1, delay=1, rule=Dict{String,Any}(), more...)
    arrays = Dict{String,Any}("trials" => Int64[0])
    projections = Any[]
    R = length(model["receptors"])
    for j in 1:R
        offset = cumsum([0; [20 * (i % R + 1 == j) for i in 1:n]])
        target = vcat(Int32[], [sort(Int32[(i * 7 + 13k) % n for k in 1:20]) for i in 1:n if i % R + 1 == j]...)
        weight = fill(model["receptors"][j]["conductance"] ? 3.0 : (2.0, -6.0)[j], length(target))
        merge!(arrays, Dict{String,Any}("projection.$j.offset" => offset, "projection.$j.target" => target,
                                        "projection.$j.weight" => weight))
        push!(projections, merge(Dict{String,Any}("delay" => delay, "receptor" => j), j == 1 ? rule : Dict{String,Any}()))
    end
    params = Dict{String,Any}("n" => n, "dt" => 0.1, "dtype" => dtype, "seed" => 4, "first_step" => 0, "model" => model,
                              "threads" => threads, "projections" => projections, "initial" => "given",
                              "stimuli" => [Dict{String,Any}("kind" => "noise", "tau" => 0.0, "strength" => 100.0)])
    model["name"] == "AdEx" && (params["stimuli"] = [Dict{String,Any}("kind" => "noise", "tau" => 50.0, "strength" => 2500.0)])
    arrays["state.v"] = [-60.0 + 9.9 * (i * 31 % n) / n for i in 1:n]
    foreach(((k, v),) -> params[string(k)] = v, more)
    return params, arrays
end

const STDP_RULE = Dict{String,Any}("pair" => Dict{String,Any}("tau_pre" => 20.0, "tau_post" => 20.0, "pre_gain" => -0.1,
    "pre_offset" => 0.0, "post_gain" => 0.1, "exponent" => 0.5, "low" => 0.0, "high" => 5.0, "polarity" => 1.0,
    "nearest" => false), "short_term" => Dict{String,Any}("U" => 0.5, "tau_f" => 50.0, "tau_d" => 200.0))

@testset "any number of blocks: $(model["name"]), delay $delay" for model in (INTEGRATE_AND_FIRE, ADAPTIVE), delay in (1, 7)
    n = 500
    params, arrays = membrane_request(model, n; delay=delay, rule=STDP_RULE)
    whole = S.Run(params, arrays)
    S.advance!(whole, 600)
    @test length(S.merged_spikes(whole.setup.trials)[1]) > 100
    for blocks in (2, 5)
        run = S.Run(params, arrays)
        setup, ranges = run.setup, S.blocks(n, blocks)
        for (k, p) in enumerate(setup.projections)
            setup.projections[k] = S.Projection(p.synapses, p.kernel, S.split_rows(p.synapses, ranges), p.into, p.direct,
                                                p.pair, p.short_term, p.incoming)
        end
        trial = setup.trials[1]
        room = length(trial.drive)
        trial.parts = [S.Part(range, last(range) == n ? (first(range):room) : range, setup.projections) for range in ranges]
        for step in 0:599
            foreach(part -> S.fire_step!(run, trial, part, step), trial.parts)
            for p in 1:blocks
                S.deliver_all!(setup, trial, p, step)
                S.change_weights!(setup, trial, p, step)
            end
        end
        trial.step = 600
        @test S.merged_spikes(setup.trials)[1:2] == S.merged_spikes(whole.setup.trials)[1:2]
        @test S.state_arrays(setup) == S.state_arrays(whole.setup)
    end
end

@testset "nothing is allocated per step: $(model["name"])" for model in (INTEGRATE_AND_FIRE, ADAPTIVE), rule in (Dict{String,Any}(), STDP_RULE)
    run = S.Run(membrane_request(model, 300; rule=rule)...)
    S.advance!(run, 1000)
    foreach(p -> (resize!(p.recorded_neuron, 10^6); resize!(p.recorded_step, 10^6)), run.setup.trials[1].parts)
    few, many = @allocated(S.advance!(run, 100)), @allocated(S.advance!(run, 2000))
    @test many <= few + 2000
end

@testset "the sweep is made of vector instructions: $(model["name"]), $dtype" for model in (INTEGRATE_AND_FIRE, ADAPTIVE),
                                                                                  dtype in ("float64", "float32"), several in (false, true)
    params, arrays = membrane_request(model, 100; dtype=dtype)
    if several
        params["model"] = filter(((name, _),) -> name != "v_reset" && name != "V_r", model)
        arrays[string("model.", model["name"] == "LIF" ? "v_reset" : "V_r")] = fill(-60.0, 100)
    end
    run = S.Run(params, arrays)
    trial = run.setup.trials[1]
    state = S.pieces(trial, S.cell_type(run.neurons))
    types = map(typeof, (trial, trial.parts[1], run.neurons, run.setup.dt, 0, state))
    code = sprint(io -> code_llvm(io, S.membrane_sweep!, types; debuginfo=:none))
    @test occursin(dtype == "float64" ? r"fmul.* <\d+ x double>" : r"fmul.* <\d+ x float>", code)
end

@testset "where a neuron stands does not matter: $(model["name"]), $dtype" for model in (INTEGRATE_AND_FIRE, ADAPTIVE),
                                                                             dtype in ("float64", "float32")
    states = map((1, 3, 65, 100, 130)) do n
        params, arrays = membrane_request(model, n; dtype=dtype)
        params["stimuli"], params["projections"] = [Dict{String,Any}("kind" => "constant", "strength" => 700.0)], []
        arrays["state.v"] = fill(-55.0, n)
        run = S.Run(params, arrays)
        S.advance!(run, 500)
        arrays = S.state_arrays(run.setup)
        @test size(arrays["v"]) == (n, 1) == size(arrays["refractory"])
        @test all(x -> all(x .=== x[1]), (arrays["v"], arrays["refractory"]))
        @test length(S.merged_spikes(run.setup.trials)[1]) % n == 0
        arrays["v"][1]
    end
    @test all(states .=== states[1])
end

@testset "neurons like the one before are not made again, others are" begin
    params, arrays = membrane_request(INTEGRATE_AND_FIRE, 6)
    params["model"] = filter(((name, _),) -> name != "tau_m" && name != "E_L", params["model"])
    arrays["model.tau_m"] = [10.0, 10.0, 20.0, 20.0, 10.0, 10.0]
    arrays["model.E_L"] = [-60.0, -60.0, -60.0, -50.0, -50.0, -60.0]
    cells = S.Run(params, arrays).neurons
    alone = map(1:6) do i
        model = merge(params["model"], Dict{String,Any}("tau_m" => arrays["model.tau_m"][i], "E_L" => arrays["model.E_L"][i]))
        S.at(S.Run(merge(params, Dict{String,Any}("model" => model)), filter(((name, _),) -> !startswith(name, "model."), arrays)).neurons, 1)
    end
    @test [S.at(cells, i) for i in 1:6] == alone
    @test S.Run(params, arrays).setup.trials[1].state[1][6] == -60.0 + 9.9 * (6 * 31 % 6) / 6
end

@testset "a state that is not finite ends the run" begin
    params, arrays = membrane_request(ADAPTIVE, 10)
    arrays["state.v"][4] = 1e6
    problem = try
        S.advance!(S.Run(params, arrays), 10)
    catch e
        sprint(showerror, e)
    end
    @test occursin("neuron 3", problem) && occursin("step 0", problem) && occursin("v = ", problem)
end

@testset "sizes and names are checked" begin
    params, arrays = membrane_request(INTEGRATE_AND_FIRE, 10)
    bad(change) = (p = deepcopy(params); a = deepcopy(arrays); change(p, a); S.Run(p, a))
    @test_throws SpikeCoreError bad((p, a) -> p["projections"][1]["receptor"] = 3)
    @test_throws SpikeCoreError bad((p, a) -> a["state.u"] = zeros(10))
    @test_throws SpikeCoreError bad((p, a) -> a["state.v"] = zeros(9))
    @test_throws SpikeCoreError bad((p, a) -> p["record"] = ["w"])
    @test_throws SpikeCoreError bad((p, a) -> p["record_every"] = 0)
    @test_throws SpikeCoreError bad((p, a) -> a["model.tau_m"] = fill(20.0, 9))
    @test_throws SpikeCoreError bad((p, a) -> p["stimuli"][1]["channel"] = 5)
end
