# Runs on devices: the one that is always there here; others, where their packages are, by device_kernels.jl and device_cuda.jl.

const RESTING = Dict{String,Any}(
    "name" => "LIF", "tau_m" => 20.0, "E_L" => -65.0, "R" => 1.0, "v_threshold" => -50.0, "v_reset" => -60.0,
    "refractory_period" => 1.0, "tau_syn_exc" => 5.0, "method" => "exact", "receptor.1.tau" => 5.0,
    "receptors" => Any[Dict{String,Any}("kind" => "exponential", "name" => "exc", "conductance" => false)])

function check_device(name::String)
    dtype = name == "cuda" ? "float32" : "float64"
    _, network = small_network(50; delays=true)
    noise = Dict{String,Any}("kind" => "noise", "tau" => 5.0, "strength" => 5.0, "channel" => 0)
    current = Dict{String,Any}("kind" => "constant", "strength" => 18.0, "channel" => 0)
    for (model, more) in ((GLM, (;)), (RESTING, (initial="rest", stimuli=Any[current, noise],
                                                 projections=[Dict{String,Any}("delay" => 1, "receptor" => 1)])))
        here, there = [request(50, network; model=model, trials=0:2, dtype=dtype, more..., device=device) for device in ("cpu", name)]
        expected, found = spikes(here..., [200]), spikes(there..., [120, 80])
        @test length(expected) > 100
        # Sums in another order are rounded otherwise, and a spike may move.
        dtype == "float64" ? (@test found == expected) : (@test length(symdiff(found, expected)) < 0.05 * length(expected))
    end
end

check_device("serial")

@testset "an unknown device" begin
    @test_throws S.SpikeCoreError handle("open", request(2, small_network(2)[2]; device="nowhere")...)
end
