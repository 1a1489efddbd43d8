# The adjoint of delivery: what arrived goes back through the synapses to what was sent; and how the loss depends on weights.

"Adds to `sent`, the adjoint of what each lane sends in step j: the sum over its synapses of weight times the adjoint where it arrives."
function collect!(sent::Vector{T}, lanes::Lanes{T}, projection::Projection{T}, weight::Vector{T}, j::Int) where {T}
    history, synapses = lanes.history[projection.into], projection.synapses
    if !isempty(synapses.delay)
        collect_delayed!(sent, lanes, history, synapses, weight, j)
    elseif !lanes.together
        collect_each!(sent, lanes, history, synapses, weight, (j - 1 + synapses.shared_delay) * lanes.size)
    else
        collect_together!(sent, lanes, history, synapses, weight, (j - 1 + synapses.shared_delay) * lanes.size)
    end
    return nothing
end

function collect_each!(sent::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, weight::Vector{T}, at::Int) where {T}
    n, offset, target = lanes.n, synapses.offset, synapses.target
    for b in 0:length(lanes.trials)-1, i in 1:n
        low, high = offset[i], offset[i+1]
        low == high && continue
        total = zero(T)
        if is_run(target, low + 1, high)
            shift = at + b * n + target[low+1] - low
            @inbounds @simd for e in low+1:high
                total += weight[e] * history[shift+e]
            end
        else
            shift = at + b * n + 1
            @inbounds @simd for e in low+1:high
                total += weight[e] * history[shift+target[e]]
            end
        end
        sent[b*n+i] += total
    end
    return nothing
end

"""
The same for several trials: the adjoint is laid out with trials side by side, so that each synapse is read once for all of
them and its contribution is one vector. In which order a neuron's synapses are summed depends on the network alone.
"""
function collect_together!(sent::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, weight::Vector{T}, at::Int) where {T}
    n, trials = lanes.n, length(lanes.trials)
    width = trials <= 8 ? 8 : 16
    length(lanes.across) >= max(width * n, 1024) || (lanes.across = zeros(T, max(16n, 1024)); lanes.sums = zeros(T, max(16n, 1024)))
    for first in 0:width:trials-1
        count = min(width, trials - first)
        lay_across!(lanes.across, history, at + first * n, n, count, width)
        if width == 8
            rows_across!(lanes.sums, lanes.across, n, synapses.offset, synapses.target, weight, Val(8))
        else
            rows_across!(lanes.sums, lanes.across, n, synapses.offset, synapses.target, weight, Val(16))
        end
        add_along!(sent, first * n, lanes.sums, n, count, width)
    end
    return nothing
end

function lay_across!(across::Vector{T}, history::Matrix{T}, at::Int, n::Int, count::Int, width::Int) where {T}
    @inbounds for b in 0:count-1, i in 0:n-1
        across[width*i+b+1] = history[at+b*n+i+1]
    end
    return nothing
end

function add_along!(sent::Vector{T}, at::Int, sums::Vector{T}, n::Int, count::Int, width::Int) where {T}
    @inbounds for b in 0:count-1, i in 0:n-1
        sent[at+b*n+i+1] += sums[width*i+b+1]
    end
    return nothing
end

# Vectors of a fixed length, which LLVM knows as such.
const Lane{N,T} = NTuple{N,VecElement{T}}
@inline broadcasted(x::T, ::Val{N}) where {N,T} = ntuple(_ -> VecElement{T}(x), Val(N))
@inline fused(a::Lane{8,Float32}, b::Lane{8,Float32}, c::Lane{8,Float32}) =
    ccall("llvm.fmuladd.v8f32", llvmcall, Lane{8,Float32}, (Lane{8,Float32}, Lane{8,Float32}, Lane{8,Float32}), a, b, c)
@inline fused(a::Lane{16,Float32}, b::Lane{16,Float32}, c::Lane{16,Float32}) =
    ccall("llvm.fmuladd.v16f32", llvmcall, Lane{16,Float32}, (Lane{16,Float32}, Lane{16,Float32}, Lane{16,Float32}), a, b, c)
@inline fused(a::Lane{8,Float64}, b::Lane{8,Float64}, c::Lane{8,Float64}) =
    ccall("llvm.fmuladd.v8f64", llvmcall, Lane{8,Float64}, (Lane{8,Float64}, Lane{8,Float64}, Lane{8,Float64}), a, b, c)
@inline fused(a::Lane{16,Float64}, b::Lane{16,Float64}, c::Lane{16,Float64}) =
    ccall("llvm.fmuladd.v16f64", llvmcall, Lane{16,Float64}, (Lane{16,Float64}, Lane{16,Float64}, Lane{16,Float64}), a, b, c)
@inline plus(a::Lane{N,T}, b::Lane{N,T}) where {N,T} = ntuple(k -> VecElement{T}(a[k].value + b[k].value), Val(N))

"Sums of weight times `across` for each row of synapses, into `sums`. Four rows that reach all neurons go together."
function rows_across!(sums::Vector{T}, across::Vector{T}, n::Int, offset::Vector{Int64}, target::Vector{Int32}, weight::Vector{T},
                      ::Val{N}) where {T,N}
    GC.@preserve sums across begin
        from, into = Ptr{Lane{N,T}}(pointer(across)), Ptr{Lane{N,T}}(pointer(sums))
        i = 1
        while i <= n
            low = offset[i]
            if i + 3 <= n && offset[i+4] - low == 4n && all_to_all(target, offset, i, n)
                a1, a2, a3, a4 = four_rows(from, weight, low, n, Val(N))
                unsafe_store!(into, a1, i)
                unsafe_store!(into, a2, i + 1)
                unsafe_store!(into, a3, i + 2)
                unsafe_store!(into, a4, i + 3)
                i += 4
            else
                unsafe_store!(into, one_row(from, target, weight, low, offset[i+1], Val(N)), i)
                i += 1
            end
        end
    end
    return nothing
end

"Whether neurons i to i + 3 reach all neurons once."
@inline all_to_all(target::Vector{Int32}, offset::Vector{Int64}, i::Int, n::Int) =
    offset[i+1] - offset[i] == n && offset[i+2] - offset[i+1] == n && offset[i+3] - offset[i+2] == n &&
    is_run(target, offset[i] + 1, offset[i+1]) && is_run(target, offset[i+1] + 1, offset[i+2]) &&
    is_run(target, offset[i+2] + 1, offset[i+3]) && is_run(target, offset[i+3] + 1, offset[i+4])

@inline function four_rows(from::Ptr{Lane{N,T}}, weight::Vector{T}, low::Int64, n::Int, ::Val{N}) where {N,T}
    a1 = a2 = a3 = a4 = broadcasted(zero(T), Val(N))
    @inbounds for e in 1:n
        x = unsafe_load(from, e)
        a1 = fused(broadcasted(weight[low+e], Val(N)), x, a1)
        a2 = fused(broadcasted(weight[low+n+e], Val(N)), x, a2)
        a3 = fused(broadcasted(weight[low+2n+e], Val(N)), x, a3)
        a4 = fused(broadcasted(weight[low+3n+e], Val(N)), x, a4)
    end
    return a1, a2, a3, a4
end

@inline function one_row(from::Ptr{Lane{N,T}}, target::Vector{Int32}, weight::Vector{T}, low::Int64, high::Int64, ::Val{N}) where {N,T}
    a1 = a2 = a3 = a4 = broadcasted(zero(T), Val(N))
    e = low
    @inbounds while e + 4 <= high
        a1 = fused(broadcasted(weight[e+1], Val(N)), unsafe_load(from, target[e+1] + 1), a1)
        a2 = fused(broadcasted(weight[e+2], Val(N)), unsafe_load(from, target[e+2] + 1), a2)
        a3 = fused(broadcasted(weight[e+3], Val(N)), unsafe_load(from, target[e+3] + 1), a3)
        a4 = fused(broadcasted(weight[e+4], Val(N)), unsafe_load(from, target[e+4] + 1), a4)
        e += 4
    end
    @inbounds while e < high
        a1 = fused(broadcasted(weight[e+1], Val(N)), unsafe_load(from, target[e+1] + 1), a1)
        e += 1
    end
    return plus(plus(a1, a2), plus(a3, a4))
end

function collect_delayed!(sent::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, weight::Vector{T}, j::Int) where {T}
    n, offset, target, delay, size = lanes.n, synapses.offset, synapses.target, synapses.delay, lanes.size
    for b in 0:length(lanes.trials)-1, i in 1:n
        total = zero(T)
        @inbounds for e in offset[i]+1:offset[i+1]
            total += weight[e] * history[(j-1+delay[e])*size+b*n+target[e]+1]
        end
        sent[b*n+i] += total
    end
    return nothing
end

"Lists when each neuron sent something: of neuron i entries `pointer[i] + 1 : pointer[i + 1]`, by trial and then step."
function list_sent!(lanes::Lanes{T}, amount::Matrix{T}, ahead::Int, m::Int) where {T}
    n, size, pointer = lanes.n, lanes.size, lanes.sent_pointer
    resize!(pointer, n + 1)
    fill!(pointer, 0)
    visit_sent(lanes, amount, ahead, m) do i, b, j
        pointer[i+1] += 1
    end
    for i in 1:n
        pointer[i+1] += pointer[i]
    end
    resize!(lanes.sent_at, pointer[n+1])
    place = copy(pointer)
    visit_sent(lanes, amount, ahead, m) do i, b, j
        place[i] += 1
        lanes.sent_at[place[i]] = (b, j)
    end
    return nothing
end

"The same from the list of spikes, which is in the order of steps: sorted by neuron and trial, it stays so within."
function list_fired!(lanes::Lanes)
    n, trials, pointer = lanes.n, length(lanes.trials), lanes.sent_pointer
    place = zeros(Int, n * trials + 1)
    for (l, _) in lanes.fired
        b, i = divrem(Int(l) - 1, n)
        place[i*trials+b+2] += 1
    end
    for k in 1:n*trials
        place[k+1] += place[k]
    end
    resize!(pointer, n + 1)
    for i in 0:n
        pointer[i+1] = place[i*trials+1]
    end
    resize!(lanes.sent_at, length(lanes.fired))
    for (l, j) in lanes.fired
        b, i = divrem(Int(l) - 1, n)
        k = place[i*trials+b+1] += 1
        lanes.sent_at[k] = (b % Int32, j)
    end
    return nothing
end

function visit_sent(f::F, lanes::Lanes{T}, amount::Matrix{T}, ahead::Int, m::Int) where {F,T}
    n, size = lanes.n, lanes.size
    for b in 0:length(lanes.trials)-1, j in 1:m
        at = (j - 1) * size + ahead + b * n
        for block in 0:32:n-1
            last = min(block + 32, n)
            any_nonzero(amount, at + block, last - block) || continue
            for i in block+1:last
                @inbounds amount[at+i] == 0 || f(i, b, j)
            end
        end
    end
    return nothing
end

"""
    weight_gradients!(gradient, groups, setup, k, rows, m)

Adds what the loss depends on through the weights of projection `k`, for presynaptic neurons `rows`: what was sent in each step
times the adjoint where it arrived. Work follows spikes (`list_sent!`); of each weight the steps are summed in one order, so
that the result is the same for any number of threads.
"""
function weight_gradients!(gradient::Vector{T}, groups::Vector{Lanes{T}}, setup::Setup{T}, k::Int, rows::UnitRange{Int}, m::Int) where {T}
    projection = setup.projections[k]
    offset, g = projection.synapses.offset, setup.blueprint.graded
    for lanes in groups
        amount, ahead = g == 0 ? (lanes.spikes, 0) : (lanes.tape[g], lanes.size)
        history, pointer, sent_at = lanes.history[projection.into], lanes.sent_pointer, lanes.sent_at
        place = pointer[rows]
        # In pieces whose adjoints stay in the cache.
        piece = max(1, div(ADJOINTS_AT_ONCE, lanes.n))
        for b in 0:length(lanes.trials)-1, last in piece:piece:m+piece-1
            for (r, i) in enumerate(rows)
                first = s = place[r]
                stop = pointer[i+1]
                @inbounds while s < stop && sent_at[s+1][1] == b && sent_at[s+1][2] <= last
                    s += 1
                end
                place[r] = s
                low, high = offset[i], offset[i+1]
                s == first || low == high ||
                    weight_gradients_of!(gradient, lanes, history, projection.synapses, amount, i, ahead, low, high, first, s)
            end
        end
    end
    return nothing
end

const ADJOINTS_AT_ONCE = 131_072

function weight_gradients_of!(gradient::Vector{T}, lanes::Lanes{T}, history::Matrix{T}, synapses::Connectivity, amount::Matrix{T},
                              i::Int, ahead::Int, low::Int64, high::Int64, first::Int, last::Int) where {T}
    size, target, delay = lanes.size, synapses.target, synapses.delay
    run = is_run(target, low + 1, high)
    for s in first+1:last
        @inbounds b, j = lanes.sent_at[s]
        lane = Int(b) * lanes.n
        @inbounds a = amount[(j-1)*size+ahead+lane+i]
        if !isempty(delay)
            @inbounds for e in low+1:high
                gradient[e] = muladd(a, history[(j-1+delay[e])*size+lane+target[e]+1], gradient[e])
            end
            continue
        end
        at = (j - 1 + synapses.shared_delay) * size + lane
        if run
            shift = at + target[low+1] - low
            @inbounds @simd ivdep for e in low+1:high
                gradient[e] = muladd(a, history[shift+e], gradient[e])
            end
        else
            @inbounds @simd ivdep for e in low+1:high
                gradient[e] = muladd(a, history[at+target[e]+1], gradient[e])
            end
        end
    end
    return nothing
end
