"The rule by which Zygote differentiates `simulate`, and Zygote for functions that are given as Julia code. Read src/differentiable.jl."
module SpikeCoreZygoteExt

import ChainRulesCore, SpikeCore, Zygote
using ChainRulesCore: AbstractZero, NoTangent, Tangent, unthunk

function ChainRulesCore.rrule(::typeof(SpikeCore.simulate), run, values)
    output, back = SpikeCore.pullback(run, values)
    function simulate_pullback(given)
        adjoint = unthunk(given)
        adjoint isa AbstractZero && return NoTangent(), NoTangent(), map(zero, values)
        states = unthunk(adjoint.states)
        of_states = states isa AbstractZero ? nothing :
                    map(name -> array(getproperty(states, name)), NamedTuple{keys(output.states)}(keys(output.states)))
        found = back(array(adjoint.spikes), of_states)
        return NoTangent(), NoTangent(), values isa Tuple ? Tangent{typeof(values)}(found...) : found
    end
    return output, simulate_pullback
end

"An adjoint as an array; nothing where it is zero."
array(x) = (y = unthunk(x); y isa AbstractZero || y === nothing ? nothing : collect(y))

function __init__()
    SpikeCore.pullback_of[] = Zygote.pullback
    return nothing
end

end
