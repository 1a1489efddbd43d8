# Methods of integration: the matrix exponential, and every method on equations whose solution is known.

import LinearAlgebra

@testset "the matrix exponential" begin
    source = S.Source(5, 0x00000001, 0)
    for K in 1:7, scale in (1e-3, 1.0, 30.0)
        A = [scale * S.normal(source, 10i + j, K) for i in 1:K, j in 1:K]
        @test S.matrix_exponential(A) ≈ exp(A) rtol = 1e-11 * max(1, scale)
    end
    @test S.matrix_exponential([-0.005 0.0; 0.0 -0.02]) ≈ [exp(-0.005) 0; 0 exp(-0.02)] rtol = 4eps()
    @test S.matrix_exponential(zeros(3, 3)) == [1 0 0; 0 1 0; 0 0 1]
    @test_throws SpikeCoreError S.matrix_exponential([Inf 0.0; 0.0 1.0])
end

"v after `steps` of `dt` from v = -70, g_1 = 8, x_2 = 5, at a current of 3."
function integrated(method, dt, steps; T=Float64)
    receptors = (S.ExponentialSynapse{false,Float64}(1 / 5.0, 0.0), S.DoubleExponentialSynapse{false,Float64}(1.0, 1 / 4.0, 0.5, 0.0))
    membrane = S.LIF{Float64}(20.0, -65.0, 1.5, 0.0, -60.0, 0.0)
    cell = S.Cell(S.scheme(method, membrane, receptors, dt), membrane, receptors)
    y = (-70.0, 8.0, 0.0, 5.0)
    for _ in 1:steps
        y = S.advance(cell, y, (I=3.0, xi=(), t=0.0), 1.0, dt)
    end
    return y
end

@testset "exact at any step, the others at their order" begin
    truth = integrated("rk4", 0.001, 20_000)
    for dt in (0.1, 0.5, 2.0)
        @test all(isapprox.(integrated("exact", dt, round(Int, 20 / dt)), truth; rtol=1e-11))
    end
    for (method, order) in (("euler", 1), ("exponential_euler", 1), ("rk2", 2), ("rk4", 4))
        coarse, fine = (abs(integrated(method, dt, round(Int, 20 / dt))[1] - truth[1]) for dt in (0.2, 0.1))
        @test log2(coarse / fine) ≈ order atol = 0.2
    end
end

@testset "what is not linear is not integrated exactly" begin
    conductance = (S.ExponentialSynapse{true,Float64}(0.2, 0.0),)
    membrane = S.LIF{Float64}(20.0, -65.0, 1.5, 0.0, -60.0, 0.0)
    @test_throws SpikeCoreError S.scheme("exact", membrane, conductance, 0.1)
    @test_throws SpikeCoreError S.scheme("leapfrog", membrane, conductance, 0.1)
end

@testset "receptors peak at the weight" begin
    for (rise, decay) in ((0.5, 5.0), (2.0, 2.0), (2.0, 2.0000001), (1.0, 30.0))
        r = S.DoubleExponentialSynapse{false,Float64}(1 / rise, 1 / decay, S.peak_gain(rise, decay), 0.0)
        s, highest = (0.0, 1.0), 0.0
        for _ in 1:200_000
            s = s .+ 0.0005 .* S.rates(r, s)
            highest = max(highest, s[1])
        end
        @test highest ≈ 1 rtol = 2e-3
    end
end

@testset "slopes of a model are those of its rates: $name" for (name, M) in (("HodgkinHuxley", S.HodgkinHuxley), ("AdEx", S.AdEx),
                                                                            ("Izhikevich", S.Izhikevich), ("LIF", S.LIF))
    m = M(ntuple(k -> 1.5 + 0.37k, fieldcount(M))...)
    y = ntuple(k -> 0.3 + 0.11k, S.n_variables(M))
    input(v) = (I=2.0 - 0.7 * (v - y[1]), xi=(), t=0.0)
    found = S.slopes(m, y, input(y[1]), -0.7)
    for k in 1:length(y)
        moved(h) = ntuple(j -> j == k ? y[j] + h : y[j], length(y))
        rate(h) = S.derivative(m, moved(h), input(moved(h)[1]))[k]
        @test found[k] ≈ (rate(1e-6) - rate(-1e-6)) / 2e-6 rtol = 1e-6
    end
end
