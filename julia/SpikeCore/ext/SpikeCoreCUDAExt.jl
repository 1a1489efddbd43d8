"Nvidia GPUs as a device, through CUDA.jl's backend of KernelAbstractions."
module SpikeCoreCUDAExt

using SpikeCore
using CUDA

# Enough workers for any GPU; a group of 32 runs in step, and so reads a row of synapses at once.
const GROUPS, WIDTH, WORKGROUP = 4096, 32, 256

function __init__()
    SpikeCore.DEVICES["cuda"] = function ()
        CUDA.functional() || SpikeCore.fail("device cuda needs an Nvidia GPU and its driver, and CUDA.jl finds none; CUDA.functional(true) in Julia says why")
        kernels = Base.get_extension(SpikeCore, :SpikeCoreKernelsExt)
        return kernels.Kernels(CUDABackend(), kernels.of_lane(CUDABackend(), WORKGROUP), GROUPS, WIDTH)
    end
end

end
