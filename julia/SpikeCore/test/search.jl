# Parts of the search algorithms by hand, and that their state is all there is to them.

@testset "coordinates and values" begin
    space = S.Space(Any["real", "real", "integer", "integer", "category"], [false, true, false, true, false],
                    [-2.0, 0.1, -3.0, 1.0, 0.0], [6.0, 1000.0, 4.0, 99.0, 2.0])
    @test S.decode(space, 1, 0.25) == 0.0
    @test S.decode(space, 2, 0.5) ≈ 10.0
    @test [S.decode(space, j, 0.0) for j in 1:5] == space.low
    @test [S.decode(space, j, 1.0) for j in 1:5] == space.high
    for j in 3:5, value in space.low[j]:space.high[j]
        @test S.decode(space, j, S.encode(space, j, value)) == value
    end
    # Each whole number and choice has its part of the unit interval; on a linear scale the parts are equal.
    counts = [count(x -> S.decode(space, 3, x) == v, 0.0005:0.001:1) for v in -3:4]
    @test all(==(125), counts)
    @test S.bin_width(space, 3, 0.5) ≈ 1 / 8
    @test S.bin_width(space, 4, 0.0) ≈ log(3) / log(199)
    @test_throws S.SpikeCoreError S.Space(Any["real"], [true], [0.0], [1.0])
    @test_throws S.SpikeCoreError S.Space(Any["complex"], [false], [0.0], [1.0])
    @test S.reflect.([-0.25, 1.25, 2.5, 0.5]) == [0.25, 0.75, 0.5, 0.5]
end

@testset "ranks, draws" begin
    @test S.ranking([3.0, 1.0, Inf, 1.0]) == [2, 4, 1, 3]
    @test sort([S.pick_other(u, 5, 2, 4) for u in (0.1, 0.5, 0.9)]) == [1, 3, 5]
    @test [S.pick_other(u, 4, 4, 1, 2) for u in (0.01, 1.0)] == [3, 3]
    # Pressure 2: the best has twice the average probability, the worst none.
    drawn = [S.ranked((k - 0.5) / 100_000, 10, 2.0) for k in 1:100_000]
    @test [count(==(r), drawn) for r in (1, 10)] ≈ [19_000, 1_000] atol = 2
    @test all(0 <= S.polynomial_mutation(x, u, 20.0) <= 1 for x in 0:0.25:1, u in 0.001:0.111:1)
    @test S.polynomial_mutation(0.3, 0.5, 20.0) ≈ 0.3
end

@testset "fronts and crowding" begin
    losses = [1.0 2.0 3.0 2.0 4.0 Inf; 4.0 2.0 1.0 4.0 4.0 Inf]
    @test S.fronts(losses) == [1, 1, 1, 2, 3, 4]
    @test S.crowding_distances(losses, [1, 2, 3]) == [Inf, 2.0, Inf]
    a, b = S.simulated_binary(0.4, 0.6, 0.7, 15.0)
    @test a + b ≈ 1.0
    @test a < 0.4 && b > 0.6
    @test S.simulated_binary(0.5, 0.5, 0.7, 15.0) == (0.5, 0.5)
end

@testset "eigenvalues" begin
    n = 12
    X = reshape(S.normals(S.Search(Dict{String,Any}("algorithm" => "NSGA2", "kinds" => Any["real"], "objectives" => 1, "seed" => 1,
                                                    "settings" => Dict("population" => 4, "crossover" => 1.0, "crossover_index" => 1.0,
                                                                       "mutation" => 1.0, "mutation_index" => 1.0)),
                                   Dict{String,Any}("log" => [false], "low" => [0.0], "high" => [1.0])), 1, n, n), n, n)
    C = X * X'
    C = (C + C') / 2
    B = S.identity_matrix(n)
    values = S.eigen!(C, B)
    @test B * (values .* B') ≈ C
    @test B' * B ≈ S.identity_matrix(n)
    again = copy(B)
    @test sort(S.eigen!(C, again)) ≈ sort(values)
    @test again ≈ B
end

@testset "rates of Hansen's tutorial" begin
    rates = S.Rates(10, 10)         # by hand: log(5.5) - log(i), normalised
    positive = [log(5.5) - log(i) for i in 1:5]
    @test rates.weights[1:5] ≈ positive ./ sum(positive)
    @test rates.mu_eff ≈ sum(positive)^2 / sum(abs2, positive)
    @test all(rates.weights[6:10] .< 0)
    @test rates.c_1 + rates.c_mu <= 1
    @test rates.c_1 ≈ 2 / (11.3^2 + rates.mu_eff)
end

@testset "a mean beyond a bound is seen in its mirror" begin
    settings = Dict{String,Any}("population" => 6, "sigma" => 0.3, "restart" => "none", "restarts" => 0, "increase" => 2.0,
                                "tolerance" => 0.0, "loss_tolerance" => 0.0)
    space = S.Space(Any["real", "real"], [false, false], [0.0, 0.0], [1.0, 1.0])
    cma = S.CMAES(space, settings, 1)
    cma.mean = [1.2, 0.5]
    cma.C = [2.0 0.7; 0.7 1.0]
    S.decompose!(cma)
    S.fold_mean!(cma)
    @test cma.mean ≈ [0.8, 0.5]
    @test cma.C == [2.0 -0.7; -0.7 1.0]
    @test cma.B * (cma.D .^ 2 .* cma.B') ≈ cma.C
end
