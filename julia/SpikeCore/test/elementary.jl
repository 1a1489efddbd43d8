ulps(x::T, exact) where {T} = abs(Float64(x) - exact) / (eps(T) * max(abs(exact), floatmin(T)))

for T in (Float32, Float64)
    limit = T == Float32 ? 85 : 700
    x = T.(range(-limit, limit, length=20_001))
    @test maximum(ulps.(S.vexp.(x), exp.(BigFloat.(x)))) < 3
    small = T.(range(-1, 1, length=20_001))
    @test maximum(ulps.(S.vexpm1.(small), expm1.(BigFloat.(small)))) < 4
    @test S.vexpm1(T(1e-6)) ≈ expm1(1e-6) rtol = 4eps(T)
    @test isnan(S.vexp(T(NaN)))
    # Saturating: no Inf, no NaN, no zero at the ends of the range.
    @test isfinite(S.vexp(T(1e6))) && S.vexp(T(1e6)) > 1e37
    @test 0 < S.vexp(T(-1e6)) < 1e-37
    @test S.vexp(zero(T)) == 1 && S.vexpm1(zero(T)) == 0
end

x = exp.(range(log(2.0^-33), 0.7, length=20_001))
@test maximum(abs.(S.vlog.(x) .- log.(x)) ./ max.(abs.(log.(x)), 1e-3)) < 4eps()
v = range(0, 1, length=20_001)
@test maximum(abs.(first.(S.vsincospi2.(v)) .- sinpi.(2v))) < 4eps()
@test maximum(abs.(last.(S.vsincospi2.(v)) .- cospi.(2v))) < 4eps()
