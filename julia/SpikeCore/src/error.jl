"An inconsistency in what was asked for; the message names the argument, its value and what was expected."
struct SpikeCoreError <: Exception
    message::String
end

Base.showerror(io::IO, e::SpikeCoreError) = print(io, e.message)

fail(parts...) = throw(SpikeCoreError(string(parts...)))
