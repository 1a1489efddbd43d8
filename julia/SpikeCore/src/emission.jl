# From an expected count and a uniform number to spikes. `fires` is the branch-free question asked of every neuron;
# `spike_count` the answer for the few that fired.

"A spike with probability `mu` <= 1."
struct Bernoulli end
"Poisson-distributed counts of mean `mu`."
struct Poisson end
"A spike where `mu` > 0, strictly."
struct Threshold end

@inline fires(::Bernoulli, mu, u) = u < mu
@inline fires(::Poisson, mu, u) = u < -vexpm1(-mu)
@inline fires(::Threshold, mu, u) = mu > 0

# False for NaN as well.
@inline admissible(::Bernoulli, mu) = (mu >= 0) & (mu <= 1)
@inline admissible(::Poisson, mu) = (mu >= 0) & (mu <= 10_000)
@inline admissible(::Threshold, mu) = (mu - mu) == 0

requirement(::Bernoulli) = "a probability in [0, 1]; take a smaller dt or weaker input"
requirement(::Poisson) = "an expected count in [0, 10000]; take a smaller dt or weaker input"
requirement(::Threshold) = "a finite number"

spike_count(::Union{Bernoulli,Threshold}, mu, u, source::Source, index, step) = 1
spike_count(::Poisson, mu, u, source::Source, index, step) = poisson_count(Float64(mu), Float64(u), source, index, step)

"""
    poisson_count(mu, u, source, index, step)

A Poisson count of mean `mu`, given that `u < 1 - exp(-mu)` was found for the uniform number `u`. Up to `mu` = 30 by
inversion of the survival function at `u`; above by transformed rejection (Hörmann 1993, algorithm PTRS), whose further
draws have addresses of their own.
"""
function poisson_count(mu::Float64, u::Float64, source::Source, index::Integer, step::Integer)
    mu <= 30 || return poisson_by_rejection(mu, source, index, step)
    term = exp(-mu)
    survival = -expm1(-mu)      # P(count >= 1)
    count = 1
    while count < 200
        term *= mu / count
        survival -= term        # P(count >= count + 1)
        u < survival || return count
        count += 1
    end
    return count
end

function poisson_by_rejection(mu::Float64, source::Source, index::Integer, step::Integer)
    b = 0.931 + 2.53 * sqrt(mu)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    stream = source.stream
    while true
        stream += 0x00010000
        words = block(Source(source.seed, stream, source.trial), index, step)
        for pair in 0:1
            u = uniform(Float64, words[2pair+1]) - 0.5
            v = uniform(Float64, words[2pair+2])
            distance = 0.5 - abs(u)
            k = floor((2a / distance + b) * u + mu + 0.43)
            distance >= 0.07 && v <= v_r && return Int(k)
            (k < 0 || (distance < 0.013 && v > distance)) && continue
            log(v * inverse_alpha / (a / distance^2 + b)) <= k * log(mu) - mu - log_factorial(k) && return Int(k)
        end
    end
end

function log_factorial(k::Float64)
    if k <= 20
        product = 1
        for j in 2:Int(k)
            product *= j
        end
        return log(Float64(product))
    end
    return k * log(k) - k + 0.5 * log(2pi * k) + 1 / 12k - 1 / 360k^3 + 1 / 1260k^5
end
