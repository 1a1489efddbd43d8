connect(; n=3, offset=[0, 1, 2, 3], target=Int32[1, 2, 0], weight=[2.0, -1.5, 0.5], delay=Int32[], shared=1) =
    S.Connectivity(n, Int64.(offset), target, weight, delay, shared)

@test connect().longest_delay == 1
@test connect(delay=Int32[3, 1, 7]).longest_delay == 7
for bad in ((; offset=[0, 1, 2]), (; offset=[0, 2, 1, 3]), (; offset=[1, 1, 2, 3]), (; target=Int32[1, 2, 3]),
            (; target=Int32[1, 2, -1]), (; weight=[1.0]), (; delay=Int32[1]), (; delay=Int32[0, 1, 1]), (; shared=0),
            (; offset=[0, 3, 3, 3]), (; delay=Int32[1, 1, 2000000]))
    @test_throws SpikeCoreError connect(; bad...)
end

@testset "rows split by target" begin
    c = connect(n=200, offset=[0; fill(4, 200)], target=Int32[0, 63, 64, 199], weight=ones(4))
    ranges = S.blocks(200, 3)
    @test vcat(ranges...) == 1:200 && all(r -> (first(r) - 1) % 64 == 0, ranges)
    s = S.split_rows(c, ranges)
    @test s[:, 1] == [0, 2, 3, 4] || sum(diff(s[:, 1])) == 4
    for p in 1:length(ranges), e in s[p, 1]+1:s[p+1, 1]
        @test c.target[e] + 1 in ranges[p]
    end
    @test S.blocks(10, 4) == [1:10]
    @test vcat(S.blocks(1000, 7)...) == 1:1000
end
