# Dual numbers against central differences.

derivative_of(f, x) = f(S.seeded(x, Val(1))).partials[1]

@testset "derivatives of elementary functions" begin
    functions = [x -> x + 2, x -> 3 - x, x -> 2x, x -> x / 3, x -> 2 / x, x -> -x, x -> x^3, x -> x^2.5, x -> muladd(x, x, 1.0),
                 S.vexp, S.vexpm1, S.vlog, S.sqrt_positive, abs, x -> max(x, 1.0), x -> min(x, 1.0), sin, cos,
                 x -> S.exprel(-x), x -> ifelse(x > 1, x * x, x), x -> S.vexp(-x * x) / (1 + S.vexp(-x))]
    for f in functions, x in (0.3, 0.9, 1.7, 4.0)
        h = 1e-6
        @test derivative_of(f, x) ≈ (f(x + h) - f(x - h)) / 2h rtol = 1e-7 atol = 1e-9
    end
end

@testset "several directions at once, and no promotion of Float32" begin
    x, y = S.seeded(2.0f0, Val(2), 1), S.seeded(3.0f0, Val(2), 2)
    z = x * y + S.vexp(x) / y
    @test z isa S.Dual{2,Float32}
    @test z.partials[1] ≈ 3 + exp(2) / 3
    @test z.partials[2] ≈ 2 - exp(2) / 9
end
