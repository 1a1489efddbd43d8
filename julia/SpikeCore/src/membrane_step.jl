# One step of membrane models in the loop: all neurons move, without branches, in one sweep that LLVM vectorises; those that
# spiked are collected and reset in a second one that skips blocks without any.

function membrane_step!(setup::Setup{T}, cells::Cells, trial::Trial{T}, part::Part, now::Int) where {T}
    C = cell_type(cells)
    M = membrane_type(C)
    needs_random(M) && part.quad != now >> 2 && draw_bits!(setup, trial, part, now >> 2)
    n_noises(M) > 0 && draw_noise!(setup, trial, part, now)
    state = pieces(trial, C)
    good = membrane_sweep!(trial, part, cells, setup.dt, now, state)
    if !good
        if setup.period > 0
            replace_failed!(setup, cells, trial, part, state, now)
        elseif note_failure!(part, state, now)
            part.n_spiking[8((now&1)+1)] = 0    # the state stays as it is, for the error that will show it
            return nothing
        end
    end
    collect_membrane_spikes!(part, trial, cells, setup.dt, now, state)
    graded(M) == 0 || copyto!(trial.graded[(now&1)+1], first(part.range), state[graded(M)], first(part.range), length(part.range))
    return nothing
end

"The variables of all neurons as a tuple of vectors."
@inline pieces(trial::Trial, ::Type{C}) where {C} = ntuple(k -> trial.state[k], Val(n_states(C)))

@inline load(state::Tuple, i::Int) = each(x -> @inbounds(x[i]), state)
# A reset changes the membrane's variables only, those of the receptors stay.
@inline store!(state::Tuple, y::Tuple{}, i::Int) = nothing
@inline function store!(state::Tuple, y::Tuple, i::Int)
    @inbounds state[1][i] = y[1]
    return store!(Base.tail(state), Base.tail(y), i)
end

@inline total(y::Tuple{Any}) = y[1]
@inline total(y::Tuple) = y[1] + total(Base.tail(y))

"Moves all neurons of the part; false if a variable is no longer finite."
function membrane_sweep!(trial::Trial{T}, part::Part, cells::P, dt::T, now::Int, state::S) where {T,P<:Cells,S<:Tuple}
    drive, fired, free, bits = trial.drive, trial.fired, trial.free, trial.bits
    M = membrane_type(cell_type(cells))
    xi = ntuple(k -> trial.xi[k], Val(n_noises(M)))
    lane = (now & 3) * length(drive)
    time, step_number = T(now) * dt, now % Int32
    bad = flag(T, false)
    @inbounds @simd ivdep for i in part.swept
        cell = at(cells, i)
        ready = free[i] <= step_number
        noise = each(x -> x[lane+i], xi)
        y = advance(cell, load(state, i), (I=drive[i], xi=noise, t=time), ifelse(ready, one(T), zero(T)), dt)
        store!(state, y, i)
        u = needs_random(M) ? uniform(T, bits[lane+i]) : zero(T)
        fired[i] = ready & fire(cell.membrane, y, u, dt)
        sum_of_state = total(y)
        bad |= flag(T, !(sum_of_state - sum_of_state == 0))     # it is not finite
    end
    return bad == 0
end

"Lists those that fired, resets them and makes them refractory."
function collect_membrane_spikes!(part::Part, trial::Trial{T}, cells::P, dt::T, now::Int, state::S) where {T,P<:Cells,S<:Tuple}
    buffer = (now & 1) + 1
    spiking, counts = part.spiking[buffer], part.counts[buffer]
    m = list_fired(list_membrane_spike!, trial.fired, part.range, spiking, counts, trial.free, cells, dt, now, state)
    part.n_spiking[8buffer] = m
    now >= 0 && record_spikes!(part, spiking, counts, m, now)
    return nothing
end

@inline function list_membrane_spike!(i::Int, m::Int, spiking::Vector{Int32}, counts::Vector{Int32}, free::Vector{Int32},
                                      cells::P, dt::T, now::Int, state::S) where {T,P<:Cells,S<:Tuple}
    @inbounds spiking[m] = i - 1
    @inbounds counts[m] = 1
    membrane = at(cells, i).membrane
    store!(state, reset(membrane, load(state, i)), i)
    @inbounds free[i] = min(now + refractory_steps(membrane, dt), typemax(Int32)) % Int32
    return true
end

"White noise of the equations, of standard deviation 1 / sqrt(dt), for the four steps of a block of random numbers."
function draw_noise!(setup::Setup{T}, trial::Trial{T}, part::Part, now::Int) where {T}
    part.noise_quad == now >> 2 && return nothing
    scale = 1 / sqrt(setup.dt)
    for k in 1:setup.blueprint.noises
        source = Source(setup.seed, STREAM_MEMBRANE + UInt32(k), trial.id)
        fill_normals!(trial.xi[k], source, now >> 2, drawn(setup, part))
        repeat_draws!(trial.xi[k], setup)
        for lane in 1:4, i in part.range
            trial.xi[k][i, lane] *= scale
        end
    end
    part.noise_quad = now >> 2
    return nothing
end

"Whether a variable of one of the part's neurons is not finite; then it is kept which neuron that is."
function note_failure!(part::Part, state::Tuple, now::Int)
    for i in part.range, k in 1:length(state)
        isfinite(state[k][i]) || (part.failure = (i, now); return true)
    end
    return false
end

function check_part(run::Run{T,W,P}, trial::Trial, part::Part) where {T,W,P<:Cells}
    part.failure == (0, 0) && return nothing
    i, step = part.failure
    fail(what_happened(run.setup, trial, i, step, i - 1), ". A smaller dt, or another method, may help")
end

function what_happened(setup::Setup, trial::Trial, i::Int, step::Int, neuron::Int)
    values = [(name, x[i]) for (name, x) in zip(setup.blueprint.variables, trial.state)]
    first_bad = first(name for (name, x) in values if !isfinite(x))
    time = round((step + 1) * setup.dt; digits=6)
    return string(first_bad, " of neuron ", neuron, " is no longer finite in step ", step, " (t = ", time, " ms, trial ", trial.id,
                  "): ", join([string(name, " = ", x) for (name, x) in values], ", "), "; its input is ", trial.drive[i])
end

"""
Of candidates side by side, those whose state is no longer finite go on as copies of another one that never spike; what happened
is kept.
"""
function replace_failed!(setup::Setup, cells::Cells, trial::Trial, part::Part, state::Tuple, now::Int)
    n = setup.period
    for i in part.range
        all(x -> isfinite(x[i]), state) && continue
        c, own = (i - 1) ÷ n, (i - 1) % n
        haskey(setup.failed, c) || (setup.failed[c] = what_happened(setup, trial, i, now, own))
        healthy = findfirst(k -> !haskey(setup.failed, k), 0:setup.n÷n-1)
        for j in c*n+1:(c+1)*n
            trial.fired[j], trial.free[j] = 0, typemax(Int32)
            from = healthy === nothing ? j : j - c * n + (healthy - 1) * n
            cells isa PerCell && healthy !== nothing && foreach(column -> column[j] = column[from], cells.columns)
            foreach((x, start) -> x[j] = isfinite(x[from]) ? x[from] : start[j], trial.state, setup.blueprint.initial)
        end
    end
    return nothing
end
