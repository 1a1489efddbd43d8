# What the filter gives for one neuron and given arrivals, against the convolution with the kernel's values.
function filtered(kernel::S.Kernel{T}, arrivals; gain=T[1], delay=1) where {T}
    f = S.Filter(kernel, 3, delay)
    map(enumerate(arrivals)) do (j, x)
        f.ring[S.row(f.ring, j - 1)+2] += x
        drive = zeros(T, 3)
        S.apply!(drive, f, gain, j - 1, 1:3)
        drive[2]
    end
end

convolved(values, arrivals) =
    [sum(values[lag+1] * arrivals[j-lag] for lag in 0:min(j, length(values))-1) for j in 1:length(arrivals)]

arrivals = Float64[1, 0, 0, 2, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0]
for T in (Float32, Float64)
    tolerance = 10eps(T)
    @test filtered(S.exponential_kernel(T, 1, 0.8, 5), arrivals) ≈ convolved(0.8 .^ (0:4), arrivals) atol = tolerance
    @test filtered(S.exponential_kernel(T, 0.1, 0.9, 0), arrivals) ≈ convolved(0.1 * 0.9 .^ (0:30), arrivals) atol = tolerance
    @test filtered(S.exponential_kernel(T, 1, 0.5, 1), arrivals) ≈ arrivals atol = tolerance
    @test filtered(S.array_kernel(T, [3.0, -1.0, 0.5, 0.25]), arrivals) ≈ convolved([3, -1, 0.5, 0.25], arrivals) atol = tolerance
    @test filtered(S.array_kernel(T, [2.0]), arrivals) ≈ 2arrivals atol = tolerance
    for kernel in (S.exponential_kernel(T, 1, 0.8, 5), S.array_kernel(T, [3.0, -1.0]))
        @test filtered(kernel, arrivals; gain=T[0, 2, 5]) ≈ 2 * filtered(kernel, arrivals) atol = tolerance
        @test filtered(kernel, arrivals; delay=4) ≈ filtered(kernel, arrivals)
    end
end
@test_throws SpikeCoreError S.exponential_kernel(Float64, 1, 1.5, 3)
@test_throws SpikeCoreError S.exponential_kernel(Float64, 1, 0.5, -1)
@test_throws SpikeCoreError S.array_kernel(Float64, Float64[])
@test S.steps_covering(0.3, 0.1) == 3 && S.steps_covering(5.0, 1.0) == 5 && S.steps_covering(4.5, 1.0) == 5
