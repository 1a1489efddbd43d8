# What candidates of a population are judged by: the losses of losses.jl, computed from lists of spikes at once, and what has no
# derivative: distances between spike trains, coincidences, features. A score is the mean over trials of a sum over neurons.

"Spikes of one trial by neuron: those of neuron i are `step[offset[i]+1:offset[i+1]]`, in order, counted from where losses begin."
struct SortedSpikes
    step::Vector{Int64}
    offset::Vector{Int64}
end

"From spikes in order of time; `neuron` counts from 0."
function SortedSpikes(step::AbstractVector{Int64}, neuron::AbstractVector{Int32}, n::Int, origin::Int)
    offset = zeros(Int64, n + 1)
    @inbounds for i in neuron
        offset[i+2] += 1
    end
    cumsum!(offset, offset)
    place, sorted = copy(offset), Vector{Int64}(undef, length(step))
    @inbounds for e in 1:length(step)
        at = place[neuron[e]+1] += 1
        sorted[at] = step[e] - origin
    end
    return SortedSpikes(sorted, offset)
end

@inline first_of_train(x::SortedSpikes, i::Int) = @inbounds x.offset[i] + 1
@inline last_of_train(x::SortedSpikes, i::Int) = @inbounds x.offset[i+1]

"""
A score gives `score(s, x, i, y, j)`: how far train i of `x` is from train j of the data `y` (empty where a score needs none),
which is summed over neurons with the score's `weight`.
"""
abstract type Score end

"Data by trial, weights of neurons, and the part of each step that counts (empty: all)."
struct Compared
    data::Vector{SortedSpikes}
    weight::Vector{Float64}
    mask::Vector{Float64}
    steps::Int
    dt::Float64
end

"Spikes that count, those of each step by its mask."
function counted(c::Compared, x::SortedSpikes, i::Int)
    low, high = first_of_train(x, i), last_of_train(x, i)
    isempty(c.mask) && return Float64(high - low + 1)
    total = 0.0
    for e in low:high
        total += @inbounds c.mask[x.step[e]+1]
    end
    return total
end
counted_seconds(c::Compared) = (isempty(c.mask) ? c.steps : sum(c.mask)) * c.dt / 1000

# ---- rates and counts ----------------------------------------------------------------------------------------------------------

struct CountScore <: Score
    compared::Compared
    distance::Bool
end

function score(s::CountScore, x::SortedSpikes, i::Int, y::SortedSpikes, j::Int)
    difference = counted(s.compared, x, i) - counted(s.compared, y, j)
    return s.distance ? abs(difference) / counted_seconds(s.compared) : difference^2
end

"Of all neurons and trials together, or of each neuron; see TargetRateLoss."
struct TargetRateScore <: Score
    compared::Compared
    goal::Vector{Float64}
end

function candidate_score(s::TargetRateScore, trials::Vector{SortedSpikes}, at::Int, n::Int)
    unit, rate = 1 / (counted_seconds(s.compared) * length(trials)), zeros(n)
    for x in trials, i in 1:n
        rate[i] += unit * counted(s.compared, x, at + i)
    end
    return length(s.goal) == 1 ? (sum(rate) / n - s.goal[1])^2 : sum(abs2, rate .- s.goal) / n
end

# ---- van Rossum -----------------------------------------------------------------------------------------------------------------

"The loss of losses.jl: between two events the filtered trains fall by `decay` per step, so that a geometric series sums them."
struct VanRossumScore <: Score
    compared::Compared
    tau::Float64
    recent::Bool
    root::Int
end

function score(s::VanRossumScore, x::SortedSpikes, i::Int, y::SortedSpikes, j::Int)
    square = 2 * s.compared.dt / s.tau * filtered_difference(s, x, first_of_train(x, i), last_of_train(x, i), y, first_of_train(y, j), last_of_train(y, j))
    return s.root == 1 ? sqrt(square) : square
end

"Sum over steps of the squared difference of both trains, filtered."
function filtered_difference(s::VanRossumScore, x::SortedSpikes, lo::Int, hi::Int, y::SortedSpikes, p::Int, q::Int)
    rate, mask, steps = -s.compared.dt / s.tau, s.compared.mask, s.compared.steps
    f = g = total = 0.0
    last = -1
    @inbounds while true
        next = min(lo <= hi ? x.step[lo] : steps, p <= q ? y.step[p] : steps)
        d = f - g
        if d != 0
            if isempty(mask)
                total += d^2 * exp(2rate) * expm1(2rate * (next - last - 1)) / expm1(2rate)
            else
                for k in last+1:next-1
                    total += mask[k+1] * (d * exp(rate * (k - last)))^2
                end
            end
        end
        next >= steps && return total
        decay = exp(rate * (next - last))
        f, g = f * decay, g * decay
        while lo <= hi && x.step[lo] == next
            f = s.recent ? 1.0 : f + 1
            lo += 1
        end
        while p <= q && y.step[p] == next
            g = s.recent ? 1.0 : g + 1
            p += 1
        end
        total += (isempty(mask) ? 1.0 : mask[next+1]) * (f - g)^2
        last = next
    end
end

# ---- distances and coincidences ---------------------------------------------------------------------------------------------------

"A distance of distances.jl, to some power."
struct DistanceScore{M<:Measure} <: Score
    compared::Compared
    measure::M
    power::Float64
    scratch::Vector{Vector{Float64}}    # of each thread: times of both trains, and what the measure needs
end

function times!(into::Vector{Float64}, x::SortedSpikes, i::Int, dt::Float64)
    low, high = first_of_train(x, i), last_of_train(x, i)
    resize!(into, high - low + 1)
    for e in low:high
        into[e-low+1] = (x.step[e] + 1) * dt
    end
    return into
end

function both_times(s::Score, x::SortedSpikes, i::Int, y::SortedSpikes, j::Int)
    at = 3 * (Threads.threadid() - 1)
    return times!(s.scratch[at+1], x, i, s.compared.dt), times!(s.scratch[at+2], y, j, s.compared.dt), s.scratch[at+3]
end

room_for_threads() = Vector{Float64}[Float64[] for _ in 1:3*Threads.nthreads()]

function score(s::DistanceScore, x::SortedSpikes, i::Int, y::SortedSpikes, j::Int)
    a, b, scratch = both_times(s, x, i, y, j)
    d = distance(s.measure, a, 1, length(a), b, 1, length(b), scratch)
    return s.power == 1 ? d : d^s.power
end

"1 - Gamma, the coincidence factor of Kistler et al. (1997) with the rate of the data; 0 where both trains are silent."
struct CoincidenceScore <: Score
    compared::Compared
    window::Float64
    scratch::Vector{Vector{Float64}}
end

function score(s::CoincidenceScore, x::SortedSpikes, i::Int, y::SortedSpikes, j::Int)
    a, b, scratch = both_times(s, x, i, y, j)
    isempty(a) && isempty(b) && return 0.0
    coincident = distance(Coincidences(s.window), a, 1, length(a), b, 1, length(b), scratch)
    chance = 2 * length(b) / (s.compared.steps * s.compared.dt) * s.window
    return 1 - (coincident - chance * length(b)) / ((length(a) + length(b)) / 2) / (1 - chance)
end

# ---- features -----------------------------------------------------------------------------------------------------------------------

"|feature - goal| / scale; `missing` where a train has too few spikes for the feature. Times are from `start` to `stop` [ms]."
struct FeatureScore <: Score
    compared::Compared
    name::String
    goal::Vector{Float64}
    scale::Vector{Float64}
    missing::Float64
    start::Float64
    stop::Float64
    scratch::Vector{Vector{Float64}}
end

const FEATURES = Dict{String,Function}(
    "spike_count" => (t, start, stop) -> Float64(length(t)),
    "rate" => (t, start, stop) -> 1000 * length(t) / (stop - start),
    "latency" => (t, start, stop) -> isempty(t) ? NaN : t[1] - start,
    "mean_interval" => (t, start, stop) -> length(t) < 2 ? NaN : (t[end] - t[1]) / (length(t) - 1),
    "cv" => (t, start, stop) -> length(t) < 3 ? NaN : variation(intervals(t)),
    "lv" => (t, start, stop) -> length(t) < 3 ? NaN : local_variation(intervals(t)),
    "adaptation_index" => (t, start, stop) -> length(t) < 3 ? NaN : adaptation(intervals(t)),
)

intervals(t::Vector{Float64}) = Float64[t[k+1] - t[k] for k in 1:length(t)-1]
function variation(x::Vector{Float64})
    mean = sum(x) / length(x)
    return sqrt(sum(abs2, x .- mean) / length(x)) / mean
end
"3 / (n - 1) times the sum of ((a - b) / (a + b))^2 over neighbouring intervals (Shinomoto et al. 2003)."
local_variation(x::Vector{Float64}) = 3 * sum(k -> ((x[k] - x[k+1]) / (x[k] + x[k+1]))^2, 1:length(x)-1) / (length(x) - 1)
"Mean of (b - a) / (b + a) over neighbouring intervals: above 0 where they become longer."
adaptation(x::Vector{Float64}) = sum(k -> (x[k+1] - x[k]) / (x[k+1] + x[k]), 1:length(x)-1) / (length(x) - 1)

function score(s::FeatureScore, x::SortedSpikes, i::Int, y::SortedSpikes, j::Int)
    t = times!(s.scratch[3*Threads.threadid()], x, i, s.compared.dt)
    filter!(time -> s.start < time <= s.stop, t)
    value = FEATURES[s.name](t, s.start, s.stop)::Float64
    isnan(value) && return s.missing
    return abs(value - s.goal[length(s.goal) == 1 ? 1 : j]) / s.scale[length(s.scale) == 1 ? 1 : j]
end

# ---- variables ------------------------------------------------------------------------------------------------------------------------

"Mean over the steps of the squared difference of a recorded variable from `data` [neuron, step, trial or one for all]."
struct VariableScore <: Score
    compared::Compared
    variable::String
    data::Array{Float64,3}
end

"Adds what was recorded from step `first` on to `course` [candidate, trial]."
function add_course!(course::Matrix{Float64}, s::VariableScore, recorder::Recorder, n::Int, first::Int)
    values = recorder.values[findfirst(==(s.variable), recorder.names)::Int]
    c, steps = s.compared, s.compared.steps
    share = 1 / (isempty(c.mask) ? steps : sum(c.mask))
    for k in 1:size(course, 2), j in 1:size(values, 2)
        step = first + j        # from 1
        1 <= step <= steps || continue
        add_step!(course, values, s.data, c.weight, share * (isempty(c.mask) ? 1.0 : c.mask[step]), n, step, j, k)
    end
    return nothing
end

function add_step!(course::Matrix{Float64}, values::Array{T,3}, data::Array{Float64,3}, weight::Vector{Float64}, share::Float64,
                   n::Int, step::Int, j::Int, k::Int) where {T}
    trial = size(data, 3) == 1 ? 1 : k
    for c in 1:size(course, 1)
        total = 0.0
        @inbounds for i in 1:n
            total += one_or(weight, i) * (values[(c-1)*n+i, j, k] - data[i, step, trial])^2
        end
        course[c, k] += share * total
    end
    return nothing
end

# ---- a whole generation ---------------------------------------------------------------------------------------------------------------

const SILENT = SortedSpikes(Int64[], [0, 0])

"The mean over trials of the sum over neurons at + 1 : at + n, and those of the data that are more: a candidate's are silent."
function candidate_score(s::S, trials::Vector{SortedSpikes}, at::Int, n::Int) where {S<:Score}
    total, data = 0.0, s.compared.data
    for k in 1:length(trials)
        y = data[length(data) == 1 ? 1 : k]
        own = 0.0
        for i in 1:n
            own += one_or(s.compared.weight, i) * score(s, trials[k], at + i, y, i)
        end
        for i in n+1:length(y.offset)-1
            own += one_or(s.compared.weight, i) * score(s, SILENT, 1, y, i)
        end
        total += s isa VanRossumScore && s.root == 2 ? sqrt(own) : own
    end
    return total / length(trials)
end

function score_generation!(found::Dict{String,Any}, population::Population, wanted::Bool)
    found["loss"] = losses = fill(NaN, population.candidates, length(population.losses))
    trains = Vector{Vector{SortedSpikes}}(undef, length(population.batches))
    on_threads(length(population.batches), population.threads) do b
        batch = population.batches[b]
        trains[b] = SortedSpikes[SortedSpikes(batch.step[k], batch.neuron[k], batch.n * length(batch.candidates), origin(population))
                                 for k in 1:population.trials]
        batch.run === nothing && return nothing
        for (j, s) in enumerate(population.losses)
            Base.invokelatest(score_batch!, losses, j, s, batch, trains[b], min(batch.n, population.n))
        end
    end
    wanted && collect_trains!(found, population, trains)
    return nothing
end

function score_batch!(losses::Matrix{Float64}, j::Int, s::S, batch::Batch, trials::Vector{SortedSpikes}, n::Int) where {S<:Score}
    for c in 1:length(batch.candidates)
        haskey(batch.failed, c - 1) && continue
        losses[batch.candidates[c], j] = s isa VariableScore ? sum(batch.course[j][c, :]) / length(trials) :
                                         candidate_score(s, trials, (c - 1) * batch.n, n)
    end
    return nothing
end

function collect_trains!(found::Dict{String,Any}, population::Population, trains::Vector{Vector{SortedSpikes}})
    step, offset = Int64[], Int64[0]
    for (batch, trials) in zip(population.batches, trains), c in 1:length(batch.candidates), x in trials
        at = (c - 1) * batch.n
        low, high = x.offset[at+1], x.offset[at+batch.n+1]
        append!(offset, x.offset[at+2:at+batch.n+1] .+ (length(step) - low))
        append!(step, view(x.step, low+1:high))
    end
    found["train.step"], found["train.offset"] = step, offset
    return nothing
end

# ---- from parameters --------------------------------------------------------------------------------------------------------------------

function build_score(d::Dict{String,Any}, arrays, n::Int, steps::Int, trials::Int, dt::Float64, variables::Vector{String})
    kind = required(d, "kind", String)
    weight, mask = Float64.(vec(get(arrays, "weight", [1.0]))), Float64.(vec(get(arrays, "mask", Float64[])))
    length(weight) in (1, n) || fail("the weights of a loss must be one or one per neuron (", n, ")")
    length(mask) in (0, steps) || fail("the mask of a loss must have one value per step (", steps, ")")
    compared = Compared(data_by_neuron(arrays, n, steps, trials), weight, mask, steps, dt)
    numbers(name) = Float64.(vec(required(arrays, name, Array)))
    kind in ("rate", "count") && return CountScore(compared, kind == "rate")
    kind == "target_rate" && return TargetRateScore(compared, numbers("goal"))
    kind == "van_rossum" && return VanRossumScore(compared, required(d, "tau", Real), required(d, "recent", Bool), required(d, "root", Int))
    kind == "coincidence" && return CoincidenceScore(compared, required(d, "window", Real), room_for_threads())
    if kind == "distance"
        name = required(d, "measure", String)
        haskey(MEASURES, name) || fail("unknown measure ", name)
        return DistanceScore(compared, MEASURES[name](d), Float64(required(d, "power", Real)), room_for_threads())
    elseif kind == "feature"
        name = required(d, "feature", String)
        haskey(FEATURES, name) || fail("unknown feature ", name, "; known are ", join(sort!(collect(keys(FEATURES))), ", "))
        return FeatureScore(compared, name, numbers("goal"), numbers("scale"), required(d, "missing", Real),
                            required(d, "start", Real), required(d, "stop", Real), room_for_threads())
    elseif kind == "variable"
        name = required(d, "variable", String)
        name in variables || fail("a loss looks at ", name, ", but the model has ", join(variables, ", "))
        data = required(arrays, "data", Array)
        return VariableScore(compared, name, convert(Array{Float64,3}, reshape(data, size(data, 1), size(data, 2), :)))
    end
    return fail("unknown loss ", kind)
end

"Spikes of the data, one list per trial; where there are none, one that is empty."
function data_by_neuron(arrays, n::Int, steps::Int, trials::Int)
    haskey(arrays, "pointer") || return [SortedSpikes(Int64[], zeros(Int64, n + 1))]
    pointer, step, neuron = required(arrays, "pointer", Vector{Int64}), required(arrays, "step", Vector{Int64}), required(arrays, "neuron", Vector{Int32})
    length(pointer) == trials + 1 && length(step) == length(neuron) == pointer[end] || fail("the data do not fit the trials")
    all(x -> 0 <= x < n, neuron) && all(x -> 0 <= x < steps, step) || fail("the data have spikes outside of the run")
    return [SortedSpikes(step[pointer[k]+1:pointer[k+1]], neuron[pointer[k]+1:pointer[k+1]], n, 0) for k in 1:trials]
end
