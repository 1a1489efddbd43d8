# The loop on a small random network: the same result for any number of threads and any pieces, and against a plain
# reference without any of the tricks.

function small_network(n; seed=1, delays=false)
    source = S.Source(seed, 0x00009999, 0)
    dense = [i != j && S.uniform(Float64, S.draw(source, n * i + j, 0)) < 12 / n ?
             round(32 * S.normal(source, n * i + j, 8)) / 16 : 0.0 for i in 0:n-1, j in 0:n-1]
    offset, target, weight, delay = Int64[0], Int32[], Float64[], Int32[]
    for i in 1:n
        for j in 1:n
            dense[i, j] == 0 && continue
            push!(target, j - 1)
            push!(weight, dense[i, j])
            push!(delay, 1 + (i * j) % 7)
        end
        push!(offset, length(target))
    end
    arrays = Dict{String,Any}("projection.1.offset" => offset, "projection.1.target" => target, "projection.1.weight" => weight)
    delays && (arrays["projection.1.delay"] = delay)
    return dense, arrays
end

const GLM = Dict{String,Any}("name" => "BernoulliGLM", "theta" => 2.0, "alpha" => 0.2, "coupling_window" => 5.0,
    "abs_ref_scale" => 3.0, "abs_ref_strength" => -100.0, "rel_ref_scale" => 7.0, "rel_ref_strength" => -30.0,
    "beta" => 0.5, "r" => 1.0, "b" => 0.0)

function request(n, network; model=GLM, trials=[0], threads=1, dtype="float64", more...)
    params = Dict{String,Any}("n" => n, "dt" => 1.0, "dtype" => dtype, "seed" => 42, "first_step" => 0, "model" => model,
                              "threads" => threads, "projections" => [Dict{String,Any}("delay" => 1)], "initial" => "random")
    foreach(((k, v),) -> params[string(k)] = v, more)
    return params, merge(network, Dict{String,Any}("trials" => collect(Int64, trials)))
end

function spikes(params, arrays, pieces)
    id = handle("open", params, arrays)[1]
    step, neuron, trial = Int64[], Int32[], Int[]
    for steps in pieces
        _, a = handle("advance", Dict{String,Any}("session" => id["session"], "steps" => steps), Dict{String,Any}())
        for j in 1:length(arrays["trials"])
            range = a["trial_pointer"][j]+1:a["trial_pointer"][j+1]
            append!(step, a["spike_step"][range])
            append!(neuron, a["spike_neuron"][range])
            append!(trial, fill(arrays["trials"][j], length(range)))
        end
    end
    handle("close", id, Dict{String,Any}())
    return sort(collect(zip(trial, step, neuron)))
end

"BernoulliGLM as one would write it down: convolutions over the whole past, one number drawn per neuron and step."
function reference(dense, seed, steps, delay)
    n = size(dense, 1)
    kappa = exp.(-0.2 .* (0:4))
    eta = [fill(-100.0, 3); -30 .* exp.(-0.5 .* (0:6))]
    x = zeros(n, steps + 1)      # column 1: the step before the first
    initial = S.Source(seed, S.STREAM_INITIAL, 0)
    x[:, 1] = [S.draw(initial, i, 0) < 0x80000000 for i in 0:n-1]
    found = Tuple{Int,Int,Int}[]
    for k in 0:steps-1, i in 1:n
        g = 0.0
        for lag in 0:min(k, 9)
            lag < 10 && (g += eta[lag+1] * x[i, k-lag+1])
        end
        for j in 1:n, lag in 0:4
            past = k - lag - delay(j, i) + 2
            1 <= past <= k + 1 && (g += dense[j, i] * kappa[lag+1] * x[j, past])
        end
        u = S.uniform(Float64, S.draw(S.Source(seed, S.STREAM_FIRE, 0), i - 1, k))
        if u < 1 / (1 + exp(2 - g))
            x[i, k+2] = 1
            push!(found, (0, k, i - 1))
        end
    end
    return found
end

@testset "against a plain reference, delays: $delays" for delays in (false, true)
    n = 60
    dense, network = small_network(n; delays=delays)
    expected = reference(dense, 42, 300, delays ? (i, j) -> 1 + (i * j) % 7 : (i, j) -> 1)
    @test length(expected) > 300
    @test spikes(request(n, network)..., [300]) == expected
end

@testset "threads, pieces, batches" begin
    n = 1200
    _, network = small_network(n; delays=true)
    whole = spikes(request(n, network)..., [500])
    @test length(whole) > 1000
    for threads in (2, 3, 4), pieces in ([500], [1, 2, 3, 494], fill(50, 10))
        @test spikes(request(n, network; threads=threads)..., pieces) == whole
    end
    batch = spikes(request(n, network; trials=0:5, threads=4)..., [100, 400])
    @test [s for s in batch if s[1] == 0] == whole
    @test spikes(request(n, network; trials=[3], threads=2)..., [500]) == [s for s in batch if s[1] == 3]
    single = spikes(request(n, network; dtype="float32")..., [500])
    @test spikes(request(n, network; dtype="float32", threads=4)..., [7, 493]) == single
end

@testset "any number of blocks of neurons" begin
    n = 500
    _, network = small_network(n; delays=true)
    whole = spikes(request(n, network)..., [200])
    for blocks in (2, 4, 7)
        params, arrays = request(n, network)
        run = S.Run(params, arrays)
        setup, ranges = run.setup, S.blocks(n, blocks)
        @test length(ranges) == blocks
        setup.projections[1] = S.Projection(setup.projections[1].synapses, setup.projections[1].kernel,
                                            S.split_rows(setup.projections[1].synapses, ranges), 0, false, nothing, nothing, S.Incoming())
        trial = setup.trials[1]
        trial.parts = map(S.Part, ranges)
        for step in 0:199       # as threads do it, one part after the other and without messages
            foreach(part -> S.fire_step!(run, trial, part, step), trial.parts)
            foreach(p -> S.deliver_all!(setup, trial, p, step), 1:blocks)
        end
        step, neuron, _ = S.merged_spikes(setup.trials)
        @test [(0, k, i) for (k, i) in zip(step, neuron)] == whole
    end
end

@testset "an inadmissible activity ends the run and names neuron and step" begin
    model = merge(GLM, Dict{String,Any}("theta" => -5.0))
    _, network = small_network(60)
    for threads in (1, 4)
        params, arrays = request(1200, small_network(1200)[2]; model=model, threads=threads)
        params["dt"] = 2.0
        id = handle("open", params, arrays)[1]
        failure = try
            handle("advance", Dict{String,Any}("session" => id["session"], "steps" => 50), Dict{String,Any}())
        catch e
            e
        end
        @test failure isa SpikeCoreError
        @test occursin(r"neuron \d+ in step \d+ .*must be a probability", failure.message)
        @test_throws SpikeCoreError handle("state", id, Dict{String,Any}())      # the session has ended
    end
end

@testset "subnormal numbers are switched back on" begin
    spikes(request(60, small_network(60)[2])..., [10])
    @test !get_zero_subnormals()
end

@testset "nothing is allocated per step" begin
    params, arrays = request(60, small_network(60)[2])
    id = handle("open", params, arrays)[1]
    run = S.session(id)
    S.advance!(run, 1000)
    foreach(p -> (resize!(p.recorded_neuron, 10^6); resize!(p.recorded_step, 10^6)), run.setup.trials[1].parts)
    few, many = @allocated(S.advance!(run, 100)), @allocated(S.advance!(run, 2000))
    @test many <= few + 1000
    handle("close", id, Dict{String,Any}())
end

@testset "messages between threads" begin
    barrier, part = S.Barrier(2), S.Part(1:64)
    @test !S.has_come(barrier, 1, 0)
    for (step, neurons) in ((-1, 0:63), (0, 0:0), (1, 5:2:40), (2, 1:0))
        list, counts = collect(Int32, neurons), ones(Int32, length(neurons))
        step == 1 && (counts[end] = 3)
        S.post!(barrier, 1, list, counts, length(list), step)
        @test S.await(barrier, 1, step) == (length(list), step == 1)
        at = S.message_at(step) + 3
        @test all(s -> barrier.messages[1][at+s] == list[s], 1:min(length(list), S.POSTED_AT_ONCE))
        @test !S.has_come(barrier, 1, step + 2) && !S.has_come(barrier, 2, step)
    end
    barrier.broken[] = true     # who will not post is not waited for
    @test S.await(barrier, 2, 0) == (-1, false)
    # Lists that are longer than a message, and counts above one, give the sums that one thread gives.
    poisson = Dict{String,Any}("name" => "Cascade", "emission" => "poisson", "nonlinearity" => "sigmoid", "theta" => 0.0,
                               "beta" => 1.0, "scale" => 1.0, "r" => 0.1, "b" => 0.0, "coupling.tau" => 5.0,
                               "coupling.window" => 20.0, "coupling.gain" => 1.0)
    _, network = small_network(1100)
    for model in (poisson, merge(GLM, Dict{String,Any}("theta" => -1.0)))
        one, two = spikes(request(1100, network; model=model)..., [60]), spikes(request(1100, network; model=model, threads=2)..., [60])
        @test one == two && length(one) > 60 * 4 * S.POSTED_AT_ONCE
        @test (length(unique(one)) < length(one)) == (model === poisson)
    end
end
