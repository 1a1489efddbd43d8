@testset "Poisson counts of mean $mu" for mu in (0.01, 0.5, 3.0, 29.0, 31.0, 400.0)
    m = 40_000
    source = S.Source(3, 0, 0)
    counts = map(1:m) do i
        u = S.uniform(Float64, S.draw(source, i, 0))
        S.fires(S.Poisson(), mu, u) ? S.spike_count(S.Poisson(), mu, u, source, i, 0) : 0
    end
    mean = sum(counts) / m
    variance = sum((counts .- mean) .^ 2) / m
    @test abs(mean - mu) < 5 * sqrt(mu / m)
    # Var of the sample variance of a Poisson variable: (mu + 2 mu^2) / m
    @test abs(variance - mu) < 5 * sqrt((mu + 2mu^2) / m)
    # Each count as often as it should be.
    for k in 0:5
        p = exp(-mu) * mu^k / factorial(k)
        @test abs(count(==(k), counts) - m * p) <= 5 * sqrt(m * p) + 1
    end
end

@test S.fires(S.Bernoulli(), 0.25, 0.2499) && !S.fires(S.Bernoulli(), 0.25, 0.2501)
@test S.fires(S.Threshold(), 1e-300, 1.0) && !S.fires(S.Threshold(), 0.0, 0.0)
for what in (S.Bernoulli(), S.Poisson(), S.Threshold()), bad in (NaN, Inf)
    @test !S.admissible(what, bad)
end
@test !S.admissible(S.Bernoulli(), 1.0001) && S.admissible(S.Bernoulli(), 1.0)
for k in (10.0, 20.0, 170.0)
    @test S.log_factorial(k) ≈ Float64(log(factorial(big(Int(k))))) rtol = 1e-12
end
