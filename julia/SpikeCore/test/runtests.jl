# Tests of SpikeCore: one file per source file. Run with `julia -t 4 --project=julia/SpikeCore test/runtests.jl`.

using Test
using SpikeCore
const S = SpikeCore

const FILES = ["philox", "elementary", "emission", "expression", "formula", "equations", "connectivity", "kernels",
               "stimulus", "simulate", "dual", "integrate", "membrane", "service", "discrete", "distances", "likelihood",
               "adjoint", "optimise", "differentiable", "search", "device", "hygiene"]

# Files that need packages, and why they cannot be run here: empty if they can.
const GPU_COMPILER = Base.PkgId(Base.UUID("61eb1bfa-7361-4325-ad38-22787b887f55"), "GPUCompiler")
const MORE = ["zygote" => S.load_zygote(), "device_kernels" => S.why_not("kernels"), "device_cuda" => S.why_not("cuda"),
              "device_ptx" => S.load_packages(GPU_COMPILER)]

@testset "SpikeCore" begin
    for name in [FILES; [name for (name, reason) in MORE if isempty(reason)]]
        @testset "$name" begin
            include("$name.jl")
        end
    end
end

for (name, reason) in MORE
    isempty(reason) || println("skipped $name.jl: $reason")
end
skipped = count(!isempty(reason) for (_, reason) in MORE)
println("SpikeCore on Julia $VERSION with $(Threads.nthreads()) threads: tests of ", length(FILES) + length(MORE) - skipped,
        " files passed, 0 failed, $skipped skipped")
