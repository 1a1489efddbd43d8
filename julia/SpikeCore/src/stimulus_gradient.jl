# How the loss depends on stimuli, from the adjoints of what they add to: the input, or a variable of a receptor.

"Adds what the loss depends on through a stimulus in the segment."
function add_stimulus_gradient!(gradient::Vector{Float64}, lanes::Lanes{T}, setup::Setup{T}, parameter::FreeParameter, first_step::Int,
                                m::Int) where {T}
    s = stimulus_of(setup, parameter)
    target = s isa Target || s isa GivenSpikes ? s : s.target
    adjoint = target.channel == 0 ? lanes.of_input : lanes.history[setup.blueprint.arrivals[target.channel]]
    if s isa Noise      # its state goes from step to step, so that it is made again from where the segment began
        add_noise_gradient!(gradient, lanes, setup, s, parameter.index, adjoint, first_step, m)
    elseif s isa GivenSpikes
        add_spikes_gradient!(gradient, lanes, s, adjoint, first_step, m)
    else
        add_target_gradient!(gradient, lanes, setup, s, target, parameter.names[1], parameter.index, adjoint, first_step, m)
    end
    return nothing
end

function add_spikes_gradient!(gradient::Vector{Float64}, lanes::Lanes{T}, s::GivenSpikes{T}, adjoint::Matrix{T}, first_step::Int,
                              m::Int) where {T}
    for b in 0:length(lanes.trials)-1, j in 1:m, e in searchsorted(s.step, first_step + j - 1)
        gradient[e] += adjoint[b*lanes.n+s.neuron[e]+1, j]
    end
    return nothing
end

"The same for what has targets: compiled for each kind of stimulus, as the sum is over all steps."
function add_target_gradient!(gradient::Vector{Float64}, lanes::Lanes{T}, setup::Setup{T}, s::S, target::Target{T}, field::String,
                              index::Int, adjoint::Matrix{T}, first_step::Int, m::Int) where {T,S}
    n, everyone, of_data, of_rate = lanes.n, isempty(target.neurons), field == "data", field == "rate"
    for (b, column) in enumerate(lanes.trials)
        trial, at = setup.trials[column], (b - 1) * n
        for j in 1:m, q in 1:(everyone ? n : length(target.neurons))
            i = everyone ? q : Int(target.neurons[q]) + 1
            step, place, unit = first_step + j - 1, length(gradient) == 1 ? 1 : q, zero(T)
            if s isa Target
                unit = trial.waves[j, index]
            elseif s isa Table
                position = table_row(step, s.start, s.rate)
                1 <= position <= size(s.data, 2) || continue
                c = size(s.data, 3) == 1 ? 1 : trial.column
                unit = of_data ? strength_at(target, q) : s.data[q, position, c]
                of_data && (place = ((c - 1) * size(s.data, 2) + position - 1) * size(s.data, 1) + q)
            elseif s isa PoissonInput
                inside(step, s.start, s.stop) || continue
                if of_rate              # straight through: a spike more or less, as likely as the rate says
                    unit = strength_at(target, q) * setup.dt / 1000
                else
                    mu = s.mu[length(s.mu) == 1 ? 1 : q]
                    source = Source(setup.seed, s.stream, trial.id)
                    u = uniform(Float64, draw(source, i - 1, step))
                    fires(Poisson(), mu, u) || continue
                    unit = T(min(poisson_count(mu, u, source, i - 1, step), s.most))
                end
            end
            gradient[place] += unit * adjoint[at+i, j]
        end
    end
    return nothing
end

function add_noise_gradient!(gradient::Vector{Float64}, lanes::Lanes{T}, setup::Setup{T}, s::Noise{T}, index::Int,
                             adjoint::Matrix{T}, first_step::Int, m::Int) where {T}
    unit = Noise{T}(Target{T}(s.target.neurons, T[1], 0), s.decay, s.start, s.stop, s.stream, s.period)
    values = zeros(T, lanes.n)
    for (b, column) in enumerate(lanes.trials)
        x = copy(lanes.noise_start[b][index])
        for j in 1:m
            fill!(values, 0)
            add_noise!(values, 0, unit, x, setup.seed, setup.trials[column].id, first_step + j - 1, 1:lanes.n)
            for q in 1:(isempty(s.target.neurons) ? lanes.n : length(s.target.neurons))
                i = isempty(s.target.neurons) ? q : Int(s.target.neurons[q]) + 1
                gradient[length(gradient) == 1 ? 1 : q] += values[i] * adjoint[(b-1)*lanes.n+i, j]
            end
        end
    end
    return nothing
end
