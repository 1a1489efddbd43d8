# Distances between spike trains against their definitions, written out as sums.

function random_trains(seed, sizes; duration=1000.0, grid=nothing)
    source = S.Source(seed, 0x00007777, 0)
    times, offset = Float64[], Int64[0]
    for (i, size) in enumerate(sizes)
        train = sort([duration * S.uniform(Float64, S.draw(source, k, i)) for k in 1:size])
        append!(times, grid === nothing ? train : grid .* round.(train ./ grid))
        push!(offset, length(times))
    end
    return Dict{String,Any}("times" => times, "offset" => offset)
end

train(d, i) = d["times"][d["offset"][i]+1:d["offset"][i+1]]
count_of(d) = length(d["offset"]) - 1

function measured(measure, a, b; pairs="all", above=-count_of(a), threads=1, more...)
    params = Dict{String,Any}("measure" => measure, "pairs" => pairs, "above" => above, "threads" => threads)
    foreach(((k, v),) -> params[string(k)] = v, more)
    arrays = Dict{String,Any}("a.times" => a["times"], "a.offset" => a["offset"], "b.times" => b["times"], "b.offset" => b["offset"])
    return handle("distances", params, arrays)[2]["distance"]
end

const SIZES_A, SIZES_B = [0, 1, 40, 7, 0, 100], [3, 0, 60, 1, 25]

@testset "van Rossum is the double sum" begin
    overlap(x, y, tau) = sum(Float64[exp(-abs(s - t) / tau) for s in x, t in y])
    for tau in (0.5, 10.0, 1e4), grid in (nothing, 5.0)
        a, b = random_trains(1, SIZES_A; grid=grid), random_trains(2, SIZES_B; grid=grid)
        exact = [sqrt(overlap(x, x, tau) + overlap(y, y, tau) - 2overlap(x, y, tau))
                 for y in (train(b, j) for j in 1:5), x in (train(a, i) for i in 1:6)]
        @test measured("van_rossum", a, b; tau=tau) ≈ exact rtol = 1e-9
        one = measured("van_rossum", a, b; tau=tau, above=0)
        @test all(one[j, i] == (j > i ? measured("van_rossum", a, b; tau=tau)[j, i] : 0) for j in 1:5, i in 1:6)
        first_five = Dict{String,Any}("times" => a["times"][1:a["offset"][6]], "offset" => a["offset"][1:6])
        @test measured("van_rossum", first_five, b; tau=tau, pairs="matched") ≈ [exact[i, i] for i in 1:5] rtol = 1e-9
    end
end

@testset "all digits of van Rossum where nearly everything cancels" begin
    a = random_trains(3, fill(50, 20))
    b = Dict{String,Any}("times" => a["times"] .+ 1e-7, "offset" => a["offset"])
    @test all(measured("van_rossum", a, a; tau=10.0)[i, i] == 0 for i in 1:20)
    matched = measured("van_rossum", a, b; tau=10.0, pairs="matched")
    @test matched ≈ fill(sqrt(50 * 2 * 1e-8), 20) rtol = 1e-5       # every spike against its own, shifted one
    matrix = measured("van_rossum", a, b; tau=10.0)
    @test [matrix[i, i] for i in 1:20] == matched
end

@testset "many spikes are visited in groups, far times are not lost" begin
    a, b = random_trains(4, fill(900, 30); duration=1e6), random_trains(5, fill(1100, 31); duration=1e6)
    @test length(S.together(S.Trains("b", Dict{String,Any}("b.times" => b["times"], "b.offset" => b["offset"])))) > 1
    matrix = measured("van_rossum", a, b; tau=20.0)
    m, scratch = S.VanRossum(20.0), Float64[]
    @test matrix ≈ [S.distance(m, train(a, i), 1, 900, train(b, j), 1, 1100, scratch) for j in 1:31, i in 1:30] rtol = 1e-10
    @test measured("van_rossum", a, b; tau=20.0, threads=4) == matrix
end

@testset "the same for any number of threads" begin
    a, b = random_trains(6, fill(200, 60)), random_trains(7, fill(200, 60))
    for (measure, numbers) in (("van_rossum", (tau=5.0,)), ("victor_purpura", (cost=0.1,)), ("coincidences", (window=2.0,)),
                               ("spike", (t_start=0, t_stop=1000, edges="auxiliary")), ("isi", (t_start=0, t_stop=1000, edges="corrected")))
        for pairs in ("all", "matched")
            @test measured(measure, a, b; pairs=pairs, threads=1, numbers...) == measured(measure, a, b; pairs=pairs, threads=3, numbers...)
        end
    end
end

@testset "Victor and Purpura: the recursion of costs" begin
    function cost(x, y, q)
        isempty(x) && return Float64(length(y))
        isempty(y) && return Float64(length(x))
        return min(cost(x[1:end-1], y, q) + 1, cost(x, y[1:end-1], q) + 1, cost(x[1:end-1], y[1:end-1], q) + q * abs(x[end] - y[end]))
    end
    a, b = random_trains(8, [0, 1, 4, 5]), random_trains(9, [5, 0, 3, 4])
    for q in (0.0, 0.001, 0.01, 1.0)
        @test measured("victor_purpura", a, b; cost=q) ≈ [cost(train(a, i), train(b, j), q) for j in 1:4, i in 1:4]
    end
end

@testset "profiles" begin
    a = Dict{String,Any}("times" => [1.0], "offset" => [0, 1])
    b = Dict{String,Any}("times" => [2.0], "offset" => [0, 1])
    span = (t_start=0, t_stop=3)
    @test measured("spike", a, b; edges="auxiliary", span...)[1] ≈ 67 / 216
    @test measured("spike", a, b; edges="corrected", span...)[1] ≈ 11 / 18
    @test measured("isi", a, b; edges="auxiliary", span...)[1] ≈ 1 / 3
    # Time may run backwards.
    x, y = random_trains(10, SIZES_A), random_trains(11, SIZES_B)
    back(d) = Dict{String,Any}("times" => vcat([1000 .- reverse(train(d, i)) for i in 1:count_of(d)]...), "offset" => d["offset"])
    for measure in ("spike", "isi"), edges in ("auxiliary", "corrected")
        forwards = measured(measure, x, y; edges=edges, t_start=0, t_stop=1000)
        @test forwards ≈ measured(measure, back(x), back(y); edges=edges, t_start=0, t_stop=1000)
        @test forwards ≈ measured(measure, y, x; edges=edges, t_start=0, t_stop=1000)'
        @test 0 < forwards[3, 3] < 1
    end
end

@testset "a spike coincides once" begin
    a = Dict{String,Any}("times" => [10.0, 20, 30, 40], "offset" => [0, 4])
    b = Dict{String,Any}("times" => [10.5, 11, 20, 33, 41], "offset" => [0, 5])
    @test measured("coincidences", a, b; window=2) == fill(3.0, 1, 1)
    @test measured("coincidences", a, b; window=0) == fill(1.0, 1, 1)
end

@testset "sizes are never trusted" begin
    a, b = random_trains(1, SIZES_A), random_trains(2, SIZES_B)
    @test_throws SpikeCoreError measured("strange", a, b)
    @test_throws SpikeCoreError measured("van_rossum", a, b)
    @test_throws SpikeCoreError measured("van_rossum", a, b; tau=-1.0)
    @test_throws SpikeCoreError measured("van_rossum", a, b; tau=1.0, pairs="matched")
    @test_throws SpikeCoreError measured("van_rossum", a, b; tau=1.0, pairs="some")
    @test_throws SpikeCoreError measured("spike", a, b; t_start=1.0, t_stop=1.0, edges="auxiliary")
    @test_throws SpikeCoreError measured("spike", a, b; t_start=0.0, t_stop=1.0, edges="strange")
    for offset in (Int64[], [0, 3], [0, 200, 148], [1, 148])
        @test_throws SpikeCoreError measured("van_rossum", merge(a, Dict{String,Any}("offset" => offset)), b; tau=1.0, above=-9)
    end
end
