values_of(wave, n; first=0, source=S.Source(1, 0, 0)) = wave(zeros(n), first, source)

@test values_of(S.regular_wave(2.0, 9.0, 3.0, 1.0), 12) == [0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0]
# 0.3 ms of 0.1 ms are three steps, whatever 0.3 / 0.1 is in binary.
@test values_of(S.regular_wave(0.0, Inf, 0.7 / 0.1, 0.3 / 0.1), 14) == repeat([1, 1, 1, 0, 0, 0, 0], 2)
@test values_of(S.regular_wave(2.0, 4.0, Inf, Inf), 6) == [0, 0, 1, 1, 0, 0]
@test values_of(S.sine_wave(0.0, Inf, 8.0, 0.5, 0.25), 20) ≈ [sin(2pi * k / 8 + 0.5) + 0.25 for k in 0:19]
@test values_of(S.table_wave([1.0 2; 3 4; 5 6], 1.0, 2.0, Dict(0x00000000 => 2)), 8) == [0, 2, 2, 4, 4, 6, 6, 0]

@testset "pulses" begin
    wave() = S.pulse_wave(0.0, Inf, 50.0, 5.0, false, -1, S.STREAM_STIMULUS + 0x00000001)
    whole = values_of(wave(), 5000)
    # The same however it is cut in pieces, also when it begins in the middle.
    w = wave()
    @test vcat(values_of(w, 1234), values_of(w, 3766; first=1234)) == whole
    @test values_of(wave(), 1000; first=4000) == whole[4001:5000]
    @test values_of(wave(), 5000; source=S.Source(1, 0, 1)) != whole
    frozen = S.pulse_wave(0.0, Inf, 50.0, 5.0, false, 9, S.STREAM_STIMULUS + 0x00000001)
    @test values_of(frozen, 500; source=S.Source(1, 0, 1)) == values_of(frozen, 500; source=S.Source(2, 0, 5))
    # On with probability 1 - exp(-duration / mean interval); correlation over ~2 durations widens the error.
    n = 400_000
    share = sum(values_of(S.pulse_wave(0.0, Inf, 50.0, 5.0, false, 3, 0x00000101), n)) / n
    p = 1 - exp(-5 / 50)
    @test abs(share - p) < 5 * sqrt(p * (1 - p) * 10 / n)
    onsets = values_of(S.pulse_wave(0.0, Inf, 50.0, 1.0, true, 3, 0x00000101), n)
    # Renewal theory: the variance of a count over n steps is n times the variance over the cubed mean of an interval.
    @test abs(sum(onsets) / n - 1 / 50) < 5 * sqrt(50 / 50^3 / n)
end
