# Two steps of each optimiser by hand, and that a step allocates nothing for each number.

const SETTINGS = Dict("sgd" => Dict{String,Any}("momentum" => 0.5),
                      "rmsprop" => Dict{String,Any}("decay" => 0.75, "epsilon" => 1),     # whole numbers come as such
                      "adam" => Dict{String,Any}("beta_1" => 0.5, "beta_2" => 0.75, "epsilon" => 0))

function moved(method, gradients; low=[-Inf], high=[Inf])
    x, m, v = [1.0, 2.0], zeros(2), zeros(2)
    for (step, g) in enumerate(gradients)
        S.move!(x, g, m, v, low, high, method, SETTINGS[method], 0.1, step)
    end
    return x
end

const TWO = [[1.0, -2.0], [3.0, 0.0]]

@test moved("sgd", TWO) ≈ [1 - 0.1 - 0.1 * 3.5, 2 + 0.2 + 0.1]
# v = 0.25, 2.4375 and 1, 0.75
@test moved("rmsprop", TWO) ≈ [1 - 0.1 / 1.5 - 0.3 / (sqrt(2.4375) + 1), 2 + 0.2 / 2]
# m = 0.5, 1.75 and -1, -0.5, over 0.5 and 0.75; v as above, over 0.25 and 0.4375
@test moved("adam", TWO) ≈ [1 - 0.1 - 0.1 * (1.75 / 0.75) / sqrt(2.4375 / 0.4375), 2 + 0.1 + 0.1 * (0.5 / 0.75) / sqrt(0.75 / 0.4375)]
@test moved("sgd", TWO; low=[0.95, 0.0], high=[2.05]) == [0.95, 2.05]
@test_throws S.SpikeCoreError S.move!([1.0], [1.0], [0.0], [0.0], [-Inf], [Inf], "newton", Dict{String,Any}(), 0.1, 1)

bytes_of_a_step(n, method) = @allocated S.move!(ones(n), ones(n), ones(n), ones(n), [-Inf], [Inf], method, SETTINGS[method], 0.1, 1)
for method in ("sgd", "rmsprop", "adam")
    bytes_of_a_step(10, method)
    @test bytes_of_a_step(10_000, method) < 4 * 80_000 + 10_000     # the four arrays that are made for it
end
