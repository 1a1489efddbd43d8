using Random
using LinearAlgebra: norm

# Five neurons, two trials of unequal length that end within a chunk, a stimulus of two channels.
function small_data(most)
    random = MersenneTwister(3)
    n, n_steps = 5, [1500, 700]
    counts = [Float64.(min.(floor.(Int, rand(random, steps, n) .* 1.2 .+ 0.05), 1) .* ceil.(most .* rand(random, steps, n))) for steps in n_steps]
    pointer, step, count = [0], Int[], Float64[]
    for trial in counts, i in 1:n
        fired = findall(>(0), trial[:, i])
        append!(step, fired .- 1)
        append!(count, trial[fired, i])
        push!(pointer, length(step))
    end
    coupling, history = rand(random, 7, 2), rand(random, 4, 3)
    stimulus, basis = randn(random, 1500, 2, 2), rand(random, 3, 2)
    return S.Design(n, n_steps, pointer, step, count, coupling, history, stimulus, basis), counts, random
end

# The design of one neuron by the definition.
function dense_design(d, counts, neuron)
    rows = Vector{Float64}[]
    for (r, trial) in enumerate(counts), t in 1:size(trial, 1)
        through(k, basis, b) = sum(Float64[basis[lag, b] * trial[t-lag, k] for lag in 1:min(size(basis, 1), t - 1)])
        row = [1.0]
        append!(row, [through(k, d.coupling, b) for k in 1:d.n for b in 1:size(d.coupling, 2)])
        for c in 1:size(d.stimulus, 2), b in 1:size(d.stimulus_basis, 2)
            push!(row, sum(Float64[d.stimulus_basis[lag+1, b] * d.stimulus[t-lag, c, r] for lag in 0:min(size(d.stimulus_basis, 1), t)-1]))
        end
        append!(row, [through(neuron, d.history, b) for b in 1:size(d.history, 2)])
        push!(rows, row)
    end
    return permutedims(reduce(hcat, rows))
end

log_probability(::S.PoissonExp, eta, y) = y * eta - exp(eta) - log(factorial(Int(y)))
log_probability(::S.PoissonSoftplus, eta, y) = (mu = log1p(exp(eta)); y * log(mu) - mu - log(factorial(Int(y))))
log_probability(::S.BernoulliSigmoid, eta, y) = (p = 1 / (1 + exp(-eta)); y == 1 ? log(p) : log(1 - p))
log_probability(::S.BernoulliCloglog, eta, y) = (p = 1 - exp(-exp(eta)); y == 1 ? log(p) : log(1 - p))

whole(d) = S.chunks_of(d, Int64[0 1; 0 0; d.n_steps[1] d.n_steps[2]])

@testset "value, gradient and curvature of $likelihood" for likelihood in values(S.LIKELIHOODS)
    d, counts, random = small_data(likelihood isa Union{S.PoissonExp,S.PoissonSoftplus} ? 3 : 1)
    P, who = S.n_columns(d), [4, 1]
    x = 0.1 .* randn(random, P, 2)
    x[1, :] .= -1.5
    at(x, threads=1) = S.one_blas_thread(() -> S.evaluate(d, likelihood, whole(d), x, who, threads))
    values, gradient = at(x)
    for (k, neuron) in enumerate(who)
        X, y = dense_design(d, counts, neuron), vcat([trial[:, neuron] for trial in counts]...)
        @test values[k] ≈ sum(log_probability.(Ref(likelihood), X * x[:, k], y)) rtol = 1e-12
        H = S.curvature(d, likelihood, whole(d), x[:, k], neuron)
        for j in 1:P
            h = zeros(P, 2)
            h[j, k] = 1e-5
            (up, slope_up), (down, slope_down) = at(x + h), at(x - h)
            @test gradient[j, k] ≈ (up[k] - down[k]) / 2e-5 rtol = 1e-6 atol = 1e-6 * maximum(abs, gradient)
            @test H[:, j] ≈ -(slope_up[:, k] - slope_down[:, k]) / 2e-5 rtol = 1e-6
        end
    end
    @test all(at(x, threads) == (values, gradient) for threads in 1:Threads.nthreads())
end

@testset "extreme predictors of $likelihood" for likelihood in values(S.LIKELIHOODS)
    for eta in (-35.0, -12.0, -9.3, -1.0, 0.0, 2.0)
        setprecision(400) do
            value(e) = Float64(log_probability(likelihood, e, 1))
            l, slope, curve = S.spiking(likelihood, eta, 1.0)
            h = big(1e-20)
            f(e) = log_probability(likelihood, e, 1)
            @test l ≈ value(big(eta)) rtol = 1e-10
            @test slope ≈ Float64((f(eta + h) - f(eta - h)) / 2h) rtol = 1e-7 atol = 1e-14
            @test curve ≈ Float64(-(f(eta + h) - 2f(big(eta)) + f(eta - h)) / h^2) rtol = 1e-5 atol = 1e-13
        end
        l, slope = S.silent(likelihood, eta)
        @test l ≈ Float64(log_probability(likelihood, big(eta), 0)) atol = 1e-14
        @test S.silent_curvature(likelihood, eta) ≈ (S.silent(likelihood, eta - 1e-5)[2] - S.silent(likelihood, eta + 1e-5)[2]) / 2e-5 atol = 1e-8
    end
end

function fitted(d, likelihood, penalty; threads=1, free=ones(Bool, S.n_columns(d)), neuron=2)
    f = S.NeuronFit(neuron, findall(free), zeros(S.n_columns(d)), 0.0, Float64[], zeros(0, 0), Float64[], Float64[], 1.0, 0.0, 0, S.WORKING, Inf)
    fit = S.LikelihoodFit(d, likelihood, threads, 1e-9, [f], S.Chunk[], 0.0, penalty, 0)
    S.one_blas_thread() do
        S.begin!(fit, whole(d), penalty, true)
        while S.advance!(fit) > 0 && fit.passes < 200
        end
    end
    return fit, f
end

@testset "optimum for $likelihood" for likelihood in values(S.LIKELIHOODS)
    d, counts, _ = small_data(likelihood isa Union{S.PoissonExp,S.PoissonSoftplus} ? 3 : 1)
    P = S.n_columns(d)
    alone = [k:k for k in 1:P]
    none = S.Penalty(zeros(P), alone, zeros(P))
    fit, f = fitted(d, likelihood, none)
    @test f.progress == S.CONVERGED
    @test fit.passes < 60
    _, gradient = S.evaluate(d, likelihood, whole(d), reshape(f.x, :, 1), [2], 1)
    @test maximum(abs, gradient) / fit.bins < 1e-8
    @test all(fitted(d, likelihood, none; threads=threads)[2].x == f.x for threads in 1:Threads.nthreads())

    # A part of the columns: the others stay where they are.
    free = [isodd(k) for k in 1:P]
    _, part = fitted(d, likelihood, none; free=free)
    @test all(iszero, part.x[.!free])
    @test part.value > f.value

    # Ridge, lasso and groups satisfy the conditions of an optimum.
    ridge = S.Penalty([0.0; fill(0.02, P - 1)], alone, zeros(P))
    lasso = S.Penalty(zeros(P), alone, [0.0; fill(0.004, P - 1)])
    groups = S.Penalty(zeros(P), [[1:1]; [k:k+1 for k in 2:2:P-4]; [P-2:P]], [0.0; fill(0.006, (P - 4) ÷ 2); 0.006])
    @test last(groups.groups) == P-2:P && sum(length, groups.groups) == P
    for penalty in (ridge, lasso, groups)
        fit, g = fitted(d, likelihood, penalty)
        @test g.progress == S.CONVERGED
        slope = -vec(S.evaluate(d, likelihood, whole(d), reshape(g.x, :, 1), [2], 1)[2]) ./ fit.bins .+ penalty.ridge .* g.x
        for (r, w) in zip(penalty.groups, penalty.weight)
            size = norm(g.x[r])
            @test size == 0 ? norm(slope[r]) <= w + 1e-8 : norm(slope[r] .+ w .* g.x[r] ./ size) < 1e-7
        end
        penalty === ridge || @test 0 < count(iszero, g.x) < P
    end
end

@testset "sizes are never trusted" begin
    d, _, _ = small_data(1)
    @test_throws SpikeCoreError S.chunks_of(d, reshape(Int64[0, 0, 1501], 3, 1))
    @test_throws SpikeCoreError S.chunks_of(d, reshape(Int64[2, 0, 10], 3, 1))
    @test_throws SpikeCoreError S.chunks_of(d, reshape(Int64[0, 0, 10], 3, 1), [1.0])
    @test_throws SpikeCoreError S.chunks_of(d, reshape(Int64[0, 0, 10], 3, 1), [1.0, 0.0])
    broken(; pointer=d.pointer, step=d.step, stimulus=d.stimulus) =
        S.Design(d.n, d.n_steps, pointer, step, d.count, d.coupling, d.history, stimulus, d.stimulus_basis)
    @test_throws SpikeCoreError S.check_design(broken(pointer=d.pointer[1:end-1]))
    @test_throws SpikeCoreError S.check_design(broken(step=reverse(d.step)))
    @test_throws SpikeCoreError S.check_design(broken(stimulus=d.stimulus[1:end-1, :, :]))
    @test S.check_design(d) === nothing
    @test_throws SpikeCoreError handle("likelihood.advance", Dict{String,Any}("session" => -1, "seconds" => 1.0, "passes" => 1), EMPTY)
end
