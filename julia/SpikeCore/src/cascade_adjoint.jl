# The gradient of cascade networks. What arrives at a neuron is filtered, the drive goes through the nonlinearity, spikes are
# drawn: the filters are linear, so that their adjoints are written here; the nonlinearity is called with dual numbers. Drawn
# spikes are differentiated through their expected count (straight through), those of a threshold by a surrogate.

"What the parameters of a cascade become: numbers of each neuron, the gain r, and what the kernels consist of."
struct CascadeConstants
    numbers::Vector{Vector{Float64}}    # threshold, slope, scale, background: one or per neuron
    gain::Vector{Float64}
    kernel::Vector{Float64}             # gain, decay, tail; or the values of an array
    self::Vector{Float64}
    noise::Vector{Float64}              # amplitude of the background's noise
end

mutable struct CascadeProblem{T,W}
    setup::Setup{T,W}
    model::Dict{String,Any}
    arrays::Dict{String,Any}
    cells::Any
    first_step::Int
    steps::Int
    free::Vector{FreeParameter}
    losses::Vector{Loss{T}}
    weights::Vector{Vector{T}}
    noises::Vector{Vector{Vector{Float64}}}
    rule::SpikeRule                 # of any surrogate: little depends on which
    groups::Vector{Lanes{T}}
    arrived::Vector{Matrix{T}}          # per group: what arrived, [lane, history + step + delay]
    states::Vector{Vector{LossState{T}}}
    optimiser::Dict{String,Any}
    device::Any                     # nothing: the processor
    workers::Vector{Any}            # of each group, on a device
end

function CascadeProblem(run::Run, params::Dict{String,Any}, arrays::Dict{String,Any})
    setup = run.setup
    get(params, "initial", "rest") == "rest" || fail("the gradient of a cascade begins at rest; initial must be rest")
    isempty(setup.clamps) || fail("spikes cannot be given where a gradient is asked for")
    return cascade_problem(setup, run.neurons, params, arrays)
end

function cascade_problem(setup::Setup{T,W}, cells, params, arrays) where {T,W}
    steps, dt = required(params, "steps", Int), Float64(setup.dt)
    steps >= 1 || fail("steps must be at least 1, got ", steps)
    rule = spike_rule(T, params)
    need_derivative_of(cells)
    losses = Loss{T}[build_loss(T, d, owned_by("loss.$j.", arrays), setup.n, steps, length(setup.trials), dt, String[])
                     for (j, d) in enumerate(required(params, "losses", Vector))]
    # What arrives is a variable here, the first and only one.
    for (k, p) in enumerate(setup.projections)
        setup.projections[k] = Projection{T,W}(p.synapses, p.kernel, p.splits, 1, false, p.pair, p.short_term, p.incoming)
    end
    length(setup.projections) <= 1 || fail("a cascade has one projection")
    problem = CascadeProblem{T,W}(
        setup, copy(params["model"]), owned_by("model.", arrays), cells, setup.trials[1].step, steps, FreeParameter[], losses,
        Vector{T}[Vector{T}(p.synapses.weight) for p in setup.projections], [deepcopy(t.noises) for t in setup.trials], rule,
        Lanes{T}[], Matrix{T}[], Vector{LossState{T}}[], Dict{String,Any}(), given_device(params), Any[])
    for d in required(params, "free", Vector)
        push!(problem.free, free_parameter(problem, d))
    end
    return problem
end

device_of(problem::CascadeProblem) = problem.device

need_derivative_of(::Union{Shared{M},PerNeuron{M}}) where {M} = need_derivative_of(M)
need_derivative_of(::Type{<:Cascade{T,F}}) where {T,F} = need_derivative(F.instance)

# No number of a cell is a parameter as it stands: `constant_slopes` tells how the constants depend on it.
simple_position(::CascadeProblem, names) = 0
simple_slopes(::CascadeProblem, position::Int) = zeros(0, 0)

"The constants for these parameters."
function constants(problem::CascadeProblem, model, arrays)
    setup = problem.setup
    cells, blueprint = Base.invokelatest(MODELS[model["name"]], Parameters(model, arrays, setup.n), Float64, Float64(setup.dt))
    numbers = cells isa Shared ? [[getfield(cells.model, k)] for k in 1:4] : [Vector{Float64}(c) for c in cells.columns]
    k = blueprint.coupling
    return CascadeConstants(numbers, Vector{Float64}(blueprint.coupling_gain),
                            k.kind == ARRAY ? Vector{Float64}(k.values) : [k.gain, k.decay, k.tail], Vector{Float64}(blueprint.self),
                            Vector{Float64}(blueprint.background_noise))
end

"How the constants depend on a parameter: differences of fourth order, whose error is about the rounding of the constants."
function constant_slopes(problem::CascadeProblem, parameter::FreeParameter)
    x = parameter.value
    h = 1e-3 .* max.(abs.(x), 1e-2)
    function at_distance(s)
        model, arrays = copy(problem.model), copy(problem.arrays)
        use_in_model!(model, arrays, parameter.names, x .+ s .* h)
        return constants(problem, model, arrays)
    end
    far, near, back, far_back = at_distance(2.0), at_distance(1.0), at_distance(-1.0), at_distance(-2.0)
    function slope_of_all(f)
        width = length(f(near)) == 1 ? sum(h) / length(h) : length(h) == length(f(near)) ? h : h[1]
        return (8 .* (f(near) .- f(back)) .- (f(far) .- f(far_back))) ./ (12 .* width)
    end
    return CascadeConstants([slope_of_all(c -> c.numbers[k]) for k in 1:4], slope_of_all(c -> c.gain), slope_of_all(c -> c.kernel),
                            slope_of_all(c -> c.self), slope_of_all(c -> c.noise))
end

function rebuild!(problem::CascadeProblem{T}) where {T}
    setup = problem.setup
    problem.cells, setup.blueprint = Base.invokelatest(MODELS[problem.model["name"]],
                                                       Parameters(problem.model, problem.arrays, setup.n), T, Float64(setup.dt))
    return nothing
end

# ---- the loop ---------------------------------------------------------------------------------------------------------------

function make_groups!(problem::CascadeProblem{T}, chosen::Vector{Vector{Int}}) where {T}
    setup = problem.setup
    wired = with_trace(setup)
    problem.groups = [Lanes(wired, t, problem.steps, problem.rule.visible, Int[], 1, true) for t in chosen]
    foreach(lanes -> lanes.noise = noise_matrices(setup, lanes, problem.steps), problem.groups)
    columns = history(setup.blueprint.coupling) + problem.steps + longest_delay(setup)
    on_host = problem.device === nothing
    problem.arrived = on_host ? [zeros(T, lanes.size, columns) for lanes in problem.groups] : Matrix{T}[]
    problem.workers = on_host ? Any[] : Any[DeviceCascade(problem.device, lanes, setup, problem.steps) for lanes in problem.groups]
    problem.states = loss_states(problem.losses, problem.groups, problem.steps)
    return nothing
end

"The setup as lanes are made from it: with the filtered input as its variable."
function with_trace(setup::Setup{T,W}) where {T,W}
    b = setup.blueprint
    blueprint = Blueprint{T}(b.coupling, b.coupling_gain, b.self, b.background_noise, b.background_gate, ["trace"], Int[],
                             Vector{T}[], 0, true, 0)
    return Setup{T,W}(map(f -> f === :blueprint ? blueprint : getfield(setup, f), fieldnames(Setup))...)
end

noise_matrices(setup::Setup{T}, lanes::Lanes{T}, m::Int) where {T} =
    isempty(setup.blueprint.background_noise) ? Matrix{T}[] : [zeros(T, lanes.size, m)]

"The noise of the background for an amplitude of 1, and the drive with that of its amplitude."
function add_unit_noise!(noise::Matrix{T}, at::Int, setup::Setup{T}, trial::Trial{T}, step::Int) where {T}
    foreach(p -> p.quad == step >> 2 || draw_bits!(setup, trial, p, step >> 2), trial.parts)
    lane, amplitude, gate = (step & 3) * setup.n, setup.blueprint.background_noise, setup.blueprint.background_gate
    for i in 1:setup.n
        unit = uniform(Float64, trial.gates[lane+i]) < gate ? trial.normals[lane+i] : zero(T)
        noise[at+i] = unit
        trial.drive[i] += amplitude[length(amplitude) == 1 ? 1 : i] * unit
    end
    return nothing
end

"What reaches the drive from outside, the channels of stimuli and the noise of the background included."
function fill_drive!(lanes::Lanes{T}, setup::Setup{T}, noises, first_step::Int, m::Int) where {T}
    n = lanes.n
    for (b, column) in enumerate(lanes.trials)
        trial = setup.trials[column]
        trial.step = first_step
        trial.noises .= deepcopy(noises[column])
        lanes.noise_start[b] = deepcopy(noises[column])
        for filter in trial.channels
            fill!(filter.ring, 0)
            fill!(filter.trace, 0)
        end
        for part in trial.parts
            part.quad = typemin(Int)
            empty!(part.base_key)
        end
        isempty(setup.stimuli.waves) || evaluate_waves!(setup, trial, m)
        for j in 1:m
            step = first_step + j - 1
            if step < 0 || isempty(setup.stimuli.waves)     # the run is not stimulated before step 0
                fill!(trial.drive, 0)
            else
                foreach(p -> gather_waves!(setup, trial, p, step), trial.parts)
            end
            step < 0 || foreach(p -> add_other_stimuli!(setup, trial, p, step), trial.parts)
            at = (j - 1) * lanes.size + (b - 1) * n
            isempty(lanes.noise) || add_unit_noise!(lanes.noise[1], at, setup, trial, step)
            copyto!(lanes.input, at + 1, trial.drive, 1, n)
        end
    end
    return nothing
end

"All lanes over all steps."
function forward!(lanes::Lanes{T}, arrived::Matrix{T}, problem::CascadeProblem{T}, cells) where {T}
    setup, size, m = problem.setup, lanes.size, problem.steps
    kernel, gain, self = setup.blueprint.coupling, setup.blueprint.coupling_gain, setup.blueprint.self
    past = history(kernel)
    lanes.quad = typemin(Int)
    fill!(arrived, 0)
    fill!(lanes.tape[1], 0)
    fill_drive!(lanes, setup, problem.noises, problem.first_step, m)
    for j in 1:m
        step, at = problem.first_step + j - 1, (j - 1) * size
        filter_arrived!(lanes.tape[1], at, arrived, (past + j - 1) * size, kernel, size)
        add_coupling!(lanes, at, gain)
        for lag in 0:min(length(self), j - 1)-1
            add_scaled!(lanes.input, at, lanes.spikes, (j - 2 - lag) * size, self[lag+1], size)
        end
        fill_uniforms!(lanes, setup, step)
        draw_spikes!(lanes, cells, setup, problem.rule, j, step)
        for (projection, weight) in zip(setup.projections, problem.weights)
            deliver!(lanes, projection, weight, arrived, lanes.spikes, at, j, past + j - 1)
        end
    end
    return nothing
end

function filter_arrived!(trace::Matrix{T}, at::Int, arrived::Matrix{T}, now::Int, kernel::Kernel{T}, size::Int) where {T}
    if kernel.kind == EXPONENTIAL
        old, decay, gain, tail = now - kernel.window * size, kernel.decay, kernel.gain, kernel.tail
        @inbounds @simd ivdep for l in 1:size
            trace[at+size+l] = muladd(decay, trace[at+l], muladd(gain, arrived[now+l], -tail * arrived[old+l]))
        end
    else
        for lag in 0:length(kernel.values)-1
            add_scaled!(trace, at + size, arrived, now - lag * size, kernel.values[lag+1], size)
        end
    end
    return nothing
end

function add_coupling!(lanes::Lanes{T}, at::Int, gain::Vector{T}) where {T}
    trace, input, size = lanes.tape[1], lanes.input, lanes.size
    for l in 1:occupied(lanes)
        @inbounds input[at+l] += gain[length(gain) == 1 ? 1 : neuron_of(lanes, l)] * trace[at+size+l]
    end
    return nothing
end

function draw_spikes!(lanes::Lanes{T}, cells::P, setup::Setup{T}, rule::SpikeRule, j::Int, now::Int) where {T,P}
    base, dt, n = (j - 1) * lanes.size, setup.dt, lanes.n
    for (b, column) in enumerate(lanes.trials)
        source = Source(setup.seed, STREAM_FIRE, setup.trials[column].id)
        for i in 1:n
            l = (b - 1) * n + i
            model = at(cells, i)
            what = emission(typeof(model))
            mu = activity(model, step(model, nothing, lanes.input[base+l], dt), dt)
            admissible(what, mu) || refuse_activity(what, mu, i, now, setup.trials[column].id)
            lanes.activity[base+l] = mu
            expected = what isa Threshold ? smooth(rule.surrogate, mu) : mu
            s = fires(what, mu, lanes.uniforms[l]) ?
                T(spike_count(what, mu, uniform(Float64, lanes.bits[b][(now&3)*n+i]), source, i - 1, now)) : zero(T)
            lanes.spikes[base+l] = rule.relaxed ? expected : s
            rule.visible && (lanes.seen[base+l] = expected)
        end
    end
    return nothing
end

refuse_activity(what, mu, i::Int, now::Int, trial) =
    fail("the activity of neuron ", i - 1, " in step ", now, " (trial ", trial, ") is ", mu, ", but must be ", requirement(what))

"Back over all steps: adjoints of arrivals and drive, and of the constants, for each trial apart."
function backward!(lanes::Lanes{T}, arrived::Matrix{T}, problem::CascadeProblem{T}, cells, found::Vector{CascadeConstants}) where {T}
    setup, size, m = problem.setup, lanes.size, problem.steps
    kernel, gain, self = setup.blueprint.coupling, setup.blueprint.coupling_gain, setup.blueprint.self
    past, of_drive, of_trace = history(kernel), lanes.of_input, zeros(T, size, m)
    of_arrived = lanes.history[1]
    for j in m:-1:1
        at, now = (j - 1) * size, (past + j - 1) * size
        copyto!(lanes.of_spike, 1, lanes.loss_spikes, at + 1, size)
        given = problem.rule.given
        for (projection, weight) in zip(setup.projections, problem.weights)
            given || collect!(lanes.of_spike, lanes, projection, weight, j)
        end
        for lag in 0:(given ? 0 : min(length(self), m - j))-1
            add_scaled!(lanes.of_spike, of_drive, at + (lag + 1) * size, self[lag+1])
        end
        through_draw!(lanes, cells, setup, problem.rule, found, j)
        for l in 1:occupied(lanes)
            of_trace[at+l] = gain[length(gain) == 1 ? 1 : neuron_of(lanes, l)] * of_drive[at+l]
        end
        if kernel.kind == EXPONENTIAL
            j < m && add_scaled!(of_trace, at, of_trace, at + size, kernel.decay, size)
            isempty(of_arrived) || add_scaled!(of_arrived, at, of_trace, at, kernel.gain, size)
            isempty(of_arrived) || j + kernel.window > m || add_scaled!(of_arrived, at, of_trace, at + kernel.window * size, -kernel.tail, size)
        elseif !isempty(of_arrived)
            for lag in 0:min(length(kernel.values) - 1, m - j)
                add_scaled!(of_arrived, at, of_trace, at + lag * size, kernel.values[lag+1], size)
            end
        end
        for b in 1:length(lanes.trials)
            add_constants!(found[b], lanes, of_drive, of_trace, arrived, kernel, self, at + (b - 1) * lanes.n, now + (b - 1) * lanes.n, j)
        end
    end
    return nothing
end

"What the loss depends on through the constants in step j of one trial, whose lanes begin behind `at`, its arrivals behind `now`."
function add_constants!(found::CascadeConstants, lanes::Lanes{T}, of_drive::Matrix{T}, of_trace::Matrix{T}, arrived::Matrix{T},
                        kernel::Kernel{T}, self::Vector{T}, at::Int, now::Int, j::Int) where {T}
    size, n, trace = lanes.size, lanes.n, lanes.tape[1]
    for lag in 0:min(length(self), j - 1)-1
        found.self[lag+1] += inner_product(of_drive, at, lanes.spikes, at - (lag + 1) * size, n)
    end
    if length(found.gain) == 1
        found.gain[1] += inner_product(of_drive, at, trace, at + size, n)
    else
        for i in 1:n
            found.gain[i] += of_drive[at+i] * trace[at+size+i]
        end
    end
    if kernel.kind == EXPONENTIAL
        found.kernel[1] += inner_product(of_trace, at, arrived, now, n)
        found.kernel[2] += inner_product(of_trace, at, trace, at, n)
        found.kernel[3] -= inner_product(of_trace, at, arrived, now - kernel.window * size, n)
    else
        for lag in 0:length(kernel.values)-1
            found.kernel[lag+1] += inner_product(of_trace, at, arrived, now - lag * size, n)
        end
    end
    isempty(lanes.noise) && return nothing
    for i in 1:n
        found.noise[length(found.noise) == 1 ? 1 : i] += of_drive[at+i] * lanes.noise[1][at+i]
    end
    return nothing
end

function inner_product(x::Matrix{T}, at::Int, y::Matrix{T}, from::Int, size::Int) where {T}
    total = zero(T)
    @inbounds @simd for l in 1:size
        total = muladd(x[at+l], y[from+l], total)
    end
    return Float64(total)
end

function through_draw!(lanes::Lanes{T}, cells::P, setup::Setup{T}, rule::SpikeRule, found::Vector{CascadeConstants}, j::Int) where {T,P}
    base, dt, n = (j - 1) * lanes.size, setup.dt, lanes.n
    for l in 1:occupied(lanes)
        i = neuron_of(lanes, l)
        model = at(cells, i)
        by_drive, by_numbers = activity_slopes(model, lanes.input[base+l], dt)
        g = lanes.of_spike[l]
        emission(typeof(model)) isa Threshold && (g *= slope(rule.surrogate, lanes.activity[base+l]))
        lanes.of_input[base+l] = g * by_drive
        numbers = found[div(l - 1, n)+1].numbers
        for k in 1:4
            numbers[k][length(numbers[k]) == 1 ? 1 : i] += g * by_numbers[k]
        end
    end
    return nothing
end

"Derivatives of the activity by the drive, and by the numbers of the neuron."
@inline function activity_slopes(model::Cascade{T,F,E}, drive::T, dt::T) where {T,F,E}
    D = Dual{5,T}
    m = Cascade{D,F,E}(seeded(model.threshold, Val(5), 2), seeded(model.slope, Val(5), 3), seeded(model.scale, Val(5), 4),
                       seeded(model.background, Val(5), 5))
    mu = activity(m, step(m, nothing, seeded(drive, Val(5), 1), dt), dt)
    p = mu.partials
    return p[1], (p[2], p[3], p[4], p[5])
end

# ---- the gradient -------------------------------------------------------------------------------------------------------------

function evaluate_laid_out!(problem::CascadeProblem{T}, coefficients::Vector{Float64}, wanted::Bool) where {T}
    cells = problem.cells
    groups, setup, m = problem.groups, problem.setup, problem.steps
    counts = [zeros(lanes.n) for lanes in groups]
    carried = [[map(copy, states[p].carry) for states in problem.states] for p in 1:length(groups)]
    with_threads(length(groups), setup.threads) do p
        isempty(problem.workers) ? forward!(groups[p], problem.arrived[p], problem, cells) : forward!(problem.workers[p], problem)
        count_spikes!(counts[p], groups[p], max(0, -problem.first_step) + 1, m)
        for (loss, states) in zip(problem.losses, problem.states)
            observe!(loss, groups[p], states[p], 0, m)
        end
    end
    loss, values = settled(problem, coefficients)
    rates = sum(counts)
    wanted || return loss, values, Vector{Float64}[], rates
    isfinite(loss) || fail("the loss is ", loss)
    differentiate_losses!(problem, coefficients)

    now = constants(problem, problem.model, problem.arrays)
    found = [[zero_constants(now) for _ in lanes.trials] for lanes in groups]
    with_threads(length(groups), setup.threads) do p
        lanes = groups[p]
        reset_adjoint!(lanes)
        fill!(lanes.of_input, 0)
        pull_losses!(lanes, problem, p, coefficients, carried[p], 0, m)
        isempty(problem.workers) ? backward!(lanes, problem.arrived[p], problem, cells, found[p]) :
        backward!(problem.workers[p], problem, found[p])
        any(q -> q.kind == "weight", problem.free) && list_sent!(lanes, lanes.spikes, 0, m)
    end
    gradients = Vector{Float64}[]
    for (k, parameter) in enumerate(problem.free)
        if parameter.kind == "weight"
            g = zeros(T, length(parameter.value))
            isempty(problem.workers) ? add_weight_gradients!(g, groups, setup, parameter.index, m) :
            add_weight_gradients!(g, problem.workers[1].lanes, setup, parameter.index)
            push!(gradients, Float64.(g))
        elseif parameter.kind == "stimulus"
            g = zeros(length(parameter.value))
            foreach(lanes -> add_stimulus_gradient!(g, lanes, setup, parameter, problem.first_step, m), groups)
            push!(gradients, g)
        else
            push!(gradients, of_parameter(parameter, constant_slopes(problem, parameter), reduce(vcat, found)))
        end
    end
    return loss, values, gradients, rates
end

zero_constants(c::CascadeConstants) =
    CascadeConstants(map(zero, c.numbers), zero(c.gain), zero(c.kernel), zero(c.self), zero(c.noise))

"From the adjoints of the constants to that of a parameter."
function of_parameter(parameter::FreeParameter, slopes::CascadeConstants, found::Vector{CascadeConstants})
    gradient = zeros(length(parameter.value))
    for c in found
        for (by, of) in ((slopes.numbers[1], c.numbers[1]), (slopes.numbers[2], c.numbers[2]), (slopes.numbers[3], c.numbers[3]),
                         (slopes.numbers[4], c.numbers[4]), (slopes.gain, c.gain), (slopes.kernel, c.kernel), (slopes.self, c.self),
                         (slopes.noise, c.noise))
            if length(gradient) == 1
                gradient[1] += sum(by .* of)
            elseif length(of) == length(gradient)   # what all neurons share does not depend on a parameter of each
                gradient .+= by .* of
            end
        end
    end
    return gradient
end
