# The adjoint of the loop: vector instructions in its sweeps, the same result for any number of threads, and for pieces of the
# run whose tape is made again. The derivatives themselves are tested against finite differences from Python.

using InteractiveUtils: code_llvm

function gradient_problem(; n=70, steps=50, trials=6, threads=1, memory=1e9, mode="surrogate", dtype="float32")
    T = dtype == "float32" ? Float32 : Float64
    pre(i) = [j for j in 1:n if (7i + 3j) % 5 == 0]
    target = Int32[j - 1 for i in 1:n for j in pre(i)]
    offset = Int64[0; cumsum([length(pre(i)) for i in 1:n])]
    weight = T[0.2 * sin(e) for e in 1:length(target)]
    model = Dict{String,Any}("name" => "Leaky", "method" => "discrete",
                             "receptors" => Any[Dict{String,Any}("kind" => "pulse", "name" => "input", "conductance" => false)])
    free = Any[Dict{String,Any}("kind" => "weight", "index" => 1), Dict{String,Any}("kind" => "model", "names" => ["beta"])]
    loss = Dict{String,Any}("kind" => "count")
    params = Dict{String,Any}(
        "n" => n, "dt" => 1.0, "dtype" => dtype, "seed" => 1, "model" => model, "first_step" => 0, "threads" => threads,
        "projections" => Any[Dict{String,Any}("delay" => 2, "receptor" => 1)], "record" => String[], "steps" => steps,
        "stimuli" => Any[Dict{String,Any}("kind" => "constant", "strength" => 0.3)], "mode" => mode, "stochastic" => false,
        "surrogate" => Dict{String,Any}("name" => "superspike", "alpha" => 5.0), "detach_reset" => false, "free" => free,
        "losses" => Any[loss], "memory" => memory)
    pointer = Int64[0:trials;]
    arrays = Dict{String,Any}(
        "trials" => Int64[0:trials-1;], "projection.1.offset" => offset, "projection.1.target" => target,
        "projection.1.weight" => weight, "model.beta" => fill(0.8, n), "model.v_threshold" => fill(1.0, n),
        "model.bias" => Float64[0.1 * cos(i) for i in 1:n], "loss.1.pointer" => pointer, "loss.1.step" => Int64[1:trials;],
        "loss.1.neuron" => Int32[1:trials;])
    return S.Problem(params, arrays)
end

gradients(problem, trials) = S.evaluate!(problem, Int[1:trials;], [1.0], true)

@testset "threads and checkpoints do not change what is found" begin
    loss, _, (of_weight, of_beta), counts = gradients(gradient_problem(), 6)
    @test loss > 0 && any(!=(0), of_weight) && any(!=(0), of_beta) && sum(counts) > 100
    again = gradients(gradient_problem(threads=2), 6)
    @test again[1] == loss && again[3][1] == of_weight && again[3][2] == of_beta && again[4] == counts
    pieces = gradient_problem(memory=1.0)
    found = gradients(pieces, 6)
    @test pieces.segment == 8
    @test found[1] == loss
    @test found[3][1] ≈ of_weight rtol = 1e-5
    @test found[3][2] ≈ of_beta rtol = 1e-5
end

@testset "a weight and a parameter against differences of the smooth run" begin
    problem = gradient_problem(mode="relaxed", dtype="float64", n=20, steps=20, trials=2)
    slopes = gradients(problem, 2)[3]
    for k in 1:2
        x, h = problem.free[k].value, 1e-5
        value(by) = (x[3] += by; S.use_values!(problem); found = S.evaluate!(problem, [1, 2], [1.0], false)[1]; x[3] -= by; found)
        @test slopes[k][3] ≈ (value(h) - value(-h)) / 2h rtol = 1e-6
    end
end

@testset "a loss that is not finite is an error, and so are trials and coefficients that do not fit" begin
    problem = gradient_problem(n=20, steps=20, trials=2)
    @test_throws S.SpikeCoreError S.evaluate!(problem, Int[], [1.0], true)
    @test_throws S.SpikeCoreError S.evaluate!(problem, [1], [1.0, 2.0], true)
    problem.free[2].value[3] = NaN
    S.use_values!(problem)
    @test_throws S.SpikeCoreError S.evaluate!(problem, [1, 2], [1.0], true)
end

@testset "the sweeps are made of vector instructions" begin
    problem = gradient_problem()
    gradients(problem, 6)
    lanes, cells, K = problem.groups[1], problem.tiled[1], 2
    tape, adjoint = ntuple(k -> lanes.tape[k], K), ntuple(k -> lanes.adjoint[k], K)
    for (sweep, more) in ((S.adjoint_sweep!, ()), (S.numbers_sweep!, ((1, 2, 3, 0),)), (S.jump_sweep!, ()))
        types = map(typeof, (lanes, cells, tape, (), adjoint, more..., 1, 0, 1.0f0))
        code = sprint(io -> code_llvm(io, sweep, Tuple{types...}; debuginfo=:none))
        @test occursin(r"<(4|8|16) x float>", code)
    end
end
