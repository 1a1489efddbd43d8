const EMPTY = Dict{String,Any}()

@test handle("echo", Dict{String,Any}("a" => 1), Dict{String,Any}("x" => [1.0]))[2]["x"] == [1.0]
@test handle("info", EMPTY, EMPTY)[1]["julia"] == string(VERSION)
@test_throws SpikeCoreError handle("nonsense", EMPTY, EMPTY)
@test_throws SpikeCoreError handle("advance", Dict{String,Any}("session" => 10^9, "steps" => 1), EMPTY)

@testset "sizes are never trusted" begin
    good() = request(60, small_network(60)[2])
    breakages = [
        (p, a) -> delete!(p, "seed"), (p, a) -> (p["n"] = 61), (p, a) -> (p["dt"] = 0.0),
        (p, a) -> (p["model"] = Dict{String,Any}("name" => "Nothing")), (p, a) -> delete!(a, "projection.1.target"),
        (p, a) -> (p["model"] = merge(GLM, Dict{String,Any}("theta" => 0.0)); a["model.theta"] = ones(3)),
        (p, a) -> (p["initial"] = "strange"), (p, a) -> (p["initial"] = "saved"),
        (p, a) -> (p["stimuli"] = [Dict{String,Any}("kind" => "strange")]),
        (p, a) -> (p["stimuli"] = [Dict{String,Any}("kind" => "constant")]; a["stimulus.1.neurons"] = Int32[60]),
        (p, a) -> (p["stimuli"] = [Dict{String,Any}("kind" => "constant", "channel" => 1)]),
        (p, a) -> (p["stimuli"] = [Dict{String,Any}("kind" => "constant")]; a["stimulus.1.strength"] = ones(7)),
        (p, a) -> (p["stimuli"] = [Dict{String,Any}("kind" => "table", "dt" => 1.0)]; a["stimulus.1.data"] = ones(7, 5)),
    ]
    sessions = length(S.SESSIONS)
    for breakage in breakages
        params, arrays = good()
        breakage(params, arrays)
        @test_throws SpikeCoreError handle("open", params, arrays)
    end
    @test length(S.SESSIONS) == sessions
end

@testset "state is given back and taken again" begin
    n = 60
    _, network = small_network(n; delays=true)
    whole = spikes(request(n, network; trials=0:1)..., [400])
    params, arrays = request(n, network; trials=0:1)
    id = handle("open", params, arrays)[1]
    _, recorded = handle("advance", Dict{String,Any}("session" => id["session"], "steps" => 150, "state" => true), EMPTY)
    about, state = handle("state", id, EMPTY)
    @test all(recorded["state.$name"] == x for (name, x) in state)
    @test about["step"] == 150
    again, more = request(n, network; trials=0:1, first_step=150, initial="saved")
    merge!(more, Dict{String,Any}("state.$name" => x for (name, x) in state))
    @test spikes(again, more, [250]) == [s for s in whole if s[2] >= 150]
end
