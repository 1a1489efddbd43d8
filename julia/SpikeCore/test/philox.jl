# Known-answer vectors published with Random123 (philox4x32, 10 rounds): counter, key, result.
const KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000, 0x00000000, 0x00000000), (0x00000000, 0x00000000),
     (0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)),
    ((0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), (0xffffffff, 0xffffffff),
     (0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)),
    ((0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344), (0xa4093822, 0x299f31d0),
     (0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)),
]

for (counter, key, result) in KNOWN_ANSWERS
    @test S.philox4x32(counter..., key...) == result
end

@testset "draws are addressed" begin
    source = S.Source(123456789012345, 0x00000007, 0x00000003)
    n = 37
    bits = zeros(UInt32, n, 4)
    for quad in (-3, 0, 5, 10^9)
        S.fill_bits!(bits, source, quad, 1:n)
        @test all(bits[i, lane] == S.draw(source, i - 1, 4quad + lane - 1) for i in 1:n, lane in 1:4)
    end
    # A part of the neurons gets the same numbers as all of them.
    whole = copy(bits)
    fill!(bits, 0)
    S.fill_bits!(bits, source, 10^9, 5:20)
    @test bits[5:20, :] == whole[5:20, :] && all(bits[[1:4; 21:n], :] .== 0)
    @test S.draw(source, 1, 4) != S.draw(S.Source(source.seed, source.stream, 0x00000004), 1, 4)
    @test S.draw(source, 1, 4) != S.draw(S.Source(source.seed, 0x00000008, source.trial), 1, 4)
    @test S.draw(source, 1, 4) != S.draw(S.Source(source.seed + 1, source.stream, source.trial), 1, 4)
    @test S.draw(source, 1, 4) != S.draw(S.Source(source.seed + 2^32, source.stream, source.trial), 1, 4)
    @test_throws BoundsError S.fill_bits!(bits, source, 0, 1:n+1)
end

@testset "distribution of draws" begin
    source, n = S.Source(7, 0, 0), 100_000
    normals = zeros(n, 4)
    S.fill_normals!(normals, source, 11, 1:n)
    x = vec(normals)
    m = length(x)
    mean = sum(x) / m
    @test abs(mean) < 5 / sqrt(m)
    @test abs(sum(abs2, x) / m - 1) < 5 * sqrt(2 / m)
    @test abs(sum(x .^ 4) / m - 3) < 5 * sqrt(96 / m)
    @test abs(sum(normals[:, 1] .* normals[:, 2]) / n) < 5 / sqrt(n)
    @test all(S.normal(source, i - 1, 44 + lane - 1) == normals[i, lane] for i in (1, 2, 777, n), lane in 1:4)
    narrow = zeros(Float32, n, 4)
    S.fill_normals!(narrow, source, 11, 1:n)
    @test narrow == Float32.(normals)
    u = [S.uniform(Float64, S.draw(source, i, 0)) for i in 0:n-1]
    @test all(0 .< u .<= 1)
    @test abs(sum(u) / n - 0.5) < 5 * sqrt(1 / 12n)
    @test S.uniform(Float64, 0x00000000) == 2.0^-33
end
